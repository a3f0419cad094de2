"""Placement: the room or node that a join gets."""

from __future__ import annotations

import random
from typing import Any

import attrs

from gameserver.cluster.directory.listings import (
    Candidates,
    NodeListing,
    NodeLoad,
    RoomCandidate,
)
from gameserver.cluster.placement import by_load, least_loaded


def node(name: str, **load: Any) -> NodeListing:
    return NodeListing(node=name, host="h", load=attrs.evolve(NodeLoad(), **load))


def room(name: str, free_seats: int, owner: NodeListing) -> RoomCandidate:
    return RoomCandidate(label=f"arena/{name}", fence=1, free_seats=free_seats, owner=owner)


def test_a_room_with_free_seats_comes_before_a_new_one() -> None:
    only = room("x", 1, node("busy", busy=0.9))
    assert by_load(Candidates(rooms=(only,), nodes=(node("idle"),))) == only
    assert by_load(Candidates(nodes=(node("idle"),))) == node("idle")
    assert by_load(Candidates()) is None


def test_the_fuller_room_fills_up_first_unless_its_node_is_overloaded() -> None:
    calm, climbing = node("calm"), node("climbing", overload_steps=1)
    fuller, emptier = room("x", 1, calm), room("y", 5, calm)
    assert by_load(Candidates(rooms=(emptier, fuller))) == fuller
    assert by_load(Candidates(rooms=(room("z", 1, climbing), emptier))) == emptier


def test_measured_load_decides_where_a_room_is_made() -> None:
    idle = node("idle", busy=0.2, players=500)
    assert least_loaded(Candidates(nodes=(node("busy", busy=0.6), idle))) == idle
    assert least_loaded(Candidates(nodes=(node("over", overload_steps=1), idle))) == idle
    few = node("few", busy=0.2, players=3)
    assert least_loaded(Candidates(nodes=(idle, few))) == few


def test_a_node_that_takes_no_rooms_is_not_chosen() -> None:
    full, drains = node("full", no_new_rooms=True), attrs.evolve(node("d"), draining=True)
    assert least_loaded(Candidates(nodes=(full, drains))) is None


def test_two_choices_spread_rooms_evenly() -> None:
    """With one random choice the fullest of 100 nodes would have about 3 rooms per mean room."""
    chance = random.Random(1)
    rooms = dict.fromkeys(map(str, range(100)), 0)
    for _ in range(1000):
        drawn = chance.sample(sorted(rooms), 2)
        chosen = least_loaded(Candidates(nodes=tuple(node(n, rooms=rooms[n]) for n in drawn)))
        assert chosen is not None
        rooms[chosen.node] += 1
    assert max(rooms.values()) <= 13
