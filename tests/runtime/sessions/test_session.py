"""The task of one connection over memory streams; deadlines run on a mock clock."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gameserver.protocol.messages import (
    Ack,
    Bye,
    Check,
    CommandMessage,
    Delta,
    Hello,
    Ping,
    Pong,
    Resync,
    Said,
    Say,
    Status,
    Welcome,
)
from gameserver.runtime.admission.join_throttle import PER_TURN, JoinThrottle
from gameserver.runtime.rooms.pace import ACK_WINDOW_S
from gameserver.runtime.sessions.reception import MESSAGES_BURST, PINGS_BURST, TEXTS_BURST
from tests.support.memory_session import memory_session
from tests.support.small_game import Field, Pawn, Step


async def test_welcome_comes_first_then_a_full_state(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello("ann")
        welcome = await opened.client.receive()
        assert isinstance(welcome, Welcome)
        assert (welcome.room, welcome.seat, welcome.own_entity) == ("field/1", 1, 1)
        assert welcome.tick_rate == 20
        assert welcome.schema == Field.schema().describe()
        assert welcome.limits == {"message_bytes": 4096, "say_length": 256, "publish_every": 1}
        assert len(welcome.resume) >= 16
        delta = await opened.client.next_of(Delta)
        assert delta.leaves is None
        assert delta.enters == [1, 0, 0, 0]
        assert delta.own == [1, 1, 1, 0]


async def test_a_busy_link_gets_its_welcome_after_the_write_in_progress(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened:
        opened.link.clear = False
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        assert opened.link.posts_refused == 0
        opened.link.clear = True
        assert (await opened.client.next_of(Delta)).leaves is None


async def test_messages_before_the_welcome_are_taken_after_it(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened, trio.open_nursery() as nursery:
        join_throttle = opened.lobby.join_throttle = JoinThrottle()
        for _ in range(PER_TURN):
            await join_throttle.wait_turn()
        await opened.client.hello()
        await opened.client.step(1)
        await opened.client.step(2)
        await opened.client.send(Ping(9, 0.0))
        await trio.testing.wait_all_tasks_blocked()
        assert opened.lobby.rooms == []
        nursery.start_soon(join_throttle.run)
        assert isinstance(await opened.client.receive(), Welcome)
        assert (await opened.client.next_of(Pong)).nonce == 9
        while (await opened.client.next_of(Delta)).ack != 2:
            pass
        assert opened.field.players[1].entity.x == 2.0
        nursery.cancel_scope.cancel()


async def test_messages_after_a_refused_hello_are_not_read(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello(room="no-such-kind")
        await opened.client.send(Hello(2, None, "", "a second hello", None))
        bye = await opened.client.next_of(Bye)
        assert bye.code == 4004


async def test_a_check_comes_every_five_seconds_right_after_the_delta_of_its_tick(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        checked: list[int] = []
        before: object = None
        while len(checked) < 4:
            message = await opened.client.receive()
            if isinstance(message, Check):
                assert isinstance(before, Delta)
                assert before.tick == message.tick
                checked.append(message.tick)
            before = message
            await opened.client.send(Ack(opened.field.tick_number))
        apart = {later - earlier for earlier, later in itertools.pairwise(checked)}
        assert apart == {5 * Field.tick_rate}


async def test_commands_are_applied_and_acknowledged(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.client.step(1)
        await opened.client.step(7)
        while (delta := await opened.client.next_of(Delta)).ack != 7:
            pass
        assert opened.field.players[1].entity.x == 2.0
        await opened.client.step(7)
        await opened.client.send(Ping(1, 0.0))
        await opened.client.next_of(Pong)
        assert opened.seated(1).commands.duplicate == 1
        assert delta.tick > 0


class Rolling(Field):
    """A field where something moves at every tick."""

    def tick(self) -> None:
        for player in self.players.values():
            player.entity.x += 1.0


@pytest.mark.parametrize("how", ["ack", "command", "nothing"])
async def test_a_client_that_acknowledges_nothing_gets_one_delta_per_window(
    autojump_clock: MockClock, how: str
) -> None:
    async with memory_session(Rolling) as opened:
        await opened.client.joined()
        begun_s, seq, came = trio.current_time(), 0, 0
        while trio.current_time() < begun_s + 3 * ACK_WINDOW_S:
            tick = (await opened.client.next_of(Delta)).tick
            came += 1
            seq += 1
            if how == "ack":
                await opened.client.send(Ack(tick))
            elif how == "command":
                command = CommandMessage(seq, tick=0, rendered=0, acked=tick, kind=0, values=[0])
                await opened.client.send(command)
        a_window = ACK_WINDOW_S * Rolling.tick_rate
        assert came == pytest.approx(a_window + 2 if how == "nothing" else 3 * a_window, abs=2)


class Timed(Field):
    """A field whose steps are inputs."""

    input = Step
    idle = "neutral"
    rewinds = (Pawn,)


async def test_an_input_waits_for_its_tick_and_its_margin_is_told(
    autojump_clock: MockClock,
) -> None:
    async with memory_session(Timed) as opened:
        await opened.client.hello()
        welcome = await opened.client.next_of(Welcome)
        assert welcome.limits["input_buffer_ticks"] == 32
        assert welcome.limits["max_rewind_ms"] == 500
        first = await opened.client.next_of(Delta)
        assert first.margin is None
        await opened.client.send(CommandMessage(1, first.tick + 5, 0, first.tick, 0, [1]))
        early = await opened.client.next_of(Delta)
        assert early.margin is not None
        assert early.margin == 5 - (early.tick - first.tick)
        applied = await opened.client.next_of(Delta)
        while applied.ack == 0:
            assert applied.margin is None
            applied = await opened.client.next_of(Delta)
        assert (applied.tick, applied.ack) == (first.tick + 5, 1)
        assert opened.field.players[1].entity.x == 1.0


async def test_the_status_counts_the_commands_of_its_player(autojump_clock: MockClock) -> None:
    async with memory_session(Timed) as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        while (delta := await opened.client.next_of(Delta)).tick < 5:
            pass
        # In time, a second one for that tick, late, too early.
        for seq, ahead in enumerate((2, 2, -1, 50), 1):
            await opened.client.send(CommandMessage(seq, delta.tick + ahead, 0, 0, 0, [1]))
        status = await opened.client.next_of(Status)
        while status.wait_us is None:
            status = await opened.client.next_of(Status)
        assert (status.late, status.early, status.disputed) == (1, 1, 0)
        assert status.dropped == 2, "the second one, and what the late one took back"
        assert status.idle_ticks == 10
        assert status.wait_us >= 0
        assert status.simulate_us == status.send_us == 0, "no time passes on this clock"


async def test_a_ping_message_tells_the_time_in_ticks(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.client.send(Ping(77, 12.5))
        pong = await opened.client.next_of(Pong)
        assert (pong.nonce, pong.client_time) == (77, 12.5)
        task = opened.lobby.rooms[0][1]
        assert pong.tick == pytest.approx(task.now_ticks, abs=1.0)


async def test_a_pong_waits_for_a_busy_link(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.client.next_of(Delta)
        opened.link.clear = False
        await opened.client.send(Ping(5, 0.0))
        await trio.testing.wait_all_tasks_blocked()
        handled_at = opened.lobby.rooms[0][1].now_ticks
        await trio.sleep(1.0)
        opened.link.clear = True
        pong = await opened.client.next_of(Pong)
        assert (pong.nonce, pong.tick) == (5, pytest.approx(handled_at))


async def test_a_text_is_sent_to_its_speaker_too(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello("ann")
        await opened.client.next_of(Welcome)
        await opened.client.send(Say("good evening"))
        assert await opened.client.next_of(Said) == Said(1, "ann", "good evening")


async def test_answered_pings_fill_latency_and_status(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        status = await opened.client.next_of(Status)
        assert status.players == 1
        assert status.rtt_us is not None
        assert opened.field.players[1].latency.count == 1
        await opened.client.next_of(Status)
        assert opened.field.players[1].latency.count == 2


async def test_a_resync_brings_a_full_state_and_two_at_once_are_too_many(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        assert (await opened.client.next_of(Delta)).leaves is None
        await opened.client.send(Resync())
        while (await opened.client.next_of(Delta)).leaves is not None:
            pass
        assert opened.counters.resyncs == 1
        await trio.sleep(1.0)
        await opened.client.send(Resync())
        await opened.client.send(Resync())
        assert await opened.client.closed() == (4008, "more than 1 resync a second")
        assert opened.counters.resyncs == 2


async def test_messages_after_the_one_that_ends_the_session_are_ignored(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        opened.link.receive_buffer._on_message(
            b""
        )  # breaks off: what follows in the same read is not looked at
        for seq in range(1, 500):
            opened.link.receive_buffer._on_message(CommandMessage(seq, 0, 0, 0, 0, [1]).encode())
        assert opened.counters.messages == 2
        assert (await opened.client.closed())[0] == 4000


async def test_a_flood_ends_the_session_of_its_sender(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        for seq in range(1, MESSAGES_BURST + 50):
            opened.link.receive_buffer._on_message(CommandMessage(seq, 0, 0, 0, 0, [1]).encode())
        assert opened.counters.messages == MESSAGES_BURST + 1, (
            "the hello counts, and so does the last"
        )
        assert await opened.client.closed() == (4008, "more than 200 messages a second")


async def test_a_steady_sender_is_not_a_flood(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        for seq in range(1, 600):
            opened.link.receive_buffer._on_message(CommandMessage(seq, 0, 0, 0, 0, [1]).encode())
            await trio.sleep(1 / 190)
        assert opened.seated(1).commands.newest_seq == 599


async def test_more_pings_than_allowed_end_the_session(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        for nonce in range(PINGS_BURST + 1):
            opened.link.receive_buffer._on_message(Ping(nonce, 0.0).encode())
        answered = [await opened.client.next_of(Pong) for _ in range(PINGS_BURST)]
        assert [pong.nonce for pong in answered] == list(range(PINGS_BURST))
        assert await opened.client.closed() == (4008, "more than 10 pings a second")


async def test_more_texts_than_allowed_end_the_session(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        for _ in range(TEXTS_BURST + 1):
            opened.link.receive_buffer._on_message(Say("a").encode())
        assert await opened.client.closed() == (4008, "more than 2 texts a second")


# ---------------------------------------------------------------- what a client must not do


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ([99], 4000, "unknown message kind"),
        (Hello(2, None, "", "ann", None), 4000, "a second hello"),
        ([2, 1, 0, 0, 0, 9, 1], 4000, "command.command is a kind that this room does not have"),
        ([2, 1, 0, 0, 0, 0, 5], 4000, "Step.dx: 5 is outside -1 … 1"),
        ([2, 1, 0, 0, 0, 0], 4000, "Step has 1 fields, not 0"),
        (CommandMessage(1, 0, 0, 10**9, 0, [1]), 4000, "acknowledged a tick that has not been"),
        (Ack(10**9), 4000, "acknowledged a tick that has not been"),
    ],
)
async def test_a_message_against_the_protocol_ends_the_session(
    autojump_clock: MockClock, message: Any, code: int, reason: str
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.client.send(message)
        assert await opened.client.closed() == (code, reason)
        assert opened.client.bye == Bye(code, reason, None)
        assert opened.field.left == [("ann", reason)]
        assert opened.counters.endings == {code: 1}


@pytest.mark.parametrize("greeted", [False, True])
async def test_text_is_refused(autojump_clock: MockClock, greeted: bool) -> None:
    async with memory_session() as opened:
        if greeted:
            await opened.client.hello()
            await opened.client.next_of(Welcome)
        await opened.client.ws.send_message("hello?")
        assert await opened.client.closed() == (1003, "messages are binary here, not text")
        assert (opened.client.bye is not None) == greeted


async def test_a_message_that_is_too_long_ends_the_session(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.client.ws.send_message(bytes(4097))
        assert (await opened.client.closed())[0] == 1009
        await opened.over.wait()
        assert opened.field.left == [("ann", "Exceeded maximum message size: 4096 bytes")]


# ---------------------------------------------------------------- other ends


async def test_a_client_that_closes_has_left(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(
            Status
        )  # a ping that arrives while it closes would crash the client
        await opened.client.ws.aclose()
        await opened.over.wait()
        assert opened.field.left == [("ann", "left")]
        assert opened.counters.endings == {1000: 1}


async def test_a_broken_connection_is_reported_as_lost(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        await opened.stream.aclose()
        await opened.over.wait()
        assert opened.field.left == [("ann", "connection lost")]
        assert opened.counters.endings == {1006: 1}


async def test_three_unanswered_pings_end_the_session(autojump_clock: MockClock) -> None:
    async with memory_session(ping_interval_s=2.0) as opened:
        await opened.client.hello()
        await opened.client.next_of(Status)
        opened.stream.muted = True
        code, reason = await opened.client.closed()
        # Muted as it is, it never answers the close frame either: dropped after the deadline.
        assert opened.client.bye == Bye(4009, "three pings in a row went unanswered", None)
        assert (code, reason) in ((4009, "three pings in a row went unanswered"), (1006, None))
        await opened.over.wait()
        assert opened.link.dropped
        assert opened.field.left == [("ann", "three pings in a row went unanswered")]


async def test_a_kicked_player_gets_bye_with_its_reason(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await opened.client.hello("kick-me")
        await opened.client.next_of(Welcome)
        await opened.client.step(1)
        assert await opened.client.closed() == (4010, "you asked for it")
        assert opened.client.bye == Bye(4010, "you asked for it", None)


async def test_the_first_end_decides_and_reasons_fit_a_close_frame(
    autojump_clock: MockClock,
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
        opened.session.end(4010, "ä" * 200)
        opened.session.end(1011, "later")
        code, reason = await opened.client.closed()
        assert code == 4010
        assert reason == "ä" * 61


async def test_an_end_before_the_hello_closes_without_bye(autojump_clock: MockClock) -> None:
    async with memory_session() as opened:
        await trio.testing.wait_all_tasks_blocked()
        opened.session.end(1001, "the server is shutting down")
        assert await opened.client.closed() == (1001, "the server is shutting down")
        assert opened.client.bye is None


async def test_a_peer_that_reads_nothing_is_dropped_at_the_deadline(
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with memory_session() as opened:
        await opened.client.hello()
        await opened.client.next_of(Welcome)

        async def stuck(_data: Any) -> None:
            await trio.sleep_forever()

        monkeypatch.setattr(opened.link, "send_all", stuck)
        opened.link.clear = False
        opened.session.end(4010, "out")
        await opened.over.wait()
        assert opened.link.dropped
