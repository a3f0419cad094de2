"""A socket that speaks TLS, never waits, and does a bounded amount of work in each call.

Owns the order of ciphertext on one connection, and how many TLS records without data its peer may
send.  Never waits and never closes the socket: ``link.py`` does both, as for a plain socket.
"""

from __future__ import annotations

import socket
from typing import Final

import trio

from gameserver.protocol.allowance import Allowance
from gameserver.runtime.net.tls_codec import TlsCodec

#: The most that one call reads from the socket, and only once everything before it is decrypted.
CIPHERTEXT_BYTES: Final = 4096

#: How many TLS records without data a peer may send: a key update now and then, an alert.  Each
#: costs as much as one with data, and limits on frames and bytes would stop them too late.
IDLE_RECORDS_PER_S: Final = 0.1
IDLE_RECORDS_BURST: Final = 16


class IdleFlood(ConnectionError):
    """The peer sends more TLS records without data than it may."""


class TlsSocket:
    """``codec`` on the non-blocking ``sock``, after the handshake.

    ``send`` and ``recv`` are those of a non-blocking socket, with two more rules.  ``recv`` also
    raises ``BlockingIOError`` after a turn that brought no data: only once ``ready`` is False
    does it make sense to wait for the socket.  And ciphertext that the socket has not accepted is
    ``unsent``: it must go out before anything else, or the connection is broken.
    """

    __slots__ = ("_codec", "_idle_records", "_socket", "_unsent", "overhead_bytes")

    def __init__(self, sock: socket.socket, codec: TlsCodec) -> None:
        self._socket = sock
        self._codec = codec
        self._unsent: bytes | memoryview = b""
        self._idle_records = Allowance(IDLE_RECORDS_PER_S, IDLE_RECORDS_BURST, trio.current_time())
        #: Received ciphertext less received data, since the link last set it to 0.
        self.overhead_bytes = 0

    # In

    @property
    def ready(self) -> bool:
        """Whether ``recv`` has something to do without more bytes in the socket."""
        return self._codec.ready

    def recv(self, max_bytes: int) -> bytes:
        """Return the data of a few records; ``b""`` once the peer has ended its side.

        Raises ``BlockingIOError`` if there is none, ``IdleFlood`` after too many records without
        data, and other ``OSError`` for bytes that are no TLS or for a broken connection.
        """
        codec = self._codec
        if not codec.ready:
            if codec.ended:
                return b""
            try:
                ciphertext = self._socket.recv(CIPHERTEXT_BYTES)
            except ConnectionResetError:
                return b""  # from a client that closes before it has read its session tickets
            if not ciphertext:
                return b""  # browsers end without a close_notify
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
        """Return what arrives without decryption, for a reader that only waits for the end."""
        return self._socket.recv(max_bytes)

    def _answer(self) -> None:
        """Send TLS's own answers now, if there is room; otherwise they go out with the next data.

        They cannot pile up: only records without data are answered, and those are limited.
        """
        if not self._unsent:
            try:
                self._unsent = self._codec.take_ciphertext()
                self._send_unsent()
            except OSError:
                pass  # there is no room; or the connection is broken, and reading tells that

    # Out

    @property
    def unsent(self) -> bool:
        """Whether there is ciphertext that the socket has not accepted yet."""
        return len(self._unsent) > 0

    def send(self, data: bytes | memoryview) -> int:
        """Encrypt and send ``data`` as far as there is room; return how much was encrypted.

        Raises ``BlockingIOError`` if that is nothing and nothing ``unsent`` went out either.
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
        """Send a close_notify, without waiting for the peer's."""
        self._codec.end()
        self._answer()
