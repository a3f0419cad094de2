"""The non-blocking socket under trio-websocket, with its two lanes.

Owns the order of the bytes of one connection.  Out: what trio-websocket sends through the
stream interface and what a room's tick posts go out one whole frame after another.  In: all
that is received goes through the ``inlet`` (``inlet.py``), which has the lane in.
Never parses a message, never decides when to close, and never raises anything at the
tick: a broken link refuses and wakes its reader, who ends the session.

Rules that everything here keeps:

- At most one writer at a time, and at most one unsent rest (the backlog) in memory.
- A frame once begun is finished, or the link is broken: after half a frame only dropping
  the connection is right, since the peer would read the next frame as the rest of this one.
- Whoever waits for the peer to take bytes gives up after ``STALL_TIMEOUT_S``.
- Bytes come in at one place, ``inlet.take_in``, whoever reads: the task in ``receive_some``, or the
  pump (``pump.py``), for which that task then waits.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import trio

from gameserver.runtime.inlet import Inlet
from gameserver.runtime.tls_handshake import Ready, shake_hands, wrapped_at_first_record

if TYPE_CHECKING:
    from collections.abc import Generator

    from gameserver.runtime.pump import Pump

STALL_TIMEOUT_S = 20.0
"""A peer that takes not one byte for so long, while bytes wait for it, is dropped."""

NOT_SENT_LOW_WATER_BYTES = 16 * 1024
"""What the kernel may hold unsent. Without it a slow client's send buffer grows to megabytes,
and the deltas it gets are seconds old before a post is ever refused."""

RECEIVE_BYTES = 64 * 1024
LINGER_BYTES = 1024 * 1024
LINGER_S = 1.0

CLOSE_FRAME_FIRST_BYTE = 0x88
"""FIN and opcode 8 (RFC 6455, 5.2).

