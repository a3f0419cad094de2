"""One connection's TLS, from bytes to bytes: ciphertext in and out, a few records at a time.

Owns the OpenSSL object of a connection, the memory BIOs around it, and the ciphertext of records
that are not decrypted yet.  Never touches a socket, never waits and knows no clock.

OpenSSL on a socket reads on until it has data for the caller.  A peer that sends records without
data (key updates, refused renegotiations, warnings, empty records) faster than they are decrypted
keeps it in that loop, and with it the whole server.  So OpenSSL never sees the socket: it is given
one whole record, asked for data, and given the next one only within ``RECORDS_PER_TURN``.  A poller
tells nothing of what is left in here; whoever waits for the socket asks ``ready`` first.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

#: A turn decrypts no more records than these, whatever is in them.
RECORDS_PER_TURN: Final = 8

#: A handshake has no more records than these from the peer; an ordinary one has two to six.
HANDSHAKE_RECORDS: Final = 64

# RFC 8446, 5.1: type, version (its first byte is 3 in all of them), length.
HEADER_BYTES: Final = 5
VERSION_FIRST_BYTE: Final = 3
FIRST_TYPE: Final = 20
LAST_TYPE: Final = 24
MAX_PLAINTEXT_BYTES: Final = 2**14
#: OpenSSL refuses a header that says more: the largest plaintext, and what ciphers add to it.
MAX_FRAGMENT_BYTES: Final = 2**14 + 320


def record_bytes(data: bytes) -> int:
    """How long the record is that ``data`` begins with, header included.

    0 where the header is not complete.  The length of ``data`` where it is none: OpenSSL is to
    refuse it at once, rather than after bytes that may never come.
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
    (records since the handshake that brought no data; whoever counts them may set it back).
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
        """Take what has arrived; ``shake_hands`` and ``decrypt`` look at it."""
        self._ciphertext = self._ciphertext + ciphertext if self._ciphertext else ciphertext

    @property
    def ready(self) -> bool:
        """Whether there is something to decrypt without more ciphertext."""
        if self._decrypted or self._failure is not None:
            return True
        return 0 < record_bytes(self._ciphertext) <= len(self._ciphertext)

    def shake_hands(self) -> bool:
        """Do a turn of the handshake; whether it is over.

        After every turn there may be ciphertext to send.  Raises ``ssl.SSLError`` where it fails.
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
        """Return the data of the next records, as far as a turn goes; often none.

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
        elif len(data) == max_bytes:  # else this was all of the record
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
        """Encrypt the beginning of ``data``, one record of it; how many bytes that was.

        What was encrypted must be sent, and in order: the peer counts records.
        """
        if len(data) > MAX_PLAINTEXT_BYTES:
            data = memoryview(data)[:MAX_PLAINTEXT_BYTES]
        return self._object.write(data)

    def take_ciphertext(self) -> bytes:
        """Return what is to be sent, which also decrypting or shaking hands may have left here."""
        return self._outgoing.read()

    @property
    def has_ciphertext(self) -> bool:
        """Whether there is something to send."""
        return self._outgoing.pending > 0

    def end(self) -> None:
        """Encrypt a close_notify: nothing more will be encrypted."""
        # It would wait for the peer's, for which nobody has to; or TLS has failed already.
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
