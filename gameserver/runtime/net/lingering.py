"""The second half of a lingering close (RFC 9112, 9.6): discard until the peer has ended its side.

Owns how much is discarded.  Never closes the socket and sets no deadline: ``link.py`` does both.

Closing a socket that holds unread bytes resets the connection, and the peer may lose an answer or
close frame that it has not read yet.
"""

from __future__ import annotations

import socket
from typing import Final

import trio

from gameserver.runtime.net.receive_buffer import ReceiveBuffer
from gameserver.runtime.net.tls_handshake import WaitUntil

RECEIVE_BYTES: Final = 64 * 1024
#: A peer that sends more than this after our end does not wait for an answer.
LINGER_BYTES: Final = 1024 * 1024


async def discard_rest(
    sock: socket.socket, receive_buffer: ReceiveBuffer, wait_until: WaitUntil
) -> None:
    """Read and drop bytes until the peer has ended its side; ``receive_buffer`` only counts them.

    They are not decrypted: TLS decrypts nothing any more after its close_notify.
    """
    enough_bytes = receive_buffer.bytes_in + LINGER_BYTES
    while receive_buffer.bytes_in < enough_bytes:
        await trio.lowlevel.checkpoint()
        try:
            data = sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            await wait_until(trio.lowlevel.wait_readable)
        except OSError:
            return
        else:
            if not data:
                return
            receive_buffer.bytes_in += len(data)
