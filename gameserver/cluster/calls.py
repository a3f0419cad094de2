"""Calls of operations in another process of the host, over a channel of messages.

Owns the pairing of calls and results, deadlines, and errors on the way.  Never knows what an
operation does.  On the channel::

    caller → callee   [number, name, arguments]
    callee → caller   [number, "ok", result]
                      [number, "error", class name, text, details]

Both may carry descriptors.  Calls are carried out side by side, so results may come in any order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster.descriptors import (
    ChannelClosed,
    ChannelError,
    DescriptorChannel,
    HasFileno,
    Received,
)
from gameserver.errors import GameServerError, LocalProtocolError

log = structlog.get_logger(__name__)

#: How long a call waits for its result.
RESULT_DEADLINE_S: Final = 5.0
#: Calls of one channel that are carried out at the same time; more wait in the channel.
MAX_AT_ONCE: Final = 200
#: Longest message between two processes of a host: a node lists all its rooms, or answers with its
#: metrics.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024

_FAILED: Final = "the operation failed; the log says why"


class CallFailed(GameServerError):
    """No result came: the other process is gone, or did not answer in time.

    The operation may have been carried out, unless ``unsent``.
    """

    def __init__(self, text: str, *, unsent: bool = False) -> None:
        super().__init__(text)
        self.unsent = unsent


class CallRefused(GameServerError):
    """The operation raised a ``GameServerError`` in the other process.

    ``kind`` is the name of its class, ``details`` what it brings besides its text.
    """

    def __init__(self, kind: str, text: str, details: Any = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.details = details


@attrs.frozen
class Call:
    """A call as its operation gets it; the descriptors that it does not take are closed."""

    arguments: Sequence[Any]
    received: Received


@attrs.frozen
class Answer:
    """A result with descriptors, which stay the own ones of this process."""

    result: Any
    descriptors: Sequence[HasFileno] = ()


Operation = Callable[[Call], Awaitable[Any]]


@attrs.define(eq=False)
class _Waiting:
    """A call that waits for its result."""

    done: trio.Event = attrs.field(factory=trio.Event)
    received: Received | None = None


class Caller:
    """The calling end of a channel; ``run`` must run for results to come."""

    def __init__(self, channel: DescriptorChannel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._ended = False

    async def run(self) -> None:
        """Take results until the other process closes the channel or breaks it."""
        try:
            while True:
                self._take(await self._channel.receive())
        except ChannelError as error:
            if not isinstance(error, ChannelClosed):
                log.warning("a channel to another process broke", reason=str(error))
        finally:
            self._ended = True
            self._channel.close()
            for waiting in self._waiting.values():
                waiting.done.set()

    @property
    def ended(self) -> bool:
        """Whether the channel is of no more use."""
        return self._ended

    def _take(self, received: Received) -> None:
        match received.body:
            case [int(number), *_] if number in self._waiting:
                self._waiting[number].received = received
                self._waiting[number].done.set()
            case _:
                received.close()  # its caller has given up

    async def call(
        self,
        name: str,
        *arguments: Any,
        descriptors: Sequence[HasFileno] = (),
        within_s: float = RESULT_DEADLINE_S,
    ) -> Any:
        """Return the result of an operation; ``CallFailed`` or ``CallRefused``."""
        with await self.receive(name, *arguments, descriptors=descriptors, within_s=within_s) as r:
            return r.body

    async def receive(
        self,
        name: str,
        *arguments: Any,
        descriptors: Sequence[HasFileno] = (),
        within_s: float = RESULT_DEADLINE_S,
    ) -> Received:
        """Return the result of an operation, with descriptors."""
        if self._ended:
            raise CallFailed("the other process has closed the channel", unsent=True)
        number = next(self._numbers)
        waiting = self._waiting[number] = _Waiting()
        try:
            with trio.CancelScope(shield=True):  # half a message would be of no use to anybody
                await self._send([number, name, arguments], descriptors)
            with trio.move_on_after(within_s):
                await waiting.done.wait()
        except BaseException:
            if waiting.received is not None:
                waiting.received.close()
            raise
        finally:
            del self._waiting[number]
        if waiting.received is None:
            raise CallFailed(f"no answer to {name}: the other process is gone or stuck")
        return _result(waiting.received)

    async def _send(self, body: list[Any], descriptors: Sequence[HasFileno]) -> None:
        try:
            await self._channel.send(body, descriptors)
        except ChannelError as error:
            raise CallFailed(f"the other process takes no calls: {error}", unsent=True) from error


def _result(received: Received) -> Received:
    match received.body:
        case [_, "ok", result]:
            return Received(result, [received.take() for _ in range(len(received))])
        case [_, "error", str(kind), str(text), details]:
            received.close()
            raise CallRefused(kind, text, details)
    received.close()
    raise CallFailed("the other process gave an answer that this version does not know")


async def answer_calls(channel: DescriptorChannel, operations: Mapping[str, Operation]) -> None:
    """Carry out calls until the caller closes the channel or breaks it; then close it.

    Calls that are under way are cancelled at the end.
    """
    free = trio.Semaphore(MAX_AT_ONCE)
    try:
        async with trio.open_nursery() as nursery:
            try:
                while True:
                    received = await channel.receive(within_s=math.inf)
                    await free.acquire()
                    nursery.start_soon(_carry_out, channel, operations, received, free)
            except ChannelClosed:
                pass
            except ChannelError as error:
                log.warning("a channel from another process broke", reason=str(error))
            nursery.cancel_scope.cancel()
    finally:
        channel.close()


async def _carry_out(
    channel: DescriptorChannel,
    operations: Mapping[str, Operation],
    received: Received,
    free: trio.Semaphore,
) -> None:
    try:
        with received:
            match received.body:
                case [int(number), str(name), list(arguments)]:
                    answer = await _outcome(operations.get(name), Call(arguments, received), name)
                    with trio.CancelScope(shield=True):
                        await _send_answer(channel, number, answer, name)
                case _:
                    log.warning("a message from another process is no call")
                    channel.close()
    except ChannelError as error:
        log.info("an answer to another process was not sent", reason=str(error))
    finally:
        free.release()


async def _send_answer(
    channel: DescriptorChannel, number: int, answer: list[Any], name: str
) -> None:
    descriptors: Sequence[HasFileno] = ()
    if isinstance(answer[-1], Answer):
        descriptors = answer[-1].descriptors
        answer[-1] = answer[-1].result
    try:
        await channel.send([number, *answer], descriptors)
    except LocalProtocolError:
        log.exception("the result of an operation cannot be sent", operation=name)
        await channel.send([number, "error", LocalProtocolError.__name__, _FAILED, None])


async def _outcome(operation: Operation | None, call: Call, name: str) -> list[Any]:
    if operation is None:
        return ["error", "CallRefused", f"unknown operation {name[:100]!r}", None]
    try:
        return ["ok", await operation(call)]
    except GameServerError as error:
        return ["error", type(error).__name__, str(error), getattr(error, "retry_after_s", None)]
    except Exception as error:
        log.exception("an operation for another process failed", operation=name)
        return ["error", type(error).__name__, _FAILED, None]
