"""``Room.sees``: asked once a publish and pair, watched, and its cost counted."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from clients.replica import Replica
from gameserver import Exact, LocalProtocolError, Near, Player, Room, entity, event, synced
from gameserver.replication.publisher import Publisher
from gameserver.simulation.seeing import Seeing, seeing
from gameserver.simulation.stepper import Stepper
from tests.support.frame_sinks import FakeSink


@entity(at=("x", "y"))
class Spy:
    x: float = synced(0.0)
    y: float = synced(0.0)
    noise: int = synced(0)
    code: int = synced(0, to="owner")


@event
class Step:
    pass


class Maze(Room):
    view = Near(100)
    classes = (Spy, Step)
    asked: list[tuple[int, Any]]
    seen: bool = True

    def on_create(self) -> None:
        self.asked = []

    def sees(self, player: Player, entity: Any) -> bool:
        self.asked.append((player.seat, entity))
        return self.seen


class Exactly(Maze):
    view = Exact(100)


class Played:
    """A room with one player at the origin, and what its client holds."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.stepper = Stepper(room)
        clock = itertools.count()
        self.seeing = seeing(room, lambda: float(next(clock)))
        self.publisher = Publisher(
            room.world, check_every_ticks=1000, quiet_ticks=1000, asker=self.seeing
        )
        self.sink = FakeSink()
        self.player = self.stepper.join(1, self.sink, "Ada").player
        self.player.focus = (0.0, 0.0)
        self.publisher.add(self.player._seat)
        self.replica = Replica(room.world.schema)

    def step(self) -> list[Any]:
        self.stepper.step(self.room.tick_number + 1)
        self.publisher.publish(self.room.tick_number, self.stepper.take_emissions())
        events = []
        for message in self.sink.take_messages():
            events += self.replica.apply(message)
        return events


@pytest.mark.parametrize("maze", [Maze, Exactly])
def test_only_what_is_near_is_asked_for_and_once_a_publish(maze: type[Maze]) -> None:
    played = Played(maze())
    room: Any = played.room
    near = room.spawn(Spy(10.0))
    room.spawn(Spy(5000.0))
    room.emit(Step(), by=near)
    played.step()
    assert room.asked == [(1, near)]
    assert played.seeing is not None
    assert (played.seeing.asked, played.seeing.asked_s) == (1, 2.0)
    played.step()
    assert room.asked == [(1, near)] * 2, "again with every publish"


def test_owners_and_the_own_group_see_without_being_asked() -> None:
    played = Played(Maze())
    room: Any = played.room
    room.seen = False
    room.group("red").add(played.player)
    mate, mine = room.spawn(Spy(5000.0), group="red"), room.spawn(Spy(5.0), owner=played.player)
    other = room.spawn(Spy(5.0), group="blue")
    for spy in (mate, mine, other):
        room.emit(Step(), by=spy)
    assert len(played.step()) == 2
    assert set(played.replica.entities) == {room.id_of(mate), room.id_of(mine)}
    assert set(room.asked) == {(1, other)}


def test_an_entity_comes_and_goes_with_the_answer() -> None:
    played = Played(Maze())
    room: Any = played.room
    room.spawn(Spy())
    held = []
    for seen in (True, True, False, False, True):
        room.seen = seen
        played.step()
        held.append(len(played.replica.entities))
    assert held == [1, 1, 0, 0, 1]


def a_room_that(does: Callable[..., Any]) -> Played:
    room: Any = type("Maze", (Maze,), {"sees": does, "on_create": Room.on_create})()
    room.world.spawn(Spy(), owner=2)
    return Played(room)


MISTAKES: list[tuple[Callable[..., Any], str]] = [
    (
        lambda r, _p, _e: r.random.random() > 2,
        "Maze.sees must not use self.random: it ",
    ),
    (lambda r, _p, e: r.despawn(e), "Maze.sees must not change anything: it "),
    (lambda r, _p, _e: r.spawn(Spy()), "Maze.sees must not change anything: it "),
    (lambda r, _p, e: r.emit(Step(), by=e), "Maze.sees must not change anything: it "),
    (lambda r, _p, _e: r.say("seen"), "Maze.sees must not change anything: it "),
    (
        lambda r, _p, e: r.set_group(e, "red"),
        "Maze.sees must not change anything: it ",
    ),
    (
        lambda r, p, _e: r.group("red").add(p),
        "Maze.sees must not change anything: it ",
    ),
    (lambda r, _p, _e: r.after(1, r.tick), "Maze.sees must not change anything: it "),
    (lambda _r, _p, e: setattr(e, "noise", 1) is None, "Maze.sees changed a Spy: it must not "),
    (lambda _r, _p, e: setattr(e, "code", 1) is None, "Maze.sees changed a Spy: it must not "),
    (lambda _r, _p, _e: None, "Maze.sees must return True or False, not None"),
    (lambda _r, _p, e: e.wall, "Maze.sees raised AttributeError: 'Spy' object has no attribute"),
]


@pytest.mark.parametrize(("does", "message"), MISTAKES)
def test_a_hook_that_does_more_than_answer_is_named(does: Callable[..., Any], message: str) -> None:
    played = a_room_that(does)
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(message)}"):
        played.step()
    played.room.random.random()
    played.room.spawn(Spy())  # only the hook was kept from it


def test_a_room_without_the_hook_is_not_asked() -> None:
    assert seeing(Room(), lambda: 0.0) is None
    assert isinstance(seeing(Maze(), lambda: 0.0), Seeing)
