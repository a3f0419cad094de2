"""Nodes of several hosts, over real sockets: every client reaches its room through any of them."""

from __future__ import annotations

import attrs
import pytest
import trio
import trio.lowlevel

from clients import GameClient, open_game
from clients.errors import ConnectionLost, Refused
from clients.joining import MAX_MOVES
from gameserver import Joining, JoinRefused, Player
from gameserver.cluster.directory.listings import Candidates
from gameserver.cluster.placement import Choice
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Delta, Moved, Say
from gameserver.tokens import Tokens
from tests.support.clusters import (
    SECRET,
    FlakyDirectory,
    Guarded,
    Plain,
    labels,
    membership_of,
    memory_directory,
    open_nodes,
    owned_by,
    url_of,
)
from tests.support.small_game import open_url
from tests.support.sockets import PATIENCE_S


async def test_a_player_asks_one_host_for_a_room_of_another() -> None:
    async with open_nodes(2, memory_directory()) as (a, b):
        await owned_by(b, "plain/x")
        async with (
            open_game(url_of(a), room="plain/x", name="ann") as ann,
            open_game(url_of(b), room="plain/x", name="bob") as bob,
        ):
            assert (ann.room, bob.room) == ("plain/x", "plain/x")
            assert (labels(a), labels(b)) == (set(), {"plain/x"})
            assert (a.players, b.players) == (0, 2)


async def test_a_ticket_is_bound_to_its_node_and_valid_once() -> None:
    async with open_nodes(3, memory_directory()) as (a, b, c):
        await owned_by(b, "plain/x")
        async with open_url(url_of(a)) as client:
            await client.hello(room="plain/x")
            moved = await client.next_of(Moved)
            assert (moved.url, moved.room, moved.again) == (url_of(b), "plain/x", 1)
            assert (await client.closed())[0] == 4015
        for server in (a, c):
            router = server.lobby.router
            assert router is not None
            assert router.use_ticket(moved.ticket) is None, "it is for b"
        router = b.lobby.router
        assert router is not None
        ticket = router.use_ticket(moved.ticket)
        assert ticket is not None
        assert (ticket.node, ticket.room) == (membership_of(b).node, "plain/x")
        assert router.use_ticket(moved.ticket) is None, "it was used"
        assert router.use_ticket(moved.ticket + "x") is None


async def test_a_player_who_comes_back_at_another_host_resumes_with_a_delta() -> None:
    """As through a balancer that forgets which node a client was on."""
    directory = memory_directory()
    async with open_nodes(2, directory, ping_interval_s=0.05) as (a, b):
        await owned_by(b, "plain/x")
        async with open_url(url_of(b)) as first:
            welcome = await first.joined(room="plain/x")
            [(_, task)] = b.lobby.rooms
            [member] = task.roster._members.values()
            delta = await first.next_of(Delta)
            while not member.resume_state.welcomed:  # until a ping is answered
                delta = await first.next_of(Delta)
            await first.ws._stream.aclose()
        with trio.fail_after(PATIENCE_S):
            while member.connected:
                await trio.lowlevel.checkpoint()
        fields = {"resume": welcome.resume, "tick": delta.tick, "held": b""}
        async with open_url(url_of(a)) as second:
            await second.hello(room="plain/x", **fields)
            moved = await second.next_of(Moved)
        async with open_url(moved.url) as third:
            back = await third.joined(room=moved.room, ticket=moved.ticket, **fields)
            assert (back.resumed, back.seat) == (True, welcome.seat)
            state = member.resume_state
            await membership_of(b).renew()
            assert await directory.newest_resumes([state.life]) == {state.life: state.newest}
            assert await membership_of(a).newest_resumes([state.life]) == {state.life: state.newest}
        assert b.lobby.resumption.counts.total() == 1


async def test_a_token_is_used_once_in_the_whole_cluster() -> None:
    async with open_nodes(2, memory_directory()) as (a, b):
        await owned_by(a, "guarded/a")
        await owned_by(b, "guarded/b")
        token = Tokens([SECRET]).issue("account-1")
        async with open_game(url_of(b), room="guarded/a", name="ann", token=token) as ann:
            assert ann.room == "guarded/a", "the node that sends a player on uses nothing up"
        for room in ("guarded/b", "guarded/a"):
            with pytest.raises(Refused, match="used before"):
                async with open_game(url_of(b), room=room, name="eve", token=token):
                    pass


