"""A collection and a leaderboard that the tests of storage keep."""

from __future__ import annotations

import attrs

from gameserver.storage import Collection, Leaderboard


@attrs.frozen
class Career(Collection, name="careers"):
    kills: int = 0
    titles: tuple[str, ...] = ()


class Kills(Leaderboard, keep="sum"):
    """Kills in all."""
