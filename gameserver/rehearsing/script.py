"""Random play: the joins, leaves, commands and texts of each tick.

Owns the choice, made by a seed and the schema of the room, so that two rooms can be given the same.
Never touches a room; the rehearsal acts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any, Final, TypeAlias

import attrs

from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import FieldType
from gameserver.model.specs import CommandField, CommandSpec
from gameserver.player import Player
from gameserver.protocol.latency import Latency
from gameserver.room import Room

#: Chances per tick: of a free seat to be taken, and of what a player does.
JOIN, LEAVE, DROP, RESUME = 0.2, 0.01, 0.01, 0.2
INPUT, COMMAND, SAY = 0.9, 0.15, 0.02
#: Lengths of random texts and lists, where their limits allow more.
MAX_LENGTH: Final = 12
_LETTERS: Final = "abcxyz ABC 019 éß_.-"
_WIDE: Final = 1 << 20


@attrs.frozen
class Join:
    """Somebody takes a free seat."""

    name: str
    latency: Latency


@attrs.frozen
class Leave:
    """A player leaves."""

    seat: int


@attrs.frozen
class Drop:
    """A player loses its connection."""

    seat: int


@attrs.frozen
class Resume:
    """A player who was dropped comes back."""

    seat: int


@attrs.frozen
class Give:
    """A player gives a command."""

    seat: int
    command: Any


@attrs.frozen
class Say:
    """A player says something."""

    seat: int
    text: str


Action: TypeAlias = Join | Leave | Drop | Resume | Give | Say


class Script:
    """The acts of up to ``players`` players in a room of this class."""

    def __init__(self, room: type[Room], players: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._players = min(players, room.max_players)
        specs = room.schema().commands
        inputs = None if room.input is None else room.schema().kinds[room.input]
        self._input = None if inputs is None else specs[inputs]
        self._others = [spec for kind, spec in enumerate(specs) if kind != inputs]
        self._begun = False

    def actions(self, players: Mapping[int, Player]) -> list[Action]:
        """Return what happens before the next tick, with ``players`` in the room."""
        return list(self._actions({seat: player.connected for seat, player in players.items()}))

    def _actions(self, connected: Mapping[int, bool]) -> Iterator[Action]:
        rng = self._rng
        for _ in range(self._players - len(connected)):
            # The first players are there from the first tick.
            if not self._begun or rng.random() < JOIN:
                yield Join(self._text(MAX_LENGTH), self._latency())
        self._begun = True
        for seat, is_connected in sorted(connected.items()):
            if not is_connected:
                if rng.random() < RESUME:
                    yield Resume(seat)
                elif rng.random() < LEAVE:
                    yield Leave(seat)
                continue
            yield from self._acts_of(seat)

    def _acts_of(self, seat: int) -> Iterator[Action]:
        rng = self._rng
        if self._input is not None and rng.random() < INPUT:
            yield Give(seat, self._command(self._input))
        if self._others and rng.random() < COMMAND:
            yield Give(seat, self._command(rng.choice(self._others)))
        if rng.random() < SAY:
            yield Say(seat, self._text(MAX_LENGTH))
        if rng.random() < LEAVE:
            yield Leave(seat)
        elif rng.random() < DROP:
            yield Drop(seat)

    def _latency(self) -> Latency:
        rtt_s = self._rng.uniform(0.005, 0.3)
        return Latency(rtt_s, rtt_s, rtt_s / 8, rtt_s / 16, rtt_s * 0.9, 8)

    # ------------------------------------------------------------ commands

    def _command(self, spec: CommandSpec) -> Any:
        return spec.from_wire([self._wire(field) for field in spec.fields])

    def _wire(self, field: CommandField) -> Any:
        """Return a wire value within the limits of a field."""
        for _ in range(20):
            wire = self._wire_of(field.type, field)
            if field.complaint(wire) is None:
                return wire
        return field.default

    def _wire_of(self, field_type: FieldType, field: CommandField | fieldtypes.ValueField) -> Any:
        rng = self._rng
        low = -_WIDE if field.low is None else field.low
        high = _WIDE if field.high is None else field.high
        most = MAX_LENGTH if field.max_length is None else min(field.max_length, MAX_LENGTH)
        match field_type:
            case fieldtypes.Bool():
                return rng.random() < 0.5
            case fieldtypes.Int():
                return rng.randint(ceil(low), floor(high))
            case fieldtypes.Steps(step=step):
                return rng.randint(ceil(low / step), floor(high / step))
            case fieldtypes.Float32():
                return field_type.to_wire(rng.uniform(low, high))
            case fieldtypes.Str():
                return self._text(most)
            case fieldtypes.Bytes():
                return rng.randbytes(rng.randint(0, most))
            case fieldtypes.Enumeration(members=members):
                return rng.randrange(len(members))
            case fieldtypes.Optional(item=item):
                return None if rng.random() < 0.3 else self._wire_of(item, field)
            case fieldtypes.Tuple(items=items):
                return [self._wire_of(item, field) for item in items]
            case fieldtypes.List(item=item):
                return [self._wire_of(item, field) for _ in range(rng.randint(0, most))]
            case fieldtypes.Value(fields=fields):
                return [self._wire_of(inner.type, inner) for inner in fields]
        raise NotImplementedError(f"no random value of {field_type}")

    def _text(self, most: int) -> str:
        return "".join(self._rng.choice(_LETTERS) for _ in range(self._rng.randint(0, most)))
