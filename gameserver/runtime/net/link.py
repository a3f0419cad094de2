"""The non-blocking socket under a WebSocket, with its two fast paths.

Owns the order of the bytes of one connection.  Out: frames that trio-websocket sends through the
stream interface, and frames that a tick posts, go out whole, one after another.  In: all received
bytes go through the ``ReceiveBuffer`` (``receive_buffer.py``), which has the fast path in.  Never
parses a message, never decides when to close, and never raises anything at a tick: a broken
link refuses posts and wakes the task that reads it, which ends the session.

Invariants:

- There is at most one writer at a time, and at most one unsent rest of a frame (the backlog).
- A frame that was begun is finished, or the link is broken.  After half a frame only dropping the
  connection is right: the peer would read the next frame as the rest of this one.
- A writer that waits for the peer to accept bytes gives up after ``STALL_TIMEOUT_S``.
- Received bytes go to the ``ReceiveBuffer`` and nowhere else.  Either the task in
  ``receive_some`` reads them, or the poller does and that task waits for it.
- A frozen link (``freeze``) touches its socket in no way, so that another process may go on with
  it; every task that reads or writes waits until ``thaw`` or ``drop``.
- With TLS (``tls_socket.py``) everything that has been encrypted is sent, in order, or the link is
  broken: the peer counts records.
"""

from __future__ import annotations

import contextlib
import operator
import socket
from typing import TYPE_CHECKING, Final, Protocol

import trio

from gameserver.runtime.net.lingering import discard_rest
from gameserver.runtime.net.listening import set_up_accepted
from gameserver.runtime.net.receive_buffer import ReceiveBuffer
from gameserver.runtime.net.tls_codec import TlsCodec
from gameserver.runtime.net.tls_handshake import Ready, shake_hands, wait_for_first_record
from gameserver.runtime.net.tls_socket import IdleFlood, TlsSocket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

#: A peer that accepts not one byte for so long, while bytes wait for it, is dropped.
STALL_TIMEOUT_S: Final = 20.0

RECEIVE_BYTES: Final = 64 * 1024
#: How long ``finish`` waits for the peer to end its side.
LINGER_S: Final = 1.0

#: The poller stops reading a link whose task has left this many bytes untaken.  The rest stays in
#: the kernel, whose window then stops the peer.
MAX_UNREAD_BYTES: Final = 256 * 1024

#: The most that the poller reads of a link in one turn: thirty commands, more than an honest client
#: sends between two ticks.  Bytes that piled up while its network stalled take some ticks more.  It
#: also bounds what each of several floods costs a tick before its connection is closed.
POLL_BYTES: Final = 1024

#: Between two reads of a connection that has flooded: only its end is of interest any more.
FLOOD_PAUSE_S: Final = 0.05


class Reader(Protocol):
    """Reads links at ticks, instead of their own tasks: the poller, as far as a link knows it."""

    def remove(self, link: Link, /) -> None:
        """Read ``link`` no more; called before its socket is closed."""

    def unwatch(self, link: Link, /) -> None:
        """Read ``link`` at ticks only, not as soon as something arrives."""

    def read_again(self, link: Link, /) -> None:
        """Read ``link`` at the next tick, though nothing more may arrive by then."""

    def end_later(self, link: Link, /) -> None:
        """Call ``link.end_broken`` in one of the next rounds of ticks."""