async def test_a_token_is_good_for_a_room_of_the_next_host_if_the_game_refuses_the_first() -> None:
    class Single(Guarded):
        async def on_auth(self, joining: Joining) -> str | None:
            if self.players:
                raise JoinRefused(CloseCode.REFUSED, "one is enough")
            return joining.identity

        @staticmethod
        def placement(candidates: Candidates) -> Choice:  # type: ignore[override]
            return min(candidates.rooms, key=lambda room: room.label, default=None)

    async with open_nodes(2, memory_directory(), {"single": Single}) as (a, b):
        tokens = Tokens([SECRET])
        await owned_by(a, "single/a")
        async with open_game(url_of(a), room="single/a", token=tokens.issue("ann"), name="ann"):
            await owned_by(b, "single/b")
            async with open_game(url_of(b), room="single/b", token=tokens.issue("eve"), name="eve"):
                for server in (a, b):
                    await membership_of(server).renew()
                field = b.lobby.rooms[0][1].room
                field.max_players = 2
                field.on_auth = Guarded.on_auth.__get__(field)  # type: ignore[method-assign]
                async with open_game(
                    url_of(a), room="single", token=tokens.issue("bob"), name="bob"
                ) as bob:
                    assert bob.room == "single/b"


async def test_a_ticket_with_an_identity_is_for_nobody_else() -> None:
    async with open_nodes(2, memory_directory()) as (a, b):
        await owned_by(b, "guarded/b")
        tokens = Tokens([SECRET])
        async with open_url(url_of(a)) as client:
            await client.hello(room="guarded/b", token=tokens.issue("account-1"))
            moved = await client.next_of(Moved)
        async with open_url(url_of(b)) as thief:
            token = tokens.issue("account-2")
            await thief.hello(room="guarded/b", token=token, ticket=moved.ticket)
            assert await thief.closed() == (4007, "the ticket is for somebody else")


async def test_players_who_ask_for_any_room_fill_the_rooms_of_all_hosts() -> None:
    async with open_nodes(3, memory_directory()) as nodes:
        games: list[GameClient] = []
        everybody, over = trio.Event(), trio.Event()

        async def play(number: int) -> None:
            server = nodes[number % len(nodes)]
            async with open_game(url_of(server), room="plain", name=f"p{number}") as game:
                games.append(game)
                if len(games) == 12:
                    everybody.set()
                await over.wait()

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(play, number)
            with trio.fail_after(PATIENCE_S):
                await everybody.wait()
            rooms = [label for server in nodes for label in labels(server)]
            assert len(rooms) == len(set(rooms))
            assert sum(server.players for server in nodes) == 12
            # Twelve players need three rooms; each node may have made one in the first moment.
            assert 3 <= len(rooms) <= 6
            over.set()


async def test_there_are_no_twins_of_a_name() -> None:
    async with open_nodes(4, memory_directory()) as nodes:
        found: dict[str, list[GameClient]] = {}
        everybody, over = trio.Event(), trio.Event()

        async def play(number: int) -> None:
            room = f"plain/{number % 8}x"
            server = nodes[number % len(nodes)]
            async with open_game(url_of(server), room=room, name=f"p{number}") as game:
                found.setdefault(room, []).append(game)
                if sum(map(len, found.values())) == 24:
                    everybody.set()
                await over.wait()

        async with trio.open_nursery() as nursery:
            for number in range(24):
                nursery.start_soon(play, number)
            with trio.fail_after(2 * PATIENCE_S):
                await everybody.wait()
            assert all(game.room == room for room, games in found.items() for game in games)
            assert sorted(label for one in nodes for label in labels(one)) == sorted(found)
            over.set()


class Lobby(Plain):
    """A lobby that sends everybody who says "go" to a match."""

    def on_say(self, player: Player, text: str) -> str | None:
        for each in self.players.values():
            each.move_to("match/final")
        return None


@attrs.frozen
class Colours:
    colour: str = "red"


class Match(Guarded):
    options = Colours

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.told = [*getattr(self, "told", []), (player.name, player.identity, player.options)]


async def test_a_game_moves_its_players_to_a_room_of_another_host() -> None:
    kinds = {"lobby": Lobby, "match": Match}
    directory = memory_directory()
    async with open_nodes(2, directory, kinds) as (a, b):
        await owned_by(a, "lobby/x")
        await owned_by(b, "match/final")
        async with (
            open_game(url_of(a), room="lobby/x", name="ann") as ann,
            open_game(url_of(a), room="lobby/x", name="bob") as bob,
        ):
            await ann.say("go")
            for game in (ann, bob):
                with trio.fail_after(PATIENCE_S):
                    while game.room != "match/final":
                        await game.next_state()
            [(_, task)] = b.lobby.rooms
            assert sorted(task.room.told) == [  # type: ignore[attr-defined]
                ("ann", None, Colours()),
                ("bob", None, Colours()),
            ]
            assert (a.players, b.players) == (0, 2)


