"""Snapshots: a whole room between two ticks as bytes.

Owns which parts a snapshot has.  ``capture`` copies within the tick; ``Captured.encode`` may run in
another thread while the room goes on.  ``restore.py`` makes an equal room of the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.model.history import Frame
from gameserver.model.record import Record
from gameserver.model.view import describe
from gameserver.player import Player
from gameserver.protocol.latency import Latency
from gameserver.replication.knowledge import Lapsed
from gameserver.replication.publisher import Publisher
from gameserver.room import Room, unbuilt
from gameserver.simulation.stepper import Stepper
from gameserver.state import container, seat_state, world_state
from gameserver.state.classes import SCALARS, Classes, Plan, check_savable, fields_of, type_text
from gameserver.state.saver import Saver
from gameserver.state.values import Unsavable
from gameserver.timers import Timer

R = TypeVar("R", bound=Room)

#: Rows that are packed in one piece; see ``container.wrap``.
_PIECE_ROWS: Final = 128
#: The attributes of ``Room`` itself; a game's attributes have other names.
_ENGINE: Final = frozenset(vars(unbuilt(Room, "", 0)))
#: Settings of a room, which a game may also set on the instance.
SETTINGS: Final = frozenset(Room.__annotations__)
_MUTABLE: Final = (list, dict, set, bytearray)
_text_row: Final = attrgetter("seat", "name", "text", "to")
_move_row: Final = attrgetter("seats", "room", "options")

#: Worked out once for each class of rooms.
_CLASSES: Final[dict[type[Room], Classes]] = {}

Sections = Iterator[tuple[str, Any]]


def classes_of(room: type[Room]) -> Classes:
    """Return the classes that ``room`` knows, once it has been checked.

    Raises ``LocalProtocolError``, which names class and attribute, for what can never be saved.
    """
    if (known := _CLASSES.get(room)) is not None:
        return known
    check_savable(room)
    classes = Classes(room)
    for name in classes.own:
        if isinstance(getattr(room, name, None), _MUTABLE):
            raise LocalProtocolError(
                f"{room.__name__}.{name}: all rooms would share the {getattr(room, name)!r} of the "
                "class; annotate it there, and set it in on_create"
            )
    _CLASSES[room] = classes
    return classes


@attrs.frozen(eq=False)
class Captured:
    """A copy of a room between two ticks; nothing in it changes any more."""

    room: type[Room]
    tick: int
    _classes: Classes
    _head: dict[str, Any]
    _entities: Sequence[tuple[type, list[tuple[Any, ...]]]]
    _saver: Saver
    _own: list[tuple[str, str, Any]]
    _save: Any
    _players: list[tuple[Any, ...]]
    _timers: list[tuple[Any, ...]]
    _calls: list[tuple[Any, ...]]
    _groups: list[tuple[str, list[int], list[int]]]
    _engine: dict[str, Any]
    _seats: list[Any]
    _lapses: list[Lapsed]
    _latencies: list[Latency]
    _live: dict[int, Record]
    _frames: Sequence[Frame]
    _shell: Any

    def encode(self) -> bytes:
        """Return the snapshot.

        Raises ``LocalProtocolError`` for a field whose value is none of its annotated type.
        """
        return container.wrap((*self.game_sections(), *self._engine_sections(), ("end", None)))

    def game_sections(self) -> Sections:
        """Yield the state of the game itself, which the state hash covers."""
        yield "room", self._head
        for cls in sorted(self._saver.used, key=_name_of):
            plan = self._classes.plan(cls)
            if fields_of(cls) is not None:
                yield "class", (plan.name, plan.fields, plan.types)
        for cls, rows in self._entities:
            yield from self._rows(self._classes.plan(cls), rows, spawned=True)
        for cls, rows in self._saver.by_class.items():
            yield from self._rows(self._classes.plan(cls), rows, spawned=False)
        for rows in _pieces(self._saver.containers):
            yield "containers", rows
        yield "players", self._players
        yield "timers", self._timers
        yield "calls", self._calls
        yield "groups", self._groups
        yield "own", self._own
        yield "save", self._save

    def _engine_sections(self) -> Sections:
        yield "engine", self._engine
        for seats in _pieces(self._seats):
            yield "seats", list(map(seat_state.pack_seat, seats))
        yield "latency", list(map(seat_state.pack_latency, self._latencies))
        yield "lapses", seat_state.pack_lapses(self._lapses)
        for frame in self._frames:
            yield "past", world_state.pack_history([frame], self._live)
        yield "shell", self._shell

    def _rows(self, plan: Plan, rows: list[tuple[Any, ...]], *, spawned: bool) -> Sections:
        for piece in _pieces(rows):
            _check_plain(plan, piece)
            yield "rows", (plan.name, spawned, piece)


def _pieces(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _PIECE_ROWS):
        yield rows[start : start + _PIECE_ROWS]


def _name_of(cls: type) -> str:
    return cls.__name__


def _check_plain(plan: Plan, rows: list[tuple[Any, ...]]) -> None:
    """Raise for a field that is annotated with scalars only and holds something else."""
    columns = list(zip(*rows, strict=True))
    for index in plan.plain:
        column = columns[index + 1]
        if not set(map(type, column)) <= SCALARS:
            wrong = next(value for value in column if type(value) not in SCALARS)
            raise LocalProtocolError(
                f"{plan.name}.{plan.fields[index]} cannot be saved: it is annotated with "
                f"{plan.types[index]} and holds a {type(wrong).__name__}"
            )


def capture(
    stepper: Stepper[Any], publisher: Publisher | None = None, shell: Any = None
) -> Captured:
    """Copy a room between two ticks.

    ``shell`` is what the caller must know of the room beside this, as plain values: until when
    seats are held, the pace of its time, resume counters.  ``LocalProtocolError`` names the class
    and the attribute of what cannot be saved.
    """
    room = stepper.room
    classes = classes_of(type(room))
    _check_saved(room, classes)
    saver = Saver(room, classes)
    records = world_state.Records(room.world)
    save = saver.save
    entities = saver.save_entities()
    own = _save_own(room, classes, saver)
    extra = saver.save_attribute(room, "save()", room.save())
    engine = _save_engine(stepper, publisher, saver, records)
    lapses: list[Lapsed] = []
    seats: list[Any] = []
    for seated in stepper.seated.values():
        try:
            seats.append(seat_state.save_seat(seated, records, lapses, saver))
        except Unsavable as error:
            raise LocalProtocolError(f"a command cannot be saved: {error}") from None
    calls = _save_calls(stepper, saver)
    players, timers = _save_players_and_timers(room, saver)
    latencies = [player.latency for player in saver.players]
    engine["dead"] = world_state.save_dead(records, save)
    saver.finish()
    rewind = stepper._rewind
    return Captured(
        type(room),
        room.tick_number,
        classes,
        _save_head(room),
        entities,
        saver,
        own,
        extra,
        players,
        timers,
        calls,
        _save_groups(room),
        engine,
        seats,
        lapses,
        latencies,
        dict(room.world.records),
        () if rewind is None else world_state.save_history(rewind._history),
        shell,
    )


def _check_saved(room: Room, classes: Classes) -> None:
    """Raise if the room has attributes of which nothing says how they are saved."""
    cls = type(room)
    if cls.save is not Room.save or cls.load is not Room.load:
        return
    for name in vars(room):
        if name not in _ENGINE and name not in classes.own and name not in SETTINGS:
            raise LocalProtocolError(
                f"{cls.__name__}.{name} is not saved: annotate it in the class body, "
                "or override save and load"
            )


def _save_head(room: Room) -> dict[str, Any]:
    schema = room.world.schema
    return {
        "kind": type(room).__name__,
        "schema": schema.hash,
        "classes": [[spec.name for spec in specs] for specs in (schema.entities, schema.events)],
        "view": describe(room.view),
        "name": room.name,
        "seed": room._seed,
        "tick": room.tick_number,
        "random": room.random.getstate(),
    }


def _save_own(room: Room, classes: Classes, saver: Saver) -> list[tuple[str, str, Any]]:
    saved = []
    for name, value in vars(room).items():
        if name in classes.own:
            text = type_text(classes.own[name])
        elif name in SETTINGS:
            text = "setting"
        else:
            continue
        saved.append((name, text, saver.save_attribute(room, name, value)))
    return saved


def _save_players_and_timers(
    room: Room, saver: Saver
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Save the players in the room and the timers that wait, and others that are referred to."""
    players: list[tuple[Any, ...]] = []
    timers: list[tuple[Any, ...]] = []
    saver.finish()
    while len(players) < len(saver.players) or len(timers) < len(saver.timers):
        # Attributes of a player and arguments of a timer may refer to further ones.
        players += [_player_row(room, p, saver) for p in saver.players[len(players) :]]
        timers += [_timer_row(room, t, saver) for t in saver.timers[len(timers) :]]
        saver.finish()
    return players, timers


