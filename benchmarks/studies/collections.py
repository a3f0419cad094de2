"""``collections``: bytes for one edit of a list, a dict or a nested value, beside Colyseus' schema.

Owns the ship and its edits.  ``peers/colyseus/collections.mjs`` has the same for Colyseus.
"""

from __future__ import annotations

import enum
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.building import node_folder_of, node_of
from benchmarks.machine import BenchmarkError
from benchmarks.pilots import FrameSink
from gameserver import entity, synced, value
from gameserver.model.schema import Schema
from gameserver.model.world import World
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat

#: How many elements the lists and the dicts begin with.
LISTED: Final = 20
KEYS: Final = 10


class Kind(enum.Enum):
    """The sort of an item."""

    TOOL = 0
    FOOD = 1
    WEAPON = 2


@value
class Item:
    """An element of the collections."""

    kind: Kind
    count: int
    label: str


@value
class Spot:
    """A value within a value."""

    x: int
    y: int


@value
class Best:
    """A value with another value as a field."""

    kind: Kind
    at: Spot


@entity
class Ship:
    """A ship with a collection of each sort."""

    hold: list[Item] = synced(factory=list)
    path: list[int] = synced(factory=list)
    prices: dict[str, int] = synced(factory=dict)
    shelf: dict[str, Item] = synced(factory=dict)
    best: Best = synced(factory=lambda: Best(Kind.FOOD, Spot(10, 20)))


def make_ship() -> Ship:
    """Return a ship whose collections are filled."""

    def item(i: int) -> Item:
        return Item(Kind(i % 3), i, f"item {i}")

    return Ship(
        [item(i) for i in range(LISTED)],
        [100 + i for i in range(LISTED)],
        {f"ware {i}": 100 + i for i in range(KEYS)},
        {f"slot {i}": item(i) for i in range(KEYS)},
    )


def _sword() -> Item:
    return Item(Kind.WEAPON, 7, "sword")


def _swap(elements: list[Any]) -> None:
    elements[3], elements[15] = elements[15], elements[3]


def _set_count(item: Item) -> None:
    item.count = 300


def _set_x(ship: Ship) -> None:
    ship.best.at.x = 300


EDITS: Final[dict[str, Callable[[Ship], object]]] = {
    "push a value": lambda ship: ship.hold.append(_sword()),
    "pop a value": lambda ship: ship.hold.pop(),
    "set one field of one value": lambda ship: _set_count(ship.hold[10]),
    "insert a value at the front": lambda ship: ship.hold.insert(0, _sword()),
    "remove a value in the middle": lambda ship: ship.hold.pop(10),
    "swap two values": lambda ship: _swap(ship.hold),
    "clear the values": lambda ship: ship.hold.clear(),
    "push a number": lambda ship: ship.path.append(77),
    "pop a number": lambda ship: ship.path.pop(),
    "set a number": lambda ship: ship.path.__setitem__(10, 300),
    "insert a number at the front": lambda ship: ship.path.insert(0, 77),
    "remove a number in the middle": lambda ship: ship.path.pop(10),
    "swap two numbers": lambda ship: _swap(ship.path),
    "clear the numbers": lambda ship: ship.path.clear(),
    "set a new key": lambda ship: ship.prices.update({"ware 10": 110}),
    "set a key that is there": lambda ship: ship.prices.update({"ware 5": 300}),
    "delete a key": lambda ship: ship.prices.pop("ware 5"),
    "put a value under a new key": lambda ship: ship.shelf.update({"slot 10": _sword()}),
    "set one field of the value of a key": lambda ship: _set_count(ship.shelf["slot 5"]),
    "set one field of a value within a value": _set_x,
}


def our_bytes(edit: Callable[[Ship], object]) -> int:
    """Return the number of bytes that the edit adds to a delta."""
    world = World(Schema.of([Ship]))
    publisher = Publisher(world, check_every_ticks=10**9, quiet_ticks=0)
    sink = FrameSink()
    publisher.add(Seat(1, sink))
    ship = world.spawn(make_ship())
    sizes = []
    for tick in range(1, 4):
        if tick == 3:
            edit(ship)
        publisher.publish(tick)
        sizes.append(sum(map(len, sink.frames)))
        sink.frames.clear()
    return sizes[2] - sizes[1]


def colyseus_bytes() -> dict[str, int]:
    """Return the bytes of each edit in a patch of Colyseus' schema."""
    folder = node_folder_of("colyseus")
    done = subprocess.run(
        [str(node_of(folder)), "collections.mjs"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"colyseus counted no bytes: {done.stderr.strip()[-200:]}")
    counted: dict[str, int] = json.loads(done.stdout)
    if counted.keys() != EDITS.keys():
        raise BenchmarkError("colyseus counted the bytes of other edits")
    return counted


def run() -> Iterator[tuple[str, int, int]]:
    """Yield each edit, our bytes and those of Colyseus."""
    theirs = colyseus_bytes()
    for name, edit in EDITS.items():
        yield name, our_bytes(edit), theirs[name]
