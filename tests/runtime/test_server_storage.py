"""A server with a storage: rooms keep what outlives them, and its end loses nothing silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs

from gameserver import LocalProtocolError, Player, Room, Settings, open_server
from gameserver.runtime.server import StartError
from gameserver.runtime.server_storage import ServerStorage
from gameserver.storage import (
    Collection,
    Leaderboard,
    Storage,
    StorageUnavailable,
    SubmitScore,
    WriteObject,
    open_storage,
)
from gameserver.storage.database import Transaction
from tests.support.small_game import join


@attrs.frozen
class Visits(Collection):
    count: int = 0


class Regulars(Leaderboard, keep="sum"):
    """Visits by name."""


class Bar(Room):
    """Counts its visitors, in all rooms that there ever were."""

    classes = ()
    tick_rate = 60
    hold_s = 0.0
    visits: int = 0

    async def on_start(self) -> None:
        stored = await self.storage.get(Visits)
        self.visits = 0 if stored is None else stored.value.count

    def on_join(self, player: Player) -> None:
        self.visits += 1
        self.storage.submit(SubmitScore(Regulars, player.name, 1, player.name))

    async def on_stop(self) -> None:
        await self.storage.write(WriteObject(Visits(self.visits)))


def settings(tmp_path: Path) -> Settings:
    return Settings(
        host="127.0.0.1", port=0, storage=f"sqlite:{tmp_path / 'kept.db'}", empty_room_s=0.0
    )


async def test_a_room_keeps_what_outlives_it_and_the_server(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_server({"bar": Bar}, settings(tmp_path)) as server:
            for name in ("ann", "bob"):
                async with join(server) as client:
                    await client.joined(name, room="bar/1")
    storage = await open_storage(f"sqlite:{tmp_path / 'kept.db'}")
    visits = await storage.get(Visits)
    assert visits is not None
    assert visits.value.count == 4
    assert [(place.owner, place.score) for place in await storage.top(Regulars)] == [
        ("ann", 2),
        ("bob", 2),
    ]
    await storage.aclose()


async def test_the_metrics_tell_of_the_queue(tmp_path: Path) -> None:
    async with open_server({"bar": Bar}, settings(tmp_path)) as server:
        async with join(server) as client:
            await client.joined()
        assert server.storage is not None
        await server.storage.flush()
        figures = server.figures().storage
        assert figures is not None
        assert (figures.settled["written"], figures.waiting, figures.retries) == (1, 0, 0)


async def test_a_storage_that_cannot_be_opened_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "kept.db").write_text("This is no database." * 100)
    with pytest.raises(StartError, match=r"kept\.db: not a whole SQLite database"):
        async with open_server({"bar": Bar}, settings(tmp_path)):
            pass


def test_without_a_storage_a_room_is_told_what_to_start() -> None:
    with pytest.raises(LocalProtocolError, match="--storage sqlite:FILE"):
        Bar().storage  # noqa: B018


class Unreachable:
    """A database that never answers."""

    async def transact(self, _work: Callable[[Transaction], Any]) -> Any:
        await trio.lowlevel.checkpoint()
        raise StorageUnavailable("no database")

    read = transact

    async def aclose(self) -> None:
        pass


async def test_submissions_lost_at_the_end_are_logged(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    kept = ServerStorage(Storage(Unreachable(), trio.current_time))
    nursery.start_soon(kept.run)
    for _ in range(3):
        kept.for_room().submit(WriteObject(Visits(1)))
    with capture_logs() as logs, trio.move_on_after(2):
        await kept.flush()
    assert [(line["log_level"], line["lost"]) for line in logs] == [("error", 3)]
