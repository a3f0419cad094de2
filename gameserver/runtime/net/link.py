"""The non-blocking socket under trio-websocket, with its two lanes.

Owns the order of the bytes of one connection.  Out: what trio-websocket sends through the stream
interface and what a room's tick posts go out one whole frame after another.  In: all that is
received goes through the ``receive_buffer`` (``receive_buffer.py``), which has the fast path in.
Never parses a message, never decides when to close, and never raises anything at the tick: a broken
link refuses and wakes its reader, who ends the session.

Rules that everything here keeps:

- At most one writer at a time, and at most one unsent rest (the backlog) in memory.
- A frame once begun is finished, or the link is broken: after half a frame only dropping
  the connection is right, since the peer would read the next frame as the rest of this one.
- Whoever waits for the peer to take bytes gives up after ``STALL_TIMEOUT_S``.
- Bytes come in at one place, ``receive_buffer.take_in``, whoever reads: the task in
  ``receive_some``, or the poller (``poller.py``), for which that task then waits.
- With TLS (``tls_socket.py``) what has been encrypted is sent, whole, before anything else is, or
  the link is broken: the peer counts records.
"""

from __future__ import annotations

import contextlib
import operator
import socket
from typing import TYPE_CHECKING, Protocol

import trio

from gameserver.runtime.net.receive_buffer import ReceiveBuffer
from gameserver.runtime.net.tls_codec import TlsCodec
from gameserver.runtime.net.tls_handshake import Ready, shake_hands, wait_for_first_record
from gameserver.runtime.net.tls_socket import IdleFlood, TlsSocket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

STALL_TIMEOUT_S = 20.0
"""A peer that takes not one byte for so long, while bytes wait for it, is dropped."""

NOT_SENT_LOW_WATER_BYTES = 16 * 1024
"""What the kernel may hold unsent. Without it a slow client's send buffer grows to megabytes,
and the deltas it gets are seconds old before a post is ever refused."""

RECEIVE_BYTES = 64 * 1024
LINGER_BYTES = 1024 * 1024
LINGER_S = 1.0

MAX_UNREAD_BYTES = 256 * 1024
"""The poller reads no more of a link whose reader has so much waiting for it; the rest stays in
the kernel, whose window then stops the peer."""

POLL_BYTES = 1024
"""What one turn of the poller reads of a link: thirty commands, more than an honest client sends
between two ticks; what piled up while its network stalled takes it some ticks more.  And little
enough that a flood costs each tick a quarter of a millisecond before it is closed, for twenty may
begin at the same tick."""

FLOOD_PAUSE_S = 0.05
"""Between two reads of a connection of which nothing is wanted any more but its end."""


class Reader(Protocol):
    """Reads links from outside of their own tasks: the poller, as far as a link knows it."""

    def remove(self, link: Link, /) -> None:
        """Read ``link`` no more; called before its socket is closed."""

    def unwatch(self, link: Link, /) -> None:
        """Read ``link`` at ticks only, not as soon as something arrives."""

    def read_again(self, link: Link, /) -> None:
        """Read ``link`` at the next tick, though nothing more may arrive by then."""


