"""Makes a room of the bytes of a snapshot, in this or another process, for this or a newer game.

Owns the order in which the parts are loaded.  ``load`` builds a new room and raises nothing but
``SnapshotError`` for any wrong bytes, so no room is half loaded.  Calls neither ``on_create``
nor ``on_start``; ``Room.on_load`` may await, so the caller calls that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

from gameserver.calls import Call
from gameserver.errors import LocalProtocolError, SnapshotError
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.model.view import describe
from gameserver.outbox import Move, Text
from gameserver.player import Player, Screen
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import NOWHERE, Seat
from gameserver.room import Room, unbuilt
from gameserver.simulation.commands import Commands
from gameserver.simulation.stepper import Life, Seated, Stepper
from gameserver.state import container, seat_state, world_state
from gameserver.state.classes import Classes, type_text
from gameserver.state.loader import Loader
from gameserver.state.schema_change import Migration, RowReader, judge
from gameserver.state.snapshot import SETTINGS, classes_of
from gameserver.timers import Timer, check_call, check_method

R = TypeVar("R", bound=Room)


@attrs.frozen(eq=False)
class Loaded(Generic[R]):
    """A room made from a snapshot, between two ticks.

    ``stepper`` has its players; they are still ``connected`` if they were, but their frames go
    nowhere until their seats are given a sink, or resume.  ``shell`` is what ``capture`` was
    given.  ``dropped`` names the saved fields that this version of the game does not have.
    """

    stepper: Stepper[R]
    shell: Any
    dropped: Sequence[str]
    _publisher: dict[str, Any] | None

    @property
    def room(self) -> R:
        """The room."""
        return self.stepper.room

    def continue_publishing(self, publisher: Publisher) -> None:
        """Have ``publisher``, a new one for the room's world, go on where the saved one stopped."""
        saved = self._publisher
        if saved is None:
            return
        publisher._published_tick = saved["tick"]
        publisher.view_share = saved["view_share"]
        publisher.catch_up_notice = saved["notice"]
        publisher._check_turns._turn = saved["turn"]
        publisher._check_turns._last_tick = saved["turn_tick"]
        for number in saved["seats"]:
            publisher.add(self.stepper.seated[number].seat)


#: Errors that data of a wrong form makes the code below raise.
_WRONG_DATA: Final = (
    *(TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError),
    *(LocalProtocolError, AssertionError, ArithmeticError, MemoryError, ImportError),
)


def load(room: type[R], data: bytes) -> Loaded[R]:
    """Return an equal room of the bytes that ``Captured.encode`` returned, or ``SnapshotError``.

    ``LocalProtocolError`` if ``room`` itself is of a class that cannot be saved.
    """
    classes = classes_of(room)
    sections: dict[str, list[Any]] = {}
    offset = 0
    for offset, name, payload in container.unwrap(data):  # noqa: B007 - the last one is looked at
        sections.setdefault(name, []).append(payload)
    if "end" not in sections:
        raise SnapshotError(f"byte {offset}: the last section is missing")
    try:
        return _load(room, classes, sections)
    except SnapshotError:
        raise
    except _WRONG_DATA as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SnapshotError(
            f"{room.__name__}: the snapshot contradicts itself ({reason})"
        ) from error


