"""The TLS handshake on a socket, and the wait for a client's first record before it.

Owns that wait and the turns of the handshake.  Never judges a byte: OpenSSL does.  Never sets a
deadline and never closes the socket: the caller does.

OpenSSL allocates some 60 KiB for a connection as soon as its handshake begins, even if the client
has sent nothing, and after many at a time the heap keeps most of it for good.  So the kernel waits
for the first whole record: a client that sends nothing, or its hello in pieces, costs no memory of
ours and no turn of the loop.  It may wake us early by a hundred pieces or more, whose overhead
fills the kernel's buffer.  Then the caller's deadline and the caps on connections bound the cost.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from gameserver.runtime.net.tls_codec import HEADER_BYTES, TlsCodec, record_bytes

#: ``Ready`` is ``trio.lowlevel.wait_readable`` or ``wait_writable``.  A ``WaitUntil`` waits with it
#: for a link's socket, and raises if the link ends meanwhile.
Ready: TypeAlias = Callable[[socket.socket], Awaitable[None]]
WaitUntil: TypeAlias = Callable[[Ready], Awaitable[None]]

RECEIVE_BYTES: Final = 4096


async def shake_hands(codec: TlsCodec, sock: socket.socket, wait_until: WaitUntil) -> None:
    """Do the handshake, of either side.  ``OSError`` (``ssl.SSLError`` is one) if it fails.

    Each of its turns is bounded, and other tasks run in between.
    """
    over = False
    while not over:
        try:
            over = codec.shake_hands()
        except ssl.SSLError:
            with contextlib.suppress(OSError):  # the alert tells the peer why, if there is room
                sock.send(codec.take_ciphertext())
            raise
        await _send(codec.take_ciphertext(), sock, wait_until)
        if over or codec.ready:
            await trio.lowlevel.checkpoint()
        else:
            codec.feed(await _receive(sock, wait_until))


async def _send(data: bytes, sock: socket.socket, wait_until: WaitUntil) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            await wait_until(trio.lowlevel.wait_writable)


async def _receive(sock: socket.socket, wait_until: WaitUntil) -> bytes:
    while True:
        try:
            data = sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            await wait_until(trio.lowlevel.wait_readable)
        else:
            if not data:
                raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer ended the connection")
            return data


async def wait_for_first_record(sock: socket.socket, wait_until: WaitUntil) -> None:
    """Wait until the first record is complete, with two wake-ups at most.

    The kernel wakes for fewer bytes than asked for at the end of the stream, when its buffer is
    full, and where it knows no low-water mark (Windows, and sockets that are not TCP).  A third
    wait might spin, so the handshake gets what there is then and waits for the rest itself.

    ``OSError`` if the peer ended or reset the connection.
    """
    try:
        _wake_at(sock, HEADER_BYTES)
        await wait_until(trio.lowlevel.wait_readable)
        first_bytes = record_bytes(_peek_header(sock))
        if first_bytes > HEADER_BYTES:
            _wake_at(sock, first_bytes)
            await wait_until(trio.lowlevel.wait_readable)
    finally:
        _wake_at(sock, 1)


def _wake_at(sock: socket.socket, low_water_bytes: int) -> None:
    with contextlib.suppress(OSError):  # unknown here, or the socket is closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low_water_bytes)


def _peek_header(sock: socket.socket) -> bytes:
    with contextlib.suppress(BlockingIOError):  # woken for nothing
        header = sock.recv(HEADER_BYTES, socket.MSG_PEEK)
        if not header:  # noticed here, so that a port scan costs no handshake
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer ended the connection at once")
        return header
    return b""
