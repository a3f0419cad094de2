"""The control socket of a server or supervisor: requests of its operator, on its own host only.

Owns where the socket lies and who may use it, requests and their answers, and the limits on both.
Never knows what a request does: the server gives a handler for each name.

The socket is ``control`` in the data folder, or ``PORT.control`` in a folder for the running
programs of a user.  Only its user (and root) can connect: its mode is 0600, and the kernel's word
for the peer's user is checked at both ends.

On the socket are messages of ``descriptors.py``.  A connection carries one request::

    client → server   [name, {argument: value}]
    server → client   ["part", body], any number, with descriptors
    server → client   ["ok", result] or ["error", text]

A request without parts is one call::

    answer = await ask(control_path(settings.data, settings.port), "status")

With parts it is a conversation (``handover/asking.py`` has one)::

    async with converse(path, "upgrade") as conversation:                      # client
        with await conversation.receive() as part:
            …

    async def upgrade(request: Request) -> object:                             # server
        await request.send(body)
        return None

An upgrade hands the control socket over with the other listening sockets
(``ControlSocket.hand_over`` and ``ControlSocket.inherit``), so there is one at any time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
import trio

from gameserver.cluster import unix_socket
from gameserver.cluster.descriptors import (
    ChannelError,
    DescriptorChannel,
    HasFileno,
    Received,
)
from gameserver.cluster.unix_socket import UnixSocketError
from gameserver.errors import GameServerError, LocalProtocolError

log = structlog.get_logger(__name__)

#: Requests that are served at the same time; more wait to be accepted.
MAX_CONNECTIONS: Final = 16
#: How long a connection may take to send its request.
REQUEST_DEADLINE_S: Final = 5.0
#: How long a client waits for an answer by default.
ANSWER_DEADLINE_S: Final = 10.0
MAX_TEXT: Final = 1000

_FAILED: Final = ["error", "the request failed; the log of the server says why"]


class ControlError(GameServerError):
    """No server answers, it refused the request, or the socket is not usable; one line."""


def control_path(data: Path | None, port: int) -> Path:
    """Return where the control socket of a server is: by its data folder, else by its port."""
    if data is not None:
        return data / "control"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "gameserver" / f"{port}.control"
    return Path(tempfile.gettempdir()) / f"gameserver-{os.geteuid()}" / f"{port}.control"


class Request:
    """A request at the server's end: its arguments, and the conversation that may follow."""

    def __init__(self, arguments: Mapping[str, Any], channel: DescriptorChannel) -> None:
        self.arguments: Final = arguments
        self.channel: Final = channel

    async def send(self, body: Any, descriptors: Sequence[HasFileno | int] = ()) -> None:
        """Send a part of the answer, with descriptors."""
        await self.channel.send(["part", body], descriptors)


class Handler(Protocol):
    """Does what a request asks; returns a result of msgpack's types."""

    def __call__(self, request: Request, /) -> Awaitable[object]:
        """Serve one request; a ``GameServerError`` is told to the client as one line."""


class ControlSocket:
    """The listening control socket; ``close`` removes it from its folder."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        listener.settimeout(0)
        self.path: Final = path
        self._listener = listener
        self._ours = True
        #: Around accepting; ``stop_accepting`` cancels it.
        self._accepting = trio.CancelScope()

    @classmethod
    def bind(cls, path: Path) -> ControlSocket:
        """Listen at ``path``, in place of a socket that a killed server has left there.

        A server locks the data folder or listens on the port before it binds, so two servers do
        not bind at the same time.  ``ControlError`` if a server answers there, or it cannot be.
        """
        try:
            return cls(path, unix_socket.bind(path))
        except UnixSocketError as error:
            raise ControlError(f"control socket: {error}") from error

    @classmethod
    def inherit(cls, path: Path, listener: socket.socket) -> ControlSocket:
        """Go on with the control socket of the process that was here before."""
        return cls(path, listener)

    def hand_over(self) -> socket.socket:
        """Return the listening socket, for another process; ``close`` then leaves it in place."""
        self._ours = False
        return self._listener

    def keep(self) -> None:
        """Take back ``hand_over``: the other process did not take it."""
        self._ours = True

    def stop_accepting(self) -> None:
        """Leave new connections to the other process; ``serve`` ends once those here are answered.

        One that was accepted here and closed unread would be reset under its client.
        """
        self._accepting.cancel()

    def close(self) -> None:
        """Stop listening; harmless if that is done."""
        if self._ours and self._listener.fileno() >= 0:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._listener.close()

    async def serve(
        self,
        handlers: Mapping[str, Handler],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Answer requests until ``stop_accepting`` or cancelled."""
        free = trio.Semaphore(MAX_CONNECTIONS)
        listener = trio.socket.from_stdlib_socket(self._listener.dup())
        with listener:
            async with trio.open_nursery() as nursery:
                task_status.started()
                with self._accepting:
                    while True:
                        await free.acquire()
                        connection = await unix_socket.accept(listener)
                        nursery.start_soon(_serve_one, connection, handlers, free.release)


