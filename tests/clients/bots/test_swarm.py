"""Swarms: their arithmetic, and real ones on a real server."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from clients.bots.behaviours import SCHEMA
from clients.bots.figures import MAX_REASONS, Display, Figures, line, percentile, total
from clients.bots.swarm import (
    Swarm,
    comes_back,
    run_bots,
    run_swarm,
    tls_context,
)
from clients.bots.swarm_processes import Assignment
from clients.errors import ConnectionLost, Refused
from clients.game_client import GameClient
from clients.joining import open_game
from clients.lab.profiles import UnknownProfile
from gameserver.config import Settings
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.games.arena.model import Play
from gameserver.games.arena.room import Arena
from gameserver.games.capture.room import Capture
from gameserver.runtime.serving import open_server
from tests.support.sockets import PATIENCE_S

SETTINGS = Settings(host="127.0.0.1", port=0)


def assignment(url: str, count: int, *, fill_to: int | None = None) -> Assignment:
    return Assignment(url=url, room="arena", first=0, count=count, seed=1, fill_to=fill_to)


# ---------------------------------------------------------------- arithmetic


def test_figures_add_up_and_travel() -> None:
    one = Figures(2, 3, 1, 100, 5000, 40, 7, 1, 1, [0.1], Counter({"4005 full": 2}), 4, 5, 6)
    two = Figures(1, 1, 0, 50, 1000, 10, 3, 0, 0, [0.2, 0.3], Counter({"4005 full": 1, "x": 1}), 1)
    both = total([one, Figures.from_json(two.to_json())])
    expected = Figures(3, 4, 1, 150, 6000, 50, 10, 1, 1, [0.1, 0.2, 0.3])
    expected.errors = Counter({"4005 full": 3, "x": 1})
    expected.corrections, expected.underruns, expected.late = 5, 5, 6
    assert both == expected


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"errors": [], "more": 1}', "hello"])
def test_a_line_that_is_no_figures_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no figures"):
        Figures.from_json(text)


def test_the_number_of_different_reasons_is_bounded() -> None:
    figures = Figures()
    for number in range(MAX_REASONS + 5):
        figures.note_error(f"reason {number}")
    assert len(figures.errors) == MAX_REASONS + 1
    assert figures.errors.total() == MAX_REASONS + 5


@pytest.mark.parametrize(
    ("figures", "well"),
    [
        (Figures(joins=1), True),
        (Figures(), False),
        (Figures(joins=1, checksum_failures=1), False),
        (Figures(joins=1, crashes=1), False),
    ],
)
def test_when_figures_are_well(figures: Figures, well: bool) -> None:
    assert figures.well is well


def test_percentiles_of_few() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 3.0
    assert percentile(list(range(100)), 0.95) == 95


def test_the_line_shows_rates() -> None:
    before = Figures(deltas=100, bytes_received=10_000, commands=5)
    now = Figures(2, 2, 0, 160, 16_000, 25, 4, 0, 0, [0.001, 0.004])
    now.late, now.corrections, now.underruns = 7, 8, 9
    assert line(now, before, 2.0) == (
        "2 bots  30 deltas/s  3.0 KB/s in  10 commands/s  rtt 4.0 p95 4.0 ms  "
        "7 late  8 corrected  9 underruns  checks 4, 0 failed  reconnects 0  errors 0"
    )


@pytest.mark.parametrize("terminal", [True, False])
def test_figures_are_shown_each_second_on_a_terminal_and_less_often_elsewhere(
    terminal: bool,
) -> None:
    console = Console(force_terminal=terminal, width=200, record=True, file=io.StringIO())
    with Display(console) as display:
        for second in range(12):
            display.show(Figures(connected=2, deltas=60 * second), float(second))
        display.summarise(Figures(joins=2, errors=Counter({"4005 full": 3})))
        text = console.export_text()
    if not terminal:
        assert text.count("60 deltas/s") == 2
    assert "2 joins" in text
    assert "3 × 4005 full" in text


@given(st.integers(0, 200), st.integers(1, 9))
def test_an_assignment_splits_into_all_its_bots(count: int, processes: int) -> None:
    parts = assignment("ws://x/", count).split(processes)
    numbers = [n for part in parts for n in range(part.first, part.first + part.count)]
    assert numbers == list(range(count))
    assert len(parts) == min(count, processes)
    assert [Assignment.from_json(part.to_json()) for part in parts] == parts


def test_an_assignment_keeps_its_ca_file_and_profiles() -> None:
    whole = Assignment("wss://x/", "arena", 0, 1, 1, 5, Path("ca.pem"), "lan,mobile")
    assert Assignment.from_json(whole.to_json()) == whole


@pytest.mark.parametrize(
    ("ended", "back"),
    [
        (ConnectionLost(1001, ""), True),
        (ConnectionLost(1006, ""), True),
        (Refused(4005, "full"), True),
        (ConnectionLost(4011, ""), True),
        (Refused(4007, ""), False),
        (Refused(4003, ""), False),
        (ConnectionLost(4010, ""), False),
        (ConnectionLost(4000, ""), False),
    ],
)
def test_the_close_codes_after_which_a_bot_joins_again(
    ended: Refused | ConnectionLost, back: bool
) -> None:
    assert comes_back(ended) is back


def test_only_wss_needs_a_context() -> None:
    assert tls_context("ws://x/", None) is None
    assert tls_context("wss://x/", None) is not None
    with pytest.raises(FileNotFoundError):
        tls_context("wss://x/", Path("no-such-file.pem"))


def test_a_bad_url_is_reported_at_once() -> None:
    with pytest.raises(LocalProtocolError, match="not an address"):
        run_bots("http://x/", count=1)


def test_a_bad_profile_is_reported_at_once() -> None:
    with pytest.raises(UnknownProfile, match="no profile 'moon'"):
        run_bots("ws://x/", count=1, profiles="lan,moon")


# ---------------------------------------------------------------- on a real server


async def until_bots(client: GameClient, count: int) -> None:
    """Return when exactly ``count`` pilots in view of ``client`` are bots."""
    with trio.fail_after(PATIENCE_S):
        while sum(pilot.bot for pilot in client.replica.of_kind("Pilot")) != count:
            await client.next_delta()


async def test_bots_join_play_and_leave_when_cancelled() -> None:
    reports: list[Figures] = []
    async with open_server({"arena": Arena}, SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with open_game(url, room="arena", schema=SCHEMA) as watcher:
            async with trio.open_nursery() as nursery:

                async def play() -> None:
                    await run_swarm(assignment(url, 3), ssl_context=None, report=reports.append)

                nursery.start_soon(play)
                await until_bots(watcher, 3)
                nursery.cancel_scope.cancel()
            await until_bots(watcher, 0)
    assert reports[-1].joins == 3
    assert reports[-1].deltas > 0
    assert reports[-1].well
    assert reports[-1].errors.total() == 0


async def test_each_human_who_plays_replaces_a_bot() -> None:
    async with open_server({"arena": Arena}, SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        async with (
            open_game(url, room="arena", schema=SCHEMA) as watcher,
            trio.open_nursery() as nursery,
        ):

            async def play() -> None:
                work = assignment(url, 5, fill_to=2)
                await run_swarm(work, ssl_context=None, report=lambda _: None)

            nursery.start_soon(play)
            await until_bots(watcher, 2)
            async with open_game(url, room=watcher.room, schema=SCHEMA) as first:
                await first.send(Play(name="Ada"))
                await until_bots(watcher, 1)
                async with open_game(url, room=watcher.room, schema=SCHEMA) as second:
                    await second.send(Play(name="Bob"))
                    await until_bots(watcher, 0)  # the scout is in the stands
                await until_bots(watcher, 1)
            await until_bots(watcher, 2)
            nursery.cancel_scope.cancel()


async def test_bots_share_the_profiles() -> None:
    """Every other one plays over 80 ms, which the server's ping frames must see."""
    async with open_server({"arena": Arena}, SETTINGS) as server:
        work = attrs.evolve(assignment(f"ws://127.0.0.1:{server.port}/", 3), profiles="0ms,80ms")
        rtts_s: list[float] = []

        def report(figures: Figures) -> None:
            if len(figures.rtts_s) == 3 and not rtts_s:
                rtts_s.extend(sorted(figures.rtts_s))
                nursery.cancel_scope.cancel()

        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                await run_swarm(work, ssl_context=None, report=report)
    assert rtts_s[2] >= 0.08
    swarm = Swarm(work, None)
    assert [swarm._link_of(number) is None for number in range(3)] == [False] * 3
    assert Swarm(assignment("ws://x/", 3), None)._link_of(0) is None