async def test_the_ticket_of_a_moved_player_admits_it_once() -> None:
    kinds = {"lobby": Lobby, "match": Match}
    async with open_nodes(2, memory_directory(), kinds) as (a, b):
        await owned_by(a, "lobby/x")
        await owned_by(b, "match/final")
        async with open_url(url_of(a)) as client:
            welcome = await client.joined(room="lobby/x")
            await client.send(Say("go"))
            moved = await client.next_of(Moved)
            assert (moved.url, moved.again) == (url_of(b), 0)
        # A client that lost its connection before it heard of the move.
        async with open_url(url_of(a)) as again:
            await again.hello(room="lobby/x", resume=welcome.resume, tick=0, held=None)
            assert await again.next_of(Moved) == moved
        async with open_url(url_of(b)) as there:
            assert (await there.joined(room=moved.room, ticket=moved.ticket)).room == "match/final"
            async with open_url(url_of(b)) as thief:
                await thief.hello(room=moved.room, ticket=moved.ticket)
                assert await thief.closed() == (4007, "the ticket was used before, or has expired")


# ---------------------------------------------------------------- the directory is away


async def test_while_the_directory_is_away_own_rooms_are_joined_and_named_ones_not_made() -> None:
    directory = FlakyDirectory()
    async with open_nodes(2, directory) as (a, b):
        await owned_by(a, "plain/x")
        async with open_game(url_of(a), room="plain/x", name="ann"):
            directory.away = True
            async with open_game(url_of(a), room="plain/x", name="bob") as bob:
                assert bob.room == "plain/x"
            for server, room in ((a, "plain/new"), (b, "plain/x")):
                with pytest.raises(Refused) as refused:
                    async with open_game(url_of(server), room=room, name="cid"):
                        pass
                assert (refused.value.code, refused.value.retry_after_s) == (4005, 2.0)
            async with open_game(url_of(b), room="plain", name="dan") as dan:
                unlisted = dan.room
                assert unlisted not in ("plain/x", "plain/1")
                directory.away = False
                await membership_of(b).renew()
                found = await directory.find(unlisted)
                assert found is not None, "it is listed once the directory is back"
                assert found.owner.node == membership_of(b).node


async def test_a_room_that_another_node_has_by_now_plays_on_unlisted() -> None:
    directory = FlakyDirectory()
    async with open_nodes(2, directory) as (a, b):
        await owned_by(a, "plain/x")
        async with open_game(url_of(a), room="plain/x", name="ann") as ann:
            await directory.leave(membership_of(a).node)  # as if its lease were over
            await owned_by(b, "plain/x")
            await membership_of(a).renew()
            assert membership_of(a).lost == {"plain/x"}
            async with open_game(url_of(a), room="plain/x", name="bob") as bob:
                assert (bob.room, b.players, a.players) == ("plain/x", 1, 1)
            await ann.next_delta()


# ---------------------------------------------------------------- nodes that cannot be trusted


async def test_nobody_is_sent_to_a_node_with_another_secret() -> None:
    directory = memory_directory()
    async with open_nodes(1, directory) as (a,):
        listing = attrs.evolve(
            membership_of(a).listing(), node="evil", host="evil", url="ws://evil.example"
        )
        await directory.renew(listing, [])
        await directory.claim("evil", "plain/x")
        with pytest.raises(Refused, match="not one of ours"):
            async with open_game(url_of(a), room="plain/x", name="ann"):
                pass
        async with open_game(url_of(a), room="plain", name="ann") as ann:
            assert ann.room.startswith("plain/")


async def test_a_client_that_is_sent_in_circles_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_nodes(2, memory_directory()) as (a, b):
        for one, other in ((a, b), (b, a)):
            # Two nodes that each hold the other for the owner, whatever the directory says.
            claim = await membership_of(one).directory.claim(membership_of(one).node, "plain/x")
            owner = membership_of(other).listing()
            router = one.lobby.router
            route = router._elsewhere(attrs.evolve(claim, owner=owner))  # type: ignore[union-attr]

            async def circle(*_: object, route: object = route, **__: object) -> object:
                await trio.lowlevel.checkpoint()
                return route

            monkeypatch.setattr(router, "place", circle)
        with pytest.raises(ConnectionLost) as lost:
            async with open_game(url_of(a), room="plain/x", name="ann"):
                pass
        assert lost.value.code == 4015
        endings = a.counters.refusals[4015] + b.counters.refusals[4015]
        assert endings == MAX_MOVES + 1
