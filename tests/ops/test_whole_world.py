"""A room's whole world as plain values: what JSON can hold of anything that a game keeps."""

from __future__ import annotations

import enum
import json
from typing import Any

import attrs
import pytest

from gameserver.ops.whole_world import MAX_LENGTH, plain, world_of
from gameserver.templates.turns.room import CARDS, Game
from gameserver.testing import Rehearsal

Colour = enum.Enum("Colour", "RED")


@attrs.define
class Node:
    name: str
    inner: Any = None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.12345, 0.123),
        (float("inf"), "inf"),
        ("x" * 200, "x" * MAX_LENGTH),
        (Colour.RED, "RED"),
        (b"\x01\x02", "0102"),
        ({Colour.RED: [1, (2, 3)]}, {"RED": [1, [2, 3]]}),
        (Node("a", Node("b")), {"name": "a", "inner": {"name": "b", "inner": None}}),
        (object, "<type>"),
        ([[[[[1]]]]], [[[["…"]]]]),
    ],
)
def test_a_value(value: object, shown: object) -> None:
    assert plain(value) == shown
    json.dumps(plain(value))


def test_a_circle_ends() -> None:
    node = Node("a")
    node.inner = node
    json.dumps(plain(node))


def test_a_world() -> None:
    play = Rehearsal(Game(seed=1))
    play.join("Ada")
    play.join("Bob")
    play.step()
    world = world_of(play.room)
    json.dumps(world)
    assert (world["tick"], world["count"]) == (1, 3)
    hands = [each for each in world["entities"] if each["kind"] == "Hand"]
    assert [(each["seat"], each["fields"]["name"]) for each in hands] == [(1, "Ada"), (2, "Bob")]
    assert len(hands[1]["fields"]["cards"]) == CARDS  # what no other seat sees
