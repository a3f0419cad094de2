"""A socket that speaks TLS, never waits, and does a bounded amount of work in each call.

Owns the order of what is encrypted on one connection, and how many TLS records without data its
peer may send.  Never waits, never closes the socket; ``link.py`` does both, as for a plain socket.
"""

from __future__ import annotations

import socket
from typing import Final

import trio

from gameserver.protocol.allowance import Allowance
from gameserver.runtime.net.tls_codec import TlsCodec

#: One call takes no more than this from the socket, once all before it is decrypted.
CIPHERTEXT_BYTES: Final = 4096

IDLE_RECORDS_PER_S: Final = 0.1
#: TLS records without data that a peer may send: a key update now and then, an alert. Each costs as
#: much as one with data, and no limit on frames or bytes would stop them in time.
IDLE_RECORDS_BURST: Final = 16


class IdleFlood(ConnectionError):
    """The peer sends more TLS records without data than it may."""


class TlsSocket:
    """``sock`` (non-blocking, after the handshake) with ``codec`` on it.

    ``send`` and ``recv`` are those of a non-blocking socket, with two more rules.  ``recv`` also
    raises ``BlockingIOError`` after a turn that brought no data: the poller is of use only once
    ``ready`` is False.  And what ``send`` has encrypted without the socket taking it is
    ``unsent``: it must go out before anything else, or the connection is of no use any more.
    """

    __slots__ = ("_codec", "_idle_records", "_socket", "_unsent", "overhead_bytes")

    def __init__(self, sock: socket.socket, codec: TlsCodec) -> None:
        self._socket = sock
        self._codec = codec
        self._unsent: bytes | memoryview = b""
        self._idle_records = Allowance(IDLE_RECORDS_PER_S, IDLE_RECORDS_BURST, trio.current_time())
        #: Received ciphertext less received data; whoever has counted it sets it back.
        self.overhead_bytes = 0

    # In

    @property
    def ready(self) -> bool:
        """Whether ``recv`` has something to do without more bytes in the socket."""
        return self._codec.ready

    def recv(self, max_bytes: int) -> bytes:
        """Return the data of a few records; ``b""`` once the peer has ended its side.

        Raises ``BlockingIOError`` where there is none, ``IdleFlood`` where there should be some,
        and other ``OSError`` for what is no TLS or for a broken connection.
        """
        codec = self._codec
        if not codec.ready:
            if codec.ended:
                return b""
            try:
                ciphertext = self._socket.recv(CIPHERTEXT_BYTES)
            except ConnectionResetError:
                return b""  # a client resets that closes before it has read its session tickets
            if not ciphertext:
                return b""  # browsers leave without a close_notify
            self.overhead_bytes += len(ciphertext)
            codec.feed(ciphertext)
        try:
            data = codec.decrypt(max_bytes)
        finally:
            if codec.has_ciphertext:
                self._answer()
        self.overhead_bytes -= len(data)
        if codec.idle_records:
            idle_records, codec.idle_records = codec.idle_records, 0
            if not self._idle_records.spend(trio.current_time(), idle_records):
                raise IdleFlood("too many TLS records without data")
        if data or codec.ended:
            return data
        raise BlockingIOError

    def discard(self, max_bytes: int) -> bytes:
        """Return what arrives as it is: nothing of it is wanted but its end."""
        return self._socket.recv(max_bytes)

    def _answer(self) -> None:
        """Send what TLS itself says now, if there is room; else it goes out with what is sent next.

        A peer that lets it pile up is one whose records bring no data.
        """
        if not self._unsent:
            try:
                self._unsent = self._codec.take_ciphertext()
                self._send_unsent()
            except OSError:
                pass  # no room, or broken, which reading tells

    # Out

    @property
    def unsent(self) -> bool:
        """Whether something that was encrypted is not out yet."""
        return len(self._unsent) > 0

    def send(self, data: bytes | memoryview) -> int:
        """Encrypt and send ``data`` as far as the socket takes it; how much was encrypted.

        Raises ``BlockingIOError`` where that is nothing and nothing ``unsent`` went out either.
        """
        if self._unsent:
            self._send_unsent()
        codec = self._codec
        encrypted_bytes = 0
        while encrypted_bytes < len(data) and not self._unsent:
            rest = memoryview(data)[encrypted_bytes:] if encrypted_bytes else data
            encrypted_bytes += codec.encrypt(rest)
            self._unsent = codec.take_ciphertext()
            try:
                self._send_unsent()
            except BlockingIOError:
                break
        return encrypted_bytes

    def _send_unsent(self) -> None:
        unsent = self._unsent
        sent_bytes = self._socket.send(unsent)
        self._unsent = b"" if sent_bytes == len(unsent) else memoryview(unsent)[sent_bytes:]

    def end(self) -> None:
        """Say that nothing more will be sent; awaits no answer."""
        self._codec.end()
        self._answer()
