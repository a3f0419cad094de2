"""The roster of a room: every order of transitions keeps its states and its counts in agreement."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import attrs
import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gameserver import JoinRefused, Player
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.rooms.resumption import Showing
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Ending, Held, Left, Member, Playing, Welcoming
from tests.support.resumable_lobby import HoldingField
from tests.support.resume_tokens import resumption
from tests.support.seated_room import Sink, room_loop

MOST_HELD = 2
ADDRESS = "192.0.2.1"
#: The order in which the hooks about one player may be called: one letter each, see ``Watched``.
LIFE = re.compile("J(DR)*D?L?")


class Watched(HoldingField):
    """Writes down one letter for each hook of a player; the hooks in ``failing`` raise."""

    max_players = 4

    def on_create(self) -> None:
        super().on_create()
        self.failing: set[str] = set()
        self.lives: dict[Player, str] = {}

    def note(self, player: Player, hook: str) -> None:
        self.lives[player] = self.lives.get(player, "") + hook[3].upper()
        if hook in self.failing:
            raise ZeroDivisionError(f"a bug in {hook}")

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.note(player, "on_join")

    def on_drop(self, player: Player) -> None:
        self.note(player, "on_drop")

    def on_resume(self, player: Player) -> None:
        self.note(player, "on_resume")

    def on_leave(self, player: Player, reason: str) -> None:
        super().on_leave(player, reason)
        self.note(player, "on_leave")


@attrs.define(eq=False)
class Connection:
    """The session of a player, as the roster sees it."""

    member: Member | None = None
    sink: Sink = attrs.field(factory=Sink)
    endings: list[tuple[int, str]] = attrs.field(factory=list)

    def end(self, code: int, reason: str) -> None:
        self.endings.append((code, reason))


class Lives:
    """A room without ticks, and the connections of its players, old ones included."""

    def __init__(self) -> None:
        self.room = Watched()
        self.resumption = resumption()
        self.hold_quota = HoldQuota(MOST_HELD)
        self.task = RoomTask(self.room, "field/1", room_loop(), self.resumption, self.hold_quota)
        self.roster = self.task.roster
        self.members: list[Member] = []
        self.connections: list[Connection] = []
        self.emptied = 0
        self.roster.on_released = self.note_released
        self.tick = 0

    def note_released(self) -> None:
        self.emptied += self.roster.seats_taken == 0

    # ------------------------------------------------------------ steps

    def join(self, pick: int) -> None:
        """Join as one of two identities, or as none; or take over, where it plays already."""
        identity = (None, "ann", "bob")[pick % 3]
        if self.roster.full and self.roster.find_identity(identity) is None:
            return
        connection = Connection()
        number = self.roster.reserve(identity)
        try:
            member = self.roster.playing(identity)
            if member is None:
                member = self.roster.join(number, connection.sink, "ann", identity, connection.end)
                self.members.append(member)
                took_over = False
            else:
                took_over = True
        except JoinRefused:
            return
        finally:
            self.roster.release(number)
        if took_over:
            self.roster.take_over(member, connection.sink, connection.end)
        self.add(connection, member)

    def resume(self, pick: int) -> None:
        if not self.members:
            return
        member = self.members[pick % len(self.members)]
        token = self.resumption.token_of(member)
        try:
            found = self.resumption.find(token, "field", None)
        except JoinRefused:
            return
        assert (found is member) == member.may_resume
        if found is not None:
            connection = Connection()
            self.roster.resume(member, token, connection.sink, None, 0, connection.end)
            self.add(connection, member)

    def add(self, connection: Connection, member: Member) -> None:
        connection.member = member
        connection.sink.seat = member.seated.seat
        self.connections.append(connection)

    def join_and_play(self, pick: int) -> None:
        self.join(pick)
        self.welcome(-1)
        self.confirm(-1)

    def resume_and_play(self, pick: int) -> None:
        self.resume(pick)
        self.welcome(-1)
        self.confirm(-1)

    def welcome(self, pick: int) -> None:
        """Let a session send its welcome, which starts the deltas unless it was told to end."""
        connection = self.pick(pick)
        if connection is not None and connection.member is not None and not connection.endings:
            self.roster.start_deltas(connection.member)

    def confirm(self, pick: int) -> None:
        connection = self.pick(pick)
        if connection is not None and connection.member is not None and not connection.endings:
            self.roster.confirm_welcome(connection.member)

    def lose(self, pick: int, *, may_return: bool = True) -> None:
        """Let a session end, once."""
        connection = self.pick(pick)
        if connection is None or connection.member is None:
            return
        self.connections.remove(connection)
        self.roster.disconnect(
            connection.member, connection.sink, "lost", may_return=may_return, address=ADDRESS
        )

    def close_session(self, pick: int) -> None:
        self.lose(pick, may_return=False)

    def kick(self, pick: int) -> None:
        if players := list(self.room.players.values()):
            players[pick % len(players)].kick("enough")

    def tick_once(self, _: int) -> None:
        self.tick += 1
        self.task.stepper.step(self.tick)
        self.roster.deal_with_failures()
        self.roster.end_kicked()

    def wait(self, pick: int) -> None:
        """Wait for a part of the time that seats are held, some of it blocked."""
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock)
        clock.jump(HoldingField.hold_s / (1 + pick % 3))
        if pick % 2:
            self.roster.note_blocked(1.0)
        self.roster.release_expired(trio.current_time())

    def break_hook(self, pick: int) -> None:
        self.room.failing ^= {("on_join", "on_drop", "on_resume", "on_leave")[pick % 4]}

    def fail(self, pick: int) -> None:
        if pick % 7 == 3:  # seldom, because little happens after it
            self.roster.fail("the room failed")

    def pick(self, number: int) -> Connection | None:
        return self.connections[number % len(self.connections)] if self.connections else None

    # ------------------------------------------------------------ what always holds

    def check(self) -> None:
        in_room = [m for m in self.members if not isinstance(m.state, Left)]
        assert [m.player for m in in_room] == [
            p for m in self.members if (p := m.player) in self.room.players.values()
        ]
        held = [m for m in in_room if isinstance(m.state, Held)]
        assert [m for m in in_room if not m.connected] == held
        assert len(self.hold_quota) == len(held) <= MOST_HELD
        assert self.roster.seats_taken == len(in_room)
        assert all(LIFE.fullmatch(life) for life in self.room.lives.values())
        assert all(self.room.lives[m.player][-1] == "D" for m in held)
        assert all(len(c.endings) <= 1 for c in self.connections)
        assert (len(self.resumption) == 0) == (not in_room)
        assert self.task.stepper.failures == []
        if self.roster.closed is not None:
            assert not [m for m in in_room if isinstance(m.state, Held | Playing | Welcoming)]
        self.check_deltas(in_room)

    def check_deltas(self, in_room: list[Member]) -> None:
        """Publish, and see that no seat gets a delta that is held or not welcome yet."""
        for connection in self.connections:
            connection.sink.messages.clear()
        self.tick += 1
        self.task.publisher.publish(self.tick)
        for connection in self.connections:
            member = connection.member
            assert member is not None
            current = member in in_room and member.seated.seat.sink is connection.sink
            if not current or isinstance(member.state, Welcoming):
                assert connection.sink.messages == []
            if current and isinstance(member.state, Playing):
                assert connection.endings == []
            if current and isinstance(member.state, Ending):
                assert len(connection.endings) == 1


Step: TypeAlias = Callable[[Lives, int], None]
STEPS: list[Step] = [
    *(Lives.join, Lives.resume, Lives.welcome, Lives.confirm, Lives.lose, Lives.close_session),
    *(Lives.kick, Lives.tick_once, Lives.wait, Lives.break_hook, Lives.fail),
    *(Lives.join_and_play, Lives.resume_and_play, Lives.lose, Lives.lose),
]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 59)), max_size=40))
def test_every_order_of_transitions(steps: list[tuple[Step, int]]) -> None:
    async def play() -> None:
        await trio.lowlevel.checkpoint()
        lives = Lives()
        for step, pick in steps:
            step(lives, pick)
            lives.check()
        empty_before = lives.roster.seats_taken == 0
        lives.roster.close("the room is closed")
        while lives.connections:
            lives.close_session(0)
        assert lives.room.players == {}
        assert (len(lives.hold_quota), len(lives.resumption)) == (0, 0)
        assert empty_before or lives.emptied > 0

    with structlog.testing.capture_logs():  # the hooks that raise
        trio.run(play, clock=MockClock())


# ---------------------------------------------------------------- single transitions


async def held(lives: Lives) -> Member:
    """Join, be welcome, and lose the connection."""
    await trio.lowlevel.checkpoint()
    for step in (Lives.join, Lives.welcome, Lives.confirm, Lives.lose):
        step(lives, 0)
    (member,) = lives.members
    return member


async def test_the_states_of_a_life(autojump_clock: MockClock) -> None:
    lives = Lives()
    lives.join(0)
    (member,) = lives.members
    states = [member.state]
    lives.welcome(0)
    states.append(member.state)
    lives.confirm(0)
    lives.lose(0)
    states.append(member.state)
    lives.resume(0)
    states.append(member.state)
    lives.kick(0)
    lives.tick_once(0)
    states.append(member.state)
    lives.close_session(0)
    states.append(member.state)
    assert [type(state) for state in states] == [
        *(Welcoming, Playing, Held, Welcoming, Ending, Left)
    ]
    assert lives.room.lives[member.player] == "JDRL"
    await trio.lowlevel.checkpoint()


async def test_a_hold_ends_after_its_time_without_that_of_blocks(autojump_clock: MockClock) -> None:
    lives = Lives()
    member = await held(lives)
    until_s = trio.current_time() + HoldingField.hold_s
    assert member.state == Held(until_s, ADDRESS)
    lives.roster.note_blocked(1.0)
    lives.roster.release_expired(until_s + 0.9)
    assert isinstance(member.state, Held)
    lives.roster.release_expired(until_s + 1.1)
    assert isinstance(member.state, Left)
    assert lives.room.left == [("ann", "did not come back")]


async def test_on_drop_that_raises_costs_no_seat(autojump_clock: MockClock) -> None:
    lives = Lives()
    lives.room.failing = {"on_drop"}
    lives.join_and_play(0)
    (connection,) = lives.connections
    lives.lose(0)
    assert isinstance(lives.members[0].state, Held)
    assert connection.endings == []  # that session has ended already
    await trio.lowlevel.checkpoint()


async def test_a_resume_ends_the_connection_that_still_looks_alive(
    autojump_clock: MockClock,
) -> None:
    lives = Lives()
    lives.join_and_play(0)
    lives.resume(0)
    older, newer = lives.connections
    assert (older.endings, newer.endings) == ([(4012, "resumed on another connection")], [])
    lives.lose(0)  # the older session notices only now
    (member,) = lives.members
    assert member.state == Welcoming(newer.end)
    assert lives.room.lives[member.player] == "JDR"
    await trio.lowlevel.checkpoint()


async def test_a_take_over_ends_the_older_connection(autojump_clock: MockClock) -> None:
    lives = Lives()
    lives.join_and_play(1)
    lives.join(1)
    older, newer = lives.connections
    assert (older.endings, newer.endings) == ([(4012, "signed in elsewhere")], [])
    assert lives.resumption.counts == {}
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("end", [Lives.kick, lambda lives, _: lives.roster.fail("the room failed")])
async def test_a_held_player_leaves_when_kicked_and_when_the_room_fails(
    autojump_clock: MockClock, end: Step
) -> None:
    lives = Lives()
    member = await held(lives)
    end(lives, 0)
    lives.tick_once(0)
    assert isinstance(member.state, Left)
    assert lives.roster.seats_taken == 0


async def test_a_session_told_to_end_during_its_welcome_starts_no_deltas(
    autojump_clock: MockClock,
) -> None:
    lives = Lives()
    lives.join(0)
    lives.kick(0)
    lives.tick_once(0)
    lives.roster.start_deltas(lives.members[0])
    assert isinstance(lives.members[0].state, Ending)
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("steps", [[Lives.join, Lives.welcome], [Lives.join_and_play, Lives.kick]])
async def test_the_seat_of_an_unwelcomed_or_kicked_player_is_not_held(
    autojump_clock: MockClock, steps: list[Step]
) -> None:
    lives = Lives()
    for step in [*steps, Lives.lose]:
        step(lives, 0)
    assert isinstance(lives.members[0].state, Left)
    assert lives.hold_quota.refused == 0
    await trio.lowlevel.checkpoint()


async def test_on_resume_that_raises_ends_the_new_session(autojump_clock: MockClock) -> None:
    lives = Lives()
    member = await held(lives)
    lives.room.failing = {"on_resume"}
    lives.resume(0)
    assert isinstance(member.state, Ending)
    assert lives.connections[0].endings == [(1011, "the game failed on you")]
    assert lives.resumption.counts == {Showing.RESUMED: 1}


async def test_the_number_of_a_reserved_seat_outlives_its_player(autojump_clock: MockClock) -> None:
    """The identity that reserved it may join there after the older player has left."""
    lives = Lives()
    lives.join(1)
    await trio.lowlevel.checkpoint()
    assert lives.roster.reserve("ann") == 1
    lives.close_session(0)
    assert (lives.roster.seats_taken, lives.emptied) == (1, 0)
    lives.roster.release(1)
    assert (lives.roster.seats_taken, lives.emptied) == (0, 1)


async def test_another_identity_does_not_get_the_seat_of_a_player(
    autojump_clock: MockClock,
) -> None:
    """The seat was reserved for the identity in the token, and ``on_auth`` returned another."""
    lives = Lives()
    lives.join(1)
    await trio.lowlevel.checkpoint()
    number = lives.roster.reserve("ann")
    with pytest.raises(JoinRefused) as refusal:
        lives.roster.join(number, Sink(), "bob", "bob", lambda *_: None)
    assert refusal.value.code == 1011
