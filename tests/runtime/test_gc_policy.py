"""Garbage collections look at few objects while people play, for nothing of ours needs others."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.frame_protocol import FrameProtocol

from clients.game_client import GameClient
from clients.joining import open_game
from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, open_proxy
from gameserver import Settings
from gameserver.runtime import gc_policy
from gameserver.runtime.gc_policy import (
    BLOCK_BYTES,
    FEW_OBJECTS,
    MOST_OBJECTS,
    MOST_PUT_OFF,
    PLAYER_BYTES,
    RUNAWAY_OBJECTS,
    SETTLE_S,
    SMALL_BYTES,
    SWEEP_S,
    GcPolicy,
    memory_bytes,
)
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_server
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Step
from tests.support.sockets import PATIENCE_S

(PLAIN,) = profiles_of("0ms")
HERE = Endpoint("127.0.0.1", 0)
#: Tracked objects that a player keeps alive, about.
OF_A_PLAYER = 270


class Circle:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


class Game:
    """Inputs of the policy: the number of players, and the memory in use."""

    def __init__(self) -> None:
        self.players = 0
        self.memory_bytes = 1_000_000_000
        self.policy = GcPolicy(lambda: self.players)


class Watch:
    """How many objects each collection of the newest or young ones looked at, and the full ones."""

    def __init__(self) -> None:
        self.looked_at: list[int] = []
        self.full = 0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase != "start":
            return
        if info["generation"] == 2:
            self.full += 1
        else:
            generations = range(info["generation"] + 1)
            self.looked_at.append(sum(len(gc.get_objects(g)) for g in generations))


@pytest.fixture
def untouched() -> Iterator[None]:
    """The collector as it was, whatever a test does to it."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.unfreeze()
    gc.enable()


