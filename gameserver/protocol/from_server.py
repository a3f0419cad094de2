"""The messages of a server, one class each: decoded by clients, encoded by the server.

Owns fields and their order (README.md, "From the server").  Never knows a schema: the sections of a
delta are passed on as they came, and the client's replica checks them.  Elements that a newer
server appended to a message are ignored.

The publisher does not build ``Delta`` objects but joins cached bytes.  ``Delta.encode`` is the
definition that its bytes are tested against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Final, Never, TypeAlias

import attrs

from gameserver.errors import RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.protocol.kinds import MAX_CHECKSUM, MAX_NONCE, MAX_SEQ, MIN_PACE, Kind
from gameserver.protocol.wire import (
    MAX_SERVER_NESTING,
    check_bounded,
    is_int,
    is_number,
    is_tick,
    pack,
    pack_float64,
    require,
    require_at_least,
    unpack_from_server,
)

#: Limits of a ``welcome`` that must be at least 1.
POSITIVE_LIMITS: Final = frozenset({"message_bytes", "say_length", "publish_every"})
#: Elements of a delta that this version knows.
_DELTA_LENGTH: Final = 10


@attrs.define
class Welcome:
    """The answer to an accepted hello.

    ``room`` is ``"kind/name"``, ``own_entity`` an id or 0, ``tick_rate`` per second.  ``schema`` is
    a description, which ``Schema.from_description`` checks.  If ``resumed``, the client got its
    seat back, and ``ack`` is the seq of the newest command dealt with there.
    """

    room: str
    seat: int
    own_entity: int
    tick: int
    tick_rate: float
    schema: list[Any]
    resume: str
    limits: dict[str, int]
    resumed: bool = False
    ack: int = 0

    @classmethod
    def from_wire(cls, message: list[Any]) -> Welcome:
        """Read the array of a welcome."""
        require_at_least("welcome", message, 11)
        _, room, seat, own_entity, tick, tick_rate, schema, resume, limits = message[:9]
        resumed, ack = message[9:11]
        require("welcome.room", ok=type(room) is str)
        require("welcome.seat", ok=is_int(seat, 1, INT_LIMIT))
        require("welcome.own_entity", ok=is_int(own_entity, 0, INT_LIMIT))
        require("welcome.tick", ok=is_tick(tick))
        require("welcome.tick_rate", ok=is_number(tick_rate) and tick_rate > 0)
        require("welcome.schema", ok=type(schema) is list)
        require("welcome.resume", ok=type(resume) is str)
        require("welcome.limits", ok=type(limits) is dict)
        for name, value in limits.items():
            least = 1 if name in POSITIVE_LIMITS else -INT_LIMIT
            require("welcome.limits", ok=is_int(value, least, INT_LIMIT))
        require("welcome.resumed", ok=type(resumed) is bool)
        require("welcome.ack", ok=is_int(ack, 0, MAX_SEQ))
        return cls(room, seat, own_entity, tick, tick_rate, schema, resume, limits, resumed, ack)

    def encode(self) -> bytes:
        """Return the bytes of the message; floats, as in steps of the schema, are float 64."""
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
                self.resumed,
                self.ack,
            )
        )


@attrs.define
class Delta:
    """The changes in a seat's view since the last delta.

    The sections are flat arrays of wire values, in the order in which they must be applied; only
    their type is checked here.  If ``leaves`` is None, the client forgets everything, and a full
    state follows.  ``margin`` is in ticks.
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
        if len(message) != _DELTA_LENGTH:
            require_at_least("delta", message, _DELTA_LENGTH)
            message = message[:_DELTA_LENGTH]
        _, tick, ack, margin, leaves, enters, sets, adds, own, events = message
        # Nearly all messages are deltas, so the checks of each field are one expression.
        if not (
            type(tick) is int
            and 0 <= tick <= INT_LIMIT
            and type(ack) is int
            and 0 <= ack <= MAX_SEQ
            and (margin is None or (type(margin) is int and -INT_LIMIT <= margin <= INT_LIMIT))
            and (leaves is None or type(leaves) is list)
            and type(enters) is type(sets) is type(adds) is type(own) is type(events) is list
        ):
            cls._refuse(message)
        for event in events:
            require("delta.events", ok=type(event) is list)
        return cls(tick, ack, margin, leaves, enters, sets, adds, own, events)

    @classmethod
    def _refuse(cls, message: list[Any]) -> Never:
        """Raise the ``RemoteProtocolError`` that names the wrong field."""
        _, tick, ack, margin, leaves, *sections = message
        require("delta.tick", ok=is_tick(tick))
        require("delta.ack", ok=is_int(ack, 0, MAX_SEQ))
        require("delta.margin", ok=margin is None or is_int(margin, -INT_LIMIT, INT_LIMIT))
        require("delta.leaves", ok=leaves is None or type(leaves) is list)
        wrong = next(n for n, s in zip(cls._SECTIONS, sections, strict=True) if type(s) is not list)
        raise RemoteProtocolError(f"delta.{wrong} is wrong")

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
        require_at_least("pong", message, 4)
        _, nonce, client_time, tick = message[:4]
        require("pong.nonce", ok=is_int(nonce, 0, MAX_NONCE))
        require("pong.client_time", ok=is_number(client_time))
        require("pong.tick", ok=type(tick) is float and math.isfinite(tick))
        return cls(nonce, client_time, tick)

    def encode(self) -> bytes:
        """Return the bytes of the message; the tick, and a float time, as float 64."""
        return pack_float64((Kind.PONG, self.nonce, self.client_time, float(self.tick)))