def _player_row(room: Room, player: Player, saver: Saver) -> tuple[Any, ...]:
    seat = player._seat
    own = seat.own
    return (
        seat.number,
        room.players.get(seat.number) is player,
        own.id if own is not None and own.alive else None,
        *seat_state.save_player(player, saver),
    )


def _timer_row(room: Room, timer: Timer, saver: Saver) -> tuple[Any, ...]:
    where = f"{'after' if timer.period_ticks is None else 'every'}(…, {timer.name})"
    method = saver.save_attribute(room, where, timer._method)
    arguments = saver.save_attribute(room, where, timer._arguments)
    return (timer.due_tick, timer.period_ticks, timer._serial, method, arguments)


def _save_groups(room: Room) -> list[tuple[str, list[int], list[int]]]:
    """Return the name, the seats and the entities of each group, in the order of their numbers."""
    entities: dict[int, list[int]] = {}
    if room.world.grid.layered:
        for record in room.world.records.values():
            entities.setdefault(record.group, []).append(record.id)
    return [
        (group.name, [player.seat for player in group], entities.get(number, []))
        for number, group in room._groups.by_number.items()
    ]


def _save_calls(stepper: Stepper[Any], saver: Saver) -> list[tuple[Any, ...]]:
    """Save the background calls in flight, without their functions; waiting results come last."""
    room, calls = stepper.room, stepper.calls
    rows: list[tuple[Any, ...]] = []
    for call in calls.in_flight.values():
        where = f"background({call.name}, …)"
        then = saver.save_attribute(room, where, call.then)
        rows.append((call.number, call.name, then, saver.save_attribute(room, where, call.about)))
    for number, result in calls.results:
        where = f"the result of background({calls.in_flight[number].name}, …)"
        rows.append((number, saver.save_attribute(room, where, result)))
    return rows


