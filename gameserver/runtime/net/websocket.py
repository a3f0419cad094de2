"""One WebSocket of the server: its messages, its state and its end.

Owns everything that reaches into trio-websocket and wsproto; no other file of the server does.
Never knows sessions, rooms or HTTP.  ``close`` drops the link when it is done; a link that the peer
closed is left to the acceptor, which finishes it so that the last frame still arrives.

States::

    CONNECTING ──1──► OPEN ──2──► CLOSING ──3──► CLOSED
         │              │            │             ▲
         └──────────────┴────────────┴──────4──────┘

1. ``WebSocket.open`` has answered the upgrade request with 101; ``begin`` where another process
   had (an adopted WebSocket may be posted to before).
2. A close frame is handed to the link.  Its cause is ``close``, or trio-websocket's reader:
   it answers the peer's close frame, or refuses a message that is too big (1009) or a frame that
   breaks RFC 6455 (1002, 1007).
3. trio-websocket ends its use of the link: both close frames are exchanged, ``close`` has waited
   long enough, or the acceptor calls ``end``.
4. The connection is lost: the peer ended it without a close frame, the socket broke, or
   ``drop`` closed it.

==========  ==============================  ===================================================
State       What may be sent                What may be received
==========  ==============================  ===================================================
CONNECTING  the answer to the upgrade       nothing: frames stay in the link
OPEN        ``post``, ``send``, ``ping``    everything
CLOSING     nothing after the close frame   the peer's close frame; other frames are dropped
CLOSED      nothing                         nothing
==========  ==============================  ===================================================

Messages that came before the peer's close frame, or before the connection was lost, can still be
received in the last two states.  After a close frame of ours ``receive`` raises at once.

trio-websocket may decide to close while another frame is being written.  The state is OPEN until
its close frame's turn comes, and a frame posted meanwhile goes out before it; ``send``, ``ping``
and ``receive`` already raise ``WebSocketClosed``.
"""

from __future__ import annotations

import contextlib
import enum
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

import trio
import trio_websocket
import wsproto.utilities
from wsproto.connection import ConnectionState

from gameserver.protocol.allowance import Intake
from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS
from gameserver.protocol.fast_path import MAX_FRAGMENTS
from gameserver.protocol.frames import close_frame, masked_frame
from gameserver.runtime.net.frozen import FrozenWebSocket
from gameserver.runtime.net.link import Link

#: How long ``close`` waits for the peer's close frame.
CLOSE_TIMEOUT_S: Final = 2.0
#: How long a peer that broke RFC 6455 may take to accept the close frame that says so.
CLOSE_FRAME_TIMEOUT_S: Final = 2.0

#: FIN and opcode 8 (RFC 6455, 5.2).  trio-websocket calls ``send_all`` once for each frame, so the
#: first byte that it gets is always the first byte of a frame.  Only a close frame starts with
#: 0x88; the answer to the upgrade starts with ``H``, 0x48.
CLOSE_FRAME_FIRST_BYTE: Final = 0x88

#: Codes that stand for a missing close frame, and so are never sent in one.
_NEVER_SENT: Final = (NO_STATUS, CONNECTION_LOST)

#: Errors besides Trio's that trio-websocket may raise because of the peer.
#: ``ProtocolError`` includes ``LocalProtocolError``: a peer's ping during our close raises it.
LIBRARY_ERRORS: Final = (
    trio_websocket.ConnectionClosed,
    trio_websocket.HandshakeError,
    wsproto.utilities.ProtocolError,
)


