"""Every attribute that the engine keeps is saved, or known to follow from what is saved."""

from __future__ import annotations

import attrs
import pytest

from gameserver.calls import Call, Calls
from gameserver.games.arena.room import Arena
from gameserver.group import Group, Groups
from gameserver.model.grid import Grid
from gameserver.model.history import History
from gameserver.model.layers import Layers
from gameserver.model.record import Record
from gameserver.model.world import World
from gameserver.outbox import Outbox, Text
from gameserver.player import Player, Screen
from gameserver.replication.checksum import CheckTurns
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import NOWHERE, Seat
from gameserver.room import Room
from gameserver.simulation.commands import Commands, RoomCommands
from gameserver.simulation.inputs import Input, InputBuffer
from gameserver.simulation.stepper import Life, Stepper
from gameserver.state import seat_state, world_state
from gameserver.timers import Timer, Timers


def slots(cls: type) -> set[str]:
    return set(cls.__slots__)  # type: ignore[attr-defined]


def fields(cls: type) -> set[str]:
    return {field.name for field in attrs.fields(cls)}


ROOM = Arena()
PLAYER = Player(Seat(1, NOWHERE), Screen(), "", None, Outbox())
WORLD = World(Arena.schema())
HISTORY = History(ROOM.world, Arena.rewinds, 1)

#: All attributes, the saved ones, and the others: settings of the class, caches, counts of the
#: process's work, and objects of the process.
PARTS = [
    (
        set(vars(Room())),
        {"name", "_seed", "random", "world", "players", "tick_number", "pace"}
        | {"publish_interval", "_outbox", "_timers", "_calls", "_groups", "made_with", "listing"},
        {"_past", "_reserve", "_storage"},
    ),
    (
        slots(World),
        {"grid", "records", "touched", "owned", "spawned", "despawned", "owner_changed"}
        | {"_free", "_next_id", "_resting", "relayered"},
        {
            "schema",
            "busy",
            "compared",
            "_publishes",
            "view",
            "seal",
            "group_sizes",
            "emptied_groups",
        },
    ),
    (
        slots(Grid),
        {"share", "members", "layered", "layers"},
        {
            "_bounds",
            "_radius",
            "_reach",
            "_view_sets",
            "_views",
            "cell_size",
            "margin",
            "near_slack",
        }
        | {"occupied_by_place", "occupied_by_layer"},
    ),
    (
        slots(Layers),
        {"layers", "sights", "when_to_look"},
        {"own", "_layer_numbers", "_sight_numbers", "_with_hidden", "free_layers", "free_sights"},
    ),
    (slots(Group), {"name", "number", "_members"}, {"_groups", "__weakref__"}),
    (
        set(vars(Groups({}, WORLD))),
        {"by_number", "next_number"},
        {"players", "world", "_by_name", "_unchecked"},
    ),
    (slots(Record), set(world_state.RECORD_ROW), set(world_state.RECORD_DERIVED)),
    (set(vars(HISTORY)), {"_frames"}, {"_world", "_length_ticks", "_kinds"}),
    (set(vars(PLAYER)), set(seat_state.PLAYER_ROW) | seat_state.PLAYER_APART, set()),
    (
        slots(Seat),
        {*seat_state.SEAT_ROW, *seat_state.SEAT_APART},
        set(seat_state.SEAT_PROCESS),
    ),
    (
        slots(Commands),
        {*seat_state.COMMANDS_ROW, "_inbox", "_inputs", "_screen", "number", "player"},
        {"_room", "_seat", "recorder", "times"},
    ),
    (
        slots(InputBuffer),
        {*seat_state.INPUTS_ROW, "applied", "_waiting", "_late"},
        {"length_ticks"},
    ),
    (fields(Input), {*seat_state.INPUT_ROW, "command"}, {"read_s"}),
    (fields(Screen), {"claim", "applied_tick"}, set()),
    (fields(Life), {"serial", "returns", "taken_over_at"}, set()),
    (fields(Outbox), {"emissions", "texts", "kicked", "moves"}, set()),
    (fields(Emission), {"event", "points", "seat", "group", "by"}, set()),
    (fields(Text), {"seat", "name", "text", "to"}, set()),
    (
        slots(RoomCommands),
        {"upcoming_tick", "waiting"},
        {"input_class", "recorder", "schema", "times"},
    ),
    (
        slots(Stepper),
        {"room", "seated", "texts_dropped", "joins", "_said", "_commands", "_rewind", "outbox"}
        | {"calls"},
        {"failures", "_in_order", "_timers", "_handlers", "_emitted"}
        | {"input_times", "takes_inputs"},
    ),
    (
        slots(Publisher),
        {"_seats", "view_share", "catch_up_notice", "_check_turns", "_published_tick"},
        {
            *("world", "statistics", "quiet_ticks", "window_ticks", "_asker", "_individual"),
            "__weakref__",
        },
    ),
    (slots(Calls), {"in_flight", "results", "next_number"}, {"requests"}),
    (fields(Call), {"number", "name", "then", "about"}, set()),
    (slots(Timers), {"waiting", "next_serial"}, set()),
    (fields(Timer), {"due_tick", "period_ticks", "_method", "_arguments", "_serial"}, set()),
    (slots(CheckTurns), {"_turn", "_last_tick"}, {"_ticks_per_turn"}),
]


@pytest.mark.parametrize(("there", "saved", "left_out"), PARTS)
def test_nothing_that_the_engine_keeps_is_forgotten(
    there: set[str], saved: set[str], left_out: set[str]
) -> None:
    assert there - saved - left_out == set(), "save it, or say here why not"
    assert (saved | left_out) - there == set(), "it is there no more"
    assert not saved & left_out