class Link(trio.abc.Stream):
    """A stream over a connected ``socket.socket``, made non-blocking.

    ``nursery`` runs a task only while there is a backlog to flush.  Its owner must drop the link
    before the nursery ends, because a tick may post at any time.  With ``ssl_context`` the link
    speaks TLS as the server, with ``codec`` as that does; then ``handshake`` must come first.

    Attributes to read: ``clear`` (a post would be accepted now), ``idle_flood`` (the peer sent too
    many TLS records without data), and the counters ``bytes_in``, ``bytes_out`` (before
    encryption) and ``posts_refused``.
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
        "_rest",
        "_sending",
        "_sent",
        "_socket",
        "_ssl_context",
        "_stall_timeout_s",
        "_thawed",
        "_tls",
        "_writer",
        "bytes_out",
        "clear",
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
        self._ssl_context = ssl_context  # None once a codec is made of it
        self._codec = codec  # None once the handshake is over
        self._tls: TlsSocket | None = None
        self._writer: socket.socket | TlsSocket = sock
        self._nursery = nursery
        self._stall_timeout_s = stall_timeout_s
        self.receive_buffer = ReceiveBuffer()
        self._receiving = False
        self._sending = False
        self._backlog: memoryview | None = None
        #: The unwritten rest of the frame that is being written.
        self._rest: memoryview | None = None
        #: The data of a running ``send_all``; none of it once all is written.  None: none runs.
        self._sent: memoryview | None = None
        #: Set and gone once the link is no longer frozen; None: it is not.
        self._thawed: trio.Event | None = None
        self._backlog_gone = trio.Event()
        self._closed = False
        self._broken: str | None = None
        self._poller: Reader | None = None
        self._fed = trio.lowlevel.ParkingLot()
        self.clear = not self._awaits_handshake
        self._posts_ended = False
        self.idle_flood = False
        self.bytes_out = 0
        self.posts_refused = 0

    @classmethod
    def accepted(
        cls,
        sock: socket.socket,
        nursery: trio.Nursery,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Link:
        """Return a link over a freshly accepted TCP socket, set up for small frames.

        With ``ssl_context`` the link speaks TLS as the server; ``handshake`` must come first.
        """
        set_up_accepted(sock)
        return cls(sock, nursery, ssl_context=ssl_context)

    @property
    def bytes_in(self) -> int:
        """How many bytes have been received, whatever they were."""
        return self.receive_buffer.bytes_in

    @property
    def _awaits_handshake(self) -> bool:
        return self._ssl_context is not None or self._codec is not None

    async def handshake(self) -> None:
        """Do the TLS handshake; on a plain socket do nothing.  The caller sets the deadline.

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
                self._tls = self._writer = TlsSocket(self._socket, self._codec)
                self._codec = None
                self._refresh_clear()
        except OSError as error:
            self._break(f"TLS handshake failed: {error}")
            raise trio.BrokenResourceError(self._broken) from error

    # The fast path out

    def post(self, frame: bytes) -> bool:
        """Write ready-made frames (headers included) now, without waiting.

        Return True if they are out, or if their rest will be flushed before anything else.  Return
        False if the link is not clear: then nothing was written.
        """
        if not self.clear:
            self.posts_refused += 1
            return False
        try:
            sent_bytes = self._writer.send(frame)
        except OSError as error:
            return self.post_failed(frame, error)
        return self.posted(frame, sent_bytes)

    def posted(self, frame: bytes, sent_bytes: int) -> bool:
        """Note that a post has written ``sent_bytes`` of ``frame``: True, as of ``post``."""
        self.bytes_out += sent_bytes
        if sent_bytes < len(frame) or (self._tls is not None and self._tls.unsent):
            self._keep_backlog(memoryview(frame)[sent_bytes:])
        return True

    def post_failed(self, frame: bytes, error: OSError) -> bool:
        """Note that writing ``frame`` raised ``error``, and return what ``post`` does."""
        if isinstance(error, BlockingIOError):
            return self.posted(frame, 0)
        self._broken = f"connection broken: {error}"
        self._refresh_clear()
        if self._poller is None:
            self._tell_broken()
        else:  # hundreds of posts may fail within one publish, and each wakes a task
            self._poller.end_later(self)
        self.posts_refused += 1
        return False

    def end_posts(self) -> None:
        """Refuse every post from now on, for nothing may follow a close frame."""
        self._posts_ended = True
        self._refresh_clear()

    def _keep_backlog(self, rest: memoryview) -> None:
        self._backlog = rest
        self._backlog_gone = trio.Event()
        self._refresh_clear()
        self._nursery.start_soon(self._flush, rest)

    def write_first(self, unsent: bytes) -> None:
        """Write this before anything else: what another process left unsent."""
        if unsent:
            self._keep_backlog(memoryview(unsent))

    async def _flush(self, rest: memoryview) -> None:
        try:
            await self._write(rest, begun=True)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the link's state tells its reader and the next writer
        finally:
            self._backlog = None
            self._backlog_gone.set()
            self._refresh_clear()

    # The stream that trio-websocket uses

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data`` after what was begun earlier.

        If it is cancelled in the middle, the link is broken.
        """
        with self._as_sender(), memoryview(data) as view:
            self._sent = view
            try:
                await self._wait_until_backlog_gone()
                await self._write(view, begun=False)
                self._sent = view[:0]
                await trio.lowlevel.cancel_shielded_checkpoint()
            finally:
                self._sent = None

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the backlog is out and the socket takes bytes again."""
        with self._as_sender():
            await self._wait_until_backlog_gone()
            await self._wait_until(trio.lowlevel.wait_writable)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, at least one byte; ``b""`` once the peer has ended its side.

        A TLS connection that ends without a close_notify has ended too: browsers end so.
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

    async def _read(self, max_bytes: int) -> bytes:
        while self._thawed is not None or not (
            self.receive_buffer.unread or self.receive_buffer.ended
        ):
            if self._thawed is not None:
                await self._wait_until_thawed()
                continue
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
                    # Dropping the bytes of a flood must not take time from other players.
                    await trio.sleep(FLOOD_PAUSE_S)
                elif not (self.receive_buffer.unread or self.receive_buffer.ended):
                    # All of it went through the fast path, and more may be there.
                    await trio.lowlevel.checkpoint()
            except BlockingIOError:
                if self._tls is not None and self._tls.ready:
                    await trio.lowlevel.checkpoint()  # a turn is a few records, with data or not
                    self._check_usable()
                else:
                    await self._wait_until(trio.lowlevel.wait_readable)
            except OSError as error:
                self._break(f"connection broken: {error}")
                raise trio.BrokenResourceError(self._broken) from error
        return self.receive_buffer.take(max_bytes)

    def _read_encrypted(self, tls: TlsSocket, max_bytes: int) -> None:
        """Read for one turn; the allowance of bytes pays for the ciphertext.

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
        """Let ``poller`` read from now on (None: ``receive_some`` again)."""
        self._poller = poller
        self._fed.unpark_all()
        if poller is None or self._closed or self._broken is not None:
            return
        # Wake a task that waits for the socket in Trio: it must wait for the poller instead.
        trio.lowlevel.notify_closing(self._socket)
        if self._tls is not None and self._tls.ready:
            poller.read_again(self)  # epoll does not see received bytes that are not decrypted

    def fileno(self) -> int:
        """The descriptor of the socket; -1 once it is closed."""
        return self._socket.fileno()

    def read_now(self) -> None:
        """Take in what has arrived, without waiting; called by the poller."""
        receive_buffer = self.receive_buffer
        if len(receive_buffer.unread) > MAX_UNREAD_BYTES:
            if self._poller is not None:
                self._poller.unwatch(self)  # it would wake the poller again and again
                self._poller.read_again(self)
            return
        try:
            if self._tls is None:
                data = self._socket.recv(POLL_BYTES)
                if not receive_buffer.take_only_message(data):
                    self.took(data)
                return
            self._read_encrypted(self._tls, POLL_BYTES)
        except OSError as error:
            self.read_failed(error)
        else:
            self._after_read()

    def took(self, data: bytes) -> None:
        """Take in what a reader has read from the socket."""
        self.receive_buffer.take_in(data)
        self._after_read()

    def read_failed(self, error: OSError) -> None:
        """Note that reading from the socket raised ``error``, if only for want of data."""
        if not isinstance(error, BlockingIOError):
            self._break(f"connection broken: {error}")
        self._after_read()

    def _after_read(self) -> None:
        receive_buffer = self.receive_buffer
        if receive_buffer.ended or receive_buffer.flooded:
            self._leave_poller()  # the link's own task drops the rest, with pauses
            return
        if receive_buffer.unread:
            self._fed.unpark_all()
        if self._tls is not None and self._tls.ready and self._poller is not None:
            self._poller.read_again(self)  # epoll does not see what is not decrypted

    async def _write(self, view: memoryview, *, begun: bool) -> None:
        """Write all of ``view``; only one task at a time calls this.

        A frame counts as begun once TLS has encrypted some of it, even if nothing is sent yet.
        """
        try:
            while view or (self._tls is not None and self._tls.unsent):
                self._rest = view
                if self._thawed is not None:
                    await self._wait_until_thawed()
                try:
                    sent_bytes = self._writer.send(view)
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
            self._rest = None
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
            self._break(f"the peer accepted nothing for {self._stall_timeout_s:g} s")
            raise trio.BrokenResourceError(self._broken)

    async def _wait_until(self, ready: Ready) -> None:
        """Wait in Trio until the socket is ``ready``; raise if the link ended meanwhile."""
        with contextlib.suppress(trio.ClosedResourceError):  # ``_check_usable`` tells what ended
            await ready(self._socket)
        if self._thawed is not None:
            await self._wait_until_thawed()
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

    # Going on in another process

    def freeze(self) -> None:
        """Read and write nothing until ``thaw``, or until ``drop``; only without TLS.

        What was begun stays begun.
        """
        assert self._tls is None, "the keys of TLS cannot go to another process"
        if self._thawed is None:
            self._thawed = trio.Event()
            self._refresh_clear()
            self._leave_poller()
            trio.lowlevel.notify_closing(self._socket)

    def thaw(self) -> None:
        """Go on; harmless if the link is not frozen."""
        if self._thawed is not None:
            self._thawed.set()
            self._thawed = None
            self._refresh_clear()

    @property
    def encrypted(self) -> bool:
        """Whether the peer speaks TLS."""
        return self._tls is not None or self._awaits_handshake

    @property
    def usable(self) -> bool:
        """Whether the socket is there and nothing has broken it."""
        return not self._closed and self._broken is None

    def unsent(self) -> tuple[bytes, bytes | None]:
        """Return what is yet to be written: of posts, then of the present ``send_all``.

        The latter is None if there is no ``send_all``.
        """
        posted, rest, sent = self._backlog, self._rest, self._sent
        if posted is not None:
            posted = posted if rest is None else rest
        elif sent is not None and rest is not None:
            sent = rest
        return bytes(posted or b""), None if sent is None else bytes(sent)

    async def _wait_until_thawed(self) -> None:
        while self._thawed is not None:
            await self._thawed.wait()
        self._check_usable()

    # The end

    async def finish(self, *, timeout_s: float = LINGER_S) -> None:
        """Close so that the last bytes sent still arrive (RFC 9112, 9.6), then drop.

        Ends our side and discards what comes until the peer ends its own, for ``timeout_s`` at
        most (``lingering.py``).
        """
        if self._thawed is not None:  # the other process may go on with the connection
            self.drop()
        self.receive_buffer.unread = b""
        self.end_posts()
        try:
            with trio.move_on_after(timeout_s):
                await self._wait_until_backlog_gone()
                self._end_our_side()
                self._leave_poller()
                await discard_rest(self._socket, self.receive_buffer, self._wait_until)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # there is no peer to read it
        finally:
            self.drop()

    def _end_our_side(self) -> None:
        with contextlib.suppress(OSError):  # gone already
            if self._tls is not None:
                self._tls.end()
            self._socket.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Close the socket now, without waiting; wakes every task that waits for it."""
        if self._closed:
            return
        self._closed = True
        self.thaw()
        self._refresh_clear()
        self._leave_poller()
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._backlog_gone.set()
        self.receive_buffer.release()

    async def aclose(self) -> None:
        """Call ``drop``: the stream interface's name for it."""
        self.drop()
        await trio.lowlevel.checkpoint()

    def end_broken(self) -> None:
        """Wake the tasks of a link that a post found broken; called by the poller."""
        if not self._closed:
            self._tell_broken()

    def _break(self, why: str) -> None:
        if self._broken is None and not self._closed:
            self._broken = why
            self._refresh_clear()
            self._tell_broken()

    def _tell_broken(self) -> None:
        self._leave_poller()
        trio.lowlevel.notify_closing(self._socket)
        self._backlog_gone.set()

    def _leave_poller(self) -> None:
        """Leave the poller before the descriptor can become another socket's."""
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
            or self._thawed is not None
            or self._backlog is not None
            or self._broken is not None
        )