class State(enum.Enum):
    """How far a WebSocket is; it only moves forward (see the module's docstring)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class WebSocketClosed(Exception):
    """The WebSocket is closed or closing, with this code and reason (1006: connection lost).

    ``by_peer``: a close frame of the peer decided it, not trio-websocket (1002, 1007, 1009) and not
    a lost connection.  A close frame of the peer right behind a message that is too big may
    be taken for either.
    """

    def __init__(self, code: int, reason: str | None, *, by_peer: bool) -> None:
        super().__init__(f"{code} {reason or ''}".rstrip())
        self.code = code
        self.reason = reason
        self.by_peer = by_peer


class WebSocket:
    """A WebSocket over ``link``; ``end`` must come before the link's end.

    ``open`` makes one of an upgrade request, ``adopt`` one that another process opened.  ``link``
    is for the parts of the server that work on frames: the poller, the heartbeat and the publisher
    of a room.
    """

    __slots__ = (
        "_connection",
        "_head",
        "_max_message_bytes",
        "_queue_messages",
        "_reader",
        "_stream",
        "_subprotocol",
        "link",
    )

    def __init__(
        self,
        link: Link,
        nursery: trio.Nursery,
        head: bytes,
        *,
        subprotocol: str | None,
        max_message_bytes: int,
        queue_messages: int,
        answered: bool,
    ) -> None:
        self.link = link
        self._stream = _Stream(link, head, answered=answered)
        self._reader = _Reader(nursery, link)
        self._head = head
        self._subprotocol = subprotocol
        self._max_message_bytes = max_message_bytes
        self._queue_messages = queue_messages
        #: None until trio-websocket has seen the request.
        self._connection: trio_websocket.WebSocketConnection | None = None

    @classmethod
    async def open(
        cls,
        link: Link,
        nursery: trio.Nursery,
        head: bytes,
        *,
        subprotocol: str | None = None,
        max_message_bytes: int = 4096,
        queue_messages: int = 4,
        max_fragments: int = MAX_FRAGMENTS,
        fast_path: bool = False,
        intake: Intake | None = None,
        on_flood: Callable[[], None] | None = None,
    ) -> WebSocket:
        """Answer the upgrade request ``head`` on ``link``, which nothing else reads any more.

        ``nursery`` runs the reader.  ``queue_messages`` wait for ``receive`` at most, then
        reading stops.  ``on_flood`` is called once when the peer sends more than ``intake``.  Only
        with ``fast_path`` may ``on_message`` be called, and only without it does ``ping`` work.

        Raises ``LIBRARY_ERRORS`` and Trio's errors of a broken stream.
        """
        link.receive_buffer.follow_frames(max_fragments, takes_pongs=fast_path)
        if intake is not None and on_flood is not None:
            link.receive_buffer.limit(intake, on_flood)
        ws = cls(
            link,
            nursery,
            head,
            subprotocol=subprotocol,
            max_message_bytes=max_message_bytes,
            queue_messages=queue_messages,
            answered=False,
        )
        await ws.begin()
        return ws

    @classmethod
    def adopt(
        cls,
        link: Link,
        nursery: trio.Nursery,
        frozen: FrozenWebSocket,
        *,
        max_message_bytes: int = 4096,
        queue_messages: int = 4,
        max_fragments: int = MAX_FRAGMENTS,
        intake: Intake | None = None,
        on_flood: Callable[[], None] | None = None,
    ) -> WebSocket:
        """Go on with a WebSocket that another process has frozen; ``link`` is new on its socket.

        The arguments are those of ``open``, with the fast path.  ``post``, ``on_message`` and
        ``state`` work at once; ``begin`` must come before everything else.
        """
        buffer = link.receive_buffer
        buffer.bytes_in, link.bytes_out = frozen.bytes_in, frozen.bytes_out
        buffer.follow_frames(max_fragments)
        buffer.put_back(frozen.received)
        if intake is not None and on_flood is not None:
            buffer.limit(intake, on_flood, frozen.allowances)
        link.write_first(frozen.unsent)
        return cls(
            link,
            nursery,
            frozen.head,
            subprotocol=frozen.subprotocol,
            max_message_bytes=max_message_bytes,
            queue_messages=queue_messages,
            answered=True,
        )

    async def begin(self) -> None:
        """Have trio-websocket read; only for an adopted WebSocket, once.

        For trio-websocket it is opened once more by the same request.  The answer, which the peer
        has had long ago, is dropped.
        """
        # The head is there already and a link gives up a peer that takes no bytes, so that
        # neither of these two waits needs a deadline.
        request = await trio_websocket.wrap_server_stream(
            cast("trio.Nursery", self._reader),
            self._stream,
            message_queue_size=self._queue_messages,
            max_message_size=self._max_message_bytes,
        )
        connection = await request.accept(subprotocol=self._subprotocol)
        # ``_Stream`` keeps frames in order, and must know those that wait for their turn.
        connection._stream_lock = cast("trio.StrictFIFOLock", contextlib.nullcontext())  # noqa: SLF001
        self._connection = connection
        self._stream.opened(self._connection)

    @property
    def _begun(self) -> trio_websocket.WebSocketConnection:
        assert self._connection is not None, "begin comes first"
        return self._connection

    @property
    def state(self) -> State:
        """How far it is."""
        return self._stream.state

    @property
    def reader_failed(self) -> bool:
        """Whether a ping of the peer, while we were closing, has ended trio-websocket's reader."""
        return self._reader.failed

    @property
    def asked_host(self) -> str:
        """The host and port that the upgrade request was for."""
        line = next(each for each in self._head.split(b"\r\n") if each.startswith(b"Host: "))
        return line.removeprefix(b"Host: ").decode("ascii")

    def url_at(self, port: int) -> str:
        """Return the address of another port of the host that was asked for, over TLS."""
        host = self.asked_host.rpartition("]")[0] or self.asked_host.partition(":")[0]
        return f"wss://{host}]:{port}/" if host.startswith("[") else f"wss://{host}:{port}/"

    # ------------------------------------------------------------ going on in another process

    def freeze(self, put_back: Sequence[bytes] = ()) -> FrozenWebSocket | None:
        """Stop reading and writing, and return what another process needs to go on with the socket.

        ``put_back`` are messages that were received, and that the other process is to receive
        first.  None if the connection must stay: it uses TLS, is closing or broken, has flooded,
        or too many of its messages wait.  Until ``thaw``, or until ``drop`` closes the socket of
        this process, the link is frozen, and every task that uses it waits.
        """
        link = self.link
        if link.encrypted or not link.usable or not self._stream.goes_on:
            return None
        untaken = link.receive_buffer.untaken
        if untaken is None or (self._connection is not None and self._connection.closed):
            return None
        link.freeze()
        return FrozenWebSocket(
            head=self._head,
            subprotocol=self._subprotocol,
            received=b"".join(map(masked_frame, put_back)) + untaken,
            unsent=self._stream.unsent(),
            bytes_in=link.bytes_in,
            bytes_out=link.bytes_out,
            allowances=link.receive_buffer.allowances_left,
        )

    def thaw(self) -> None:
        """Go on here after all; harmless if it is not frozen."""
        self.link.thaw()

    # ------------------------------------------------------------ out

    def post(self, frame: bytes) -> bool:
        """Write ready-made frames (headers included) now, if nothing has to go out before them."""
        return self.link.clear and self.link.post(frame)

    async def send(self, message: str | bytes) -> None:
        """Send a message after whatever is being sent.

        Cancelled in the middle of a frame it leaves the link broken.
        """
        try:
            await self._begun.send_message(message)
        except trio_websocket.ConnectionClosed as closed:
            raise self._how_closed(closed) from None

    async def ping(self) -> None:
        """Send a ping frame and wait for its pong; only without ``fast_path``."""
        try:
            await self._begun.ping()
        except trio_websocket.ConnectionClosed as closed:
            raise self._how_closed(closed) from None

    # ------------------------------------------------------------ in

    async def receive(self) -> str | bytes:
        """Return the next message that ``on_message`` does not get."""
        try:
            message = await self._begun.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise self._how_closed(closed) from None
        self.link.receive_buffer.message_taken()
        return message

    def on_message(self, take: Callable[[bytes], None], take_pong: Callable[[bytes], None]) -> None:
        """Hand small binary messages to ``take`` from now on, and pongs to ``take_pong``.

        All others still go to ``receive``, and the order of all messages is kept.  Both are called
        within a tick, or while a task reads: they must neither wait nor raise.
        """
        self.link.receive_buffer.open_fast_path(take, take_pong)

    def off_message(self) -> None:
        """Hand out no more messages but to ``receive``; idempotent."""
        self.link.receive_buffer.close_fast_path()

    def on_flood(self, call: Callable[[], None]) -> None:
        """Call this instead of ``open``'s ``on_flood``; it must neither wait nor raise."""
        self.link.receive_buffer.on_flood = call

    # ------------------------------------------------------------ the end

    async def close(
        self, code: int, reason: str = "", *, timeout_s: float = CLOSE_TIMEOUT_S
    ) -> None:
        """Close with ``code`` and ``reason`` (at most 123 bytes as UTF-8; the rest is cut off).

        Waits ``timeout_s`` at most for the peer's answer, then drops the socket.  Does nothing
        where the WebSocket is closed or closing already.
        """
        connection = self._connection
        if connection is not None:
            if connection.closed is not None:  # true sooner than the state is CLOSING
                return
            with trio.move_on_after(timeout_s):
                await connection.aclose(code, reason)
        self.link.drop()

    def drop(self) -> None:
        """Close the socket now, without a close frame."""
        self.link.drop()

    async def end(self) -> None:
        """Send the close frame that a peer is still owed, and stop reading.

        Once it returns, nothing uses the link any more.
        """
        await self._stream.aclose()
        if self._connection is None:
            return
        await self._reader.end()
        # wsproto parses frames in a generator, which refers to its parser and back, and which only
        # a close frame of the peer ends.  Without this the circle of each lost connection
        # would stay until a full garbage collection, and while people play there is none
        # (``gc_policy.py``).
        frames = self._connection._wsproto.connection  # noqa: SLF001 - nothing public ends it
        if frames is not None:
            frames._proto._parse_more.close()  # noqa: SLF001

    def _how_closed(self, closed: trio_websocket.ConnectionClosed) -> WebSocketClosed:
        # trio-websocket gives the peer's code and its own in the same place; but only after a
        # close frame of the peer is the closing handshake over.
        state = self._begun._wsproto.state  # noqa: SLF001 - nothing public tells it
        by_peer = state is ConnectionState.CLOSED
        if closed.reason is None:
            return WebSocketClosed(CONNECTION_LOST, None, by_peer=by_peer)
        return WebSocketClosed(closed.reason.code, closed.reason.reason, by_peer=by_peer)