trio-websocket calls ``send_all`` once for each frame, so the first byte that it gets is always
the first byte of a frame, and only a close frame starts with 0x88 (an HTTP answer starts
with ``H``, 0x48). A flag set by the session would not be exact: trio-websocket's reader
also sends close frames by itself, to answer the peer's and for a message that is too big.
"""

MAX_UNREAD_BYTES = 256 * 1024
"""The pump reads no more of a link whose reader has so much waiting for it; the rest stays in
the kernel, whose window then stops the peer."""

PUMP_BYTES = 1024
"""What one turn of the pump reads of a link: thirty commands, more than an honest client sends
between two ticks; what piled up while its network stalled takes it some ticks more.  And little
enough that a flood costs each tick a quarter of a millisecond before it is closed, for twenty may
begin at the same tick."""

FLOOD_PAUSE_S = 0.05
"""Between two reads of a connection of which nothing is wanted any more but its end."""

TLS_RECORDS_PER_TURN = 8
"""How many small records one turn of the pump reads of a TLS link, within ``PUMP_BYTES``."""

_BLOCKED_WRITE = (BlockingIOError, ssl.SSLWantWriteError)
_BLOCKED_READ = (BlockingIOError, ssl.SSLWantReadError)


class Link(trio.abc.Stream):
    """A stream over a connected ``socket.socket`` or ``ssl.SSLSocket``, made non-blocking.

    ``nursery`` runs the flushing of a backlog, and only then a task. Its owner must drop the
    link before the nursery ends, for a tick may post at any time.

    Attributes to read: ``clear`` (a post would be taken now), ``closing`` (a close frame was
    sent, or is about to be), and the counters ``bytes_in``, ``bytes_out`` (before encryption),
    ``frames_posted`` and ``posts_refused``.
    """

    __slots__ = (
        "_backlog",
        "_backlog_gone",
        "_broken",
        "_closed",
        "_encrypted",
        "_fed",
        "_nursery",
        "_pump",
        "_receiving",
        "_sending",
        "_socket",
        "_ssl_context",
        "_stall_timeout_s",
        "_waiting",
        "bytes_out",
        "clear",
        "closing",
        "frames_posted",
        "inlet",
        "posts_refused",
    )

    def __init__(
        self,
        sock: socket.socket,
        nursery: trio.Nursery,
        *,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        sock.settimeout(0)
        self._socket = sock
        self._ssl_context = ssl_context  # None once the socket is wrapped with it
        self._nursery = nursery
        self._stall_timeout_s = stall_timeout_s
        self._encrypted = ssl_context is not None or isinstance(sock, ssl.SSLSocket)
        self.inlet = Inlet()
        self._receiving = False
        self._sending = False
        self._backlog: memoryview | None = None
        self._backlog_gone = trio.Event()
        self._waiting: dict[object, trio.lowlevel.ParkingLot] = {}
        self._closed = False
        self._broken: str | None = None
        self._pump: Pump | None = None
        self._fed = trio.lowlevel.ParkingLot()
        self.clear = ssl_context is None  # else after the handshake
        self.closing = False
        self.bytes_out = 0
        self.frames_posted = 0
        self.posts_refused = 0

    @classmethod
    def accepted(
        cls,
        sock: socket.socket,
        nursery: trio.Nursery,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Link:
        """A link over a freshly accepted TCP socket, set up for small frames sent at once.

        With ``ssl_context`` the link speaks TLS as the server; ``handshake`` must come first.
        """
        sock.settimeout(0)
        with contextlib.suppress(OSError):  # a peer already gone; or no TCP, as in a test
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                sock.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER_BYTES
                )
        return cls(sock, nursery, ssl_context=ssl_context)

    @property
    def bytes_in(self) -> int:
        """How many bytes have been received, before any sorting."""
        return self.inlet.bytes_in

    async def handshake(self) -> None:
        """The TLS handshake; nothing on a plain socket. The caller sets the deadline.

        Raises ``trio.BrokenResourceError`` (from the ``OSError``) when it fails.
        """
        await trio.lowlevel.checkpoint()
        self._check_usable()
        try:
            if self._ssl_context is not None:
                self._socket = await wrapped_at_first_record(
                    self._socket, self._ssl_context, self._wait_until
                )
                self._ssl_context = None
                self._refresh_clear()
            if isinstance(self._socket, ssl.SSLSocket):
                await shake_hands(self._socket, self._wait_until)
        except OSError as error:
            self._break(f"TLS handshake failed: {error}")
            raise trio.BrokenResourceError(self._broken) from error

    # The lane out

    def post(self, frame: bytes) -> bool:
        """Write ready-made frames (headers included) now, without waiting.

        True: the frame is out, or its rest will be flushed before anything else. False: the
        link is not clear and nothing was written; the publisher skips this seat.
        """
        if not self.clear:
            self.posts_refused += 1
            return False
        try:
            sent_bytes = self._socket.send(frame)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent_bytes = 0
        except OSError as error:
            self._break(f"connection broken: {error}")
            self.posts_refused += 1
            return False
        self.frames_posted += 1
        self.bytes_out += sent_bytes
        if sent_bytes < len(frame):
            self._keep_backlog(memoryview(frame)[sent_bytes:])
        return True

    def _keep_backlog(self, rest: memoryview) -> None:
        self._backlog = rest
        self._backlog_gone = trio.Event()
        self._refresh_clear()
        self._nursery.start_soon(self._flush, rest)

    async def _flush(self, rest: memoryview) -> None:
        try:
            await self._write(rest, begun=True)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the reader and the next writer learn it from the state of the link
        finally:
            self._backlog = None
            self._backlog_gone.set()
            self._refresh_clear()

    # The stream that trio-websocket uses

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data`` after whatever was begun earlier.

        Cancelled in the middle it leaves the link broken.
        """
        with self._as_sender():
            if len(data) > 0 and data[0] == CLOSE_FRAME_FIRST_BYTE:
                self.closing = True
            await self._wait_until_backlog_gone()
            with memoryview(data) as view:
                await self._write(view, begun=False)
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the backlog is out and the socket takes bytes again."""
        with self._as_sender():
            await self._wait_until_backlog_gone()
            await self._wait_until(trio.lowlevel.wait_writable)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, at least one byte; ``b""`` once the peer has ended its side.

        A TLS connection that ends without a close_notify counts as ended, as browsers do that.
        """
        if max_bytes is None:
            max_bytes = RECEIVE_BYTES
        if max_bytes < 1:
            raise ValueError("max_bytes must be >= 1")
        self._check_usable()
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this link")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            data = await self._read(max_bytes)
            await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            self._receiving = False
        return data

    def unread(self, data: bytes) -> None:
        """Put ``data`` back: it is what ``receive_some`` returns next."""
        self.inlet.unread = data + self.inlet.unread

    async def _read(self, max_bytes: int) -> bytes:
        while not self.inlet.unread and not self.inlet.ended:
            if self._pump is not None:
                await self._fed.park()
                self._check_usable()
                continue
            try:
                self.inlet.take_in(self._socket.recv(max_bytes))
                if self.inlet.flooded:
                    # It is thrown away, and a little at a time, for the loop is for all.
                    await trio.sleep(FLOOD_PAUSE_S)
            except _BLOCKED_READ:
                await self._wait_until(trio.lowlevel.wait_readable)
            except ssl.SSLWantWriteError:
                await self._wait_until(trio.lowlevel.wait_writable)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.inlet.ended = True
            except OSError as error:
                self._break(f"connection broken: {error}")
                raise trio.BrokenResourceError(self._broken) from error
        return self.inlet.take(max_bytes)

    # The pump

    def pumped_by(self, pump: Pump | None) -> None:
        """Leave reading to ``pump`` from now on (None: to ``receive_some`` again)."""
        self._pump = pump
        self._fed.unpark_all()
        if pump is None or self._closed or self._broken is not None:
            return
        # A reader that waits in Trio must wait for the pump instead; it is told so.
        trio.lowlevel.notify_closing(self._socket)
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            pump.read_again(self)  # bytes inside OpenSSL, which no poll will ever report

    def fileno(self) -> int:
        """The descriptor of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def read_now(self) -> None:
        """Take in what has arrived, without waiting; called by the pump."""
        inlet = self.inlet
        if len(inlet.unread) > MAX_UNREAD_BYTES:
            if self._pump is not None:
                self._pump.calm(self)  # else the pump would be woken for it again and again
                self._pump.read_again(self)
            return
        try:
            if self._encrypted:
                self._read_records()
            else:
                inlet.take_in(self._socket.recv(PUMP_BYTES))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            inlet.ended = True
        except OSError as error:
            self._break(f"connection broken: {error}")
        if inlet.ended or inlet.flooded:
            self._leave_pump()  # the rest of a flood is read with pauses, by the link's own task
        elif inlet.unread:
            self._fed.unpark_all()

    def _read_records(self) -> None:
        sock = self._socket
        assert isinstance(sock, ssl.SSLSocket)
        left_bytes = PUMP_BYTES
        for _ in range(TLS_RECORDS_PER_TURN):
            data = sock.recv(left_bytes)
            self.inlet.take_in(data)
            left_bytes -= len(data)
            if not (data and left_bytes):
                break
        if self._pump is not None and sock.pending():
            self._pump.read_again(self)  # the rest of a record is inside OpenSSL: no poll tells

    async def _write(self, view: memoryview, *, begun: bool) -> None:
        """Write all of ``view``; called by one task at a time.

        An interrupted TLS write must be retried with the very same bytes, so ``view`` moves on
        only by what was taken, and a write that TLS has seen counts as begun.
        """
        try:
            while view:
                try:
                    sent_bytes = self._socket.send(view)
                except _BLOCKED_WRITE:
                    begun = begun or self._encrypted
                    await self._wait_for_room(trio.lowlevel.wait_writable)
                except ssl.SSLWantReadError:
                    begun = True
                    await self._wait_for_room(trio.lowlevel.wait_readable)
                except OSError as error:
                    self._break(f"connection broken: {error}")
                    raise trio.BrokenResourceError(self._broken) from error
                else:
                    begun = True
                    self.bytes_out += sent_bytes
                    view = view[sent_bytes:]
        finally:
            if begun and view:
                self._break("a frame was left half written")

    async def _wait_until_backlog_gone(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_usable()
        while self._backlog is not None:
            await self._backlog_gone.wait()
            self._check_usable()

    async def _wait_for_room(self, ready: Ready) -> None:
        with trio.move_on_after(self._stall_timeout_s) as patience:
            await self._wait_until(ready)
        if patience.cancelled_caught:
            self._break(f"the peer took nothing for {self._stall_timeout_s:g} s")
            raise trio.BrokenResourceError(self._broken)

    async def _wait_until(self, ready: Ready) -> None:
        """Wait with Trio until the socket is ``ready``; raise if the link ended meanwhile.

        Trio allows one waiter for each direction of a socket. With TLS a writer may have to
        wait for bytes to arrive while the reader does so too: the second joins the first.
        """
        first = self._waiting.get(ready)
        if first is not None:
            await first.park()
        else:
            joined = self._waiting[ready] = trio.lowlevel.ParkingLot()
            try:
                with contextlib.suppress(trio.ClosedResourceError):  # told apart below
                    await ready(self._socket)
            finally:
                del self._waiting[ready]
                joined.unpark_all()
        self._check_usable()

    @contextlib.contextmanager
    def _as_sender(self) -> Generator[None, None, None]:
        self._check_usable()
        if self._ssl_context is not None:
            raise RuntimeError("the TLS handshake must come first")
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this link")
        self._sending = True
        self._refresh_clear()
        try:
            yield
        finally:
            self._sending = False
            self._refresh_clear()

    # The end

    async def finish(self, *, timeout_s: float = LINGER_S) -> None:
        """Close so that what was sent last still arrives (RFC 9112, 9.6), then drop.

        A socket closed with unread bytes in it resets the connection, and the peer may lose the
        answer or close frame that it had not read yet. So: end our side, then discard
        what comes until the peer ends its own, for ``timeout_s`` and ``LINGER_BYTES`` at most.
        """
        enough_bytes = self.bytes_in + LINGER_BYTES
        self.inlet.unread = b""
        self.closing = True
        self._refresh_clear()
        try:
            with trio.move_on_after(timeout_s):
                await self._wait_until_backlog_gone()
                self._end_our_side()
                while self.bytes_in < enough_bytes and await self.receive_some():
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # nobody is there to read it
        finally:
            self.drop()

    def _end_our_side(self) -> None:
        with contextlib.suppress(OSError):  # gone already
            if isinstance(self._socket, ssl.SSLSocket):
                with contextlib.suppress(OSError):  # sends close_notify, awaits no answer
                    self._socket.unwrap()
            self._socket.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Close the socket now, waiting for nobody; wakes every task that waits on it."""
        if self._closed:
            return
        self._closed = True
        self._refresh_clear()
        self._leave_pump()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._backlog_gone.set()
        self.inlet.let_go()

    async def aclose(self) -> None:
        """``drop``, as the stream interface wants it."""
        self.drop()
        await trio.lowlevel.checkpoint()

    def _break(self, why: str) -> None:
        if self._broken is None and not self._closed:
            self._broken = why
            self._refresh_clear()
            self._leave_pump()
            trio.lowlevel.notify_closing(self._socket)
            self._backlog_gone.set()

    def _leave_pump(self) -> None:
        """Not read any more, and not waited for: the descriptor may soon be another socket's."""
        if self._pump is not None:
            self._pump.remove(self)

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this link was closed")
        if self._broken is not None:
            raise trio.BrokenResourceError(self._broken)

    def _refresh_clear(self) -> None:
        self.clear = not (
            self._sending
            or self.closing
            or self._closed
            or self._backlog is not None
            or self._broken is not None
        )
