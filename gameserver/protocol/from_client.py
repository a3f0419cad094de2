"""The messages of a client, one class each: decoded by the server, encoded by clients.

Owns fields and their order (README.md, "From the client").  Never knows a room's schema: the values
of a command are passed on as they came, and ``CommandSpec.from_wire`` checks them.  Messages of a
client are exact: a missing or additional element is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from gameserver.errors import RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.protocol.held import decode_held
from gameserver.protocol.kinds import (
    MAX_FILTERS,
    MAX_NONCE,
    MAX_OPTIONS,
    MAX_READ_BACK,
    MAX_READ_NAME,
    MAX_READ_OFFSET,
    MAX_READ_PLACES,
    MAX_REPORTED,
    MAX_SEQ,
    MAX_TOKEN_BYTES,
    VERSION,
    Kind,
)
from gameserver.protocol.texts import valid_text
from gameserver.protocol.wire import (
    is_int,
    is_number,
    is_tick,
    pack,
    pack_float64,
    require,
    require_length,
    unpack_from_client,
    unpack_short,
)

#: The value of a field in a filter; an enum's is the name of the member.
FilterValue: TypeAlias = str | int | bool

# ``from_wire`` takes an array that ``unpack_from_client`` returned, so its numbers are finite and
# bounded and its texts are short.  The classes are not frozen, because making a frozen
# CommandMessage takes longer than the rest of decoding it.


@attrs.define
class Hello:
    """The first message of a client.

    Only the length of ``room`` and ``name`` is checked here; ``parse_room_request`` and
    ``valid_name`` check the rest, which has close codes of its own.
    """

    version: int
    schema_hash: str | None
    room: str
    name: str
    token: str | None
    resume: str | None = None
    #: For a client that resumes: the tick of the newest delta that it applied, and the ids that it
    #: holds, in the form of ``held.py``, or None if it needs a full state.
    tick: int = 0
    held: bytes | None = None
    #: The client's options and filters, by field name.  Only their forms are checked here; the
    #: class of the room declares the fields.
    options: dict[str, Any] | None = None
    filter: dict[str, FilterValue] | None = None
    #: A signed ticket that the server gave out: for a reserved seat, or for moving to this room.
    ticket: str | None = None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Hello:
        """Read the array of a hello.

        For another version only ``version`` is read, because the rest may have another form.  The
        client can then be told what is wrong, with close code 4002.
        """
        if len(message) > 1 and type(message[1]) is int and message[1] != VERSION:
            return cls(message[1], None, "", "", None)
        require_length("hello", message, 12)
        _, version, schema_hash, room, name, token, resume, tick, held = message[:9]
        options, filter_, ticket = message[9:]
        require("hello.version", ok=type(version) is int)
        require("hello.schema_hash", ok=schema_hash is None or type(schema_hash) is str)
        require("hello.room", ok=type(room) is str)
        require("hello.name", ok=type(name) is str)
        require("hello.token", ok=_is_token(token))
        require("hello.resume", ok=_is_token(resume))
        require("hello.tick", ok=is_tick(tick) and (resume is not None or tick == 0))
        require("hello.held", ok=held is None or (resume is not None and type(held) is bytes))
        if held is not None:
            decode_held(held)
        require("hello.options", ok=_is_map(options, MAX_OPTIONS))
        require("hello.filter", ok=_is_filter(filter_))
        require("hello.ticket", ok=_is_token(ticket))
        return cls(
            version,
            schema_hash,
            room,
            name,
            token,
            resume,
            tick,
            held,
            options,
            filter_,
            ticket,
        )

    @property
    def held_ids(self) -> set[int] | None:
        """The ids in ``held``."""
        return None if self.held is None else decode_held(self.held)

    def encode(self) -> bytes:
        """Return the bytes of the message; floats in it are float 64."""
        return pack_float64(
            (
                Kind.HELLO,
                self.version,
                self.schema_hash,
                self.room,
                self.name,
                self.token,
                self.resume,
                self.tick,
                self.held,
                self.options,
                self.filter,
                self.ticket,
            )
        )


@attrs.define
class CommandMessage:
    """One command of a player.

    ``tick`` is the tick that it is for, or 0 for the next free one.  ``rendered`` is the tick that
    the screen showed, in parts of a tick (``RENDERED_PER_TICK``), or 0 if unknown.  ``acked`` is
    the tick of the newest delta that the client has applied.
    ``kind`` and ``values`` are unchecked: the schema may have no such kind, and
    ``CommandSpec.from_wire`` checks the values.
    """

    seq: int
    tick: int
    rendered: int
    acked: int
    kind: int
    values: list[Any]

    @classmethod
    def from_wire(cls, message: list[Any]) -> CommandMessage:
        """Read the array of a command.  Runs most often of all decoders, so it is written out."""
        if len(message) < 6:
            raise RemoteProtocolError(f"command has 6 elements or more, not {len(message)}")
        _, seq, tick, rendered, acked, kind, *values = message
        if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
            raise RemoteProtocolError("command.seq is wrong")
        if type(tick) is not int or tick < 0:
            raise RemoteProtocolError("command.tick is wrong")
        if type(rendered) is not int or rendered < 0:
            raise RemoteProtocolError("command.rendered is wrong")
        if type(acked) is not int or acked < 0:
            raise RemoteProtocolError("command.acked is wrong")
        if type(kind) is not int or kind < 0:
            raise RemoteProtocolError("command.command is wrong")
        return cls(seq, tick, rendered, acked, kind, values)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack(
            (Kind.COMMAND, self.seq, self.tick, self.rendered, self.acked, self.kind, *self.values)
        )


@attrs.define
class Ack:
    """The tick of the newest delta applied; sent if no command has carried it for a second."""

    tick: int

    @classmethod
    def from_wire(cls, message: list[Any]) -> Ack:
        """Read the array of an ack."""
        require_length("ack", message, 2)
        require("ack.tick", ok=is_tick(message[1]))
        return cls(message[1])

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.ACK, self.tick))


@attrs.define
class Ping:
    """A request for a pong.  ``client_time`` is the client's clock, in a unit of its own."""

    nonce: int
    client_time: float

    @classmethod
    def from_wire(cls, message: list[Any]) -> Ping:
        """Read the array of a ping."""
        require_length("ping", message, 3)
        require("ping.nonce", ok=is_int(message[1], 0, MAX_NONCE))
        require("ping.client_time", ok=is_number(message[2]))
        return cls(message[1], message[2])

    def encode(self) -> bytes:
        """Return the bytes of the message; a float time is sent as float 64."""
        return pack_float64((Kind.PING, self.nonce, self.client_time))


