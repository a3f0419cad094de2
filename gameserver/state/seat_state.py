"""The players of a room as plain data: identities, options, commands, and knowledge.

Owns what is saved of ``Player``, ``Seat``, ``Commands``, ``InputBuffer`` and ``Screen``, and how
they are built again.  Latency is saved as it was; moments on the clock of the old process are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

import attrs

from gameserver.errors import SnapshotError
from gameserver.outbox import Outbox
from gameserver.player import Player, Screen
from gameserver.protocol.latency import Latency
from gameserver.replication.knowledge import NEW, UP_TO_DATE, Knowledge, Lapsed
from gameserver.replication.seat import NOWHERE, Seat
from gameserver.simulation.commands import Commands
from gameserver.simulation.inputs import Input, InputBuffer
from gameserver.simulation.stepper import Life, Seated
from gameserver.state.classes import SCALARS
from gameserver.state.loader import Loader
from gameserver.state.saver import Saver
from gameserver.state.world_state import LoadedRecords, Records

#: Attributes of a player that have another place in the snapshot.
PLAYER_APART: Final = frozenset({"latency", "_seat", "_screen", "_outbox"})
#: Plain attributes of a seat, those with a place of their own, and those that belong to a process.
SEAT_ROW: Final = (
    *("awaited", "cell", "command_seq", "events_dropped", "margin", "notices_dropped"),
    *("own_changed", "posted_tick", "sent_own_id", "sent_seq", "skipped"),
)
SEAT_APART: Final = (
    *("focus", "groups", "looked_at", "holds", "chosen", "point", "knowledge", "notices"),
    *("number", "own", "waiting_events"),
)
SEAT_PROCESS: Final = ("sink",)
COMMANDS_ROW: Final = ("newest_seq", "_dropped", "_stale")
INPUTS_ROW: Final = ("dropped", "duplicate", "early", "idle_ticks", "late", "silent_ticks")
#: Of an input; ``read_s`` is a moment of the old process, and the command is saved as a value.
INPUT_ROW: Final = tuple(
    field.name for field in attrs.fields(Input) if field.name not in ("read_s", "command")
)

_life_row: Final = attrgetter(*(field.name for field in attrs.fields(Life)))
_seat_row: Final = attrgetter(*SEAT_ROW)
_commands_row: Final = attrgetter(*COMMANDS_ROW)
_inputs_row: Final = attrgetter(*INPUTS_ROW)
_input_row: Final = attrgetter(*INPUT_ROW)
_latency_row: Final = attrgetter(*(field.name for field in attrs.fields(Latency)))

#: How ``knowledge`` and the claim of a screen are saved if they are no state of their own.
_NEW, _UP_TO_DATE, _APPLIED = 0, 1, 1

Save = Callable[[Any], Any]

#: Attributes that every player has and that are saved as values.
PLAYER_ROW: Final = tuple(
    name
    for name in vars(Player(Seat(1, NOWHERE), Screen(), "", None, Outbox()))
    if name not in PLAYER_APART
)
_PLAYER_ATTRIBUTES: Final = len(PLAYER_ROW) + len(PLAYER_APART)
_player_row: Final = attrgetter(*PLAYER_ROW)


def save_player(player: Player, saver: Saver) -> tuple[Any, ...]:
    """Return the attributes of a player in the order of ``PLAYER_ROW``, and those a game adds."""
    row: tuple[Any, ...] = _player_row(player)
    if not SCALARS.issuperset(map(type, row)):
        row = tuple(map(saver.save_attribute, repeat(player), PLAYER_ROW, row))
    attributes = player.__dict__
    more = {}
    if len(attributes) > _PLAYER_ATTRIBUTES:
        for name in sorted(attributes.keys() - {*PLAYER_ROW, *PLAYER_APART}):
            more[name] = saver.save_attribute(player, name, attributes[name])
    return row, more


def pack_latency(latency: Latency) -> tuple[Any, ...]:
    """Return the figures of a latency."""
    figures: tuple[Any, ...] = _latency_row(latency)
    return figures


def save_seat(seated: Seated, records: Records, lapses: list[Lapsed], saver: Saver) -> Any:
    """Copy a seat for ``pack_seat``; its knowledge is added to ``lapses``."""
    save = saver.save
    seat, commands = seated.seat, seated.commands
    screen, own = commands._screen, seat.own
    inputs = commands._inputs
    applied = None if inputs is None else inputs.applied
    claim = screen.claim
    knowledge = seat.knowledge
    if knowledge is NEW or knowledge is UP_TO_DATE:
        knows = _UP_TO_DATE if knowledge is UP_TO_DATE else _NEW
    else:
        assert isinstance(knowledge, Lapsed)
        knows = 2 + _index_in(lapses, knowledge)
    return (
        _life_row(seated.life),
        _seat_row(seat),
        seat.focus,
        seat.looked_at is seat.focus or seat.looked_at,
        own.id if own is not None and own.alive else records.number(own),
        knows,
        records.numbers(seat.holds.values()) if seat.holds else (),
        None if seat.chosen is None else records.numbers(seat.chosen.values()),
        seat.point,
        seat.notices[:],
        seat.waiting_events[:],
        _commands_row(commands),
        _save_waiting(commands._inbox, saver) if commands._inbox else (),
        None
        if inputs is None
        else (
            _inputs_row(inputs),
            _save_input(applied, save),
            _save_waiting(inputs._waiting, saver) if inputs._waiting else (),
            None if inputs._late is None else _save_input(inputs._late, save),
        ),
        None if claim is None else _save_claim(claim, applied, save),
        screen.applied_tick,
    )


def _index_in(lapses: list[Lapsed], lapsed: Lapsed) -> int:
    for index, other in enumerate(lapses):
        if other is lapsed:
            return index
    lapses.append(lapsed)
    return len(lapses) - 1


def _save_waiting(inputs: Iterable[Input], saver: Saver) -> list[tuple[Input, Any]]:
    return [(entry, saver.save_row(entry.command)) for entry in inputs]


def _save_claim(claim: Any, applied: Any, save: Save) -> Any:
    return _APPLIED if claim is applied else _save_input(claim, save)


def _save_input(entry: Any, save: Save) -> Any:
    return None if entry is None else (entry, save(entry.command))


def pack_seat(saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what ``save_seat`` copied, with rows in place of inputs, which never change."""
    *head, inbox, inputs, claim, applied_tick = saved
    if inputs is not None:
        counters, applied, waiting, late = inputs
        inputs = counters, _pack_input(applied), list(map(_pack_input, waiting)), _pack_input(late)
    if claim != _APPLIED:
        claim = _pack_input(claim)
    return (*head, list(map(_pack_input, inbox)), inputs, claim, applied_tick)