async def test_bots_that_are_refused_for_good_end_the_swarm() -> None:
    async with open_server({"arena": Arena}, SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        work = Assignment(url=url, room="no-such-kind", first=0, count=2, seed=1)
        with trio.fail_after(PATIENCE_S):
            figures = await run_swarm(work, ssl_context=None, report=lambda _: None)
    assert not figures.well
    assert figures.joins == 0
    assert [reason[:4] for reason in figures.errors] == ["4004"]
    assert figures.errors.total() == 2


async def test_bots_of_another_game_are_told_so() -> None:
    """The server's reason, "reload the client", is for pages."""
    async with open_server({"capture": Capture}, SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        reasons = []
        for room in ("capture", "arena"):
            work = Assignment(url=url, room=room, first=0, count=1, seed=1)
            with trio.fail_after(PATIENCE_S):
                figures = await run_swarm(work, ssl_context=None, report=lambda _: None)
            reasons += figures.errors
    assert "'capture' is of another game or version than ArenaBot plays" in reasons[0]
    assert "rooms here: capture: name a room of the server with --room" in reasons[1]


async def test_bots_of_another_game_play_it_with_prediction() -> None:
    reports: list[Figures] = []

    def report(figures: Figures) -> None:
        reports.append(figures)
        if figures.commands > 3 and figures.connected == 3:
            nursery.cancel_scope.cancel()

    async with open_server({"capture": Capture}, SETTINGS) as server:
        work = attrs.evolve(
            assignment(f"ws://127.0.0.1:{server.port}/", 3),
            room="capture",
            bot="gameserver.games.capture.bots:Runner",
        )
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                await run_swarm(work, ssl_context=None, report=report)
    assert reports[-1].well
    assert reports[-1].errors.total() == 0


async def test_a_bot_that_raises_ends_its_swarm() -> None:
    async with open_server({"arena": Arena}, SETTINGS) as server:
        work = attrs.evolve(
            assignment(f"ws://127.0.0.1:{server.port}/", 3),
            bot="tests.clients.bots.test_playing:Raises",
        )
        with trio.fail_after(PATIENCE_S):
            figures = await run_swarm(work, ssl_context=None, report=lambda _: None)
    assert not figures.well
    assert "Raises.act: ZeroDivisionError" in next(iter(figures.errors))


def test_filling_needs_a_bot_that_can_count() -> None:
    with pytest.raises(LocalProtocolError, match="Raises has no method people"):
        run_bots("ws://x/", count=2, bot="tests.clients.bots.test_playing:Raises", fill_to=2)


@pytest.mark.parametrize(("processes", "stop"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
async def test_the_command_ends_normally_on_a_signal(processes: int, stop: signal.Signals) -> None:
    async with open_server({"arena": Arena}, SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        code = (
            "import sys; from clients.bots.swarm import run_bots;"
            f"sys.exit(run_bots({url!r}, count=3, processes={processes}, seed=1))"
        )
        async with (
            open_game(url, room="arena", schema=SCHEMA) as watcher,
            trio.open_nursery() as nursery,
        ):
            run = partial(
                trio.run_process,
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
            process: trio.Process = await nursery.start(run)
            await until_bots(watcher, 3)
            process.send_signal(stop)
            with trio.fail_after(PATIENCE_S):
                await process.wait()
            await until_bots(watcher, 0)
    assert process.returncode == 0