def _load(room_class: type[R], classes: Classes, sections: dict[str, list[Any]]) -> Loaded[R]:
    (head,) = sections["room"]
    if head["kind"] != room_class.__name__:
        raise SnapshotError(f"it is of a room {head['kind']}, not of {room_class.__name__}")
    _check_figures(head, sections["engine"][0])
    schema = room_class.schema()
    fits = head["schema"] == schema.hash and head["view"] == describe(room_class.view)
    room = unbuilt(room_class, head["name"], head["seed"])
    stepper = Stepper(room)
    reader = RowReader()
    loader = Loader(room, classes, reader)
    for description in sections.get("class", ()):
        reader.describe(*description)
    (players,), (engine,) = sections["players"], sections["engine"]
    room.tick_number = head["tick"]
    version, internal, gauss = head["random"]
    state = (version, tuple(internal), gauss)
    room.random.setstate(state)
    loader.players.extend(_make_player(stepper, row) for row in players)
    for name, spawned, rows in sections.get("rows", ()):
        loader.make(name, rows, spawned=spawned)
    for rows in sections.get("containers", ()):
        for number, name, content in rows:
            loader.make_container(number, name, content)
    (groups,) = sections["groups"]
    for number, row in zip(engine["group_numbers"], groups, strict=True):
        _make_group(room, number, row)
    room._groups.next_number = engine["next_group"]
    (timers,) = sections["timers"]
    loader.timers.extend(_make_timer(row) for row in timers)
    loader.fill()
    records = _load_world(stepper, engine, loader, fits=fits)
    _load_players(stepper, loader, players, sections, records, fits=fits)
    _load_timers(room, loader, timers)
    _load_calls(stepper, loader, *sections["calls"])
    _load_engine(stepper, loader, engine, head, reader, records, fits=fits)
    (own,), (extra,) = sections["own"], sections["save"]
    _load_own(room, classes, loader, own, reader)
    loader.migrate()
    if fits and (rewind := stepper._rewind) is not None:
        for frames in sections.get("past", ()):
            world_state.load_history(rewind._history, frames, records)
    _load_game(room, loader.load(extra))
    room.random.setstate(state)
    (shell,) = sections["shell"]
    return Loaded(stepper, shell, tuple(reader.dropped), engine["publisher"] if fits else None)


#: Conditions on certain figures.
_FIGURES: Final[dict[str, Callable[[Any], bool]]] = {
    "tick": lambda v: type(v) is int and 0 <= v <= INT_LIMIT,
    "name": lambda v: type(v) is str,
    "pace": lambda v: type(v) in (int, float) and 0 < v <= 1,
    "publish_interval": lambda v: type(v) is int and v >= 1,
    "next_call": lambda v: type(v) is int and v >= 1,
    "next_timer": lambda v: type(v) is int and v >= 1,
    "next_group": lambda v: type(v) is int and v >= 1,
    "upcoming_tick": lambda v: type(v) is int and v >= 1,
}


def _check_figures(*parts: dict[str, Any]) -> None:
    for part in parts:
        for name, fits in _FIGURES.items():
            if name in part and not fits(part[name]):
                raise SnapshotError(f"{name} is {part[name]!r}, which it cannot be")


def _make_player(stepper: Stepper[Any], row: list[Any]) -> Player:
    number, seated = row[0], row[1]
    seat, screen = Seat(number, NOWHERE), Screen()
    player = Player(seat, screen, "", None, stepper.outbox)
    if seated:
        if number in stepper.seated or type(number) is not int or number < 1:
            raise SnapshotError(f"seat {number!r} is wrong or taken twice")
        commands = Commands(player, seat, screen, stepper._commands)
        stepper.seat(Seated(player, seat, commands, Life()))
    return player


def _load_world(
    stepper: Stepper[Any], engine: dict[str, Any], loader: Loader, *, fits: bool
) -> world_state.LoadedRecords:
    world, saved = stepper.room.world, engine["world"]
    world_state.load_layers(world, saved)
    records = world_state.load_records(world, saved, loader.entities, fits=fits)
    if fits:
        world_state.load_dead(world, records, engine["dead"], loader.load)
        world_state.load_world(world, saved, records)
    else:
        world_state.begin_world(world, saved, records)
    return records


def _load_players(
    stepper: Stepper[Any],
    loader: Loader,
    rows: list[list[Any]],
    sections: dict[str, list[Any]],
    records: world_state.LoadedRecords,
    *,
    fits: bool,
) -> None:
    (latencies,) = sections["latency"]
    for player, row, latency in zip(loader.players, rows, latencies, strict=True):
        attributes, more = row[3:]
        seat_state.load_player(player, attributes, more, loader.load)
        seat_state.load_latency(player, latency)
    lapses = seat_state.load_lapses(sections["lapses"][0])
    seats = [seat for piece in sections.get("seats", ()) for seat in piece]
    for seated, saved in zip(stepper.seated.values(), seats, strict=True):
        seat_state.load_seat(seated, saved, records, lapses, loader, fits=fits)