@attrs.define
class Say:
    """Chat from a player; the room decides who hears it."""

    text: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Say:
        """Read the array of a say."""
        require_length("say", message, 2)
        text = message[1]
        require("say.text", ok=type(text) is str and valid_text(text))
        return cls(text)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.SAY, self.text))


@attrs.define
class Report:
    """A report about the player in another seat, for the operators of the server."""

    seat: int
    reason: str

    @classmethod
    def from_wire(cls, message: list[Any]) -> Report:
        """Read the array of a report."""
        require_length("report", message, 3)
        _, seat, reason = message
        require("report.seat", ok=is_int(seat, 1, INT_LIMIT))
        require("report.reason", ok=type(reason) is str and valid_text(reason))
        return cls(seat, reason)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.REPORT, self.seat, self.reason))


@attrs.define
class Resync:
    """A request for a full state."""

    @classmethod
    def from_wire(cls, message: list[Any]) -> Resync:
        """Read the array of a resync."""
        require_length("resync", message, 1)
        return cls()

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.RESYNC,))


@attrs.define
class HeldEntity:
    """An entity in the state of a client; ``kind`` is None if the client does not hold it.

    The values are unchecked, since a wrong client may report anything.
    """

    entity_id: int
    kind: int | None
    values: list[Any]
    owner_values: list[Any] | None

    @classmethod
    def from_wire(cls, held: Any) -> HeldEntity:
        """Read an element of a desync."""
        require("desync.held", ok=type(held) is list and len(held) == 4)
        entity_id, kind, values, owner_values = held
        require("desync.held", ok=is_int(entity_id, 1, INT_LIMIT))
        require("desync.held", ok=kind is None or is_int(kind, 0, INT_LIMIT))
        require("desync.held", ok=type(values) is list)
        require("desync.held", ok=owner_values is None or type(owner_values) is list)
        return cls(entity_id, kind, values, owner_values)

    def to_wire(self) -> tuple[Any, ...]:
        """Return the element of a desync."""
        return self.entity_id, self.kind, self.values, self.owner_values


@attrs.define
class Desync:
    """A client's checksum of ``tick`` was wrong.

    With ``held`` None the client asks for the hash of each entity at that tick.  It then finds the
    entities that differ, and reports its values of some of them.
    """

    tick: int
    held: list[HeldEntity] | None

    @classmethod
    def from_wire(cls, message: list[Any]) -> Desync:
        """Read the array of a desync."""
        require_length("desync", message, 3)
        _, tick, held = message
        require("desync.tick", ok=is_tick(tick))
        if held is None:
            return cls(tick, None)
        require("desync.held", ok=type(held) is list and 0 < len(held) <= MAX_REPORTED)
        return cls(tick, list(map(HeldEntity.from_wire, held)))

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        held = None if self.held is None else [entity.to_wire() for entity in self.held]
        return pack((Kind.DESYNC, self.tick, held))


