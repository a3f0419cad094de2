"""The byte stream under a client's WebSocket, with its two fast paths.

Owns the order of the bytes of one connection, and their counts.  In: binary messages are delivered
within the call that reads them, and trio-websocket reads the rest.  Out: a frame is written without
waiting, and what the peer does not accept at once is kept for ``flush``.  Either a task of
trio-websocket reads the socket, or a ``SharedReader`` does so for many clients.  Never decodes a
message.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import trio

from clients.frames import FrameScanner
from gameserver.errors import RemoteProtocolError

RECEIVE_BYTES: Final = 64 * 1024
#: How many messages may wait for ``deliver_to``; then TCP makes the server wait.
MAX_WAITING: Final = 16
#: A connection that owes its peer more than this has ended: nothing of it would be in time.
MAX_UNSENT_BYTES: Final = 1 << 20
#: The end of the head of an HTTP answer, and how it begins if frames follow it.
_HEAD_END: Final = b"\r\n\r\n"
_SWITCHING: Final = b"HTTP/1.1 101"


class Reader(Protocol):
    """Reads the sockets of many streams, as far as a stream knows it."""

    def remove(self, stream: ClientStream, /) -> None:
        """Read ``stream`` no more; called before its socket is closed."""


class ClientStream(trio.abc.Stream):
    """A stream of frames over ``stream``; ``max_message_bytes`` bounds a message.

    ``ended`` is set when the peer is gone.  ``fault`` says how the peer broke the protocol; nothing
    is read after that.
    """

    def __init__(self, stream: trio.abc.Stream, max_message_bytes: int) -> None:
        self.bytes_received = 0
        self.bytes_sent = 0
        self.ended = trio.Event()
        self.fault: RemoteProtocolError | None = None
        #: Messages that nobody takes yet.
        self.waiting: deque[bytes] = deque()
        self._stream = stream
        #: A plain socket, which can be read and written without trio; else None.
        self._socket: trio.socket.SocketType | None = None
        if isinstance(stream, trio.SocketStream) and os.name == "posix":
            self._socket = stream.socket
        self._scanner = FrameScanner(max_message_bytes)
        #: The head of the HTTP answer so far; None once frames follow, or never will.
        self._head: bytes | None = b""
        self._passes_all = False
        self._deliver: Callable[[bytes], None] | None = None
        self._foreign = b""
        self._failure: Exception | None = None
        #: Wakes whoever waits for messages, for foreign bytes, or for room.
        self.news: Final = trio.lowlevel.ParkingLot()
        self._unsent = bytearray()
        #: Whether the peer accepts nothing more; bytes from it may still be there to read.
        self._unwritable = False
        self._sending = trio.lowlevel.ParkingLot()
        self._own_read: trio.CancelScope | None = None
        self._reader: Reader | None = None

    # ------------------------------------------------------------ in

    @property
    def descriptor(self) -> int:
        """The descriptor of a plain socket that is open, which ``read_now`` reads; else -1."""
        return -1 if self._socket is None else self._socket.fileno()

    def deliver_to(self, deliver: Callable[[bytes], None]) -> None:
        """Hand every message to ``deliver`` from now on, those that wait first.

        It is called while bytes are read, so it must not wait.  An exception that it raises ends
        the connection.
        """
        while self.waiting:
            deliver(self.waiting.popleft())
        self._deliver = deliver
        self.news.unpark_all()

    def share(self, reader: Reader) -> None:
        """Leave reading to ``reader``, which calls ``read_now``."""
        self._reader = reader
        if self._own_read is not None:
            self._own_read.cancel()
        self.news.unpark_all()

    def read_now(self) -> None:
        """Read once what has arrived, without waiting."""
        try:
            data = os.read(self.descriptor, RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            self.take_in(data)
        except Exception as error:  # noqa: BLE001 - raised again by the task that owns the stream
            self._failure = error
            self._unshare()
            self.news.unpark_all()

    def take_in(self, data: bytes) -> None:
        """Deliver the messages in received bytes; ``b""`` means that the peer has ended."""
        if not data:
            self._end()
            return
        self.bytes_received += len(data)
        if self._head is not None:
            data = self._after_head(self._head + data)
        if self._passes_all:
            self._foreign += data
            self.news.unpark_all()
            return
        try:
            messages, foreign = self._scanner.feed(data)
        except RemoteProtocolError as error:
            self.fault = error
            self._end()
            return
        deliver = self._deliver
        if deliver is None:
            self.waiting.extend(messages)
        else:
            for message in messages:
                deliver(message)
        if foreign or deliver is None:
            self._foreign += foreign
            self.news.unpark_all()

    def _after_head(self, head: bytes) -> bytes:
        """Pass the head of the HTTP answer on; return what came after it."""
        at = head.find(_HEAD_END)
        if at < 0:
            self._foreign += head[len(self._head or b"") :]
            self._head = head
            return b""
        at += len(_HEAD_END)
        self._foreign += head[len(self._head or b"") : at]
        self._head = None
        self._passes_all = not head.startswith(_SWITCHING)
        self.news.unpark_all()
        return head[at:]

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return foreign bytes: for trio-websocket."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._foreign:
                await trio.lowlevel.checkpoint()
                data, self._foreign = self._foreign, b""
                return data
            if self.ended.is_set():
                await trio.lowlevel.checkpoint()
                return b""
            if self._reader is not None or len(self.waiting) >= MAX_WAITING:
                await self.news.park()
            else:
                await self._read(max_bytes)

    async def _read(self, max_bytes: int | None) -> None:
        try:
            with trio.CancelScope() as self._own_read:
                self.take_in(bytes(await self._stream.receive_some(max_bytes)))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._end()
            raise
        finally:
            self._own_read = None

    def _unshare(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.remove(self)

    def _end(self) -> None:
        self._unshare()
        self.ended.set()
        self.news.unpark_all()
        self._sending.unpark_all()

    # ------------------------------------------------------------ out

    def post(self, data: bytes) -> None:
        """Send ``data`` after all that was sent before, without waiting.

        What the peer does not accept at once is left to ``flush``.
        """
        if not self._unsent and self._socket is not None:
            sent = self._write(data)
            if sent == len(data):
                return
            data = data[sent:]
        if self._unwritable:
            return  # whoever reads learns how the connection has ended
        self._unsent += data
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self._end()
        self._sending.unpark_all()

    def _write(self, data: bytes) -> int:
        """Write to the socket; return how many bytes it has accepted."""
        try:
            sent = os.write(self.descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._unwritable = True
            return 0
        self.bytes_sent += sent
        return sent

    async def flush(self) -> None:
        """Send what is left, for as long as there is any."""
        try:
            while self._unsent:
                data = bytes(self._unsent)
                await self._stream.send_all(data)
                self.bytes_sent += len(data)
                del self._unsent[: len(data)]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._unwritable = True
            self._unsent.clear()
            raise
        finally:
            self._sending.unpark_all()

    async def unsent(self) -> None:
        """Wait until there are bytes for ``flush`` to send."""
        while not self._unsent:
            await self._sending.park()

    async def drained(self) -> None:
        """Wait until everything is sent, or cannot be sent."""
        while self._unsent and not self.ended.is_set():
            await self._sending.park()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes of trio-websocket, in order with those of ``post``."""
        await trio.lowlevel.checkpoint()
        self.post(bytes(data))
        await self.drained()
        if self._unwritable or self.ended.is_set():
            raise trio.BrokenResourceError("the peer is gone")

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream beneath."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """As the stream beneath."""
        self._end()
        await self._stream.aclose()