@attrs.define
class Status:
    """Figures that the server measured; times are in microseconds, or None if not yet known.

    ``late`` and all after it concern this player's commands: counts since the seat was taken, and
    medians of the latest inputs.  An older server does not send them, and they are None.
    """

    rtt_us: int | None
    smoothed_us: int | None
    jitter_us: int | None
    min_us: int | None
    work_us: int | None
    players: int
    late: int | None = None
    early: int | None = None
    dropped: int | None = None
    idle_ticks: int | None = None
    wait_us: int | None = None
    simulate_us: int | None = None
    send_us: int | None = None
    disputed: int | None = None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Status:
        """Read the array of a status."""
        require_at_least("status", message, 7)
        require("status.players", ok=message[6] is not None)
        fields = message[1 : 1 + len(attrs.fields(cls))]
        for field, value in zip(attrs.fields(cls), fields, strict=False):
            require(f"status.{field.name}", ok=value is None or is_int(value, 0, INT_LIMIT))
        return cls(*fields)

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
                self.late,
                self.early,
                self.dropped,
                self.idle_ticks,
                self.wait_us,
                self.simulate_us,
                self.send_us,
                self.disputed,
            )
        )


@attrs.define
class Said:
    """Chat from the player of a seat, or from the server, which is seat 0."""

    seat: int
    name: str
    text: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Said:
        """Read the array of a said."""
        require_at_least("said", message, 4)
        _, seat, name, text = message[:4]
        require("said.seat", ok=is_int(seat, 0, INT_LIMIT))
        require("said.name", ok=type(name) is str)
        require("said.text", ok=type(text) is str)
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
        require_at_least("check", message, 3)
        require("check.tick", ok=is_tick(message[1]))
        require("check.checksum", ok=is_int(message[2], 0, MAX_CHECKSUM))
        return cls(message[1], message[2])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.CHECK, self.tick, self.checksum))


@attrs.define
class Hashes:
    """The hashes of all entities of a seat as of the delta of ``tick``: id, hash, id, hash, …

    A hash is the entity's share of the checksum.  ``held`` is a flat array.
    """

    tick: int
    held: list[int]

    @classmethod
    def from_wire(cls, message: list[Any]) -> Hashes:
        """Read the array of hashes."""
        require_at_least("hashes", message, 3)
        _, tick, held = message[:3]
        require("hashes.tick", ok=is_tick(tick))
        require("hashes.held", ok=type(held) is list and len(held) % 2 == 0)
        require("hashes.held", ok=all(is_int(one, 1, INT_LIMIT) for one in held[::2]))
        require("hashes.held", ok=all(is_int(one, 0, MAX_CHECKSUM) for one in held[1::2]))
        return cls(tick, held)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.HASHES, self.tick, self.held))


@attrs.define
class Moved:
    """The player goes on in ``room``: connect to ``url`` (empty: the same) with ``ticket``.

    ``again`` is 1 if the hello there has the ticket, and all that a hello would have here: the
    player was sent to another server, which does not know it.  Otherwise it is 0.
    """

    url: str
    room: str
    ticket: str
    again: int = 0

    @classmethod
    def from_wire(cls, message: list[Any]) -> Moved:
        """Read the array of a moved."""
        require_at_least("moved", message, 4)
        require("moved.url", ok=type(message[1]) is str)
        require("moved.room", ok=type(message[2]) is str)
        require("moved.ticket", ok=type(message[3]) is str)
        again = message[4] if len(message) > 4 else 0
        require("moved.again", ok=is_int(again, 0, 1))
        return cls(message[1], message[2], message[3], again)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.MOVED, self.url, self.room, self.ticket, self.again))


