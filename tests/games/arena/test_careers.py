"""Careers: what a kill, a death and a won round add for players who have signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from gameserver.games.arena.careers import Career, Kills
from gameserver.room import give_storage
from gameserver.storage import Place, RoomStorage, open_storage
from gameserver.storage.write_behind import WriteBehind
from tests.support.arena_field import MIDDLE, Field


def duel(field: Field, *identities: str | None) -> None:
    """Seat two who face each other; the first shoots until the other is destroyed."""
    killer, victim = (field.play(seat, f"pilot {seat}") for seat in (1, 2))
    for flier, identity in zip((killer, victim), identities, strict=True):
        flier.player.identity = identity
    shoot(field)


def shoot(field: Field) -> None:
    killer, victim = (field.room.fliers[seat] for seat in (1, 2))
    field.until(lambda: killer.ship is not None and victim.ship is not None)
    field.put(killer, MIDDLE, MIDDLE)
    field.put(victim, MIDDLE + 200 * 32, MIDDLE)
    kills = killer.pilot.kills

    def destroyed() -> bool:
        field.steer(killer, fire=True)
        return killer.pilot.kills > kills

    field.until(destroyed)


@asynccontextmanager
async def kept(tmp_path: Path, field: Field) -> AsyncIterator[tuple[RoomStorage, WriteBehind]]:
    storage = await open_storage(f"sqlite:{tmp_path / 'kept.db'}")
    behind = WriteBehind(storage, lambda _: None)
    room_storage = RoomStorage(storage, behind)
    give_storage(field.room, room_storage)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(behind.run)
        yield room_storage, behind
        nursery.cancel_scope.cancel()
    await storage.aclose()


async def test_kills_deaths_streaks_and_won_rounds_are_kept(tmp_path: Path) -> None:
    field = Field(rocks=False)
    async with kept(tmp_path, field) as (storage, behind):
        duel(field, "acc-1", "acc-2")
        shoot(field)
        field.leap(field.room.rounds.round.ends_at)
        field.step(2)
        await behind.flush()
        killer = await storage.get(Career, owner="acc-1")
        victim = await storage.get(Career, owner="acc-2")
        assert killer is not None
        assert victim is not None
        assert killer.value == Career(kills=2, deaths=0, best_streak=2, rounds_won=1)
        assert victim.value == Career(deaths=2)
        assert await storage.top(Kills) == [Place(1, "acc-1", "pilot 1", 2)]
        assert behind.counts.failed == 0


async def test_a_best_streak_is_not_lost_to_a_shorter_one(tmp_path: Path) -> None:
    field = Field(rocks=False)
    async with kept(tmp_path, field) as (storage, behind):
        duel(field, "acc-1", None)
        shoot(field)
        field.room.fliers[1].streak = 0
        shoot(field)
        await behind.flush()
        stored = await storage.get(Career, owner="acc-1")
        assert stored is not None
        assert stored.value == Career(kills=3, best_streak=2)


async def test_players_without_an_identity_keep_nothing(tmp_path: Path) -> None:
    field = Field(rocks=False)
    async with kept(tmp_path, field) as (storage, behind):
        duel(field, None, None)
        await behind.flush()
        assert behind.counts.submitted == 0
        assert await storage.top(Kills) == []


def test_a_room_without_a_storage_plays_all_the_same() -> None:
    field = Field(rocks=False)
    duel(field, "acc-1", "acc-2")
    assert field.room.fliers[1].pilot.kills == 1
    field.leap(field.room.rounds.round.ends_at)
    field.step(2)
    assert field.room.rounds.round.podium[0] == 1
