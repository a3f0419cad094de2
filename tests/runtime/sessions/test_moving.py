"""Reserved seats and moves: tickets, who gets a seat by one, and who does not."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver import Joining, JoinRefused, LocalProtocolError, Player
from gameserver.outbox import Outbox
from gameserver.protocol.messages import Bye, Moved, Say, Welcome
from gameserver.runtime.rooms.moves import MOVE_VALID_S
from gameserver.runtime.rooms.reservations import MAX_RESERVED
from gameserver.seat_tickets import SeatTickets
from gameserver.testing import Rehearsal
from tests.support.matched_game import Match, Options, Strict
from tests.support.resumable_lobby import HoldingField, ResumableLobby, resumable_lobby
from tests.support.small_game import RawClient


class Arena(HoldingField):
    max_players = 2

    async def on_auth(self, joining: Joining) -> str | None:
        self.log.append(f"{joining.name} from {joining.moved_from}")
        return await super().on_auth(joining) or joining.identity


class Vault(Arena):
    requires_token = True


class Queue(HoldingField):
    """Notes the moves that were refused."""

    def on_move_refused(self, player: Player, room: str, reason: str) -> None:
        self.told.append(f"{player.name} not to {room}: {reason}")


LABEL = "arena/final"


def room_of(host: ResumableLobby, label: str) -> HoldingField:
    room = next(task.room for _, task in host.lobby.rooms if task.label == label)
    assert isinstance(room, HoldingField)
    return room


def free_seats(host: ResumableLobby, label: str) -> int:
    task = next(task for _, task in host.lobby.rooms if task.label == label)
    return task.room.max_players - task.roster.seats_taken


def reserve(host: ResumableLobby, room: str, count: int, valid_s: float = 60.0) -> list[str]:
    return host.lobby.reserve_seats(host.lobby.request(room), count, valid_s)


async def told(client: RawClient, **hello: Any) -> tuple[int, str]:
    await client.hello(**hello)
    bye = await client.next_of(Bye)
    return bye.code, bye.reason


# ---------------------------------------------------------------- reservations


async def test_a_party_gets_the_seats_that_are_kept_for_it(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        tickets = reserve(host, LABEL, 2)
        assert free_seats(host, LABEL) == 0
        async with host.client() as (eve, _):
            assert await told(eve, room=LABEL) == (4005, "arena/final is full")
        async with host.client() as (ann, _), host.client() as (bob, _):
            one = await ann.joined("ann", room=LABEL, ticket=tickets[0])
            two = await bob.joined("bob", room="arena", ticket=tickets[1])
            assert {one.room, two.room} == {LABEL}
            assert {one.seat, two.seat} == {1, 2}
            assert free_seats(host, LABEL) == 0
            assert room_of(host, LABEL).log[1:] == ["ann from None", "bob from None"]
        await trio.sleep(40)  # a seat may be held
        assert free_seats(host, LABEL) == 2


@pytest.mark.parametrize(
    ("ticket", "reason"),
    [
        ("x" * 1024, "the ticket is not one of ours"),
        (SeatTickets(["foreign"]).issue("1", LABEL, 60.0), "the ticket is not one of ours"),
        (None, "the ticket is for arena/final"),
    ],
    ids=["no ticket", "of another server", "for another room"],
)
async def test_a_ticket_that_is_not_good_here(
    autojump_clock: MockClock, ticket: str | None, reason: str
) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        good = reserve(host, LABEL, 1)[0]
        other = "arena/other" if ticket is None else LABEL
        async with host.client() as (eve, _):
            shown = good if ticket is None else ticket
            assert await told(eve, room=other, ticket=shown) == (4007, reason)
        async with host.client() as (ann, _):
            await ann.joined(room=LABEL, ticket=good)  # it is still good
        assert sum(host.lobby.sign_in.refused.values()) == 1


async def test_a_ticket_is_good_once(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        (ticket,) = reserve(host, LABEL, 1)
        async with host.client() as (ann, _), host.client() as (eve, _):
            await ann.joined(room=LABEL, ticket=ticket)
            assert await told(eve, room=LABEL, ticket=ticket) == (
                4007,
                "the ticket was used before",
            )


class Den(Arena):
    """Reserves the seats that it is asked for by a text, in a room."""

    def on_say(self, player: Player, text: str) -> None:
        count, _, room = text.partition(" ")
        self.reserve_seats(int(count), room=room, then=self.reserved, about=text)

    def reserved(self, tickets: list[str] | JoinRefused, text: str) -> None:
        self.told += [text, *tickets] if isinstance(tickets, list) else [text, str(tickets)]


async def test_a_room_reserves_seats_for_a_party(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Den, Arena) as host, host.client() as (ann, _):
        await ann.joined("ann", room="field/home")
        den = room_of(host, "field/home")
        for text in ("1", "1", "2 arena/final", "3 arena", "1 nowhere"):
            await ann.send(Say(text))
            await trio.sleep(1)
        _, _, here, _, refusal, _, there, _, *others = den.told
        assert refusal == "field/home is full"
        assert others == [
            *("3 arena", "arena has fewer than 3 seats"),
            *("1 nowhere", "no such room: nowhere; rooms here: field, arena"),
        ]
        assert free_seats(host, "field/home") == free_seats(host, LABEL) == 0
        den.locked = True
        async with host.client() as (bob, _), host.client() as (cy, _):
            assert (await bob.joined("bob", room="field/home", ticket=here)).seat == 2
            assert (await cy.joined("cy", room=LABEL, ticket=there)).room == LABEL


def test_in_a_rehearsal_tickets_are_stand_ins() -> None:
    play = Rehearsal(Den("field/home"))
    play.say(play.join("Ann"), "2")
    play.step()
    play.run_calls()
    play.step()
    assert play.room.told[1:] == ["2", "ticket 1 for field/home", "ticket 2 for field/home"]
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(LocalProtocolError, match=f"takes how many seats, not {wrong}$"):
            play.room.reserve_seats(wrong, then=play.room.reserved)  # type: ignore[arg-type]
    with pytest.raises(
        LocalProtocolError, match=r"^then= of reserve_seats\(\) cannot save a lambda"
    ):
        play.room.reserve_seats(1, then=lambda tickets: tickets)


async def test_a_ticket_expires_and_frees_its_seat(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena, empty_room_s=10.0) as host:
        (ticket,) = reserve(host, LABEL, 1, valid_s=30.0)
        await trio.sleep(29)
        assert free_seats(host, LABEL) == 1
        await trio.sleep(2)
        assert (free_seats(host, LABEL), len(host.lobby.reservations)) == (2, 0)
        async with host.client() as (ann, _):
            code, _ = await told(ann, room=LABEL, ticket=ticket)
            assert code == 4007
        await trio.sleep(11)
        assert host.lobby.rooms == []


async def test_a_client_that_is_refused_gives_its_reserved_seat_back(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        tickets = reserve(host, LABEL, 2)
        async with host.client() as (ann, _):
            assert (await told(ann, room=LABEL, ticket=tickets[0], token="wrong"))[0] == 4007
        assert free_seats(host, LABEL) == 1


async def test_reservations_are_bounded(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        for count, valid_s in ((0, 1.0), (-1, 1.0), (10_000, 1.0), (1, 0.0), (1, 1e9)):
            with pytest.raises(LocalProtocolError):
                reserve(host, LABEL, count, valid_s)
        with pytest.raises(JoinRefused, match="fewer than 3 seats"):
            reserve(host, "arena", 3)
        reserve(host, LABEL, 1)
        with pytest.raises(JoinRefused, match="too few free seats"):
            reserve(host, LABEL, 2)
        reserve(host, "arena", 2)  # a room with two free seats: a new one
        assert [task.label for _, task in host.lobby.rooms] == [LABEL, "arena/1"]
        monkeypatch.setattr("gameserver.runtime.rooms.reservations.MAX_RESERVED", 4)
        reserve(host, "arena/2", 1)
        with pytest.raises(JoinRefused, match="too many seats are reserved"):
            reserve(host, "arena/2", 1)
        assert (len(host.lobby.reservations), free_seats(host, "arena/2")) == (4, 1)
    assert MAX_RESERVED >= 1000


async def test_members_of_a_party_bring_their_own_options(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Match) as host:
        tickets = host.lobby.reserve_seats(host.lobby.request("match", {"size": 8}), 2, 60.0)
        async with host.client() as (ann, _), host.client() as (bob, _):
            await ann.joined(room="match/1", ticket=tickets[0], options={"size": 2})
            assert await told(bob, room="match/1", ticket=tickets[1], options={"size": 1}) == (
                4014,
                "options.size: 1 is outside 2 … 8",
            )
            room = room_of(host, "match/1")
            assert room.made_with == Options(size=8)
            assert room.players[1].options == Options(size=2)
        async with host.client() as (bob, _):
            await bob.joined(room="match/1", ticket=tickets[1])


async def test_whoever_is_expected_goes_before_newcomers(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena, joins_per_s=2.0) as host:
        (ticket,) = reserve(host, LABEL, 1)
        for shown, waits_s in ((None, 0.0), (None, 0.5), (ticket, 0.0)):
            async with host.client() as (client, _):
                begun_s = trio.current_time()
                await client.joined(room=LABEL if shown else "", ticket=shown)
                assert trio.current_time() - begun_s == pytest.approx(waits_s, abs=0.1)


# ---------------------------------------------------------------- moves


async def moved_from(
    host: ResumableLobby, client: RawClient, room: str = LABEL, **more: Any
) -> Moved:
    """Move the player in seat 1 of the first room, and return the news."""
    host.room.players[1].move_to(room, **more)
    moved = await client.next_of(Moved)
    assert (await client.next_of(Bye)).code == 4015
    return moved


async def test_a_player_moves_and_keeps_who_it_is(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        async with host.client() as (ann, _):
            await ann.joined("ann", token="account-1")
            moved = await moved_from(host, ann)
        assert moved == Moved("", LABEL, moved.ticket)
        await wait_all_tasks_blocked()
        assert room_of(host, "field/1").told == ["ann joins", "ann leaves: moved to arena/final"]
        assert free_seats(host, LABEL) == 1
        async with host.client() as (ann, _):
            welcome = await ann.joined("ann", room=LABEL, ticket=moved.ticket)
            assert (welcome.room, welcome.seat, welcome.resumed) == (LABEL, 1, False)
            final = room_of(host, LABEL)
            assert final.log[1:] == ["ann from field/1"]
            assert final.players[1].identity == "account-1"


async def test_a_moved_player_needs_no_token(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Vault, secret="s" * 40) as host:
        async with host.client() as (ann, _):
            await ann.joined("ann", token="account-1")
            moved = await moved_from(host, ann, "vault/1")
        async with host.client() as (ann, _):
            await ann.joined("ann", room="vault/1", ticket=moved.ticket)
            assert room_of(host, "vault/1").players[1].identity == "account-1"


async def test_nobody_without_identity_moves_into_a_room_that_requires_one(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(HoldingField, Vault, secret="s" * 40) as host:
        async with host.client() as (ann, _):
            await ann.joined("ann")
            moved = await moved_from(host, ann, "vault/1")
        async with host.client() as (ann, _):
            told_ = await told(ann, room="vault/1", ticket=moved.ticket)
            assert told_ == (4007, "a token is needed here")


async def test_options_travel(autojump_clock: MockClock) -> None:
    async with resumable_lobby(Match, Match, Strict) as host:
        for room, options, has in (
            ("match/1", None, Options(size=8)),
            ("match/2", Options(size=3), Options(size=3)),
            ("match?level=4", {"gravity": 1.5}, Options(gravity=1.5)),
        ):
            async with host.client() as (ann, _):
                await ann.joined("ann", room="field/x", options={"size": 8})
                moved = await moved_from(host, ann, room, options=options)
            async with host.client() as (ann, _):
                await ann.joined("ann", room=moved.room, ticket=moved.ticket, options={"size": 2})
                assert room_of(host, moved.room).players[1].options == has
                assert room_of(host, moved.room).made_with == has
        assert moved.room == "match/3"
        assert room_of(host, moved.room).listing.level == 4


async def test_players_move_together_or_not_at_all(autojump_clock: MockClock) -> None:
    async with (
        resumable_lobby(Queue, Arena, Strict) as host,
        host.client() as (ann, _),
        host.client() as (bob, _),
        host.client() as (cat, _),
    ):
        for name, client in (("ann", ann), ("bob", bob), ("cat", cat)):
            await client.joined(name)
        queue = host.room
        queue.move_players(queue.players.values(), "arena")
        await trio.sleep(0.2)
        why = "arena has fewer than 3 seats"
        assert queue.told[3:] == [f"{name} not to arena: {why}" for name in ("ann", "bob", "cat")]
        queue.move_players([queue.players[1], queue.players[2], queue.players[1]], "arena")
        one, two = await ann.next_of(Moved), await bob.next_of(Moved)
        assert (one.room, two.room) == ("arena/1", "arena/1")
        assert one.ticket != two.ticket
        await wait_all_tasks_blocked()
        assert [player.name for player in queue.players.values()] == ["cat"]


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        ("nowhere/1", "no such room: nowhere; rooms here: field, arena, strict"),
        ("field/1", "this is field/1 already"),
        ("strict", "options.team: is missing"),
        ("arena?mode=x", "filter.mode: no such filter; there are: none"),
    ],
)
async def test_a_move_that_cannot_be_is_told_to_the_game(
    autojump_clock: MockClock, room: str, reason: str
) -> None:
    async with resumable_lobby(Queue, Arena, Strict) as host, host.client() as (ann, _):
        await ann.joined("ann")
        host.room.players[1].move_to(room)
        await trio.sleep(0.2)
        assert host.room.told[1:] == [f"ann not to {room}: {reason}"]
        assert [task.label for _, task in host.lobby.rooms] == ["field/1"]


def test_a_room_that_is_none_is_a_mistake_at_once() -> None:
    play = Rehearsal(Arena())
    ann = play.join("ann")
    for room in ("Arena", "a/b/c", "arena/", "arena/" + "x" * 33, 7):
        with pytest.raises(LocalProtocolError, match="is no room: write kind, kind/name"):
            ann.move_to(room)  # type: ignore[arg-type]
    ann.move_to("arena/final")
    play.step()
    assert play.moved == [(ann, "arena/final")]
    assert play.room.players == {}


async def test_a_held_player_moves_and_learns_of_it_when_it_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        welcome, seen = await host.leave_behind(token="account-1")
        host.room.players[1].move_to(LABEL)
        await trio.sleep(0.2)
        assert host.room.told[-1] == "ann leaves: moved to arena/final"
        for _ in range(2):  # the news may be lost, too
            async with host.client() as (ann, _):
                await ann.hello(resume=welcome.resume, tick=seen.tick)
                moved = await ann.next_of(Moved)
                assert (await ann.next_of(Bye)).code == 4015
        async with host.client() as (ann, _):
            await ann.joined("ann", room=moved.room, ticket=moved.ticket)
        async with host.client() as (ann, _):
            await ann.hello(resume=welcome.resume, tick=seen.tick)  # an ordinary hello now
            assert not (await ann.next_of(Welcome)).resumed


async def test_a_move_that_nobody_follows_is_over_in_time(autojump_clock: MockClock) -> None:
    async with resumable_lobby(HoldingField, Arena) as host:
        welcome, _ = await host.leave_behind()
        host.room.players[1].move_to(LABEL)
        await trio.sleep(MOVE_VALID_S + 1)
        assert free_seats(host, LABEL) == 2
        async with host.client() as (ann, _):
            await ann.hello(resume=welcome.resume)
            assert (await ann.next_of(Welcome)).room == "field/1"


async def test_moves_at_the_moment_of_joining(autojump_clock: MockClock) -> None:
    """The tick that moves the player comes after its welcome, or in place of it."""

    class Hall(HoldingField):
        def on_join(self, player: Player) -> None:
            super().on_join(player)
            player.move_to(LABEL)

    async with resumable_lobby(Hall, Arena) as host, host.client() as (ann, _):
        await ann.hello()
        moved = await ann.next_of(Moved)
        assert moved.room == LABEL


async def test_whoever_plays_there_already_is_taken_over(autojump_clock: MockClock) -> None:
    async with (
        resumable_lobby(HoldingField, Arena) as host,
        host.client() as (old, _),
        host.client() as (ann, _),
    ):
        await ann.joined("ann", room="field/1", token="account-1")
        room_of(host, "field/1").players[1].move_to(LABEL)
        await old.joined("ann", room=LABEL, token="account-1")
        moved = await ann.next_of(Moved)
        async with host.client() as (again, _):
            welcome = await again.joined("ann", room=LABEL, ticket=moved.ticket)
            assert welcome.seat == 1
            assert (await old.next_of(Bye)).code == 4012
            await wait_all_tasks_blocked()
            assert free_seats(host, LABEL) == 1


def test_a_move_is_data() -> None:
    outbox = Outbox()
    outbox.move((1,), "match", Options(size=8))
    (move,) = outbox.moves
    assert move.options is not None
    assert move.options["size"] == 8
    assert attrs.asdict(move)["room"] == "match"