class Link(trio.abc.Stream):
    """A stream over a connected ``socket.socket``, made non-blocking.

    ``nursery`` runs the flushing of a backlog, and only then a task. Its owner must drop the
    link before the nursery ends, for a tick may post at any time. With ``ssl_context`` the link is
    a TLS server's, with ``codec`` it speaks TLS as that does; then ``handshake`` must come first.

    Attributes to read: ``clear`` (a post would be taken now), ``idle_flood`` (the peer sent too
    many TLS records without data), and the counters ``bytes_in``, ``bytes_out`` (before
    encryption), ``frames_posted`` and ``posts_refused``.
    """

    __slots__ = (
        "_backlog",
        "_backlog_gone",
        "_broken",
        "_closed",
        "_codec",
        "_fed",
        "_nursery",
        "_poller",
        "_posts_ended",
        "_receiving",
        "_sending",
        "_socket",
        "_ssl_context",
        "_stall_timeout_s",
        "_tls",
        "bytes_out",
        "clear",
        "frames_posted",
        "idle_flood",
        "posts_refused",
        "receive_buffer",
    )

    def __init__(
        self,
        sock: socket.socket,
        nursery: trio.Nursery,
        *,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
        codec: TlsCodec | None = None,
    ) -> None:
        sock.settimeout(0)
        self._socket = sock
        self._ssl_context = ssl_context  # None once there is a codec of it
        self._codec = codec  # None once hands are shaken
        self._tls: TlsSocket | None = None
        self._nursery = nursery
        self._stall_timeout_s = stall_timeout_s
        self.receive_buffer = ReceiveBuffer()
        self._receiving = False
        self._sending = False
        self._backlog: memoryview | None = None
        self._backlog_gone = trio.Event()
        self._closed = False
        self._broken: str | None = None
        self._poller: Reader | None = None
        self._fed = trio.lowlevel.ParkingLot()
        self.clear = not self._awaits_handshake
        self._posts_ended = False
        self.idle_flood = False
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
        return self.receive_buffer.bytes_in

    @property
    def _awaits_handshake(self) -> bool:
        return self._ssl_context is not None or self._codec is not None

    async def handshake(self) -> None:
        """The TLS handshake; nothing on a plain socket. The caller sets the deadline.

        Raises ``trio.BrokenResourceError`` (from the ``OSError``) when it fails.
        """
        await trio.lowlevel.checkpoint()
        self._check_usable()
        try:
            if self._ssl_context is not None:
                await wait_for_first_record(self._socket, self._wait_until)
                self._codec, self._ssl_context = TlsCodec(self._ssl_context), None
            if self._codec is not None:
                await shake_hands(self._codec, self._socket, self._wait_until)
                self._tls = TlsSocket(self._socket, self._codec)
                self._codec = None
                self._refresh_clear()
        except OSError as error:
            self._break(f"TLS handshake failed: {error}")
            raise trio.BrokenResourceError(self._broken) from error

    # The fast path out

    def post(self, frame: bytes) -> bool:
        """Write ready-made frames (headers included) now, without waiting.

        True: the frame is out, or its rest will be flushed before anything else. False: the
        link is not clear and nothing was written; the publisher skips this seat.
        """
        if not self.clear:
            self.posts_refused += 1
            return False
        try:
            sent_bytes = (self._tls or self._socket).send(frame)
        except BlockingIOError:
            sent_bytes = 0
        except OSError as error:
            self._break(f"connection broken: {error}")
            self.posts_refused += 1
            return False
        self.frames_posted += 1
        self.bytes_out += sent_bytes
        if sent_bytes < len(frame) or (self._tls is not None and self._tls.unsent):
            self._keep_backlog(memoryview(frame)[sent_bytes:])
        return True

    def end_posts(self) -> None:
        """Refuse every post from now on, for nothing may follow a close frame."""
        self._posts_ended = True
        self._refresh_clear()

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
        if operator.index(max_bytes) < 1:  # TypeError for what is no integer
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
        self.receive_buffer.unread = data + self.receive_buffer.unread

    async def _read(self, max_bytes: int) -> bytes:
        while not self.receive_buffer.unread and not self.receive_buffer.ended:
            if self._poller is not None:
                await self._fed.park()
                self._check_usable()
                continue
            turn_bytes = min(max_bytes, self.receive_buffer.turn_bytes)
            try:
                if self._tls is None:
                    self.receive_buffer.take_in(self._socket.recv(turn_bytes))
                else:
                    self._read_encrypted(self._tls, turn_bytes)
                if self.receive_buffer.flooded:
                    # It is thrown away, and a little at a time, for the loop is for all.
                    await trio.sleep(FLOOD_PAUSE_S)
                elif not (self.receive_buffer.unread or self.receive_buffer.ended):
                    await (
                        trio.lowlevel.checkpoint()
                    )  # it was for the fast path, and more may be there
            except BlockingIOError:
                if self._tls is not None and self._tls.ready:
                    await trio.lowlevel.checkpoint()  # a few records are a turn, data or none
                    self._check_usable()
                else:
                    await self._wait_until(trio.lowlevel.wait_readable)
            except OSError as error:
                self._break(f"connection broken: {error}")
                raise trio.BrokenResourceError(self._broken) from error
        return self.receive_buffer.take(max_bytes)

    def _read_encrypted(self, tls: TlsSocket, max_bytes: int) -> None:
        """Take in one turn's worth; its ciphertext counts where bytes are limited.

        Raises as ``TlsSocket.recv`` does.
        """
        if self.receive_buffer.flooded:
            self.receive_buffer.take_in(tls.discard(max_bytes))
            return
        try:
            data = tls.recv(max_bytes)
        except IdleFlood:
            self.idle_flood = True
            if not self.receive_buffer.flood():
                raise
            return
        self.receive_buffer.charge(tls.overhead_bytes)
        tls.overhead_bytes = 0
        self.receive_buffer.take_in(data)

    # The poller

    def polled_by(self, poller: Reader | None) -> None:
        """Leave reading to ``poller`` from now on (None: to ``receive_some`` again)."""
        self._poller = poller
        self._fed.unpark_all()
        if poller is None or self._closed or self._broken is not None:
            return
        # A reader that waits in Trio must wait for the poller instead; it is told so.
        trio.lowlevel.notify_closing(self._socket)
        if self._tls is not None and self._tls.ready:
            poller.read_again(self)  # no poll tells of what was received and is not decrypted

    def fileno(self) -> int:
        """The descriptor of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def read_now(self) -> None:
        """Take in what has arrived, without waiting; called by the poller."""
        receive_buffer = self.receive_buffer
        if len(receive_buffer.unread) > MAX_UNREAD_BYTES:
            if self._poller is not None:
                self._poller.unwatch(self)  # else the poller would be woken for it again and again
                self._poller.read_again(self)
            return
        try:
            if self._tls is None:
                receive_buffer.take_in(self._socket.recv(POLL_BYTES))
            else:
                self._read_encrypted(self._tls, POLL_BYTES)
        except BlockingIOError:
            pass
        except OSError as error:
            self._break(f"connection broken: {error}")
        if receive_buffer.ended or receive_buffer.flooded:
            self._leave_poller()  # the rest of a flood is read with pauses, by the link's own task
            return
        if receive_buffer.unread:
            self._fed.unpark_all()
        if self._tls is not None and self._tls.ready and self._poller is not None:
            self._poller.read_again(self)  # no poll tells of what was received and is not decrypted

    async def _write(self, view: memoryview, *, begun: bool) -> None:
        """Write all of ``view``; called by one task at a time.

        What TLS has encrypted counts as begun, whether or not the socket takes it.
        """
        try:
            while view or (self._tls is not None and self._tls.unsent):
                try:
                    sent_bytes = (self._tls or self._socket).send(view)
                except BlockingIOError:
                    await self._wait_for_room()
                except OSError as error:
                    self._break(f"connection broken: {error}")
                    raise trio.BrokenResourceError(self._broken) from error
                else:
                    begun = True
                    self.bytes_out += sent_bytes
                    view = view[sent_bytes:]
        finally:
            if begun and (view or (self._tls is not None and self._tls.unsent)):
                self._break("a frame was left half written")

    async def _wait_until_backlog_gone(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_usable()
        while self._backlog is not None:
            await self._backlog_gone.wait()
            self._check_usable()

    async def _wait_for_room(self) -> None:
        with trio.move_on_after(self._stall_timeout_s) as patience:
            await self._wait_until(trio.lowlevel.wait_writable)
        if patience.cancelled_caught:
            self._break(f"the peer took nothing for {self._stall_timeout_s:g} s")
            raise trio.BrokenResourceError(self._broken)

    async def _wait_until(self, ready: Ready) -> None:
        """Wait with Trio until the socket is ``ready``; raise if the link ended meanwhile."""
        with contextlib.suppress(trio.ClosedResourceError):  # told apart below
            await ready(self._socket)
        self._check_usable()

    @contextlib.contextmanager
    def _as_sender(self) -> Generator[None, None, None]:
        self._check_usable()
        if self._awaits_handshake:
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
        self.receive_buffer.unread = b""
        self.end_posts()
        try:
            with trio.move_on_after(timeout_s):
                await self._wait_until_backlog_gone()
                self._end_our_side()
                self._leave_poller()
                while self.bytes_in < enough_bytes and await self._discard_some():
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # nobody is there to read it
        finally:
            self.drop()

    async def _discard_some(self) -> bool:
        """Read bytes that nobody wants, as they are; return False once the peer has ended its side.

        TLS that has said its close_notify decrypts nothing any more.
        """
        while True:
            await trio.lowlevel.checkpoint()
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                await self._wait_until(trio.lowlevel.wait_readable)
            except OSError:
                return False
            else:
                self.receive_buffer.bytes_in += len(data)
                return bool(data)

    def _end_our_side(self) -> None:
        with contextlib.suppress(OSError):  # gone already
            if self._tls is not None:
                self._tls.end()
            self._socket.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Close the socket now, waiting for nobody; wakes every task that waits on it."""
        if self._closed:
            return
        self._closed = True
        self._refresh_clear()
        self._leave_poller()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._backlog_gone.set()
        self.receive_buffer.release()

    async def aclose(self) -> None:
        """``drop``, as the stream interface wants it."""
        self.drop()
        await trio.lowlevel.checkpoint()

    def _break(self, why: str) -> None:
        if self._broken is None and not self._closed:
            self._broken = why
            self._refresh_clear()
            self._leave_poller()
            trio.lowlevel.notify_closing(self._socket)
            self._backlog_gone.set()

    def _leave_poller(self) -> None:
        """Not read any more, and not waited for: the descriptor may soon be another socket's."""
        if self._poller is not None:
            self._poller.remove(self)

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this link was closed")
        if self._broken is not None:
            raise trio.BrokenResourceError(self._broken)

    def _refresh_clear(self) -> None:
        self.clear = not (
            self._sending
            or self._posts_ended
            or self._closed
            or self._backlog is not None
            or self._broken is not None
        )