def _load_engine(
    stepper: Stepper[Any],
    loader: Loader,
    engine: dict[str, Any],
    head: dict[str, Any],
    reader: RowReader,
    records: world_state.LoadedRecords,
    *,
    fits: bool,
) -> None:
    room, outbox = stepper.room, stepper.outbox
    room.pace, room.publish_interval = engine["pace"], engine["publish_interval"]
    known = {spec.name for spec in room.world.schema.events}
    reader.dropped += [f"the event class {n}" for n in head["classes"][1] if n not in known]
    for event, points, seat, group, by in engine["emissions"]:
        places = None if points is None else [(x, y) for x, y in points]
        record = None if by is None or (not fits and by < 0) else records.get(by)
        outbox.emissions.append(Emission(loader.load(event), places, seat, group, record))
    outbox.texts = [
        Text(seat, name, text, None if to is None else tuple(to))
        for seat, name, text, to in engine["texts"]
    ]
    outbox.kicked = list(engine["kicked"])
    outbox.moves = [Move(tuple(seats), *rest) for seats, *rest in engine["moves"]]
    stepper._said = [(loader.load(player), text) for player, text in engine["said"]]
    room._timers.next_serial = engine["next_timer"]
    stepper.calls.next_number = engine["next_call"]
    stepper.texts_dropped, stepper.joins = engine["texts_dropped"], engine["joins"]
    stepper.expect(engine["upcoming_tick"])


def _make_group(room: Room, number: int, row: list[Any]) -> None:
    name, seats, _ = row
    groups = room._groups
    group = groups.get(name)
    if group.number != 0:
        raise SnapshotError(f"the group {name!r} is there twice")
    if type(number) is not int or number < groups.next_number:
        raise SnapshotError(f"the group {name!r} has the number {number!r}, which it cannot have")
    groups.give_number(group, number)
    for seat in seats:
        group.add(room.players[seat])


def _make_timer(row: list[Any]) -> Timer:
    due_tick, period_ticks, serial = row[:3]
    for number in (serial, due_tick or 1, period_ticks or 1):
        if type(number) is not int or number < 1:
            raise SnapshotError(f"a timer has the number {number!r}, which it cannot have")
    return Timer(due_tick, period_ticks, _make_timer, (), serial)


def _load_calls(stepper: Stepper[Any], loader: Loader, rows: list[list[Any]]) -> None:
    calls = stepper.calls
    for number, *row in rows:
        if type(number) is not int or (len(row) > 1) is (number in calls.in_flight):
            raise SnapshotError(f"{number!r} is a wrong number of a background call")
        if len(row) == 1:
            calls.results.append((number, loader.load(row[0])))
            continue
        name, then, about = row[0], loader.load(row[1]), loader.load(row[2])
        if then is not None:
            check_method(f"then= of background({name}, …)", "then=self.take", then, (None, *about))
        calls.in_flight[number] = Call(number, name, then, about)


def _load_timers(room: Room, loader: Loader, rows: list[list[Any]]) -> None:
    """Give the timers their calls, which may refer to anything."""
    for timer, row in zip(loader.timers, rows, strict=True):
        timer._method, timer._arguments = loader.load(row[3]), loader.load(row[4])
        check_call("after" if timer.period_ticks is None else "every", *timer.call)
    room._timers.resume(loader.timers)


def _load_own(
    room: Room, classes: Classes, loader: Loader, saved: list[list[Any]], reader: RowReader
) -> None:
    cls = type(room)
    for name, text, data in saved:
        if text == "setting" and name in SETTINGS:
            loader.attribute(name, data)
        elif name not in classes.own:
            reader.dropped.append(f"{cls.__name__}.{name}")
        elif (migrate := judge(cls, name, text, type_text(classes.own[name]))) is None:
            loader.attribute(name, data)
        else:
            loader.migrate_later(Migration(room, name, loader.load(data), migrate))


def _load_game(room: Room, saved: Any) -> None:
    try:
        room.load(saved)
    except Exception as error:
        name = type(room).__name__
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SnapshotError(f"{name}.load raised {reason}") from error
