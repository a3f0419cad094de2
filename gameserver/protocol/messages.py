"""Every message of the protocol as a class: decode what a peer sent, encode what we send.

Owns the kinds, the fields and their order (README.md, "From the client" and "From the
server") and the rules for names and room requests.  Never touches sockets, never looks at
a room's schema: the values of a command, and the sections of a delta, are handed on as they
came, for ``CommandSpec.from_wire`` and the client's replica to judge.

The promise: for any bytes ``decode_from_client`` and ``decode_from_server`` return a message
or raise ``RemoteProtocolError``.  Client messages are exact; elements that a newer server
appended to its messages are ignored.

A publisher does not build ``Delta`` objects: it joins cached bytes with ``pack`` and
``array_header``, and ``Delta.encode`` is the definition that its bytes are tested against.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

import attrs

from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.wire import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_SERVER_MESSAGE_BYTES,
    array_header,
    pack,
    pack_float64,
    unpack_from_client,
    unpack_from_server,
)

__all__ = [
    "MAX_CLIENT_MESSAGE_BYTES",
    "MAX_NAME_LENGTH",
    "MAX_NONCE",
    "MAX_SAY_LENGTH",
    "MAX_SEQ",
    "MAX_SERVER_MESSAGE_BYTES",
    "MAX_TOKEN_BYTES",
    "SUBPROTOCOL",
    "VERSION",
    "Ack",
    "Bye",
    "Check",
    "ClientMessage",
    "CommandMessage",
    "Delta",
    "Hello",
    "Kind",
    "Moved",
    "Ping",
    "Pong",
    "Resync",
    "Said",
    "Say",
    "ServerMessage",
    "Status",
    "Welcome",
    "array_header",
    "decode_from_client",
    "decode_from_server",
    "pack",
    "pack_float64",
    "parse_room_request",
    "valid_name",
]

VERSION: Final = 1
SUBPROTOCOL: Final = "gameserver.v1.msgpack"

MAX_SEQ: Final = 2**31 - 1
MAX_NONCE: Final = 2**32 - 1
MAX_CHECKSUM: Final = 2**32 - 1
#: In UTF-8; for ``token`` and ``resume`` alike.
MAX_TOKEN_BYTES: Final = 1024
#: In characters.
MAX_SAY_LENGTH: Final = 256
#: In characters.
MAX_NAME_LENGTH: Final = 24


class Kind(enum.IntEnum):
    """The first element of a message."""

    HELLO = 1
    COMMAND = 2
    ACK = 3
    PING = 4
    SAY = 5
    RESYNC = 6
    WELCOME = 17
    DELTA = 18
    PONG = 19
    STATUS = 20
    SAID = 21
    CHECK = 22
    MOVED = 23
    BYE = 24


# ---------------------------------------------------------------- checking fields


def _is_int(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_tick(value: Any) -> bool:
    return type(value) is int and 0 <= value <= INT_LIMIT


def _is_number(value: Any) -> bool:
    """Whether ``value`` is a finite float or an integer, bool excluded."""
    if type(value) is float:
        return math.isfinite(value)
    return _is_int(value, -INT_LIMIT, INT_LIMIT)


def _is_token(value: Any) -> bool:
    return value is None or (type(value) is str and len(value.encode()) <= MAX_TOKEN_BYTES)


def _require(what: str, *, ok: bool) -> None:
    """Raise ``RemoteProtocolError`` that names the wrong field ``what``, unless ``ok``."""
    if not ok:
        raise RemoteProtocolError(f"{what} is wrong")


def _require_length(name: str, message: list[Any], length: int) -> None:
    """Check a client message, which is exact."""
    if len(message) != length:
        raise RemoteProtocolError(f"{name} has {length} elements, not {len(message)}")


def _require_at_least(name: str, message: list[Any], length: int) -> None:
    """Check a server message, to which a newer server may have appended."""
    if len(message) < length:
        raise RemoteProtocolError(f"{name} has {length} elements or more, not {len(message)}")


# ---------------------------------------------------------------- from the client

# ``from_wire`` of these takes an array that ``unpack_from_client`` returned, so numbers are
# finite and bounded and texts are short.  attrs.define rather than frozen: making a frozen
# CommandMessage would take longer than all the rest of decoding it.


@attrs.define
class Hello:
    """The first message of a client.

    ``room`` and ``name`` are only known to be short: see ``parse_room_request`` and
    ``valid_name``, which have close codes of their own.
    """

    version: int
    schema_hash: str | None
    room: str
    name: str
    token: str | None
    resume: str | None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Hello:
        """Read the array of a hello.

        Of a hello in another version only ``version`` is read (the rest may have another form),
        so that the client can be told what is wrong: close code 4002.
        """
        if len(message) > 1 and type(message[1]) is int and message[1] != VERSION:
            return cls(message[1], None, "", "", None, None)
        _require_length("hello", message, 7)
        _, version, schema_hash, room, name, token, resume = message
        _require("hello.version", ok=type(version) is int)
        _require("hello.schema_hash", ok=schema_hash is None or type(schema_hash) is str)
        _require("hello.room", ok=type(room) is str)
        _require("hello.name", ok=type(name) is str)
        _require("hello.token", ok=_is_token(token))
        _require("hello.resume", ok=_is_token(resume))
        return cls(version, schema_hash, room, name, token, resume)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack(
            (
                Kind.HELLO,
                self.version,
                self.schema_hash,
                self.room,
                self.name,
                self.token,
                self.resume,
            )
        )


@attrs.define
class CommandMessage:
    """One command of a player.

    ``shown`` and ``acked`` are ticks.  ``kind`` and ``values`` are as they came: the room's
    schema may know no such kind, and ``CommandSpec.from_wire`` judges the values.
    """

    seq: int
    shown: int
    acked: int
    kind: int
    values: list[Any]

    @classmethod
    def from_wire(cls, message: list[Any]) -> CommandMessage:
        """Read the array of a command.  The busiest decoder: kept flat."""
        if len(message) < 5:
            raise RemoteProtocolError(f"command has 5 elements or more, not {len(message)}")
        _, seq, shown, acked, kind, *values = message
        if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
            raise RemoteProtocolError("command.seq is wrong")
        if type(shown) is not int or shown < 0:
            raise RemoteProtocolError("command.shown is wrong")
        if type(acked) is not int or acked < 0:
            raise RemoteProtocolError("command.acked is wrong")
        if type(kind) is not int or kind < 0:
            raise RemoteProtocolError("command.command is wrong")
        return cls(seq, shown, acked, kind, values)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.COMMAND, self.seq, self.shown, self.acked, self.kind, *self.values))


@attrs.define
class Ack:
    """The newest delta tick that the client applied, when no command said so for a second."""

    tick: int

    @classmethod
    def from_wire(cls, message: list[Any]) -> Ack:
        """Read the array of an ack."""
        _require_length("ack", message, 2)
        _require("ack.tick", ok=_is_tick(message[1]))
        return cls(message[1])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.ACK, self.tick))


@attrs.define
class Ping:
    """Asks for a pong.  ``client_time`` is whatever the client's clock reads, in its own unit."""

    nonce: int
    client_time: float

    @classmethod
    def from_wire(cls, message: list[Any]) -> Ping:
        """Read the array of a ping."""
        _require_length("ping", message, 3)
        _require("ping.nonce", ok=_is_int(message[1], 0, MAX_NONCE))
        _require("ping.client_time", ok=_is_number(message[2]))
        return cls(message[1], message[2])

    def encode(self) -> bytes:
        """Return the bytes of the message; a float time travels as float 64."""
        return pack_float64((Kind.PING, self.nonce, self.client_time))