class _Stream(trio.abc.Stream):
    """The link as trio-websocket sees it; owns the state of the WebSocket.

    It begins with the request ``head``.  ``answered``: the peer has the answer to it.  ``aclose``
    ends trio-websocket's use of the link, not the link.
    """

    def __init__(self, link: Link, head: bytes, *, answered: bool = False) -> None:
        self._link = link
        self._head = head
        self._answered = answered
        self._sending = trio.Lock()
        #: The frames that are being sent or wait for that, in order.
        self._outgoing: list[bytes] = []
        self._opened = trio.Event()
        self.state = State.CONNECTING
        #: Weakly, for it has this stream: in a circle both would wait for a garbage collection.
        self._connection: weakref.ref[trio_websocket.WebSocketConnection] | None = None

    def opened(self, connection: trio_websocket.WebSocketConnection) -> None:
        """Begin to read frames: the upgrade is answered."""
        self._connection = weakref.ref(connection)
        if self.state is State.CONNECTING:
            self.state = State.OPEN
        self._opened.set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send a frame, or the answer to the upgrade, after whatever is being sent."""
        if self._answered and self.state is State.CONNECTING:
            await trio.lowlevel.checkpoint()
            return
        frame = bytes(data)
        self._outgoing.append(frame)
        try:
            async with self._sending:
                await self._send(frame)
        finally:
            self._outgoing.remove(frame)

    @property
    def goes_on(self) -> bool:
        """Whether the upgrade is answered and no close frame is sent."""
        return self.state is State.OPEN or (self.state is State.CONNECTING and self._answered)

    def unsent(self) -> bytes:
        """Return what is yet to be written: the rest of a frame, and the frames behind it."""
        posted, sent = self._link.unsent()
        frames = list(self._outgoing)
        if sent is not None:  # of the first one, which has its turn
            frames[0] = sent
        return posted + b"".join(frames)

    async def _send(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) > 0 and data[0] == CLOSE_FRAME_FIRST_BYTE and self.state is State.OPEN:
            self.state = State.CLOSING
            self._link.end_posts()
        try:
            await self._link.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.state = State.CLOSED
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the link takes bytes again."""
        async with self._sending:
            await self._link.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what the link has for trio-websocket: the request, then frames once it is open."""
        if self.state is State.CLOSED:
            raise trio.ClosedResourceError("the WebSocket is closed")
        if self._head:
            await trio.lowlevel.checkpoint()
            head, self._head = self._head, b""
            return head
        await self._opened.wait()
        self._link.receive_buffer.reader_waits()
        try:
            data = await self._link.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.state = State.CLOSED
            raise
        if not data:
            self.state = State.CLOSED
        return data

    async def aclose(self) -> None:
        """End trio-websocket's use of the link, with a close frame if the peer is owed one.

        trio-websocket drops a connection that breaks RFC 6455 without one; 7.1.7 wants it.  Called
        by trio-websocket and, since its reader may be cancelled before it gets here, by ``end``.
        """
        try:
            await trio.lowlevel.checkpoint()
            with (
                trio.move_on_after(CLOSE_FRAME_TIMEOUT_S),
                contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError),
            ):
                async with self._sending:
                    await self._send_owed_close_frame()
        finally:
            self.state = State.CLOSED

    async def _send_owed_close_frame(self) -> None:
        connection = None if self._connection is None else self._connection()
        reason = None if connection is None else connection.closed
        if self.state is State.OPEN and reason is not None and reason.code not in _NEVER_SENT:
            await self._send(close_frame(reason.code, reason.reason or ""))


class _Reader:
    """Runs trio-websocket's reader in the nursery of its connection; ended before that.

    trio-websocket wants a nursery only to start that one task, so this passes for one.  The reader
    is gone when the link is finished, while the link still flushes.
    """

    def __init__(self, nursery: trio.Nursery, link: Link) -> None:
        self._nursery = nursery
        self._link = link
        self._scope = trio.CancelScope()
        self._gone = trio.Event()
        self.failed = False

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        """Run the reader; called once."""
        self._nursery.start_soon(self._run, read)

    async def _run(self, read: Callable[[], Awaitable[None]]) -> None:
        """Go on reading where a ping ends trio-websocket's reader while we are closing.

        That must not end the session, whose close frame may be still to come.  Further bytes of the
        peer are read and dropped, so that no TCP reset overtakes that frame.
        """
        with self._scope:
            try:
                await read()
            except wsproto.utilities.LocalProtocolError:
                self.failed = True
                while await self._link.receive_some():
                    pass
        self._gone.set()

    async def end(self) -> None:
        """Stop reading; returns once nothing is being received any more."""
        self._scope.cancel()
        await self._gone.wait()
