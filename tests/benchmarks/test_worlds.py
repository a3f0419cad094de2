"""The worlds: our rooms and the peers play by the same rules."""

from __future__ import annotations

import json
import subprocess

import msgpack
import pytest

from benchmarks import building
from benchmarks.moves import HEADINGS, STEP, start_of, world_side
from benchmarks.peers.shared.field import Field
from benchmarks.speech import (
    headings,
)
from benchmarks.worlds import BigWorld
from gameserver.replication.interest import members_of
from gameserver.replication.publisher import Publisher
from tests.support.node_tools import require_node


def test_everything_always_changes_both_coordinates_by_a_small_integer() -> None:
    assert all(0 < abs(d) < 32 for heading in HEADINGS for d in heading)


def test_about_twenty_others_are_in_view() -> None:
    for players in (500, 2000):
        side = world_side(players)
        room = BigWorld("test")
        room.side = side
        for _ in range(players):
            room.make_mover(None)
        grid = room.world.grid
        Publisher(room.world, check_every_ticks=10**9, quiet_ticks=10**9).publish(1)
        seen = [
            len(members_of(room.world, grid.cell_at(mover.x, mover.y))) - 1 for mover in room.movers
        ]
        assert 17 <= sum(seen) / len(seen) <= 21


def test_peers_see_as_many_as_we_do() -> None:
    field = Field("bigworld", 1000)
    movers = [field.join() for _ in range(1000)]
    field.step()
    seen = [sum(map(len, field.moves(mover.cell))) / 3 - 1 for mover in movers]
    assert 17 <= sum(seen) / len(seen) <= 21


def test_all_servers_move_alike() -> None:
    room = BigWorld("test")
    field = Field("bigworld", 100)
    ours = [room.make_mover(None) for _ in range(20)]
    theirs = [field.join() for _ in range(20)]
    assert room.side == world_side(100)
    turns = headings(40)
    for tick, heading in enumerate(turns):
        theirs[tick % 20].turn(heading)
        ours[tick % 20].dx, ours[tick % 20].dy = (d * STEP for d in HEADINGS[heading])
        for _ in range(15):
            room.tick()
            field.step()
    assert [(m.x / STEP, m.y / STEP) for m in ours] == [(m.x, m.y) for m in theirs]
    assert all(0 <= m.x <= room.side and 0 <= m.y <= room.side for m in theirs)


def test_a_message_of_the_peers_holds_the_moves_in_view() -> None:
    for world, cells in (("bigworld", 9), ("broadcast", 1)):
        field = Field(world, 200)
        movers = [field.join() for _ in range(200)]
        field.leave(movers.pop())
        field.step()
        for mover in movers[:5]:
            tick, *seen = msgpack.unpackb(field.message(mover.cell))
            assert tick == 1
            assert len(seen) == cells
            assert seen == field.moves(mover.cell)
            assert any(mover.id in cell[::3] for cell in seen)


@pytest.mark.node
def test_node_peers_have_the_same_rules() -> None:
    script = (
        "import { HEADINGS, advance, startOf, worldSide } from './benchmarks/peers/shared/"
        "field.mjs';"
        "const [x, y] = startOf(3, 999); const m = { x, y, dx: -700, dy: 12 }; advance(m, 999);"
        "console.log(JSON.stringify([HEADINGS, [1, 100, 5000].map(worldSide),"
        "[1, 2, 777].map((i) => startOf(i, 4096)), [x, y, m.x, m.y]]));"
    )
    done = subprocess.run(
        [*require_node(), "--input-type=module", "--eval", script],
        cwd=building.HERE.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    theirs, sides, starts, moved = json.loads(done.stdout)
    assert theirs == [list(heading) for heading in HEADINGS]
    assert sides == [world_side(n) for n in (1, 100, 5000)]
    assert starts == [list(start_of(i, 4096)) for i in (1, 2, 777)]
    x, y = start_of(3, 999)
    assert moved == [x, y, x + 700 if x < 700 else x - 700, y + 12 if y + 12 <= 999 else y - 12]