def _pack_input(saved: tuple[Input, Any] | None) -> tuple[Any, ...] | None:
    return None if saved is None else (*_input_row(saved[0]), saved[1])


def pack_lapses(lapses: Sequence[Lapsed]) -> list[tuple[Any, ...]]:
    """Return the states in which seats were left behind; they never change."""
    return [
        (sorted(lapsed.known), lapsed.since, lapsed.resumed, sorted(lapsed.groups))
        for lapsed in lapses
    ]


# ---------------------------------------------------------------- loading


def load_lapses(saved: list[list[Any]]) -> list[Lapsed]:
    """Return what seats that were left behind know."""
    return [
        Lapsed(set(known), since, resumed, frozenset(groups))
        for known, since, resumed, groups in saved
    ]


def load_player(player: Player, row: list[Any], more: dict[str, Any], load: Save) -> None:
    """Give a player its attributes."""
    if more.keys() & {*PLAYER_APART, *PLAYER_ROW}:
        raise SnapshotError("a player has an attribute twice")
    for name, value in (*zip(PLAYER_ROW, row, strict=True), *more.items()):
        setattr(player, name, load(value))


def load_latency(player: Player, saved: list[Any]) -> None:
    """Give a player the latency that was measured before."""
    player.latency = Latency(*saved)


def load_seat(
    seated: Seated,
    saved: list[Any],
    records: LoadedRecords,
    lapses: list[Lapsed],
    loader: Loader,
    *,
    fits: bool,
) -> None:
    """Build a seat again; ``fits`` as in ``load_records``, otherwise it is owed a full state."""
    (life, row, focus, looked_at, own, knows, holds, chosen, point, notices, events, *rest) = saved
    seat = seated.seat
    seated.life.serial, seated.life.returns, seated.life.taken_over_at = life
    for name, value in zip(SEAT_ROW, row, strict=True):
        setattr(seat, name, value)
    seat.focus = None if focus is None else tuple(focus)
    seat.point = None if point is None else tuple(point)
    if looked_at is True:
        seat.looked_at = seat.focus
    else:
        seat.looked_at = tuple(looked_at) if looked_at else None
    seat.own = records.get(own) if fits or (own or 0) > 0 else None
    _load_commands(seated.commands, rest, loader)
    if fits:
        seat.knowledge = _knowledge(knows, lapses)
        seat.holds = {record.id: record for record in records.all_of(holds)}
        if chosen is not None:
            seat.chosen = {record.id: record for record in records.all_of(chosen)}
        seat.notices, seat.waiting_events = list(notices), list(events)
        if seat.cell is None and seat.knowledge is not NEW and seat.knowledge is UP_TO_DATE:
            raise SnapshotError(f"seat {seat.number} is up to date and looks from nowhere")
    else:
        seat.forget()
        seat.cell = seat.looked_at = None
        seat.own_changed = True


def _knowledge(knows: int, lapses: list[Lapsed]) -> Knowledge:
    if knows < 2:
        return UP_TO_DATE if knows == _UP_TO_DATE else NEW
    return lapses[knows - 2]


def _load_commands(commands: Commands, saved: list[Any], loader: Loader) -> None:
    row, inbox, inputs, claim, applied_tick = saved
    for name, value in zip(COMMANDS_ROW, row, strict=True):
        setattr(commands, name, value)
    commands._inbox = [_load_input(entry, loader.load_row) for entry in inbox]
    if commands._inbox:
        commands._room.waiting.append(commands)
    if inputs is not None and commands._inputs is not None:
        _load_inputs(commands._inputs, inputs, loader)
    screen = commands._screen
    screen.applied_tick = applied_tick
    if claim == _APPLIED:
        screen.claim = None if commands._inputs is None else commands._inputs.applied
    else:
        screen.claim = _load_input(claim, loader.load)


def _load_inputs(buffer: InputBuffer, saved: list[Any], loader: Loader) -> None:
    counters, applied, waiting, late = saved
    for name, value in zip(INPUTS_ROW, counters, strict=True):
        setattr(buffer, name, value)
    buffer.applied = _load_input(applied, loader.load)
    buffer._waiting.extend(_load_input(entry, loader.load_row) for entry in waiting)
    buffer._late = _load_input(late, loader.load)


def _load_input(saved: list[Any] | None, load: Save) -> Any:
    if saved is None:
        return None
    *row, command = saved
    fields = dict(zip(INPUT_ROW, row, strict=True))
    return Input(**fields, read_s=0.0, command=load(command))
