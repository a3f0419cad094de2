"""Several nodes of one host, as processes: joins from all sides, and the death of any of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import trio

from tests.support.light_client import LightClient
from tests.system.nodes import (
    DEADLINE_S,
    GAME,
    NodesServer,
    kill_nodes,
    nodes_of,
    running_nodes,
)
from tests.system.servers import GAMESERVER, Output, run_to_its_end

pytestmark = pytest.mark.long


@contextlib.asynccontextmanager
async def playing(server: NodesServer, room: str, name: str) -> AsyncIterator[LightClient]:
    player = await join(server.port, room, name)
    try:
        yield player
    finally:
        await player.close()


async def join(port: int, room: str, name: str = "ann") -> LightClient:
    with trio.fail_after(DEADLINE_S):
        return await LightClient.join(port, room, name)


async def see_ticks(player: LightClient, count: int) -> list[int]:
    """Return the ticks of the next deltas of a player."""
    with trio.fail_after(DEADLINE_S):
        return await player.next_ticks(count)


def node_of(server: NodesServer, room: str) -> int:
    """Return the number of the node that has opened a room, as the log says."""
    opened = rf'"room": "{room}", "event": "room opened"'
    server.server.stderr.wait_for(opened, DEADLINE_S)  # it may still be on its way to us
    for line in reversed(server.server.stderr.lines):
        entry = json.loads(line)
        if entry["event"] == "room opened" and entry["room"] == room:
            return int(entry["node"].removeprefix("n"))
    raise AssertionError(f"no node has opened {room}")


async def test_a_thousand_joins_of_a_hundred_names_make_a_hundred_rooms(tmp_path: Path) -> None:
    with running_nodes(tmp_path, 4) as server:
        await server.until_nodes(4)
        asked = [f"quiet/{turn}-{n}" for turn, count in enumerate(NAMES) for n in range(count)]
        for turn in range(len(NAMES)):
            names = [name for name in asked if name.startswith(f"quiet/{turn}-")]
            assert await joined_rooms(server.port, names) == dict.fromkeys(names, 10)
        opened = [json.loads(line) for line in server.server.stderr.lines]
        made = Counter(e["room"] for e in opened if e["event"] == "room opened")
        assert made == dict.fromkeys(asked, 1)
        by_node = Counter(e["node"] for e in opened if e["event"] == "room opened")
        assert len(by_node) == 4, "the load is spread"


#: Rooms of each turn; ten players ask for each at once.
NAMES: Final = (100, 30, 30)


async def joined_rooms(port: int, names: list[str]) -> Counter[str]:
    """Join each room with ten players at once; return how many are in the one they asked for."""
    rooms: Counter[str] = Counter()
    all_in, at_once = trio.Event(), trio.CapacityLimiter(200)

    async def play(name: str) -> None:
        async with at_once:
            player = await join(port, name)
        rooms[name] += player.room == name
        if rooms.total() == 10 * len(names):
            all_in.set()
        await all_in.wait()
        await player.close()

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            for name in names * 10:
                nursery.start_soon(play, name)
    return rooms


async def test_a_killed_node_starts_again_and_costs_other_nodes_nothing(tmp_path: Path) -> None:
    with running_nodes(tmp_path, 2) as server:
        before = await server.until_nodes(2)
        async with playing(server, "quiet/a", "ann") as ann:
            victim = 1 - node_of(server, "quiet/a")
            os.kill(before[victim], signal.SIGKILL)
            ticks = await see_ticks(ann, 10)
            assert len(ticks) == 10, "the connection goes on"
            await server.until_nodes(2, but=[before[victim]])
            # Whichever node takes a connection, its room is found, and new ones can be made.
            for number in range(6):
                async with playing(server, "quiet/a", "bob") as bob:
                    assert bob.room == "quiet/a"
                async with playing(server, f"quiet/new-{number}", "cat") as cat:
                    assert cat.room == f"quiet/new-{number}"


async def test_nodes_play_on_without_a_supervisor_and_the_next_one_takes_them_over(
    tmp_path: Path,
) -> None:
    (tmp_path / "mygame.py").write_text(GAME)
    data = tmp_path / "data"
    command = ["serve", "mygame:Quiet", "--nodes", "2", "--port", "0", "--data", str(data)]
    with contextlib.ExitStack() as stack:
        stack.callback(kill_nodes, data / "nodes")
        first = stack.enter_context(supervised(command, tmp_path))
        port = first.port()
        server = NodesServer(first, data / "nodes")  # type: ignore[arg-type]
        pids = await server.until_nodes(2)
        ann = await join(port, "quiet/a")
        first.process.kill()
        first.process.wait(DEADLINE_S)
        assert await see_ticks(ann, 5)
        # A node that is alone with its rooms still takes players to these.
        second = stack.enter_context(supervised(command, tmp_path))
        second.stderr.wait_for("took over the nodes of an earlier supervisor", DEADLINE_S)
        assert nodes_of(data / "nodes") == pids
        for number in range(6):
            bob = await join(port, "quiet/a", f"bob-{number}")
            assert bob.room == "quiet/a"
            await bob.close()
        assert await see_ticks(ann, 5)
        await ann.close()
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(DEADLINE_S) == 0
        assert not nodes_of(data / "nodes")
        assert not (data / "nodes").exists()


@contextlib.contextmanager
def supervised(command: list[str], home: Path) -> Iterator[Supervised]:
    process = Supervised(command, home)
    try:
        yield process
    finally:
        kill_nodes(home / "data" / "nodes")
        process.close()


class Supervised:
    """A supervisor that a test may kill: its nodes hold its output open."""

    def __init__(self, command: list[str], home: Path) -> None:
        self.process = subprocess.Popen(
            [*GAMESERVER, *command],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout = Output(self.process.stdout)
        self.stderr = Output(self.process.stderr)

    def close(self) -> None:
        """End it; its nodes have ended, or the output would stay open."""
        self.process.kill()
        self.process.wait(DEADLINE_S)
        for output, stream in (
            (self.stdout, self.process.stdout),
            (self.stderr, self.process.stderr),
        ):
            output.wait_for_end()
            assert stream is not None
            stream.close()

    def port(self) -> int:
        return int(self.stdout.wait_for(r"^open http://[^/]+:(\d+)/$", DEADLINE_S)[1])


def test_a_game_that_cannot_be_imported_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import a_package_that_is_not\n")
    done = run_to_its_end(["serve", "broken:MyRoom", "--port", "0", "--nodes", "3"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"gameserver: broken imports a_package_that_is_not, .* \(broken\.py:1\)\n", done.stderr
    ), done.stderr


def test_a_durable_room_needs_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "mygame.py").write_text(GAME + "    durable = True\n")
    done = run_to_its_end(["serve", "mygame:Quiet", "--nodes=2", "--port=0"], cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"gameserver: Quiet is durable: .* --data FOLDER, .*\n", done.stderr)