@pytest.fixture
async def game(untouched: None, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> Game:
    game = Game()
    monkeypatch.setattr(gc_policy, "memory_bytes", lambda: game.memory_bytes)
    nursery.start_soon(game.policy.run)
    await trio.sleep(SETTLE_S / 2)
    return game


@pytest.fixture
def watch(game: Game) -> Iterator[Watch]:
    watch = Watch()
    gc.callbacks.append(watch)
    yield watch
    gc.callbacks.remove(watch)


def crowd(players: int) -> list[list[list[int]]]:
    """Return as many objects as so many players are, about."""
    return [[[number] for number in range(OF_A_PLAYER)] for _ in range(players)]


async def circle_that_settled() -> Callable[[], Circle | None]:
    """Return a reference to a cycle that was dropped once it was frozen."""
    circle: Circle | None = Circle()
    await trio.sleep(2 * SETTLE_S)
    gone = weakref.ref(circle)
    circle = None
    return gone


# ---------------------------------------------------------------- small collections


@pytest.mark.parametrize("at_once", [1, 5, 13, 14, 20, 100, 1000])
async def test_no_collection_looks_at_much_however_many_join(
    autojump_clock: MockClock, game: Game, watch: Watch, at_once: int
) -> None:
    game.players = 1
    joined = []
    for _ in range(1000 // at_once):
        joined.append(crowd(at_once))
        await trio.sleep(SWEEP_S)
    await trio.sleep(3 * SETTLE_S)
    assert max(watch.looked_at) <= MOST_OBJECTS + SLACK
    assert watch.full == 0


#: Objects that the test and Trio make themselves between a look and the collection.
SLACK = 100


async def test_no_collection_looks_at_much_where_as_many_come_as_go(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    """Python counts what is made less what is freed: that says nothing here."""
    game.players = 1
    here = [crowd(1) for _ in range(40)]
    await trio.sleep(2 * SETTLE_S)
    for _ in range(50):
        here = [crowd(1) for _ in range(40)]
        await trio.sleep(SWEEP_S)
    await trio.sleep(2 * SETTLE_S)
    assert len(here) == 40
    assert max(watch.looked_at) <= MOST_OBJECTS + SLACK


async def test_what_is_freed_by_itself_does_not_count_as_young(
    autojump_clock: MockClock, game: Game
) -> None:
    """Else the objects of some ticks would be frozen long before they had settled."""
    game.players = 1
    await trio.sleep(SETTLE_S)
    young: Circle | None = Circle()
    gone = weakref.ref(young)
    for _ in range(20):
        passing = crowd(5)
        await trio.sleep(SWEEP_S)
    assert len(passing) == 5
    young = None
    await trio.sleep(SETTLE_S)
    assert gone() is None


async def test_the_newest_are_collected_between_ticks(
    autojump_clock: MockClock, game: Game
) -> None:
    newest = weakref.ref(Circle())
    await trio.sleep((MOST_PUT_OFF + 2) * SWEEP_S)
    assert newest() is None


async def test_many_new_objects_are_collected_at_the_next_sweep(
    autojump_clock: MockClock, game: Game
) -> None:
    await trio.sleep((MOST_PUT_OFF + 2) * SWEEP_S)
    newest = weakref.ref(Circle())
    many = [[number] for number in range(FEW_OBJECTS + SLACK)]
    await trio.sleep(2 * SWEEP_S)
    assert newest() is None
    del many


async def test_the_young_are_collected_when_they_settle(
    autojump_clock: MockClock, game: Game
) -> None:
    game.players = 1
    await trio.sleep(SETTLE_S)
    young: Circle | None = Circle()
    await trio.sleep(SETTLE_S / 2)
    gone = weakref.ref(young)
    young = None
    await trio.sleep(SETTLE_S)
    assert gone() is None


async def test_nothing_is_collected_within_a_tick(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    """Unless there is so much that the tick has stopped the server for longer already."""
    newest = weakref.ref(Circle())
    made = [[number] for number in range(RUNAWAY_OBJECTS - 10_000)]
    assert newest() is not None
    made += [[number] for number in range(20_000)]
    assert newest() is None


# ---------------------------------------------------------------- full collections


async def test_what_settled_is_left_alone_while_people_play(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    game.players = 1
    gone = await circle_that_settled()
    await trio.sleep(100 * SETTLE_S)
    assert gone() is not None
    assert watch.full == 0


async def test_it_is_collected_once_nobody_plays(autojump_clock: MockClock, game: Game) -> None:
    game.players = 1
    gone = await circle_that_settled()
    game.players = 0
    await trio.sleep(SETTLE_S)
    assert gone() is None
    assert game.policy.full_collections == 0, "nobody had to wait for it"


async def test_an_empty_server_is_not_collected_again_and_again(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    game.players = 1
    await trio.sleep(SETTLE_S)
    game.players = 0
    await trio.sleep(10 * SETTLE_S)
    assert watch.full == 1


async def test_an_empty_server_is_collected_again_if_its_memory_has_doubled(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    game.memory_bytes *= 2
    await trio.sleep(SETTLE_S)
    assert watch.full == 0
    game.memory_bytes += 1
    await trio.sleep(10 * SETTLE_S)
    assert watch.full == 1


async def test_memory_is_collected_while_people_play_if_it_has_doubled(
    autojump_clock: MockClock, game: Game
) -> None:
    game.players = 10
    gone = await circle_that_settled()
    game.memory_bytes = 2 * game.memory_bytes + 10 * PLAYER_BYTES
    await trio.sleep(SETTLE_S)
    assert gone() is not None
    game.memory_bytes += 1
    with capture_logs() as logs:
        await trio.sleep(10 * SETTLE_S)
    assert gone() is None
    assert game.policy.full_collections == 1
    (line,) = logs
    assert line["event"] == "full garbage collection while people play"
    assert line["freed_objects"] >= 1
    assert {"took_ms", "memory_mb_before", "memory_mb"} <= line.keys()


async def test_a_small_server_may_load_much(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    game.memory_bytes = 20_000_000
    await trio.sleep(SETTLE_S)
    game.players = 1
    await trio.sleep(SETTLE_S)
    game.players = 0
    await trio.sleep(2 * SETTLE_S)
    assert watch.full == 1, "now it counts as small"
    game.players = 1
    game.memory_bytes = 2 * SMALL_BYTES
    await trio.sleep(2 * SETTLE_S)
    assert watch.full == 1


async def test_players_who_have_left_may_have_needed_that_memory(
    autojump_clock: MockClock, game: Game, watch: Watch
) -> None:
    """The system does not get it back at once."""
    game.players = 1000
    await trio.sleep(SETTLE_S)
    game.memory_bytes = 2 * game.memory_bytes + 1000 * PLAYER_BYTES
    game.players = 10
    await trio.sleep(10 * SETTLE_S)
    assert watch.full == 0


async def test_what_a_full_collection_cost_is_counted(
    untouched: None, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server({"field": HoldingField}, Settings(port=0)) as server:
        policy = server.gc_policy
        assert server.figures().full_collections == 0
        policy.full_collections, policy.full_collections_s = 2, 0.25
        assert server.figures().full_collections == 2
        assert server.figures().full_collections_s == 0.25


def test_memory_is_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "statm"
    told.write_text("9000 300 1 1 0 1 0\n")
    monkeypatch.setattr(gc_policy, "STATM", told)
    monkeypatch.setattr(gc_policy.os, "sysconf", lambda name: 4096, raising=False)
    assert memory_bytes() == 300 * 4096


def test_memory_else_is_what_python_has_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc_policy, "STATM", tmp_path / "nothing")
    monkeypatch.setattr(sys, "getallocatedblocks", lambda: 1000)
    assert memory_bytes() == 1000 * BLOCK_BYTES


async def test_it_leaves_the_collector_as_it_was(
    untouched: None, autojump_clock: MockClock
) -> None:
    before = gc.get_threshold()
    with trio.move_on_after(3 * SETTLE_S):
        await GcPolicy(lambda: 1).run()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


# ---------------------------------------------------------------- what is left


@asynccontextmanager
async def play_and_be_cut(server: Server) -> AsyncIterator[GameClient]:
    """Play over a line that is cut afterwards; come back, leave, and wait until all are gone."""
    to = Endpoint("127.0.0.1", server.port)
    async with (
        open_proxy(PLAIN, listen=HERE, to=to, seed="cut") as (proxy, port),
        open_game(f"ws://127.0.0.1:{port}/", name="ann") as game,
    ):
        await until_known(game)
        yield game
        proxy.cut()
        while not game.statistics().resumes:
            await game.next_delta()
    while server.figures().connections:
        await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked()


async def test_a_session_leaves_nothing_that_needs_a_collection(untouched: None) -> None:
    with trio.fail_after(PATIENCE_S):
        async with open_server({"field": HoldingField}, Settings(port=0)) as server:
            gc.collect()
            gc.disable()
            async with play_and_be_cut(server) as game:
                await game.send(Step(1))
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            ours = {type(o).__qualname__ for o in gc.garbage if _of_the_server(o)}
    assert ours == set()


async def test_the_frame_parser_of_a_cut_connection_needs_no_collection(untouched: None) -> None:
    """A collection would free it and not even count it: ending a generator breaks its circle."""
    with trio.fail_after(PATIENCE_S):
        async with open_server({"field": HoldingField}, Settings(port=0)) as server:
            gc.collect()
            gc.disable()
            before = _parsers_of_the_server()
            async with play_and_be_cut(server):
                assert _parsers_of_the_server() == before + 1
            assert _parsers_of_the_server() == before


def _parsers_of_the_server() -> int:
    return sum(isinstance(o, FrameProtocol) and not o.client for o in gc.get_objects())


def _of_the_server(thing: object) -> bool:
    module = type(thing).__module__
    homes = ("runtime", "replication", "simulation", "room", "player")
    return module.startswith(tuple(f"gameserver.{home}" for home in homes))


async def test_a_closed_room_needs_no_collection(untouched: None) -> None:
    with trio.fail_after(PATIENCE_S):
        async with open_server(
            {"field": HoldingField}, Settings(port=0, empty_room_s=0.01)
        ) as server:
            gc.collect()
            gc.disable()
            async with open_game(
                f"ws://127.0.0.1:{server.port}/", room="field/2", name="ann"
            ) as ann:
                await until_known(ann)
                left = [
                    weakref.ref(thing)
                    for _, task in server.lobby.rooms
                    for thing in (task.room, task.publisher, *task.room.players.values())
                    if task.label == "field/2"
                ]
                assert len(left) == 3
            while any(task.label == "field/2" for _, task in server.lobby.rooms):
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            assert [thing() for thing in left] == [None] * 3