def _save_engine(
    stepper: Stepper[Any],
    publisher: Publisher | None,
    saver: Saver,
    records: world_state.Records,
) -> dict[str, Any]:
    """Copy the engine's state of the room, except for the players."""
    room, outbox = stepper.room, stepper.outbox
    emissions = [
        (
            saver.save_attribute(room, "emit()", e.event),
            None if e.points is None else [tuple(point) for point in e.points],
            e.seat,
            e.group,
            records.number(e.by),
        )
        for e in outbox.emissions
    ]
    return {
        "world": world_state.save_world(room.world, records),
        "group_numbers": list(room._groups.by_number),
        "next_group": room._groups.next_number,
        "pace": room.pace,
        "publish_interval": room.publish_interval,
        "emissions": emissions,
        "texts": list(map(_text_row, outbox.texts)),
        "kicked": outbox.kicked[:],
        "moves": list(map(_move_row, outbox.moves)),
        "said": [(saver.save(player), text) for player, text in stepper._said],
        "texts_dropped": stepper.texts_dropped,
        "joins": stepper.joins,
        "next_call": stepper.calls.next_number,
        "next_timer": room._timers.next_serial,
        "upcoming_tick": stepper._commands.upcoming_tick,
        "publisher": None if publisher is None else _save_publisher(publisher),
    }


def _save_publisher(publisher: Publisher) -> dict[str, Any]:
    turns = publisher._check_turns
    return {
        "seats": list(publisher._seats),
        "tick": publisher._published_tick,
        "view_share": publisher.view_share,
        "notice": publisher.catch_up_notice,
        "turn": turns._turn,
        "turn_tick": turns._last_tick,
    }