@attrs.define
class Bye:
    """The server is about to close with ``code`` (see ``closing.action_for``)."""

    code: int
    reason: str
    retry_after_s: float | None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Bye:
        """Read the array of a bye."""
        require_at_least("bye", message, 4)
        _, code, reason, retry_after_s = message[:4]
        require("bye.code", ok=is_int(code, 1000, 4999))
        require("bye.reason", ok=type(reason) is str)
        wait_ok = retry_after_s is None or (is_number(retry_after_s) and retry_after_s >= 0)
        require("bye.retry_after_s", ok=wait_ok)
        return cls(code, reason, retry_after_s)

    def encode(self) -> bytes:
        """Return the bytes of the message; a float ``retry_after_s`` is sent as float 32."""
        return pack((Kind.BYE, self.code, self.reason, self.retry_after_s))


@attrs.define
class Pace:
    """The pace of the room from ``tick`` on.

    ``pace`` is game time as a share of real time (``MIN_PACE`` to 1).  ``publish_every`` is the
    number of ticks between two deltas.
    """

    tick: int
    pace: float
    publish_every: int

    @classmethod
    def from_wire(cls, message: list[Any]) -> Pace:
        """Read the array of a pace."""
        require_at_least("pace", message, 4)
        _, tick, pace, publish_every = message[:4]
        require("pace.tick", ok=is_tick(tick))
        require("pace.pace", ok=is_number(pace) and MIN_PACE <= pace <= 1)
        require("pace.publish_every", ok=is_int(publish_every, 1, INT_LIMIT))
        return cls(tick, float(pace), publish_every)

    def encode(self) -> bytes:
        """Return the bytes of the message; the pace is sent as float 32."""
        return pack((Kind.PACE, self.tick, self.pace, self.publish_every))


@attrs.define
class Result:
    """The answer to the ``Read`` of that number.

    ``error`` is None, or a text that says why there is no answer; ``value`` is None then.  Of an
    object it is a map of its fields, or None if there is none.  Of a leaderboard it is one place
    (None for ``rank`` of somebody unranked) or an array of places, each
    ``[rank, name, score, own]``.
    """

    number: int
    value: Any
    error: str | None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Result:
        """Read the array of a result."""
        require_at_least("result", message, 4)
        _, number, value, error = message[:4]
        require("result.id", ok=is_int(number, 0, MAX_NONCE))
        require("result.error", ok=error is None or type(error) is str)
        return cls(number, value, error)

    def encode(self) -> bytes:
        """Return the bytes of the message; floats as float 64."""
        return pack_float64((Kind.RESULT, self.number, self.value, self.error))


ServerMessage: TypeAlias = (
    Welcome | Delta | Pong | Status | Said | Check | Moved | Bye | Pace | Hashes | Result
)


_FROM_SERVER: Final[dict[int, Callable[[list[Any]], ServerMessage]]] = {
    Kind.WELCOME: Welcome.from_wire,
    Kind.DELTA: Delta.from_wire,
    Kind.PONG: Pong.from_wire,
    Kind.STATUS: Status.from_wire,
    Kind.SAID: Said.from_wire,
    Kind.CHECK: Check.from_wire,
    Kind.HASHES: Hashes.from_wire,
    Kind.MOVED: Moved.from_wire,
    Kind.BYE: Bye.from_wire,
    Kind.PACE: Pace.from_wire,
    Kind.RESULT: Result.from_wire,
}


def decode_from_server(data: bytes) -> ServerMessage:
    """Return the message that a server sent, or raise ``RemoteProtocolError``."""
    message = unpack_from_server(data)
    kind = message[0]
    if kind == Kind.DELTA and len(message) == _DELTA_LENGTH and type(kind) is int:
        return Delta.from_wire(message)
    from_wire = _FROM_SERVER.get(kind) if type(kind) is int else None
    if from_wire is None:
        raise RemoteProtocolError("unknown message kind")
    read = from_wire(message)
    # The sections of a delta are long, and the types of their fields check them later.
    loose = message[_DELTA_LENGTH:] if kind == Kind.DELTA else message
    if loose:
        check_bounded(loose, MAX_SERVER_NESTING)
    return read
