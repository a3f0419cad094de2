"""Slow ticks: what they spent, how many are kept, and what operators are told."""

from __future__ import annotations

import io
import json

import pytest
import trio
from rich.console import Console

from clients.joining import open_game
from gameserver.cli.errors import UsageError
from gameserver.cli.top import ask, tables
from gameserver.config import Settings
from gameserver.games.chat import Chat
from gameserver.runtime.rooms.slow_ticks import KEPT, SlowTicks, longest
from gameserver.runtime.serving import open_server
from tests.support.sockets import PATIENCE_S

TOKEN = "a-token-of-thirty-two-characters"


def note(slow: SlowTicks, tick: int) -> None:
    slow.note(
        "arena/1",
        tick,
        begun_s=10.0,
        budget_s=0.05,
        lateness_s=0.01,
        players=3,
        reading_s=0.002,
        stages=[("on_command", 10.01), ("tick", 10.05)],
        publish_s=0.02,
    )


def test_a_slow_tick_tells_its_hooks_in_order() -> None:
    slow = SlowTicks()
    note(slow, 7)
    assert slow.kept[0].to_json(12.5) == {
        "room": "arena/1",
        "tick": 7,
        "ago_s": 2.5,
        "budget_ms": 50.0,
        "work_ms": 72.0,
        "late_ms": 10.0,
        "players": 3,
        "spent_ms": {"read": 2.0, "on_command": 10.0, "tick": 40.0, "publish": 20.0},
    }


def test_the_newest_hundred_are_kept() -> None:
    slow = SlowTicks()
    for tick in range(KEPT + 20):
        note(slow, tick)
    assert slow.count == KEPT + 20
    assert [one.tick for one in slow.kept] == list(range(20, KEPT + 20))


def test_the_longest_hook() -> None:
    assert longest(1.0, []) == ("tick", 0.0)
    found, took_s = longest(1.0, [("a", 1.5), ("b", 3.0), ("c", 3.1)])
    assert (found, took_s) == ("b", pytest.approx(1.5))


async def test_operators_are_told_of_rooms_and_slow_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick is slow here because its budget is nothing, on however fast a machine."""
    async with open_server({"chat": Chat}, Settings(host="127.0.0.1", port=0)) as server:
        url = f"http://127.0.0.1:{server.port}"
        with trio.fail_after(PATIENCE_S):
            async with open_game(f"ws://127.0.0.1:{server.port}/", name="Ada") as game:
                await game.next_delta()
                [(_, task)] = server.lobby.rooms
                monkeypatch.setattr(task.pace, "tick_s", 0.0)
                await game.say("hello")
                await game.next_text()  # a tick later
                told = await trio.to_thread.run_sync(ask, url, None)
        assert told["players"] == 1
        [room] = told["busiest"]
        assert (room["room"], room["players"], room["level"]) == ("chat/1", 1, 0)
        assert told["slow"][0]["room"] == "chat/1"
        assert "tick" in told["slow"][0]["spent_ms"]
        json.dumps(told)


@pytest.mark.parametrize(("token", "allowed"), [(TOKEN, True), ("other", False), (None, False)])
async def test_only_who_may_read_the_metrics_is_told(token: str | None, allowed: bool) -> None:
    settings = Settings(host="127.0.0.1", port=0, metrics_token=TOKEN, metrics_from=())
    async with open_server({"chat": Chat}, settings) as server:
        url = f"http://127.0.0.1:{server.port}"
        with trio.fail_after(PATIENCE_S):
            if allowed:
                assert (await trio.to_thread.run_sync(ask, url, token))["rooms"] == 0
            else:
                with pytest.raises(
                    UsageError, match="give the server's metrics_token with --token"
                ):
                    await trio.to_thread.run_sync(ask, url, token)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ws://127.0.0.1:1", "is not an address such as"),
        ("http://127.0.0.1:1", r"does not answer \(Connection refused\); name the address of"),
        ("http://127.0.0.1:x", "does not answer"),
    ],
)
def test_a_server_that_cannot_be_asked(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        ask(url, None)


def test_names_are_shown_as_text() -> None:
    slow = SlowTicks()
    note(slow, 7)
    room = {
        "room": "[bold]x[/]",
        "players": 2,
        "tick_rate": 20,
        "tick": 1,
        "load": 0.9,
        "last_ms": None,
        "level": 1,
        "pace": 1.0,
        "behind": 1,
        "who": [{"seat": 1, "name": "[red]Bob", "ticks": 9, "skipped": 1, "rtt_ms": None}],
    }
    told = {
        "rooms": 1,
        "players": 2,
        "computed": 0.5,
        "waited_for_core": 0.25,
        "slow_ticks": 1,
        "busiest": [room],
        "slow": [slow.kept[0].to_json(11.0)],
    }
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(tables(told, "http://x"))
    text = console.export_text()
    assert "[bold]x[/]" in text
    assert "[red]Bob (9 ticks, rtt – ms)" in text
    assert "tick 40.0, publish 20.0, on_command 10.0, read 2.0" in text
    assert "waits for a core 25%" in text