@attrs.define
class Read:
    """A question for what the room's storage lets clients read; ``Result`` answers it.

    ``number`` is the client's own and comes back in the answer.  ``name`` is that of a collection
    or leaderboard.  ``arguments`` depend on ``what``: ``own`` has ``[key]``, ``top`` has
    ``[limit, offset, back]``, ``rank`` has ``[back]`` and ``around`` has ``[limit, back]``.
    """

    number: int
    name: str
    what: str
    arguments: list[Any]

    @classmethod
    def from_wire(cls, message: list[Any]) -> Read:
        """Read the array of a read."""
        require_length("read", message, 5)
        _, number, name, what, arguments = message
        require("read.id", ok=is_int(number, 0, MAX_NONCE))
        require("read.name", ok=_is_read_name(name))
        checks = _READ_ARGUMENTS.get(what) if type(what) is str else None
        if checks is None:
            raise RemoteProtocolError("read.what is wrong")
        require("read.arguments", ok=type(arguments) is list and len(arguments) == len(checks))
        for check, argument in zip(checks, arguments, strict=True):
            require("read.arguments", ok=check(argument))
        return cls(number, name, what, arguments)

    def encode(self) -> bytes:
        """Return the bytes of the message."""
        return pack((Kind.READ, self.number, self.name, self.what, self.arguments))


ClientMessage: TypeAlias = (
    Hello | CommandMessage | Ack | Ping | Say | Resync | Desync | Read | Report
)


def _is_read_name(value: Any) -> bool:
    return type(value) is str and len(value) <= MAX_READ_NAME


def _is_limit(value: Any) -> bool:
    return is_int(value, 1, MAX_READ_PLACES)


def _is_offset(value: Any) -> bool:
    return is_int(value, 0, MAX_READ_OFFSET)


def _is_back(value: Any) -> bool:
    return is_int(value, 0, MAX_READ_BACK)


_READ_ARGUMENTS: Final[dict[str, tuple[Callable[[Any], bool], ...]]] = {
    "own": (_is_read_name,),
    "top": (_is_limit, _is_offset, _is_back),
    "rank": (_is_back,),
    "around": (_is_limit, _is_back),
}


def _is_token(value: Any) -> bool:
    return value is None or (type(value) is str and len(value.encode()) <= MAX_TOKEN_BYTES)


def _is_map(value: Any, most: int) -> bool:
    return value is None or (type(value) is dict and len(value) <= most)


def _is_filter(value: Any) -> bool:
    return _is_map(value, MAX_FILTERS) and all(
        type(each) in (str, int, bool) for each in (value or {}).values()
    )


_COMMAND: Final = int(Kind.COMMAND)
_COMMAND_HEAD: Final = 6

_FROM_CLIENT: Final[dict[int, Callable[[list[Any]], ClientMessage]]] = {
    Kind.HELLO: Hello.from_wire,
    Kind.COMMAND: CommandMessage.from_wire,
    Kind.ACK: Ack.from_wire,
    Kind.PING: Ping.from_wire,
    Kind.SAY: Say.from_wire,
    Kind.RESYNC: Resync.from_wire,
    Kind.DESYNC: Desync.from_wire,
    Kind.READ: Read.from_wire,
    Kind.REPORT: Report.from_wire,
}


#: ``seq, tick, rendered, acked, kind, values`` of a command, as in ``CommandMessage``.
ShortCommand: TypeAlias = tuple[int, int, int, int, int, list[Any]]


def short_command(data: bytes) -> ShortCommand | None:
    """Return the elements of a short command with its head checked but not its values, or None.

    The fast path for nearly all messages of clients.  None says nothing about the bytes;
    ``decode_from_client`` judges them.  The values may be anything that msgpack can represent in
    so few bytes, so they must go through ``CommandSpec.from_wire``.
    """
    message = unpack_short(data)
    if message is None or len(message) < _COMMAND_HEAD:
        return None
    kind, seq, tick, rendered, acked, command, *values = message
    if (
        kind.__class__
        is seq.__class__
        is tick.__class__
        is rendered.__class__
        is acked.__class__
        is command.__class__
        is int
        and kind == _COMMAND
        and 0 < seq <= MAX_SEQ
        # One comparison for all: with a negative number ``|`` is negative, with a large one large.
        and 0 <= tick | rendered | acked | command < INT_LIMIT
    ):
        return seq, tick, rendered, acked, command, values
    return None


def decode_from_client(data: bytes) -> ClientMessage:
    """Return the message that a client sent, or raise ``RemoteProtocolError``."""
    message = unpack_from_client(data)
    kind = message[0]
    # Check the type first: True and 1.0 would find hello, and a list cannot be looked up.
    from_wire = _FROM_CLIENT.get(kind) if type(kind) is int else None
    if from_wire is None:
        raise RemoteProtocolError("unknown message kind")
    return from_wire(message)
