"""Reads over the wire: answered beside the tick, bounded, and never at the cost of a connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs

from clients import ReadFailed, ReadPlace, open_game
from gameserver import Joining, LocalProtocolError, Player, Room, Settings, open_server
from gameserver.protocol.messages import Read, Result
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.reads import MAX_IN_FLIGHT, UNAVAILABLE
from gameserver.storage import (
    Collection,
    Leaderboard,
    StorageUnavailable,
    SubmitScore,
    WriteObject,
    client_readable,
)
from gameserver.storage.database import Transaction
from tests.support.small_game import RawClient, join


@client_readable
@attrs.frozen
class Purse(Collection, name="purses"):
    coins: int = 0
    notes: dict[int, str] = attrs.field(factory=dict)


@client_readable
class Wins(Leaderboard, name="wins", keep="sum"):
    """Wins."""


class Hall(Room):
    """Writes what its players have won, as they come."""

    classes = ()
    tick_rate = 60
    hold_s = 0.0
    stored = (Purse, Wins)

    async def on_auth(self, joining: Joining) -> str | None:
        return joining.token

    async def on_start(self) -> None:
        if self.has_storage:
            await self.storage.write(
                WriteObject(Purse(7), owner="acc-1"),
                WriteObject(Purse(2**60), owner="acc-1", key="huge"),
                WriteObject(Purse(1, {1: "x"}), owner="acc-1", key="odd"),
                WriteObject(Purse(1, {1: "x" * 20_000}), owner="acc-1", key="long"),
                SubmitScore(Wins, "acc-1", 3, "Ann"),
            )

    def on_say(self, player: Player, text: str) -> None:
        self.say(text)


def settings(tmp_path: Path) -> Settings:
    return Settings(host="127.0.0.1", port=0, storage=f"sqlite:{tmp_path / 'kept.db'}")


async def asked(client: RawClient, *reads: Read) -> list[Result]:
    for read in reads:
        await client.send(read)
    return [await client.next_of(Result) for _ in reads]


async def test_a_client_reads_its_object_and_places(tmp_path: Path) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann", token="acc-1")
        results = await asked(
            client,
            Read(1, "purses", "own", [""]),
            Read(2, "wins", "top", [10, 0, 0]),
            Read(3, "wins", "rank", [0]),
        )
    assert sorted(results, key=lambda result: result.number) == [
        Result(1, {"coins": 7, "notes": {}}, None),
        Result(2, [[1, "Ann", 3, True]], None),
        Result(3, [1, "Ann", 3, True], None),
    ]


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (Read(9, "nothing", "top", [1, 0, 0]), "no leaderboard 'nothing'"),
        (Read(9, "purses", "own", ["huge"]), "cannot be sent: an integer"),
        (Read(9, "purses", "own", ["odd"]), "cannot be sent"),
        (Read(9, "purses", "own", ["long"]), "can"),
    ],
)
async def test_what_cannot_be_read_is_told_as_a_text(
    tmp_path: Path, read: Read, error: str
) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann", token="acc-1")
        (result,) = await asked(client, read)
        assert (result.number, result.value) == (9, None)
        assert result.error is not None
        assert error in result.error
        (again,) = await asked(client, Read(10, "wins", "rank", [0]))
        assert again.error is None


async def test_the_python_client_reads(tmp_path: Path) -> None:
    async with (
        open_server({"hall": Hall}, settings(tmp_path)) as server,
        open_game(f"ws://127.0.0.1:{server.port}", name="Ann", token="acc-1") as game,
    ):
        assert await game.stored.own("purses") == {"coins": 7, "notes": {}}
        assert await game.stored.top("wins") == [ReadPlace(1, "Ann", 3, own=True)]
        with pytest.raises(ReadFailed, match="no leaderboard 'losses'"):
            await game.stored.rank("losses")
        await game.next_delta()


async def test_a_server_that_keeps_nothing_says_so() -> None:
    server_settings = Settings(host="127.0.0.1", port=0)
    async with open_server({"hall": Hall}, server_settings) as server, join(server) as client:
        await client.joined("Ann")
        (result,) = await asked(client, Read(1, "wins", "rank", [0]))
    assert result == Result(1, None, "this server keeps nothing")


class Held:
    """Reads of the database that wait until the test lets them end, as ``ends`` says."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started = 0
        self.begun = trio.Event()
        self.let = trio.Event()
        self.error: Exception | None = None
        assert server.storage is not None
        database = server.storage.storage.database
        read = database.read

        async def held(work: Callable[[Transaction], Any]) -> Any:
            self.started += 1
            self.begun.set()
            await self.let.wait()
            if self.error is not None:
                raise self.error
            return await read(work)

        monkeypatch.setattr(database, "read", held)


async def test_a_read_beyond_those_in_flight_is_refused_and_the_others_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann", token="acc-1")
        held = Held(server, monkeypatch)
        for number in range(MAX_IN_FLIGHT + 1):
            await client.send(Read(number, "wins", "rank", [0]))
        refused = await client.next_of(Result)
        assert refused == Result(MAX_IN_FLIGHT, None, "more than 4 reads at a time")
        assert held.started == MAX_IN_FLIGHT
        held.let.set()
        numbers = {(await client.next_of(Result)).number for _ in range(MAX_IN_FLIGHT)}
        assert numbers == set(range(MAX_IN_FLIGHT))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StorageUnavailable("/var/db/kept.db: disk I/O error"), UNAVAILABLE),
        (ZeroDivisionError("a bug"), "it cannot be read"),
    ],
)
async def test_a_storage_that_fails_costs_an_answer_and_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann", token="acc-1")
        held = Held(server, monkeypatch)
        held.error = error
        held.let.set()
        with capture_logs() as logs:
            results = await asked(client, Read(1, "wins", "rank", [0]))
        assert results == [Result(1, None, text)]
        held.error = None
        (again,) = await asked(client, Read(2, "wins", "rank", [0]))
        assert again.error is None
    assert [line["event"] for line in logs if line["log_level"] == "error"] == (
        [] if text == UNAVAILABLE else ["a read failed"]
    )


async def test_a_read_that_takes_too_long_is_answered_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameserver.runtime.sessions.reads.TIMEOUT_S", 0.0)
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann", token="acc-1")
        Held(server, monkeypatch)
        results = await asked(client, Read(1, "wins", "rank", [0]))
    assert results == [Result(1, None, UNAVAILABLE)]


async def test_a_client_that_leaves_during_a_read_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as other:
        await other.joined("Bob", token="acc-2", room="hall/1")
        async with join(server) as client:
            await client.joined("Ann", token="acc-1", room="hall/1")
            held = Held(server, monkeypatch)
            await client.send(Read(1, "wins", "rank", [0]))
            await held.begun.wait()
        held.let.set()
        (result,) = await asked(other, Read(2, "wins", "rank", [0]))
        assert result == Result(2, None, None)


async def test_a_client_that_reads_too_often_is_closed(tmp_path: Path) -> None:
    async with open_server({"hall": Hall}, settings(tmp_path)) as server, join(server) as client:
        await client.joined("Ann")
        for number in range(12):
            await client.send(Read(number, "nothing", "rank", [0]))
        assert (await client.closed())[0] == 4008


async def test_a_declaration_that_cannot_work_ends_the_start() -> None:
    class Wrong(Hall):
        stored = (int,)  # type: ignore[assignment]

    with pytest.raises(LocalProtocolError, match=r"Wrong\.stored holds"):
        async with open_server({"wrong": Wrong}, Settings(port=0)):
            pass