@attrs.define
class Say:
    """Chat of a player; the room decides who hears it."""

    text: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Say:
        """Read the array of a say."""
        _require_length("say", message, 2)
        text = message[1]
        _require("say.text", ok=type(text) is str and 1 <= len(text) <= MAX_SAY_LENGTH)
        return cls(text)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.SAY, self.text))


@attrs.define
class Resync:
    """Asks for a full state."""

    @classmethod
    def from_wire(cls, message: list[Any]) -> Resync:
        """Read the array of a resync."""
        _require_length("resync", message, 1)
        return cls()

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.RESYNC,))


ClientMessage: TypeAlias = Hello | CommandMessage | Ack | Ping | Say | Resync


# ---------------------------------------------------------------- from the server


@attrs.define
class Welcome:
    """The answer to a hello that was let in.

    ``room`` is ``"kind/name"``, ``own_entity`` an id or 0, ``tick_rate`` per second, ``schema``
    what ``Schema.describe`` returned (``Schema.from_description`` judges it).
    """

    room: str
    seat: int
    own_entity: int
    tick: int
    tick_rate: float
    schema: list[Any]
    resume: str
    limits: dict[str, int]

    @classmethod
    def from_wire(cls, message: list[Any]) -> Welcome:
        """Read the array of a welcome."""
        _require_at_least("welcome", message, 9)
        _, room, seat, own_entity, tick, tick_rate, schema, resume, limits = message[:9]
        _require("welcome.room", ok=type(room) is str)
        _require("welcome.seat", ok=_is_int(seat, 1, INT_LIMIT))
        _require("welcome.own_entity", ok=_is_int(own_entity, 0, INT_LIMIT))
        _require("welcome.tick", ok=_is_tick(tick))
        _require("welcome.tick_rate", ok=_is_number(tick_rate) and tick_rate > 0)
        _require("welcome.schema", ok=type(schema) is list)
        _require("welcome.resume", ok=type(resume) is str)
        _require("welcome.limits", ok=type(limits) is dict)
        for value in limits.values():
            _require("welcome.limits", ok=_is_int(value, -INT_LIMIT, INT_LIMIT))
        return cls(room, seat, own_entity, tick, tick_rate, schema, resume, limits)

    def encode(self) -> bytes:
        """Return the bytes of the message; floats (steps of the schema) as float 64."""
        return pack_float64(
            (
                Kind.WELCOME,
                self.room,
                self.seat,
                self.own_entity,
                self.tick,
                self.tick_rate,
                self.schema,
                self.resume,
                self.limits,
            )
        )


