"""The Python client follows where the server moves it, against the real lobby."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from clients import ConnectionLost, GameClient, State, open_game
from clients.asking import asked
from clients.joining import MAX_MOVES, _Target
from gameserver import Player, RemoteProtocolError, entity, synced
from gameserver.protocol.closing import ClientAction
from gameserver.protocol.messages import Moved
from tests.support.matched_game import Match, Options
from tests.support.resumable_lobby import HoldingField, ResumableLobby, resumable_lobby

URL = "ws://test/"


@entity
class Flag:
    colour: str = synced("red")


class Final(HoldingField):
    """Another schema, another tick rate."""

    tick_rate = 40
    classes = (Flag,)
    options = Options

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Flag(), owner=player)
        self.told.append(f"{player.name} joins with {player.options.size}")

    def on_leave(self, player: Player, reason: str) -> None:
        self.told.append(reason)


def rooms(host: ResumableLobby) -> dict[str, HoldingField]:
    return {task.label: task.room for _, task in host.lobby.rooms}  # type: ignore[misc]


def test_a_client_that_misses_the_server_it_was_moved_to_asks_the_first_one_again() -> None:
    target = _Target(URL, asked("field", None, None), "ann", None, None, None, None)
    target.missed()
    target.follow(Moved("ws://other/", "field/7", "ticket"))
    target.reached()
    target.missed()
    assert target.url == "ws://other/"
    target.reached()
    target.missed()
    assert target.url == "ws://other/"
    target.missed()
    assert (target.url, target.asked.room) == (URL, "field/7")
    # Before the welcome, the ticket is of no use elsewhere.
    target.follow(Moved("ws://other/", "field/8", "ticket"))
    target.missed()
    assert target.ticket == "ticket"
    target.missed()
    assert (target.url, target.ticket) == (URL, None)


async def until_playing(game: GameClient) -> None:
    while (await game.next_state()).state is not State.PLAYING:
        pass


async def lost(game: GameClient) -> ConnectionLost:
    """Play until the connection is lost, and return how."""
    try:
        while True:
            await game.next_delta()
    except ConnectionLost as error:
        return error


async def test_a_client_goes_on_in_a_room_of_another_kind(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(Match, Final) as host:
        host.lead_here(monkeypatch)
        async with open_game(URL, name="ann", options={"size": 7}) as game:
            await game.next_delta()
            rooms(host)["field/1"].players[1].move_to("final/1")
            await until_playing(game)
            assert game.room == "final/1"
            assert (game.tick_rate, game.clock.tick_rate) == (40, 40)
            while game.replica.tick < 0:
                await game.next_delta()
            (flag,) = game.replica.of_kind("Flag")
            assert flag.colour == "red"
            assert rooms(host)["final/1"].told == ["ann joins with 7"]
            # A lost connection brings it back to the room where it is now.
            await trio.sleep(1)  # a ping frame is answered by then
            host.cut()
            await until_playing(game)
            assert (game.room, game.statistics().resumes) == ("final/1", 1)


class Hop(HoldingField):
    """Sends everybody on, in circles."""

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        kind, _, number = self.name.partition("/")
        player.move_to(f"{kind}/{1 - int(number)}")


async def test_a_client_that_is_sent_in_circles_stops(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(HoldingField, Hop) as host:
        host.lead_here(monkeypatch)
        async with open_game(URL, room="hop/0") as game:
            error = await lost(game)
        assert (error.code, error.action) == (4015, ClientAction.STOP)
        assert len(host.sessions) == MAX_MOVES + 1


async def test_without_resuming_the_caller_is_told_where_to_go(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(HoldingField, Final) as host:
        host.lead_here(monkeypatch)
        async with open_game(URL, resume=False) as game:
            await game.next_delta()
            host.room.players[1].move_to("final/1")
            error = await lost(game)
        moved = error.moved
        assert moved is not None
        assert moved == Moved("", "final/1", moved.ticket)
        assert error.code == 4015


async def test_a_member_of_a_party_takes_its_seat(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(HoldingField, Final) as host:
        host.lead_here(monkeypatch)
        (ticket,) = host.lobby.reserve_seats(host.lobby.request("final"), 1)
        async with open_game(URL, room="final", ticket=ticket) as game:
            assert game.room == "final/1"
            assert len(host.lobby.reservations) == 0
            await trio.sleep(1)
            host.cut()
            await until_playing(game)  # without the ticket, which is used
            assert game.rejoins == 0


@pytest.mark.parametrize(
    ("at", "url"), [("wss://a/", "ws://b/"), ("ws://a/", "http://b/"), ("ws://a/", "javascript:1")]
)
def test_a_bad_address_is_not_followed(at: str, url: str) -> None:
    target = _Target(at, asked("a", None, None), "ann", None, None, None, None)
    with pytest.raises(RemoteProtocolError):
        target.follow(Moved(url, "a/b", "t"))
    assert target.url == at
    target.follow(Moved("", "a/b", "t"))
    assert target.url == at
    target.follow(Moved("wss://b/", "a/b", "t"))
    assert target.url == "wss://b/"
