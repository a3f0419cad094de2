"""``gameserver demo`` in a pipe: what it prints, serves and leaves behind."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from clients import open_game
from gameserver.games.arena.model import Play
from gameserver.games.arena.room import Arena
from tests.system.servers import RunningServer, run_to_its_end, running_server

BOTS = 5
#: For each player whether it is a bot, once a human has taken the place of one.
ONE_HUMAN = [False] + [True] * (BOTS - 1)
FIGURES = re.compile(
    r"players \d+   tick p99 [\d.]+ ms   late p99 [\d.]+ ms   dropped \d+"
    r"   out [\d.]+ KB/s   in [\d.]+ KB/s"
)
JOIN_DEADLINE_S = 60
FIGURES_DEADLINE_S = 60


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningServer]:
    with running_server(["demo", "--bots", str(BOTS), "--port", "0"]) as server:
        yield server


async def wait_for_players(server: RunningServer, count: int) -> None:
    """Poll the list of rooms, as a monitor would."""
    with trio.fail_after(JOIN_DEADLINE_S):
        while True:
            _, _, body = await trio.to_thread.run_sync(server.get, "/rooms")
            if sum(room["players"] for room in json.loads(body)["rooms"]) >= count:
                return
            await trio.sleep(0.1)


async def test_the_address_comes_first_and_the_bots_soon(demo: RunningServer) -> None:
    assert demo.stdout.lines[0] == f"open http://127.0.0.1:{demo.port}/"
    await wait_for_players(demo, BOTS)


async def test_it_answers_whoever_watches_it(demo: RunningServer) -> None:
    await wait_for_players(demo, BOTS)
    assert demo.get("/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert demo.get("/readyz") == (200, "text/plain; charset=utf-8", "ready\n")
    status, content_type, metrics = demo.get("/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert f'gameserver_players{{kind="arena"}} {BOTS}.0' in metrics
    (room,) = json.loads(demo.get("/rooms")[2])["rooms"]
    assert (room["kind"], room["name"], room["players"]) == ("arena", "arena/1", BOTS)


async def test_the_bots_fight_and_one_makes_room_for_a_human(demo: RunningServer) -> None:
    await wait_for_players(demo, BOTS)
    async with open_game(demo.ws_url, room="arena", name="Ada", schema=Arena.schema()) as game:
        with trio.fail_after(JOIN_DEADLINE_S):
            async for delta in game:
                if any(event.kind == "Shot" for event in delta.events):
                    break
            await game.send(Play("Ada", 0))
            while sorted(pilot.bot for pilot in game.replica.of_kind("Pilot")) != ONE_HUMAN:
                await game.next_delta()


def test_in_a_pipe_it_prints_plain_lines(demo: RunningServer) -> None:
    demo.stdout.wait_for(f"^{FIGURES.pattern}$", FIGURES_DEADLINE_S)
    others = [line for line in demo.stdout.lines if not FIGURES.fullmatch(line)]
    assert others == [f"open http://127.0.0.1:{demo.port}/"]
    assert demo.stderr.lines == []


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux, to watch processes end")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_and_all_that_it_started(by: signal.Signals) -> None:
    with running_server(["demo", "--bots", "2", "--port", "0"]) as server:
        await wait_for_players(server, 2)
        started = {pid: os.pidfd_open(pid) for pid in descendants(server.process.pid)}
        assert started, "the bots should be in a process of their own"
        server.stop(by)
        # A file descriptor of a process is readable once the process has ended.
        left = [pid for pid, end in started.items() if not select.select([end], [], [], 0)[0]]
        for end in started.values():
            os.close(end)
        assert left == []


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux, to watch processes end")
async def test_bots_do_not_outlive_a_demo_that_was_killed() -> None:
    with running_server(["demo", "--bots", "2", "--port", "0"]) as server:
        await wait_for_players(server, 2)
        (bots,) = descendants(server.process.pid)
        end = os.pidfd_open(bots)
        server.process.kill()
        server.process.wait()
        assert select.select([end], [], [], FIGURES_DEADLINE_S)[0]
        os.close(end)


def descendants(pid: int) -> list[int]:
    """Return the processes that ``pid`` started, and those that they started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended just now
        parent = int(text.rpartition(")")[2].split()[1])  # the name in brackets may hold anything
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


@pytest.mark.long
def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_to_its_end(["demo", "--bots", "0", "--port", str(port)])
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(rf"gameserver: .*port {port}.* in use; .*--port.*\n", done.stderr)