@attrs.define
class Delta:
    """What changed in a seat's view since the delta before.

    The sections are flat arrays of wire values, in the order in which they are to be applied;
    only known to be arrays.  ``leaves`` None: forget everything, a full state follows.
    ``margin`` in ticks.
    """

    tick: int
    ack: int
    margin: int | None
    leaves: list[Any] | None
    enters: list[Any]
    sets: list[Any]
    adds: list[Any]
    own: list[Any]
    events: list[list[Any]]

    _SECTIONS: ClassVar = ("enters", "sets", "adds", "own", "events")

    @classmethod
    def from_wire(cls, message: list[Any]) -> Delta:
        """Read the array of a delta."""
        _require_at_least("delta", message, 10)
        _, tick, ack, margin, leaves, *sections = message[:10]
        _require("delta.tick", ok=_is_tick(tick))
        _require("delta.ack", ok=_is_int(ack, 0, MAX_SEQ))
        _require("delta.margin", ok=margin is None or _is_int(margin, -INT_LIMIT, INT_LIMIT))
        _require("delta.leaves", ok=leaves is None or type(leaves) is list)
        for name, section in zip(cls._SECTIONS, sections, strict=True):
            if type(section) is not list:
                raise RemoteProtocolError(f"delta.{name} is wrong")
        enters, sets, adds, own, events = sections
        for event in events:
            _require("delta.events", ok=type(event) is list)
        return cls(tick, ack, margin, leaves, enters, sets, adds, own, events)

    def encode(self) -> bytes:
        """Return the bytes of the message; floats as float 32."""
        return pack(
            (
                Kind.DELTA,
                self.tick,
                self.ack,
                self.margin,
                self.leaves,
                self.enters,
                self.sets,
                self.adds,
                self.own,
                self.events,
            )
        )


@attrs.define
class Pong:
    """The answer to a ping.  ``tick`` is the server's time in ticks, with its fraction."""

    nonce: int
    client_time: float
    tick: float

    @classmethod
    def from_wire(cls, message: list[Any]) -> Pong:
        """Read the array of a pong."""
        _require_at_least("pong", message, 4)
        _, nonce, client_time, tick = message[:4]
        _require("pong.nonce", ok=_is_int(nonce, 0, MAX_NONCE))
        _require("pong.client_time", ok=_is_number(client_time))
        _require("pong.tick", ok=type(tick) is float and math.isfinite(tick))
        return cls(nonce, client_time, tick)

    def encode(self) -> bytes:
        """Return the bytes of the message; the tick, and a float time, as float 64."""
        return pack_float64((Kind.PONG, self.nonce, self.client_time, float(self.tick)))


@attrs.define
class Status:
    """What the server measured: times in microseconds, None where not yet known."""

    rtt_us: int | None
    smoothed_us: int | None
    jitter_us: int | None
    min_us: int | None
    work_us: int | None
    players: int

    @classmethod
    def from_wire(cls, message: list[Any]) -> Status:
        """Read the array of a status."""
        _require_at_least("status", message, 7)
        for name, value in zip(
            ("rtt", "smoothed", "jitter", "min", "work"), message[1:6], strict=True
        ):
            _require(f"status.{name}_us", ok=value is None or _is_int(value, 0, INT_LIMIT))
        _require("status.players", ok=_is_int(message[6], 0, INT_LIMIT))
        return cls(*message[1:7])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack(
            (
                Kind.STATUS,
                self.rtt_us,
                self.smoothed_us,
                self.jitter_us,
                self.min_us,
                self.work_us,
                self.players,
            )
        )


@attrs.define
class Said:
    """Chat as heard; seat 0 is the server itself."""

    seat: int
    name: str
    text: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Said:
        """Read the array of a said."""
        _require_at_least("said", message, 4)
        _, seat, name, text = message[:4]
        _require("said.seat", ok=_is_int(seat, 0, INT_LIMIT))
        _require("said.name", ok=type(name) is str)
        _require("said.text", ok=type(text) is str)
        return cls(seat, name, text)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.SAID, self.seat, self.name, self.text))


