"""Garbage collections: only short ones while people play, for nothing of ours needs others."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from inn import Harbour, until_known
from playing import Step
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.frame_protocol import FrameProtocol

from clients.game_client import GameClient
from clients.joining import open_game
from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, open_proxy
from gameserver import Settings
from gameserver.runtime import collecting
from gameserver.runtime.collecting import (
    COUNT_EVERY_S,
    MANY_NEW,
    SETTLE_S,
    SWEEP_S,
    collect_what_is_young,
)
from gameserver.runtime.server import Server, open_server

(PLAIN,) = profiles_of("0ms")
HERE = Endpoint("127.0.0.1", 0)
PATIENCE_S = 60


class Circle:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


class Room:
    """Says how many play."""

    def __init__(self) -> None:
        self.players = 0


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
async def room(untouched: None, nursery: trio.Nursery) -> Room:
    room = Room()
    nursery.start_soon(collect_what_is_young, lambda: room.players)
    await trio.sleep(SETTLE_S / 2)
    return room


async def test_what_settled_is_left_alone_while_people_play(
    autojump_clock: MockClock, room: Room
) -> None:
    room.players = 1
    circle: Circle | None = Circle()
    await trio.sleep(SETTLE_S)
    gone = weakref.ref(circle)
    circle = None
    gc.collect()
    await trio.sleep(3 * SETTLE_S)
    assert gone() is not None


async def test_the_newest_are_collected_between_ticks(
    autojump_clock: MockClock, room: Room
) -> None:
    newest = weakref.ref(Circle())
    await trio.sleep(2 * SWEEP_S)
    assert newest() is None


async def test_nothing_is_collected_within_a_tick(autojump_clock: MockClock, room: Room) -> None:
    newest = weakref.ref(Circle())
    made = [[number] for number in range(MANY_NEW - 1000)]
    assert newest() is not None
    made += [[number] for number in range(2000)]
    assert newest() is None, "unless there is very much"


async def test_it_is_collected_once_nobody_plays(autojump_clock: MockClock, room: Room) -> None:
    room.players = 1
    circle: Circle | None = Circle()
    await trio.sleep(SETTLE_S)
    gone = weakref.ref(circle)
    circle = None
    await trio.sleep(SETTLE_S)
    room.players = 0
    await trio.sleep(SETTLE_S)
    assert gone() is None


async def test_or_once_there_is_twice_as_much(
    autojump_clock: MockClock, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.players = 1
    circle: Circle | None = Circle()
    await trio.sleep(SETTLE_S)
    gone = weakref.ref(circle)
    circle = None
    await trio.sleep(COUNT_EVERY_S + SETTLE_S)
    assert gone() is not None
    monkeypatch.setattr(collecting, "FEW_OBJECTS", 0)
    monkeypatch.setattr(collecting, "GROWTH", 0.5)
    await trio.sleep(COUNT_EVERY_S + SETTLE_S)
    assert gone() is None


async def test_an_empty_server_is_not_collected_again_and_again(
    autojump_clock: MockClock, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda generation=2: asked.append(generation) or 0)
    await trio.sleep(10 * SETTLE_S)
    assert set(asked) == {0, 1}, "a storm of connections may leave something even so"


async def test_it_leaves_the_collector_as_it_was(
    untouched: None, autojump_clock: MockClock
) -> None:
    before = gc.get_threshold()
    with trio.move_on_after(3 * SETTLE_S):
        await collect_what_is_young(lambda: 1)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


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
        async with open_server({"field": Harbour}, Settings(port=0)) as server:
            gc.collect()
            gc.disable()
            async with play_and_be_cut(server) as game:
                await game.send(Step(1))
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            ours = {type(o).__qualname__ for o in gc.garbage if _of_the_server(o)}
    assert ours == set()


async def test_nor_does_the_frame_parser_of_a_connection_that_was_cut(untouched: None) -> None:
    """A collection would free it and not even count it: ending a generator breaks its circle."""
    with trio.fail_after(PATIENCE_S):
        async with open_server({"field": Harbour}, Settings(port=0)) as server:
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
    return module.startswith(("gameserver.runtime", "gameserver.replication", "gameserver.player"))
