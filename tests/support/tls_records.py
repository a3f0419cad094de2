"""TLS records that no library sends: key updates, renegotiations and empty records without end.

Owns the record layer of a client, from the keys that Python's ``ssl`` logs once it has shaken
hands.  Never touches a socket and never judges: it decrypts what it is sent for the sake of
whoever wants to read it.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# RFC 8446, 5.1.
ALERT: Final = 21
HANDSHAKE: Final = 22
DATA: Final = 23
_TAG_BYTES: Final = 16
#: Where a hello's random is: after the record's header, that of the message, and a version.
_RANDOM: Final = slice(11, 43)
#: These have records that are forged in a few lines.
_TLS_12_CIPHERS: Final = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"

#: "From now on I use my next key" (RFC 8446, 4.6.3); and "so do you", which is to be answered.
_KEY_UPDATES: Final = (b"\x18\x00\x00\x01\x00", b"\x18\x00\x00\x01\x01")
#: A client hello of no content: a server that refuses renegotiation looks no further.
_RENEGOTIATION: Final = b"\x01\x00\x00\x00"
_WARNING: Final = b"\x01\x5a"  # user_canceled


class ForgedTls:
    """A client's side of TLS in ``version`` (1.2 or 1.3) that sends whatever it is told to."""

    def __init__(self, version: ssl.TLSVersion) -> None:
        with tempfile.NamedTemporaryFile(delete=False) as key_log:
            self._key_log = Path(key_log.name)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ciphers(_TLS_12_CIPHERS)
        context.keylog_filename = str(self._key_log)
        self._object = context.wrap_bio(self._in, self._out)
        self._sent = self._received = b""
        self._keys: _Tls12Keys | _Tls13Keys | None = None

    def shake_hands(self, received: bytes) -> bytes:
        """Go on with the handshake; what is to be sent.  The keys are known once it is ``over``."""
        self._in.write(received)
        self._received += received[: _RANDOM.stop]
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            self._keys = self._derive()
        sent = self._out.read()
        self._sent += sent[: _RANDOM.stop]
        return sent

    @property
    def over(self) -> bool:
        """Whether hands are shaken."""
        return self._keys is not None

    def _derive(self) -> _Tls12Keys | _Tls13Keys:
        ours, theirs = self._sent[_RANDOM], self._received[_RANDOM]
        wanted = ("CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0")
        lines = (line.split() for line in self._key_log.read_text().splitlines())
        [secret] = [bytes.fromhex(line[2]) for line in lines if line[0] in wanted]
        self.forget()
        cipher = self._object.cipher()
        assert cipher is not None
        if self._object.version() == "TLSv1.2":
            return _Tls12Keys(secret, ours, theirs)
        return _Tls13Keys(secret, "sha384" if cipher[0].endswith("SHA384") else "sha256")

    def forget(self) -> None:
        """Remove the file of keys; for one whose handshake came to nothing."""
        self._key_log.unlink(missing_ok=True)

    def decrypt(self, received: bytes) -> bytes:
        """Return the data in what was received; ``b""`` if there is none yet, or none any more."""
        self._in.write(received)
        data = b""
        try:
            while part := self._object.read():
                data += part
        except ssl.SSLError:
            pass
        return data

    def data(self, content: bytes) -> bytes:
        """Return an honest record; of no ``content`` it is an empty one."""
        assert self._keys is not None, "shake hands first"
        return self._keys.record(DATA, content)

    def key_updates(self, count: int, *, requested: bool = False) -> bytes:
        """Return key updates (TLS 1.3), with ``requested`` such as are to be answered."""
        assert isinstance(self._keys, _Tls13Keys)
        return b"".join(self._keys.update(_KEY_UPDATES[requested]) for _ in range(count))

    def renegotiations(self, count: int) -> bytes:
        """Return hellos within the connection (TLS 1.2), each to be refused by an alert."""
        assert isinstance(self._keys, _Tls12Keys)
        return b"".join(self._keys.record(HANDSHAKE, _RENEGOTIATION) for _ in range(count))

    def warnings(self, count: int) -> bytes:
        """Return alerts that end nothing."""
        assert self._keys is not None, "shake hands first"
        return b"".join(self._keys.record(ALERT, _WARNING) for _ in range(count))

    def empties(self, count: int, between: bytes = b"x") -> bytes:
        """Return records of data without data, with some ``between`` now and then.

        OpenSSL itself ends a connection with more than 32 of them in a row.
        """
        return b"".join(self.data(b"" if i % 30 else between) for i in range(count))


class _Tls13Keys:
    """The sending half of RFC 8446, 5.2 and 7."""

    def __init__(self, secret: bytes, digest: str) -> None:
        self._digest = digest
        self._begin(secret)

    def _begin(self, secret: bytes) -> None:
        self._secret = secret
        self._cipher = AESGCM(self._expand(b"key", 32 if self._digest == "sha384" else 16))
        self._iv = int.from_bytes(self._expand(b"iv", 12), "big")
        self._sequence = 0

    def _expand(self, label: bytes, length: int) -> bytes:
        label = b"tls13 " + label
        info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0\x01"
        return hmac.digest(self._secret, info, self._digest)[:length]

    def record(self, kind: int, content: bytes) -> bytes:
        inner = content + bytes([kind])
        header = bytes([DATA, 3, 3]) + (len(inner) + _TAG_BYTES).to_bytes(2, "big")
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        return header + self._cipher.encrypt(nonce, inner, header)

    def update(self, message: bytes) -> bytes:
        record = self.record(HANDSHAKE, message)
        self._begin(self._expand(b"traffic upd", hashlib.new(self._digest).digest_size))
        return record


class _Tls12Keys:
    """The sending half of RFC 5288 with AES-128 and SHA-256; the client's Finished was record 0."""

    def __init__(self, master: bytes, ours: bytes, theirs: bytes) -> None:
        seed = b"key expansion" + theirs + ours
        block, state = b"", seed
        while len(block) < 40:
            state = hmac.digest(master, state, "sha256")
            block += hmac.digest(master, state + seed, "sha256")
        self._cipher, self._salt = AESGCM(block[:16]), block[32:36]
        self._sequence = 1

    def record(self, kind: int, content: bytes) -> bytes:
        number = self._sequence.to_bytes(8, "big")
        self._sequence += 1
        head = bytes([kind, 3, 3])
        authenticated = number + head + len(content).to_bytes(2, "big")
        sealed = self._cipher.encrypt(self._salt + number, content, authenticated)
        return head + (len(number) + len(sealed)).to_bytes(2, "big") + number + sealed
