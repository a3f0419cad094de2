"""Clients that are corrupted on purpose, against a server: its log and its journal say how."""

from __future__ import annotations

import pathlib

import pytest
from structlog.testing import capture_logs

from clients import open_game
from gameserver import Settings, open_server
from gameserver.protocol.messages import Desync
from gameserver.runtime.rooms import room_task
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Disagreed
from tests.support.small_game import Field, join


class Board(Field):
    left: list[tuple[str, str]]
    log: list[str]


async def test_a_corrupted_client_is_told_by_entity_field_and_both_values(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_task, "CHECK_EVERY_S", 0.25)
    settings = Settings(port=0, journal=tmp_path)
    with capture_logs() as logs:
        async with (
            open_server({"field": Board}, settings) as server,
            open_game(f"ws://127.0.0.1:{server.port}", name="Ada") as game,
        ):
            await game.next_delta()
            pawn = game.replica.own
            assert pawn is not None
            pawn.values[0] += 80  # 10 units to the right
            pawn.crc = None
            while not [line for line in logs if line["event"] == "desync"]:
                await game.next_delta()
            assert game.statistics().checksum_failures == 1
            while game.replica.own is None or game.replica.own.x:
                await game.next_delta()  # the full state mends it
    (told,) = [line for line in logs if line["event"] == "desync"]
    assert (told["entity"], told["field"]) == (f"Pawn {pawn.id}", "x")
    assert (told["of_room"], told["of_client"]) == ("0.0", "10.0")
    assert told["seat"] == 1
    (journal,) = tmp_path.glob("*.journal")  # noqa: ASYNC240 - a test
    with journal.open("rb") as stream:
        (report,) = [record for record in JournalReader(stream) if isinstance(record, Disagreed)]
    assert (report.entity, report.field) == (f"Pawn {pawn.id}", "x")
    assert (report.of_room, report.of_client) == ("0.0", "10.0")
    assert f"seat 1, Pawn {pawn.id}.x" in journal.with_suffix(".keep").read_text()


async def test_a_client_that_reports_too_often_is_closed() -> None:
    async with open_server({"field": Field}, Settings(port=0)) as server, join(server) as client:
        await client.joined()
        for _ in range(3):
            await client.send(Desync(1, None))
        assert (await client.closed())[0] == 4008