@attrs.define
class Check:
    """The checksum of what a seat should know after the delta of ``tick``."""

    tick: int
    checksum: int

    @classmethod
    def from_wire(cls, message: list[Any]) -> Check:
        """Read the array of a check."""
        _require_at_least("check", message, 3)
        _require("check.tick", ok=_is_tick(message[1]))
        _require("check.checksum", ok=_is_int(message[2], 0, MAX_CHECKSUM))
        return cls(message[1], message[2])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.CHECK, self.tick, self.checksum))


@attrs.define
class Moved:
    """Connect to ``url`` and present ``token``."""

    url: str
    token: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Moved:
        """Read the array of a moved."""
        _require_at_least("moved", message, 3)
        _require("moved.url", ok=type(message[1]) is str)
        _require("moved.token", ok=type(message[2]) is str)
        return cls(message[1], message[2])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.MOVED, self.url, self.token))


@attrs.define
class Bye:
    """The server is about to close with ``code`` (see ``closing.action_for``)."""

    code: int
    reason: str
    retry_after_s: float | None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Bye:
        """Read the array of a bye."""
        _require_at_least("bye", message, 4)
        _, code, reason, retry_after_s = message[:4]
        _require("bye.code", ok=_is_int(code, 1000, 4999))
        _require("bye.reason", ok=type(reason) is str)
        wait_ok = retry_after_s is None or (_is_number(retry_after_s) and retry_after_s >= 0)
        _require("bye.retry_after_s", ok=wait_ok)
        return cls(code, reason, retry_after_s)

    def encode(self) -> bytes:
        """Return the bytes of the message; a float wait travels as float 32."""
        return pack((Kind.BYE, self.code, self.reason, self.retry_after_s))


ServerMessage: TypeAlias = Welcome | Delta | Pong | Status | Said | Check | Moved | Bye


# ---------------------------------------------------------------- decoding

_FROM_CLIENT: Final[dict[int, Callable[[list[Any]], ClientMessage]]] = {
    Kind.HELLO: Hello.from_wire,
    Kind.COMMAND: CommandMessage.from_wire,
    Kind.ACK: Ack.from_wire,
    Kind.PING: Ping.from_wire,
    Kind.SAY: Say.from_wire,
    Kind.RESYNC: Resync.from_wire,
}
_FROM_SERVER: Final[dict[int, Callable[[list[Any]], ServerMessage]]] = {
    Kind.WELCOME: Welcome.from_wire,
    Kind.DELTA: Delta.from_wire,
    Kind.PONG: Pong.from_wire,
    Kind.STATUS: Status.from_wire,
    Kind.SAID: Said.from_wire,
    Kind.CHECK: Check.from_wire,
    Kind.MOVED: Moved.from_wire,
    Kind.BYE: Bye.from_wire,
}


def decode_from_client(data: bytes) -> ClientMessage:
    """Return the message that a client sent; ``RemoteProtocolError`` if it is none."""
    message = unpack_from_client(data)
    kind = message[0]
    # The type first: True and 1.0 would find hello, and a list cannot be looked up.
    from_wire = _FROM_CLIENT.get(kind) if type(kind) is int else None
    if from_wire is None:
        raise RemoteProtocolError("unknown message kind")
    return from_wire(message)


def decode_from_server(data: bytes) -> ServerMessage:
    """Return the message that a server sent; ``RemoteProtocolError`` if it is none."""
    message = unpack_from_server(data)
    kind = message[0]
    from_wire = _FROM_SERVER.get(kind) if type(kind) is int else None
    if from_wire is None:
        raise RemoteProtocolError("unknown message kind")
    return from_wire(message)


# ---------------------------------------------------------------- names

_ROOM_REQUEST: Final = re.compile(r"([a-z0-9_-]{1,32})(?:/([a-z0-9_-]{1,32}))?")


def parse_room_request(request: str) -> tuple[str, str | None]:
    """Return the room kind and the room's name that ``hello.room`` asks for.

    ``""`` asks for the server's first kind and returns ``("", None)``; ``"kind"`` asks for any
    room of it: ``(kind, None)``.  ``JoinRefused`` with close code 4004 for anything else that
    is not ``"kind/name"``.
    """
    if not request:
        return "", None
    match = _ROOM_REQUEST.fullmatch(request)
    if match is None:
        raise JoinRefused(
            CloseCode.NO_SUCH_ROOM,
            "a room is kind or kind/name, each of 1 to 32 characters of a-z 0-9 - _",
        )
    return match[1], match[2]


def valid_name(name: str) -> bool:
    """Whether a player may be called ``name``; if not, the close code is 4006."""
    return 1 <= len(name) <= MAX_NAME_LENGTH and name.isprintable() and name == name.strip(" ")
