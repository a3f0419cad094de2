"""Messages with file descriptors between processes of one host, over a Unix socket.

Owns the framing, its limits and deadlines, and every descriptor that arrives until it is taken.
Never knows what a message means; ``control.py`` and the nodes do.

A message is a head of eight bytes (the length of its body, the number of its descriptors, both
big-endian 32 bit), then a body of msgpack.  The descriptors travel with the first byte of the head
(``SCM_RIGHTS``), so they have arrived when the message has.  They arrive in order: those of the
next message may be here already, because one read may return two messages.

Rules that hold for any bytes and any failure:

- A received descriptor is closed on ``exec``, and belongs to the channel, then to the ``Received``
  that carries it.  Leaving the ``with`` block of a ``Received`` closes each one that was not taken.
  An error of the channel closes all that it holds.
- The descriptors of a sender stay its own; ``send`` neither closes nor keeps them.
- A ``send`` that fails or is cancelled closes the channel, for half a message may be on its way.
  So does a ``receive`` that fails.  A cancelled ``receive`` loses nothing.

How a handover of live sockets uses it::

    channel = DescriptorChannel(sock, max_body_bytes=64 << 20)      # a room may be large
    await channel.send(["room", name, parcel])                      # bytes only
    for some in portions(sessions, MAX_DESCRIPTORS):                # at most 200 in one message
        await channel.send(
            ["sessions", [each.frozen for each in some]], [each.socket for each in some])

    with await channel.receive() as received:                       # at the other end
        for frozen in received.body[1]:
            sock = received.take_socket()                           # now the receiver's to close

The sender drops its own sockets (``close``, never ``shutdown``, which would end the connection for
both processes) after the other side has answered that it has them.  Until then it can go on.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Protocol

import msgpack
import trio

from gameserver.errors import GameServerError, LocalProtocolError

#: Most descriptors of one message; Linux takes 253.
MAX_DESCRIPTORS: Final = 200
#: Most bytes of one body, where a channel is not told otherwise.
MAX_BODY_BYTES: Final = 64 * 1024
#: How long the rest of a message may take once it has begun, to send or to arrive.
MESSAGE_DEADLINE_S: Final = 10.0

_HEAD: Final = struct.Struct("!II")
#: Bytes asked for in one read.
_READ_BYTES: Final = 64 * 1024
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(253 * array.array("i").itemsize)
#: Linux sets close-on-exec as it receives; elsewhere it is set right after.
_RECEIVE_FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class ChannelError(GameServerError):
    """The peer sent what is no message, was too slow, or the socket broke; the text is one line."""


class ChannelClosed(ChannelError):
    """The peer has closed its end, between two messages."""


class HasFileno(Protocol):
    """A socket or a file."""

    def fileno(self) -> int:
        """Return its descriptor."""


class Received:
    """A message and the descriptors that came with it; a context manager.

    Leaving the ``with`` block closes each descriptor that was not taken.
    """

    def __init__(self, body: Any, descriptors: Sequence[int] = ()) -> None:
        self.body: Final = body
        self._descriptors = deque(descriptors)

    def __len__(self) -> int:
        """Return how many descriptors were not taken yet."""
        return len(self._descriptors)

    def take(self) -> int:
        """Return the next descriptor, which is then the caller's to close."""
        if not self._descriptors:
            raise ChannelError("the message has fewer descriptors than it should")
        return self._descriptors.popleft()

    def take_socket(self) -> socket.socket:
        """Return the next descriptor as a socket without blocking; ``ChannelError`` if it is none.

        A descriptor that is no socket is closed.
        """
        descriptor = self.take()
        try:
            taken = socket.socket(fileno=descriptor)
        except OSError as error:
            os.close(descriptor)
            raise ChannelError(f"a descriptor is no socket: {error.strerror}") from error
        taken.settimeout(0)
        return taken

    def close(self) -> None:
        """Close the descriptors that were not taken."""
        _close_all(self._descriptors)

    def __enter__(self) -> Received:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class DescriptorChannel:
    """One end of a Unix stream socket; it owns the socket that it is given.

    One task sends and one receives at a time.  ``max_body_bytes`` bounds bodies in both directions,
    ``deadline_s`` the time that one message takes once it has begun.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        deadline_s: float = MESSAGE_DEADLINE_S,
    ) -> None:
        sock.settimeout(0)
        self._socket = trio.socket.from_stdlib_socket(sock)
        self.max_body_bytes = max_body_bytes
        self.deadline_s = deadline_s
        self._buffer = bytearray()
        self._descriptors: deque[int] = deque()
        self._sending = trio.Lock()

    async def send(self, body: Any, descriptors: Sequence[HasFileno | int] = ()) -> None:
        """Send a message.  ``ChannelError`` if the peer is gone or does not read it in time.

        ``LocalProtocolError`` if ``body`` is nothing that msgpack can represent.
        """
        message = framed(body, len(descriptors))
        if (size := len(message) - _HEAD.size) > self.max_body_bytes:
            raise ChannelError(f"a message of {size} bytes, over {self.max_body_bytes}")
        if len(descriptors) > MAX_DESCRIPTORS:
            raise ChannelError(f"{len(descriptors)} descriptors, over {MAX_DESCRIPTORS}")
        numbers = [each if isinstance(each, int) else each.fileno() for each in descriptors]
        async with self._sending:
            try:
                with self._within_deadline("the peer does not read"):
                    await self._send_all(message, numbers)
            except BaseException:
                self.close()
                raise

    async def receive(self, *, within_s: float = float("inf")) -> Received:
        """Wait for the next message, at most ``within_s`` for its first byte.

        ``ChannelClosed`` if the peer has closed its end, ``ChannelError`` for anything else.
        """
        try:
            if not self._buffer:
                with self._within(within_s, "no message came"):
                    await self._read_more()
            with self._within_deadline("the rest of a message did not come"):
                while (received := self._take_message()) is None:
                    await self._read_more()
        except ChannelError:
            self.close()
            raise
        return received

    def refuse_more(self) -> None:
        """Let the peer send nothing more; what it has sent so far can be received.

        Its next ``send`` fails.  Harmless if the channel is closed.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the socket and each descriptor that no ``Received`` has; harmless if done."""
        self._socket.close()
        self._buffer.clear()
        _close_all(self._descriptors)

    def peer(self) -> Peer:
        """Return the process at the other end, as it was when it connected."""
        return peer_of(self._socket)

    # ------------------------------------------------------------ sending

    async def _send_all(self, data: bytes, numbers: Sequence[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers).tobytes())]
        left = memoryview(data)
        # The first portion carries all descriptors, however short it is.
        while left:
            sent = await self._socket.sendmsg([left], ancillary if numbers else [])
            left, ancillary = left[sent:], []
            numbers = ()

    # ------------------------------------------------------------ receiving

    def _take_message(self) -> Received | None:
        """Return the message at the beginning of the buffer, or None if it is not whole."""
        if len(self._buffer) < _HEAD.size:
            return None
        length, count = _HEAD.unpack_from(self._buffer)
        if length > self.max_body_bytes:
            raise ChannelError(f"a message of {length} bytes, over {self.max_body_bytes}")
        if count > len(self._descriptors):
            raise ChannelError(f"{len(self._descriptors)} descriptors came of {count}")
        end = _HEAD.size + length
        if len(self._buffer) < end:
            return None
        body = _unpacked(memoryview(self._buffer)[_HEAD.size : end].tobytes())
        del self._buffer[:end]
        if len(self._descriptors) > count and not self._buffer:
            raise ChannelError("more descriptors came than the message has")
        return Received(body, [self._descriptors.popleft() for _ in range(count)])

    async def _read_more(self) -> None:
        data, ancillary, flags, _ = await self._socket.recvmsg(
            _READ_BYTES, _ANCILLARY_BYTES, _RECEIVE_FLAGS
        )
        # First of all: whatever else is wrong, these are ours to close.
        self._descriptors.extend(_descriptors_in(ancillary))
        if not _RECEIVE_FLAGS:
            for descriptor in self._descriptors:
                os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keywords
        if flags & socket.MSG_CTRUNC:
            raise ChannelError("descriptors were lost: this process has too many open")
        if len(self._descriptors) > 2 * MAX_DESCRIPTORS:
            raise ChannelError("more descriptors came than two messages have")
        if not data:
            if self._buffer:
                raise ChannelError("the peer closed in the middle of a message")
            raise ChannelClosed("the peer has closed the channel")
        self._buffer += data

    # ------------------------------------------------------------ failing

    def _within_deadline(self, reason: str) -> contextlib.AbstractContextManager[None]:
        return self._within(self.deadline_s, reason)

    @contextlib.contextmanager
    def _within(self, limit_s: float, reason: str) -> Iterator[None]:
        """Turn errors of the socket, and time that is over, into ``ChannelError``."""
        try:
            with trio.fail_after(limit_s):
                yield
        except trio.TooSlowError as error:
            raise ChannelError(f"{reason} within {limit_s:g} s") from error
        except trio.ClosedResourceError as error:
            raise ChannelError("this end of the channel is closed") from error
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ECONNRESET):
                raise ChannelClosed("the peer has closed the channel") from error
            if error.errno == errno.EBADF:
                raise ChannelError("this end of the channel is closed") from error
            raise ChannelError(f"the channel broke: {error.strerror}") from error


class Peer:
    """The process at the other end of a Unix socket, as the kernel tells it."""

    def __init__(self, pid: int, uid: int) -> None:
        self.pid: Final = pid
        self.uid: Final = uid

    @property
    def trusted(self) -> bool:
        """Whether it runs as the same user as this process, or as root."""
        return self.uid in (0, os.geteuid())


def peer_of(sock: socket.socket | trio.socket.SocketType) -> Peer:
    """Return the process that connected to ``sock``, or that listened when it connected."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise ChannelError("this system does not tell which process is at the other end")
    form = struct.Struct("3i")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    pid, uid, _gid = form.unpack(raw)
    return Peer(pid, uid)


def _descriptors_in(ancillary: Sequence[tuple[int, int, bytes]]) -> Iterator[int]:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            yield from numbers


def _close_all(descriptors: deque[int]) -> None:
    while descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptors.popleft())


def framed(body: Any, descriptors: int = 0) -> bytes:
    """Return the bytes of a message that is sent with this number of descriptors.

    ``LocalProtocolError`` if ``body`` is nothing that msgpack can represent.
    """
    try:
        packed: bytes = msgpack.packb(body)
        return _HEAD.pack(len(packed), descriptors) + packed
    except (TypeError, ValueError, OverflowError, struct.error) as error:
        raise LocalProtocolError(f"cannot be packed: {error}") from error


def _unpacked(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ChannelError(f"a message is no msgpack: {error}") from error
