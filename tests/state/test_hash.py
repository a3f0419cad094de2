"""The state hash: equal for equal states, in every process, and different for others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from gameserver.state.hash import entity_hashes, state_hash
from gameserver.state.snapshot import capture
from tests.support.kept_game import Spot, Zoo
from tests.support.paths import ROOT
from tests.support.zoo_stage import Stage, copy_of, played

_PLAYED = """
from gameserver.state.hash import state_hash
from gameserver.state.snapshot import capture
from tests.support.zoo_stage import played
stage = played(12)
stage.room.pairs = {(1, 2): set(stage.room.beasts.values())}
stage.room.anything = {"red", "green", "blue", 5, ("a", 1)}
print(state_hash(capture(stage.stepper, stage.publisher)).hex())
"""


def hash_of(stage: Stage) -> bytes:
    return state_hash(capture(stage.stepper, stage.publisher))


def test_it_is_the_same_in_processes_with_other_hash_seeds() -> None:
    found = set()
    for seed in ("0", "1", "77"):
        run = subprocess.run(
            [sys.executable, "-c", _PLAYED],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(run.stdout)
    assert len(found) == 1


def test_a_copy_has_the_same() -> None:
    stage = played()
    assert hash_of(copy_of(stage)) == hash_of(stage)


def test_what_clients_know_is_not_part_of_it() -> None:
    stage = played()
    before = hash_of(stage)
    stage.stepper.seated[1].seat.forget()
    assert hash_of(stage) == before


def draw(room: Zoo) -> None:
    room.random.random()


def age(room: Zoo) -> None:
    room.beasts[1].speed += 1


def tell(room: Zoo) -> None:
    room.log.append("x")


def join_pair(room: Zoo) -> None:
    room.pairs[Spot(0, 0)] = {room.beasts[1]}


def rename(room: Zoo) -> None:
    room.players[1].name = "anne"


def spare(room: Zoo) -> None:
    room.spare += 1


@pytest.mark.parametrize("change", [draw, age, tell, join_pair, rename, spare])
def test_any_change_of_the_state_changes_it(change: Callable[[Zoo], None]) -> None:
    stage = played()
    before = hash_of(stage)
    change(stage.room)
    assert hash_of(stage) != before


def test_the_entity_that_differs_is_found() -> None:
    stage = played()
    copy = copy_of(stage)
    copy.room.beasts[2].speed += 1
    one = entity_hashes(capture(stage.stepper))
    other = entity_hashes(capture(copy.stepper))
    assert one.keys() == other.keys() == stage.room.world.records.keys()
    differing = [number for number in one if one[number] != other[number]]
    assert differing == [stage.room.id_of(stage.room.beasts[2])]
