"""TLS on bytes: encrypts and decrypts for one connection, a few records at a time.

Owns the OpenSSL object of a connection, the memory BIOs around it, and the ciphertext of records
that are not decrypted yet.  Never touches a socket, never waits and knows no clock.

OpenSSL on a socket reads until it has data for the caller.  A peer that sends records without data
(key updates, refused renegotiations, warnings, empty records) faster than they are decrypted keeps
it in that loop, and the whole server with it.  So OpenSSL never sees the socket: it gets one whole
record, is asked for data, and gets the next one only within ``RECORDS_PER_TURN``.  epoll does not
see the records that are left in here, so check ``ready`` before waiting for the socket.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

#: The most records that one turn decrypts, with data or not.
RECORDS_PER_TURN: Final = 8

#: The most records of the peer in a handshake; an ordinary one has two to six.
HANDSHAKE_RECORDS: Final = 64

# RFC 8446, 5.1: type, version (its first byte is 3 in all of them), length.
HEADER_BYTES: Final = 5
VERSION_FIRST_BYTE: Final = 3
FIRST_TYPE: Final = 20
LAST_TYPE: Final = 24
MAX_PLAINTEXT_BYTES: Final = 2**14
#: The largest plaintext and what ciphers add to it; OpenSSL refuses a header that says more.
MAX_FRAGMENT_BYTES: Final = 2**14 + 320


def record_bytes(data: bytes) -> int:
    """Return the length of the record at the start of ``data``, header included.

    Return 0 if the header is not complete.  Return the length of ``data`` if it is no header, so
    that OpenSSL refuses it at once and not after bytes that may never come.
    """
    if len(data) < HEADER_BYTES:
        return 0
    fragment_bytes = data[3] << 8 | data[4]
    if (
        data[1] != VERSION_FIRST_BYTE
        or not FIRST_TYPE <= data[0] <= LAST_TYPE
        or fragment_bytes > MAX_FRAGMENT_BYTES
    ):
        return len(data)
    return HEADER_BYTES + fragment_bytes


class TlsCodec:
    """TLS on one connection: as the server, or as the client of ``server_hostname``.

    Attributes to read: ``ended`` (the peer has said that it sends no more) and ``idle_records``
    (records without data since the handshake; its reader may set it to 0).
    """

    __slots__ = (
        "_ciphertext",
        "_decrypted",
        "_failure",
        "_handshake_records",
        "_incoming",
        "_object",
        "_outgoing",
        "ended",
        "idle_records",
    )

    def __init__(self, context: ssl.SSLContext, server_hostname: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
        )
        self._ciphertext = b""
        #: Whether OpenSSL holds data of the record that it was given last.
        self._decrypted = False
        self._failure: ssl.SSLError | None = None
        self._handshake_records = 0
        self.ended = False
        self.idle_records = 0

    # In

    def feed(self, ciphertext: bytes) -> None:
        """Add received ciphertext, for ``shake_hands`` and ``decrypt``."""
        self._ciphertext = self._ciphertext + ciphertext if self._ciphertext else ciphertext

    @property
    def ready(self) -> bool:
        """Whether there is something to decrypt without more ciphertext."""
        if self._decrypted or self._failure is not None:
            return True
        return 0 < record_bytes(self._ciphertext) <= len(self._ciphertext)

    def shake_hands(self) -> bool:
        """Do a turn of the handshake; return whether it is over.

        After every turn there may be ciphertext to send.  Raises ``ssl.SSLError`` if it fails.
        """
        for _ in range(RECORDS_PER_TURN):
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                record = self._next_record()
                if not record:
                    return False
                self._handshake_records += 1
                if self._handshake_records > HANDSHAKE_RECORDS:
                    raise ssl.SSLError(ssl.SSL_ERROR_SSL, "too many records") from None
                self._incoming.write(record)
            else:
                return True
        return False

    def decrypt(self, max_bytes: int) -> bytes:
        """Return the data of the next ``RECORDS_PER_TURN`` records, which may be none.

        Raises ``ssl.SSLError`` once all data before the fault has been returned.
        """
        if self._failure is not None:
            raise self._failure
        data = b""
        if self._decrypted:
            data = self._object.read(max_bytes)
            self._decrypted = self._object.pending() > 0
        for _ in range(RECORDS_PER_TURN):
            if len(data) == max_bytes or self.ended:
                break
            record = self._next_record()
            if not record:
                break
            try:
                data += self._read_record(record, max_bytes - len(data))
            except ssl.SSLError as error:
                if not data:
                    raise
                self._failure = error
                break
        return data

    def _read_record(self, record: bytes, max_bytes: int) -> bytes:
        self._incoming.write(record)
        try:
            data = self._object.read(min(max_bytes, MAX_PLAINTEXT_BYTES))
        except ssl.SSLWantReadError:
            self.idle_records += 1
            return b""
        except ssl.SSLZeroReturnError:
            data = b""
        if not data:  # a close_notify
            self.ended = True
        elif len(data) == max_bytes:  # otherwise the record is used up
            self._decrypted = self._object.pending() > 0
        return data

    def _next_record(self) -> bytes:
        """Take the next whole record; ``b""`` if there is none."""
        ciphertext = self._ciphertext
        length = record_bytes(ciphertext)
        if length == len(ciphertext):
            self._ciphertext = b""
            return ciphertext
        if length > len(ciphertext):
            return b""
        self._ciphertext = ciphertext[length:]
        return ciphertext[:length]

    # Out

    def encrypt(self, data: bytes | memoryview) -> int:
        """Encrypt one record from the start of ``data``; return how many bytes it holds.

        All ciphertext must be sent, and in order: the peer counts records.
        """
        if len(data) > MAX_PLAINTEXT_BYTES:
            data = memoryview(data)[:MAX_PLAINTEXT_BYTES]
        return self._object.write(data)

    def take_ciphertext(self) -> bytes:
        """Return the ciphertext to send; decryption and the handshake also leave some here."""
        return self._outgoing.read()

    @property
    def has_ciphertext(self) -> bool:
        """Whether there is ciphertext to send."""
        return self._outgoing.pending > 0

    def end(self) -> None:
        """Encrypt a close_notify: nothing more will be encrypted."""
        # It raises because the peer's has not come, or because TLS has failed already.
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
