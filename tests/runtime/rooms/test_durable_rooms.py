"""Durable rooms as a whole; ``test_recovery.py`` and ``test_journal_rows.py`` recover them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gameserver import Settings
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.room_task import RoomTask
from tests.support.small_game import Field


async def test_durable_rooms_are_suspended_all_at_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def suspend(_: RoomTask) -> None:
        await trio.sleep(1)  # until its journal is written

    monkeypatch.setattr(RoomTask, "suspend", suspend)
    monkeypatch.setattr(Field, "durable", True)
    async with trio.open_nursery() as nursery:
        made = Lobby({"field": Field}, Settings(data=tmp_path))
        made.start(nursery)
        with ExitStack() as held:
            for name in range(10):
                held.enter_context(made.reserve(made.request(f"field/{name}")))
            begun_s = trio.current_time()
            await made.durable.suspend()
            assert trio.current_time() - begun_s == pytest.approx(1)
        nursery.cancel_scope.cancel()
