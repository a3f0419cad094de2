"""Bots of one's own: when they act, what is sent then, and their mistakes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing

from clients.bots import Bot, View
from clients.bots.bot import Persona
from clients.bots.bot_names import bot_named
from clients.bots.playing import Pacer, Playing
from clients.client_types import State
from clients.game_client import GameClient
from gameserver.errors import LocalProtocolError
from gameserver.protocol.messages import CommandMessage, Say
from tests.support.scripted_server import (
    SCHEMA,
    Bounce,
    Game,
    Push,
    Server,
    delta,
    dial_fixture,  # noqa: F401 - a fixture
    full,
    game_fixture,  # noqa: F401 - a fixture
)


class Pusher(Bot):
    """Pushes by how far the ball is, and notes what it saw."""

    schema = SCHEMA

    def __init__(self, name: str, seat: int, chance: random.Random) -> None:
        super().__init__(name, seat, chance)
        self.seen: list[tuple[int, int, list[int]]] = []

    def act(self, view: View) -> Any:
        own = view.own
        self.seen.append((view.tick, own.x, [event.x for event in view.events]))
        return Push(force=min(own.x, 3)) if own.x < 7 else None


class Slow(Pusher):
    acts_per_s = 2.0


def playing(client: GameClient, character: type[Bot], pacer: Pacer | None = None) -> Playing:
    return Playing(client, Persona("Bot", character, 1), pacer or Pacer())


async def until_tick(client: GameClient, tick: int) -> None:
    await trio.testing.wait_all_tasks_blocked()
    assert client.replica.tick == tick


async def test_a_bot_acts_after_each_delta(game: Game, autojump_clock) -> None:
    heard: list[CommandMessage] = []

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(
            full(11, 2), delta(12, adds=[1, 1, 4], events=[[0, 9]]), delta(13, adds=[1, 1, 1])
        )
        heard.extend([await server.hear(CommandMessage) for _ in range(2)])

    async with game(script) as client:
        play = playing(client, Pusher)
        await until_tick(client, 13)
        bot: Any = play.bot
        assert (bot.name, bot.seat) == ("Bot", 4)
        assert bot.seen == [(11, 2, []), (12, 6, [9]), (13, 7, [])]
        await trio.testing.wait_all_tasks_blocked()
    assert [(c.values, c.acked) for c in heard] == [([2], 11), ([3], 12)]


async def test_a_bot_of_its_own_pace_is_asked_so_often(
    game: Game, nursery: trio.Nursery, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(
            full(11, 2), delta(12, adds=[1, 1, 9], events=[[0, 8]]), delta(13, events=[[0, 9]])
        )
        await server.closed()

    pacer = Pacer()
    nursery.start_soon(pacer.run)
    async with game(script) as client:
        await until_tick(client, 13)
        play = playing(client, Slow, pacer)
        began_s = trio.current_time()
        client.replica.entities[1].values[0] = 7
        play._on_delta([])
        await trio.sleep(1.8)
        bot: Any = play.bot
        assert [tick for tick, _, _ in bot.seen] == [13] * 4
        assert trio.current_time() - began_s == pytest.approx(1.8)
        play.ended.set()
        await trio.sleep(2)
        assert len(bot.seen) == 4


async def test_events_of_a_slow_bot_wait_for_it(
    game: Game, nursery: trio.Nursery, autojump_clock
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11, 7))
        await trio.sleep(0.2)
        await server.tell(delta(12, events=[[0, 8]]), delta(13, events=[[0, 9]]))
        await server.closed()

    pacer = Pacer()
    nursery.start_soon(pacer.run)
    async with game(script) as client:
        await until_tick(client, 11)
        play = playing(client, Slow, pacer)
        await trio.sleep(1.2)
        bot: Any = play.bot
        assert bot.seen == [(11, 7, []), (13, 7, [8, 9]), (13, 7, [])]


async def test_texts_and_several_commands_at_once(game: Game, autojump_clock) -> None:
    heard: list[Any] = []

    class Chatty(Bot):
        def act(self, view: View) -> Any:
            return ["hello", Push(force=1)] if view.tick == 11 else None

    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11))
        heard.append((await server.hear(Say)).text)
        heard.append((await server.hear(CommandMessage)).values)

    async with game(script) as client:
        playing(client, Chatty)
        await trio.testing.wait_all_tasks_blocked()
    assert heard == ["hello", [1]]


class Raises(Bot):
    def act(self, view: View) -> Any:
        return 1 / 0


class SendsTooMuch(Bot):
    def act(self, view: View) -> Any:
        return Push(force=99)


class SendsAnEvent(Bot):
    def act(self, view: View) -> Any:
        return Bounce(x=1)


class SaysNothing(Bot):
    def act(self, view: View) -> Any:
        return ""


class DoesNothing(Bot):
    pass


@pytest.mark.parametrize(
    ("character", "why"),
    [
        (Raises, r"^Raises\.act: ZeroDivisionError: division by zero \(test_playing\.py:\d+\)$"),
        (SendsTooMuch, r"^SendsTooMuch\.act: Push\.force: 99 is outside"),
        (SendsAnEvent, "knows no command Bounce"),
        (SaysNothing, "a text is 1 to 256 characters"),
        (DoesNothing, r"DoesNothing has no method act\(self, view\)"),
    ],
)
async def test_a_mistake_of_a_bot_ends_its_play_in_one_line(
    game: Game, autojump_clock, character: type[Bot], why: str
) -> None:
    async def script(server: Server) -> None:
        await server.let_in()
        await server.tell(full(11), delta(12))
        await server.closed()

    async with game(script) as client:
        play = playing(client, character)
        await play.ended.wait()
        with pytest.raises(Exception, match=why):
            raise play.failure or AssertionError
        await until_tick(client, 12)
        assert client.state is State.PLAYING


def test_a_crew_is_the_same_for_a_seed() -> None:
    def first(seed: int) -> list[Persona]:
        crew: Iterator[Persona] = Pusher.crew(seed)
        return [next(crew) for _ in range(3)]

    assert first(1) == first(1)
    assert [persona.name for persona in first(1)] == ["Pusher 1", "Pusher 2", "Pusher 3"]
    assert first(1)[0].seed != first(2)[0].seed


def test_a_view_without_prediction_shows_the_newest_places() -> None:
    class Sight:
        tick = 3
        own = Push(force=1)

        def of_kind(self, name: str) -> list[Any]:
            return [self.own, name]

    view = View(Sight(), 1, 30)
    assert view.others("Ball") == ["Ball"]
    assert not view.predicts
    thing: Any = type("Thing", (), {"x": 1.0, "y": 2.0})()
    assert view.place_of(thing) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mybots", "does not name a bot, as in mybots:Chaser"),
        (f"{__name__}:Pushr", r"has no Pushr; is Pusher meant\?"),
        (f"{__name__}:Zzz", "it has DoesNothing, Pusher"),
        (f"{__name__}:Persona", "is no subclass of clients.bots.Bot"),
        ("clients.bots:Bot", "is no subclass of clients.bots.Bot"),
    ],
)
def test_a_name_that_is_no_bot(name: str, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        bot_named(name)


def test_a_bot_by_name() -> None:
    assert bot_named(f"{__name__}:Pusher") is Pusher
