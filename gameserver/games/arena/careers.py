"""Careers: totals that players who have signed in keep from one visit to the next.

Owns the two records, and their changes by kills, deaths and won rounds.  In a room without storage,
and for a player without an identity, nothing is kept; the game is the same.
"""

from __future__ import annotations

import functools

import attrs

from gameserver import Player, Room
from gameserver.games.arena.flier import Flier
from gameserver.storage import ChangeObject, Collection, Leaderboard, SubmitScore, client_readable


@client_readable
@attrs.frozen
class Career(Collection, name="arena_careers"):
    """All that a player has done in all arenas."""

    kills: int = 0
    deaths: int = 0
    best_streak: int = 0
    rounds_won: int = 0


@client_readable
class Kills(Leaderboard, name="arena_kills", keep="sum", resets="weekly"):
    """Kills of this week."""


def note_kill(room: Room, killer: Flier, victim: Flier) -> None:
    """Add a kill to one career and a death to another.  ``killer.streak`` counts it already."""
    _add(room, killer.player, kills=1, streak=killer.streak)
    _add(room, victim.player, deaths=1)


def note_won_round(room: Room, winner: Flier) -> None:
    """Add a won round to a career."""
    _add(room, winner.player, rounds_won=1)


def _add(room: Room, player: Player, *, kills: int = 0, **more: int) -> None:
    if player.identity is None or not room.has_storage:
        return
    change = functools.partial(_grown, kills=kills, **more)
    career = ChangeObject(Career, change, owner=player.identity)
    if kills:
        room.storage.submit(career, SubmitScore(Kills, player.identity, kills, player.name))
    else:
        room.storage.submit(career)


def _grown(
    career: Career | None,
    /,
    *,
    kills: int = 0,
    deaths: int = 0,
    streak: int = 0,
    rounds_won: int = 0,
) -> Career:
    career = career or Career()
    return Career(
        kills=career.kills + kills,
        deaths=career.deaths + deaths,
        best_streak=max(career.best_streak, streak),
        rounds_won=career.rounds_won + rounds_won,
    )