class Conversation:
    """A request at the client's end."""

    def __init__(self, channel: DescriptorChannel, within_s: float) -> None:
        self._channel = channel
        self._within_s = within_s

    async def receive(self) -> Received:
        """Wait for the next part of the answer; ``ControlError`` if the server refuses."""
        return await self._next("part")

    async def result(self) -> Any:
        """Wait for the end of the answer; ``ControlError`` if the server refuses."""
        with await self._next("ok") as received:
            return received.body

    async def _next(self, wanted: str) -> Received:
        with _as_control_error():
            received = await self._channel.receive(within_s=self._within_s)
        with contextlib.ExitStack() as stack:
            stack.enter_context(received)
            match received.body:
                case [str(kind), body] if kind == wanted:
                    stack.pop_all()
                    return Received(body, [received.take() for _ in range(len(received))])
                case ["error", str(text)]:
                    raise ControlError(text)
        raise ControlError("the server gave an answer that this version does not know")


@contextlib.asynccontextmanager
async def converse(
    path: Path,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    within_s: float = ANSWER_DEADLINE_S,
) -> AsyncIterator[Conversation]:
    """Ask the server at ``path``; yield the conversation.  Each answer may take ``within_s``.

    ``ControlError`` if no server answers there, or it is not of this user.
    """
    try:
        channel = DescriptorChannel(unix_socket.connect(path))
    except UnixSocketError as error:
        raise ControlError(str(error)) from error
    try:
        with _as_control_error():
            if not channel.peer().trusted:
                raise ControlError(f"{path}: another user's program answers there")
            await channel.send([name, dict(arguments or {})])
        yield Conversation(channel, within_s)
    finally:
        channel.close()


async def ask(
    path: Path,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    within_s: float = ANSWER_DEADLINE_S,
) -> Any:
    """Ask the server at ``path`` and return its result; ``ControlError`` if there is none."""
    async with converse(path, name, arguments, within_s=within_s) as conversation:
        return await conversation.result()


# ---------------------------------------------------------------- one connection


async def _serve_one(
    connection: socket.socket, handlers: Mapping[str, Handler], done: Callable[[], None]
) -> None:
    channel = DescriptorChannel(connection, deadline_s=REQUEST_DEADLINE_S)
    try:
        if channel.peer().trusted:
            await _send_answer(channel, await _answer(channel, handlers))
        else:
            log.warning("another user connected to the control socket", uid=channel.peer().uid)
    except ChannelError as error:
        log.info("a connection to the control socket ended early", reason=str(error))
    finally:
        channel.close()
        done()


async def _answer(channel: DescriptorChannel, handlers: Mapping[str, Handler]) -> list[Any]:
    with await channel.receive(within_s=REQUEST_DEADLINE_S) as received:
        match received.body:
            case [str(name), dict(arguments)] if all(isinstance(key, str) for key in arguments):
                pass
            case _:
                return ["error", "a request is a name and its arguments"]
    handler = handlers.get(name)
    if handler is None:
        known = ", ".join(sorted(handlers)) or "none"
        return ["error", f"unknown request {name[:MAX_TEXT]!r}; this server knows: {known}"]
    try:
        return ["ok", await handler(Request(arguments, channel))]
    except GameServerError as error:
        # Also a ``ChannelError``: the handler may speak to other processes.  Where it is of this
        # channel, the answer cannot be sent either.
        return ["error", str(error)[:MAX_TEXT]]
    except Exception:
        log.exception("a request on the control socket failed", request=name)
        return _FAILED


async def _send_answer(channel: DescriptorChannel, answer: list[Any]) -> None:
    try:
        await channel.send(answer)
    except LocalProtocolError:
        log.exception("the answer to a request on the control socket cannot be sent")
        await channel.send(_FAILED)


@contextlib.contextmanager
def _as_control_error() -> Iterator[None]:
    try:
        yield
    except ChannelError as error:
        raise ControlError(f"the server did not answer: {error}") from error
