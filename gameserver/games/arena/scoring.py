"""The points for a kill.

Owns the arithmetic of rewards, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from gameserver.games.arena import rules


def bounty(streak: int) -> int:
    """Return the bounty on a ship after ``streak`` kills in a row."""
    return min(max(streak - 1, 0) * rules.BOUNTY_STEP, rules.MAX_BOUNTY)


def reward(victim_bounty: int) -> int:
    """Return the points for a kill."""
    return rules.KILL_SCORE + victim_bounty


def assists(hurt_at: Mapping[int, int], killer: int, tick: int) -> tuple[int, ...]:
    """Return the seats that assisted in a kill.

    ``hurt_at`` holds the tick in which each seat last hurt the victim.
    """
    return tuple(
        sorted(
            seat
            for seat, at in hurt_at.items()
            if seat != killer and tick - at <= rules.ASSIST_TICKS
        )
    )
