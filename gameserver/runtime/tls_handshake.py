"""How TLS begins on a socket, and what a peer can cost before it does.

Owns the wait for a client's first TLS record, and the turns of the handshake after it.

OpenSSL takes 55 to 71 KiB for a connection as soon as it is asked to shake hands, even with one
that has sent nothing, and once many have done so at a time the heap keeps most of it for good.  So
a client that sends nothing, or its hello a byte at a time, is waited for in the kernel, where it
costs no memory of ours and no turn of the loop.  Whoever has sent a whole record, good or not,
costs what TLS costs: the caller's deadline and the caps on connections are for that.

Never takes a byte from the socket itself and never judges one, for both are OpenSSL's; never sets a
deadline and never closes the socket, for both are the caller's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import trio

#: ``trio.lowlevel.wait_readable`` or ``wait_writable``, and what waits with it for a link's socket
#: and raises once the link is of no use any more.
Ready: TypeAlias = Callable[[socket.socket], Awaitable[None]]
WaitUntil: TypeAlias = Callable[[Ready], Awaitable[None]]

# RFC 8446, 5.1: type, version (its first byte is 3 in all of them), length.
HEADER_BYTES: Final = 5
HANDSHAKE_TYPE: Final = 22
VERSION_FIRST_BYTE: Final = 3
MAX_FRAGMENT_BYTES: Final = 2**14 + 256


async def wrapped_at_first_record(
    sock: socket.socket, context: ssl.SSLContext, wait_until: WaitUntil
) -> ssl.SSLSocket:
    """The server's side of TLS over ``sock``, made once the client's first record is here.

    ``sock`` is detached then. ``OSError`` where the peer ended or reset the connection.
    """
    await _wait_for_first_record(sock, wait_until)
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


async def shake_hands(sock: ssl.SSLSocket, wait_until: WaitUntil) -> None:
    """The handshake of either side. ``OSError`` (``ssl.SSLError`` is one) where it fails."""
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            await wait_until(trio.lowlevel.wait_readable)
        except ssl.SSLWantWriteError:
            await wait_until(trio.lowlevel.wait_writable)
        else:
            return


async def _wait_for_first_record(sock: socket.socket, wait_until: WaitUntil) -> None:
    """Until the first record is complete, or nothing more may be waited for without spinning.

    The kernel wakes for fewer bytes than asked for at the end of the stream, when its buffer is
    full, and where it knows no low-water mark (Windows, and sockets that are not TCP). So there are
    two waits and never a third: OpenSSL gets what there is, and waits for the rest itself.
    """
    try:
        _wake_at(sock, HEADER_BYTES)
        await wait_until(trio.lowlevel.wait_readable)
        record_bytes = _record_bytes(_peek_header(sock))
        if record_bytes > HEADER_BYTES:
            _wake_at(sock, record_bytes)
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


def _record_bytes(header: bytes) -> int:
    """How long the handshake record is that begins so; 0 for what OpenSSL is to refuse at once."""
    if len(header) < HEADER_BYTES or header[:2] != bytes([HANDSHAKE_TYPE, VERSION_FIRST_BYTE]):
        return 0
    fragment_bytes = int.from_bytes(header[3:])
    return HEADER_BYTES + fragment_bytes if fragment_bytes <= MAX_FRAGMENT_BYTES else 0
