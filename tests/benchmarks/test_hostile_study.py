"""The hostile study: arithmetic, tables, and for a moment the real thing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio
import trio.lowlevel
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from benchmarks.exposition import counts_by_label, gauge, total
from benchmarks.hostile.attackers import Attackers
from benchmarks.hostile.attacks import ATTACKS, IN_A_PROCESS, PAUSE_S, Attack, run
from benchmarks.hostile.honest import (
    Honest,
    Window,
    coreless_ticks,
    delays_s,
    missed_ticks,
    of_ticks,
)
from benchmarks.hostile.light import first_frame, tick_of
from benchmarks.hostile.results import (
    QUIET,
    Usage,
    complaints,
    hostile_table,
    worst,
)
from benchmarks.hostile.results import broken as broken_by
from benchmarks.hostile.rooms import Guarded, Siege
from benchmarks.hostile.target import Tally, Target, TurnedAway
from benchmarks.machine import BenchmarkError
from benchmarks.measure import waited_s
from benchmarks.studies.hostile import is_bug, wrong_codes
from gameserver.config import Settings
from gameserver.games.arena.rules import TICK_RATE
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Delta
from gameserver.runtime.net.tls import make_development_certificate
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.serving import open_server
from tests.benchmarks.attack_records import USAGE, Forgetful, attacked

linux = pytest.mark.skipif(sys.platform != "linux", reason="the attackers' addresses are Linux'")


# ---------------------------------------------------------------- what was noted


def test_ticks_that_never_came_are_missed_wherever_they_lack() -> None:
    window = Window([[(10, 0.0), (11, 0.0), (12, 0.0), (13, 0.0)], [(11, 0.0)], []])
    assert missed_ticks(window, range(11, 13)) == [0, 1, 2]


def test_ticks_left_out_while_others_had_the_core_are_told_apart() -> None:
    period_s = 1 / TICK_RATE
    # Between 10 and 13 the server did next to nothing, between 13 and 15 it was busy.
    begun = {10: 0.0, 13: 0.9 * period_s, 15: 2.1 * period_s, 16: 2.2 * period_s}
    window = Window([[(10, 0.0), (12, 0.0), (13, 0.0), (15, 0.0), (16, 0.0)]], begun_cpu_s=begun)
    assert coreless_ticks(window, range(10, 17)) == {11, 12}
    assert missed_ticks(window, range(10, 17)) == [2]
    assert missed_ticks(window, coreless_ticks(window, range(10, 17))) == [1]


def test_a_delay_is_counted_from_the_servers_schedule() -> None:
    # Tick 30 was due at 101 s; tick 31 began 2 ms late.
    window = Window(
        [[(30, 101.010), (31, 101.040 + 1 / 30)], [(29, 200.0)]],
        begun_s={30: 101.0, 31: 101.002 + 1 / 30, 1: 50.0},
    )
    assert delays_s(window, range(30, 32)) == [pytest.approx(0.010), pytest.approx(0.040)]
    assert delays_s(Window.of(2), range(5)) == []


def test_work_is_that_of_the_ticks_asked_for() -> None:
    assert of_ticks({1: 0.5, 2: 0.002, 3: 0.001}, range(2, 4)) == [0.001, 0.002]


@given(st.lists(st.binary(max_size=70_000), min_size=1, max_size=3), st.data())
def test_frames_are_found_however_they_come(payloads: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(map(binary_frame, payloads))
    cut = data.draw(st.integers(0, len(sent)))
    read, found = b"", []
    for part in (sent[:cut], sent[cut:]):
        read += part
        while (frame := first_frame(read)) is not None:
            first, payload, used = frame
            assert first == 0x82
            found.append(payload)
            read = read[used:]
    assert (found, read) == (payloads, b"")


@given(st.integers(0, 2**32))
def test_the_tick_is_read_without_the_rest(tick: int) -> None:
    delta = Delta(tick, 0, None, None, [], [], [], [], [])
    assert tick_of(delta.encode()) == tick


def test_figures_are_read_from_metrics() -> None:
    text = (
        "# HELP gameserver_tasks Tasks\n"
        "gameserver_tasks 17.0\n"
        'gameserver_endings_total{code="1000"} 3.0\n'
        'gameserver_endings_total{code="4008"} 2.0\n'
    )
    assert gauge(text, "gameserver_tasks") == 17
    assert gauge(text, "process_open_fds") == 0
    assert counts_by_label(text, "endings") == {"1000": 3, "4008": 2}
    assert total(text, "endings") == 5


# ---------------------------------------------------------------- what is wanted


def test_an_attack_that_changed_nothing_is_held() -> None:
    assert complaints(attacked(), attacked(QUIET)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lost": ("4009 silent",)}, "1 dropped"),
        ({"ticks_missed": 7, "ticks_missed_coreless": 3}, "4 ticks missed"),
        ({"wrong_checksums": 1}, "1 wrong checksums"),
        ({"tick_cpu_p99_ms": 1.6}, "tick p99 1.6 ×"),
        ({"after": attrs.evolve(USAGE, tasks=161)}, "1 tasks left"),
        ({"after": attrs.evolve(USAGE, descriptors=63)}, "3 descriptors left"),
        ({"after": attrs.evolve(USAGE, rss_bytes=53_000_000)}, "3.0 MB left"),
        ({"crashes": ("…",)}, "1 crashes logged"),
        ({"attackers": {"stolen": 2}}, "2 seats stolen"),
        ({"attackers": {"seats_lost": 1}}, "1 seats lost"),
        ({"wrong_codes": {"1011": 4}}, "4 closed with 1011"),
    ],
)
def test_each_target_can_be_missed(changes: dict[str, Any], said: str) -> None:
    assert complaints(attacked(**changes), attacked(QUIET)) == [said]


def test_what_depends_on_the_machine_is_no_broken_promise() -> None:
    slow = attacked(ticks_missed=7, tick_cpu_p99_ms=9.0, after=attrs.evolve(USAGE, tasks=161))
    assert len(complaints(slow, attacked(QUIET))) == 3
    assert broken_by(slow) == []
    assert broken_by(attacked(lost=("4009 silent",), wrong_checksums=2)) == [
        "1 dropped",
        "2 wrong checksums",
    ]


def test_close_codes_are_judged_by_the_attack() -> None:
    endings = {"1000": 1, "1006": 2, "4005": 3, "4000": 4, "4013": 5}
    assert wrong_codes(QUIET, endings) == {"4000": 4, "4013": 5}
    assert wrong_codes("lying acks", endings) == {"4013": 5}
    assert wrong_codes("replayed resume tokens", endings) == {"4000": 4}


def test_the_most_of_each_was_there_during_an_attack() -> None:
    assert worst([Usage(1, 20, 3), Usage(10, 2, 3)]) == Usage(10, 20, 3)


def test_the_table_of_attacks() -> None:
    during = Usage(rss_bytes=60_000_000, tasks=200, descriptors=80)
    tally = {"connections": 1234, "bytes_sent": 5_500_000}
    table = hostile_table(
        [
            attacked(QUIET),
            attacked(during=during, attackers=tally, tick_cpu_p99_ms=1.4, tick_p99_ms=7.0),
            attacked(
                "oversize", lost=("gone",), stolen=0.5, ticks_missed=9, ticks_missed_coreless=9
            ),
        ]
    )
    quiet, garbage, oversize = table.splitlines()[2:]
    assert quiet.startswith("| quiet | 0 | 0.0 | 0 | 0 of 30,000 | 1.00 (1.00 ×) | 2.00 (1.00 ×) |")
    assert (
        "| 1,234 | 5.5 | 0 | 0 of 30,000 | 1.40 (1.40 ×) | 7.00 (3.50 ×) | 4.0 (1.00 ×) |"
        in garbage
    )
    assert "| 50 → 60 → 50 | 160 → 200 → 160 | 60 → 80 → 60 | held |" in garbage
    assert "| 9 of 30,000 (9 for want of a core) |" in oversize
    busy = "(machine busy: naps 1 ms late, server waited 0%, 50% stolen)"
    assert oversize.endswith(f"| NOT HELD: 1 dropped {busy} |")


def test_lines_that_tell_of_a_bug() -> None:
    assert is_bug("Traceback")
    assert is_bug(json.dumps({"level": "error", "event": "session crashed"}))
    assert not is_bug(json.dumps({"level": "warning", "event": "resync"}))


# ---------------------------------------------------------------- the real thing, for a moment


@linux
async def test_every_attack_reaches_a_real_server_and_no_honest_player_misses_a_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.hostile.attacks.CROWD", 5)
    paths = make_development_certificate(tmp_path)
    settings = Settings(
        port=0,
        tls_port=0,
        certificate=paths.certificate,
        key=paths.key,
        secret="s" * 32,
        log_level="error",
    )
    kinds = {"siege": Siege, "guarded": Guarded}
    with trio.fail_after(60):
        async with open_server(kinds, settings) as server, trio.open_nursery() as nursery:
            assert server.tls_port is not None
            honest = Honest(4)
            nursery.start_soon(honest.run, server.port)
            await honest.until(lambda: honest.playing == 4)
            honest.take()
            await honest.until(lambda: honest.newest_tick >= 0)
            first = honest.newest_tick
            for name, attack in ATTACKS.items():
                target = Target(server.port, server.tls_port, attack.addresses, seed=1)
                async with trio.open_nursery() as attackers:
                    attackers.start_soon(run, attrs.evolve(attack, attackers=2), target)
                    while target.tally.connections < 2 or (
                        name not in _SILENT and not target.tally.bytes_sent
                    ):
                        await trio.lowlevel.checkpoint()
                    attackers.cancel_scope.cancel()
                assert (target.tally.stolen, target.tally.seats_lost) == (0, 0)
            last = honest.newest_tick
            await honest.until(lambda: all(seen[-1][0] > last for seen in honest.now.seen))
            window = honest.take()
            nursery.cancel_scope.cancel()
        assert server.figures().acceptor["crashed"] == 0
    ran = range(first + 1, last + 1)
    dropped = sum(kind.total.ticks_dropped for kind in server.figures().kinds.values())
    assert window.lost == []
    assert sum(missed_ticks(window, ran)) <= 4 * dropped
    work, cpu = of_ticks(window.work_s, ran), of_ticks(window.cpu_s, ran)
    assert len(work) == len(cpu) > 0
    assert 0 < sum(cpu) <= sum(work)
    assert len(delays_s(window, ran)) > 0


#: They only connect, or leave the rest to a process of their own.
_SILENT = {
    "connection storm",
    "connection storm, 100 addresses",
    "storm of TLS handshakes",
    "100 stopped with SIGSTOP",
}


async def misdeeds(
    attack: str, room: type[Siege], done: Callable[[Tally], bool], **settings: Any
) -> Tally:
    """Return what two attackers did until it is ``done``."""
    with trio.fail_after(60):
        async with open_server(
            {"siege": room}, Settings(port=0, log_level="error", **settings)
        ) as server:
            target = Target(server.port, server.port, ATTACKS[attack].addresses, seed=1)
            async with trio.open_nursery() as attackers:
                attackers.start_soon(run, attrs.evolve(ATTACKS[attack], attackers=2), target)
                while not done(target.tally):
                    await trio.lowlevel.checkpoint()
                attackers.cancel_scope.cancel()
    return target.tally


@linux
async def test_a_resume_token_is_good_once_however_often_it_is_shown() -> None:
    tally = await misdeeds(
        "replayed resume tokens", Siege, lambda tally: tally.resumed > 2 and tally.joined > 40
    )
    assert (tally.stolen, tally.seats_lost) == (0, 0)


@linux
async def test_a_seat_that_is_stolen_with_an_old_token_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Resumption, "_fault", lambda *_: None)
    await misdeeds("replayed resume tokens", Siege, lambda tally: tally.stolen > 0)


@linux
async def test_a_crowd_that_reconnects_gets_its_seats_and_notices_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.hostile.attacks.CROWD", 10)
    attack = "200 who reconnect at once"
    tally = await misdeeds(attack, Siege, lambda tally: tally.resumed > 40)
    assert tally.seats_lost == 0
    await misdeeds(attack, Forgetful, lambda tally: tally.seats_lost > 10)


@linux
async def test_a_stopped_client_is_dropped_for_its_silence() -> None:
    with trio.fail_after(60):
        settings = Settings(port=0, log_level="error", ping_interval_s=0.1)
        async with open_server({"siege": Siege}, settings) as server:
            target = Target(server.port, server.port, 1, seed=1)
            attack = attrs.evolve(ATTACKS["100 stopped with SIGSTOP"], attackers=1)
            async with trio.open_nursery() as attackers:
                attackers.start_soon(run, attack, target)
                while len(server.lobby.hold_quota) < IN_A_PROCESS:
                    await trio.lowlevel.checkpoint()
                attackers.cancel_scope.cancel()
            assert set(server.figures().counters.endings) == {CloseCode.PING_TIMEOUT}
    assert target.tally.joined == IN_A_PROCESS


@linux
async def test_the_attackers_own_process_says_when_it_fails() -> None:
    with pytest.raises(BenchmarkError, match="failed"):
        await trio.to_thread.run_sync(lambda: Attackers("no attack", 1, 2, seed=1, core=0))


@linux
def test_waiting_for_a_core_only_adds_up() -> None:
    import os

    before = waited_s(os.getpid())
    assert waited_s(os.getpid()) >= before >= 0


async def test_an_attack_whose_nursery_was_turned_away_goes_on(autojump_clock: MockClock) -> None:
    """Such as the one that opens rooms, once it has as many as it may."""
    acts = 0

    async def act(_target: Target) -> None:
        nonlocal acts
        acts += 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise TurnedAway

    with trio.move_on_after(10 * PAUSE_S):
        await run(Attack(act, attackers=1), cast("Target", None))
    assert acts > 5
