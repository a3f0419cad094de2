"""How TLS begins on a socket, and what a peer can cost before it does.

Owns the wait for a client's first TLS record, and the turns of the handshake after it.

OpenSSL takes 55 to 71 KiB for a connection as soon as it is asked to shake hands, even with one
that has sent nothing, and once many have done so at a time the heap keeps most of it for good.  So
a client that sends nothing, or its hello a byte at a time, is waited for in the kernel, where it
costs no memory of ours and no turn of the loop.  Whoever has sent a whole record, good or not,
costs what TLS costs: the caller's deadline and the caps on connections are for that.

Never judges a byte, for that is OpenSSL's; never sets a deadline and never closes the socket, for
both are the caller's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

from gameserver.runtime.net.tls_codec import HEADER_BYTES, TlsCodec, record_bytes

#: ``trio.lowlevel.wait_readable`` or ``wait_writable``, and what waits with it for a link's socket
#: and raises once the link is of no use any more.
Ready: TypeAlias = Callable[[socket.socket], Awaitable[None]]
WaitUntil: TypeAlias = Callable[[Ready], Awaitable[None]]

RECEIVE_BYTES: Final = 4096


async def shake_hands(codec: TlsCodec, sock: socket.socket, wait_until: WaitUntil) -> None:
    """The handshake of either side. ``OSError`` (``ssl.SSLError`` is one) where it fails.

    Each turn of it is bounded, and other tasks run between two of them.
    """
    over = False
    while not over:
        try:
            over = codec.shake_hands()
        except ssl.SSLError:
            with contextlib.suppress(OSError):  # tells the peer why, if there is room for it
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
    """Until the first record is complete, or nothing more may be waited for without spinning.

    The kernel wakes for fewer bytes than asked for at the end of the stream, when its buffer is
    full, and where it knows no low-water mark (Windows, and sockets that are not TCP). So there are
    two waits and never a third: the handshake gets what there is, and waits for the rest itself.

    ``OSError`` where the peer ended or reset the connection.
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
        if not header:  # told here, so that whoever only looks for open ports costs nothing
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer ended the connection at once")
        return header
    return b""
