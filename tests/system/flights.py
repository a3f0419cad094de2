"""A flight of the page, and whether the machine is to blame for each correction of its ship.

On a busy machine commands come late, ticks are dropped, and the page does not get its turn: then a
correction is right.  So the server's room (``rooms/quiet.py``) tells of each such hiccup, the page
tells of its own (``startRecord`` in ``eyes.js``), and here every correction is held against
these.  No verdict depends on how busy the machine is; a flight only lasts the longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from tests.system.browser_pages import GamePage


@attrs.frozen
class Span:
    """Ticks, the first and the last of them included."""

    first: int
    last: int

    def meets(self, other: Span) -> bool:
        return self.first <= other.last and other.first <= self.last


def clean_ticks(flown: Span, hiccups: Iterable[Span]) -> int:
    """Return how many ticks of a flight are in no hiccup."""
    disturbed = {tick for each in hiccups for tick in range(each.first, each.last + 1)}
    return sum(tick not in disturbed for tick in range(flown.first, flown.last + 1))


def unexplained(corrections: Iterable[Span], hiccups: Iterable[Span]) -> list[Span]:
    """Return the corrections that no hiccup explains."""
    causes = list(hiccups)
    return [each for each in corrections if not any(each.meets(cause) for cause in causes)]


def assert_flies_without_corrections(
    page: GamePage, fly: Callable[[], object], *, enough_ticks: int
) -> None:
    """Let ``fly`` steer until ``enough_ticks`` ticks without a hiccup were flown.

    Every correction must be due to a hiccup, and the server's time must not have jumped.  ``fly``
    is called again and again; each call should last 30 ticks or more.
    """
    page.ask("eyes.askForHiccups()")  # those of before
    page.ask("eyes.startRecord()")
    hiccups: list[Span] = []
    for _ in range(enough_ticks):
        fly()
        record: dict[str, Any] = page.ask("eyes.record")
        told = page.ask("eyes.askForHiccups()")
        hiccups += [Span(*each) for each in told]
        causes = hiccups + [Span(*each) for each in record["behind"] + record["jumps"]]
        corrections = [Span(*each) for each in record["corrections"]]
        assert unexplained(corrections, causes) == [], f"hiccups: {causes}"
        assert record["clockJumps"] == 0
        if clean_ticks(Span(record["since"] + 1, record["until"]), causes) >= enough_ticks:
            return
    raise AssertionError(f"a hiccup in nearly every tick: {causes}")
