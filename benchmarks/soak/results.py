"""Results of a soak: its record, its targets, and the table.

Owns the fields, the targets, and the Markdown.  Pure; the file that records are appended to is
``records.py``'s.
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import cattrs

from benchmarks.fit import left_over
from benchmarks.tables import markdown
from clients.client_types import ClientStatistics

#: The least of the whole time that is not looked at.  Resident memory is a ratchet: allocators keep
#: the pages of the largest crowd there was, and a larger one may come long after the first round of
#: attacks.  New records become rarer and smaller as time goes on; so with half of it left out, a
#: longer soak shows what is flat, while the time of one round would keep the first steps in view.
WARM_UP_SHARE: Final = 0.5
MOST_MB_PER_HOUR: Final = 1.0
PER_PLAYERS: Final = 100
#: So many standard errors to both sides of a slope.
SURE: Final = 2.0
#: Times that something else tells to the second say nothing by themselves.
LEAST_SPREAD_S2: Final = 1.0


@attrs.frozen
class Look:
    """The server's process at one moment, ``at_s`` after the beginning.

    ``players`` of ours were connected; ``held`` seats waited for ours and attackers.  ``blocks``
    Python's allocator had handed out; None in soaks of before they were counted.
    """

    at_s: float
    rss_bytes: int
    players: int
    tasks: int
    descriptors: int
    held: int = 0
    blocks: int | None = None


@attrs.define
class LifeCounts:
    """Totals of all players.

    ``fates``: what was made to happen, how often; ``told_to_wait``: too many joined just then.
    ``dropped``: by the server, though nobody had harmed their connection, and ``seats_lost``: of
    those who were to come back within the window; both with name and reason.  The rest is what the
    clients counted: ``resumed`` came back to the same seat, ``rejoined`` to another one.
    """

    joins: int = 0
    fates: dict[str, int] = attrs.field(factory=dict)
    told_to_wait: int = 0
    dropped: list[tuple[str, str]] = attrs.field(factory=list)
    seats_lost: list[tuple[str, str]] = attrs.field(factory=list)
    resumed: int = 0
    rejoined: int = 0
    commands_again: int = 0
    checks: int = 0
    wrong_checksums: int = 0
    deltas: int = 0
    deltas_refused: int = 0
    resyncs: int = 0

    def add(self, told: ClientStatistics) -> None:
        """Add what one client counted."""
        self.resumed += told.resumes
        self.rejoined += told.rejoins
        self.commands_again += told.commands_again
        self.checks += told.checks
        self.wrong_checksums += told.checksum_failures
        self.deltas += told.deltas
        self.deltas_refused += told.deltas_refused
        self.resyncs += told.resyncs

    @property
    def wronged(self) -> set[str]:
        """The names of the players who were dropped or lost their seats."""
        return {name for name, _ in (*self.dropped, *self.seats_lost)}


@attrs.frozen(kw_only=True)
class SoakRecord:
    """One soak."""

    study: str = "soak"
    seed: int
    minutes: float
    players: int
    lives: LifeCounts
    #: The attacks in their order, and what all attackers did together.
    attacks: tuple[str, ...]
    attackers: Mapping[str, int]
    looks: tuple[Look, ...]
    #: When every attack had been there and its seats were held no more; None if it never came to
    #: that.
    settled_s: float | None
    ticks_dropped: int
    overload_ups: int
    #: Outcomes of the resume tokens that clients showed, the attackers' among them.
    resumptions: Mapping[str, int]
    log_lines: int
    unexplained: tuple[str, ...]
    #: Lines of the log about players that the server failed.
    evidence: tuple[str, ...] = ()
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def warm_up_s(self) -> float:
        """The length of the warm-up."""
        least_s = WARM_UP_SHARE * self.looks[-1].at_s if self.looks else 0.0
        return max(least_s, self.settled_s or 0.0)

    @property
    def warm(self) -> list[Look]:
        """The looks taken after the warm-up."""
        return [look for look in self.looks if look.at_s >= self.warm_up_s]


@attrs.frozen
class Slope:
    """Growth an hour per ``PER_PLAYERS`` players, ``SURE`` standard errors; NaN if not known."""

    per_hour: float
    error: float


def memory_slope(warm: Sequence[Look]) -> Slope:
    """Return the slope of resident memory, in MB, as it is: whoever was there."""
    return _slope(warm, [look.rss_bytes / 1e6 for look in warm])


def block_slope(warm: Sequence[Look]) -> Slope:
    """Return the slope of the blocks that Python holds, like with like: for the same presence.

    Each task stands for some 160 blocks and each held seat for as many, and a crowd that attacks
    is hundreds of them: 60,000 blocks, which come and go at random.  A line through time alone
    takes the order in which crowds came for growth (measured over 48 s: 1,051 ± 302 blocks a
    second; for the same tasks and seats -4 ± 227).  Looks without attackers would need no fit,
    but their seats are held for long after, so there are too few.  Players need no column: each
    has tasks.

    What grows together with tasks or held seats is taken for their presence: a leak of these shows
    in their numbers, which stand beside the blocks.
    """
    if any(look.blocks is None for look in warm):
        return Slope(math.nan, math.nan)
    return _slope(
        warm,
        [float(look.blocks or 0) for look in warm],
        [float(look.tasks) for look in warm],
        [float(look.held) for look in warm],
    )


def _slope(warm: Sequence[Look], values: Sequence[float], *causes: Sequence[float]) -> Slope:
    """Return the slope of ``values`` by least squares, for ``causes`` that stay the same.

    The error is that of measurements which are independent of each other.
    """
    players = sum(look.players for look in warm) / max(len(warm), 1)
    free = len(warm) - 2 - len(causes)
    if free < 1 or not players:
        return Slope(math.nan, math.nan)
    times_s = left_over([look.at_s for look in warm], *causes)
    values = left_over(values, *causes)
    spread = sum(t**2 for t in times_s)
    if spread < LEAST_SPREAD_S2:
        return Slope(math.nan, math.nan)
    slope = sum(t * v for t, v in zip(times_s, values, strict=True)) / spread
    left = sum((v - slope * t) ** 2 for t, v in zip(times_s, values, strict=True))
    scale = 3600 * PER_PLAYERS / players
    return Slope(slope * scale, SURE * math.sqrt(left / free / spread) * scale)


def broken(record: SoakRecord) -> list[str]:
    """Return which promises were not kept, in words; memory is none, but a target."""
    lives = record.lives
    counts = {
        "wrong checksums": lives.wrong_checksums,
        "deltas refused": lives.deltas_refused,
        "seats lost": len(lives.seats_lost),
        "dropped": len(lives.dropped),
        "unexplained log lines": len(record.unexplained),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def soak_table(record: SoakRecord) -> str:
    """Return one row per figure, with what is wanted of it and whether that held."""
    lives = record.lives
    fates = ", ".join(f"{count} {fate}" for fate, count in sorted(lives.fates.items()))
    shown = ", ".join(f"{n:,} {how}" for how, n in sorted(record.resumptions.items()) if n)
    rows = [
        ("players", f"{record.players} for {record.minutes:g} minutes", "", None),
        ("lives", f"{lives.joins:,}", "", None),
        ("what happened to them", fates, "", None),
        ("told to wait before they joined", f"{lives.told_to_wait:,}", "", None),
        ("came back to their seats, to others", f"{lives.resumed:,}, {lives.rejoined}", "", None),
        ("tokens shown, attackers' too", shown, "", None),
        ("seats lost within the window", str(len(lives.seats_lost)), "0", not lives.seats_lost),
        ("dropped without a fault", str(len(lives.dropped)), "0", not lives.dropped),
        ("deltas", f"{lives.deltas:,}", "", None),
        (
            "wrong checksums",
            f"{lives.wrong_checksums} of {lives.checks:,}",
            "0",
            not lives.wrong_checksums,
        ),
        ("deltas that did not fit", str(lives.deltas_refused), "0", not lives.deltas_refused),
        ("attacks", str(len(record.attacks)), "", None),
        ("ticks dropped", str(record.ticks_dropped), "", None),
        ("steps up the overload ladder", str(record.overload_ups), "", None),
        _memory_row(record),
        _blocks_row(record),
        (
            "unexplained log lines",
            f"{len(record.unexplained)} of {record.log_lines:,}",
            "0",
            not record.unexplained,
        ),
    ]
    return markdown(
        ["", "found", "wanted", "held"],
        [
            [what, found, wanted, "" if held is None else "yes" if held else "NO"]
            for what, found, wanted, held in rows
        ],
    )


def _memory_row(record: SoakRecord) -> tuple[str, str, str, bool]:
    warm, slope = record.warm, memory_slope(record.warm)
    megabytes = [look.rss_bytes / 1e6 for look in warm]
    grown = f"{megabytes[0]:.1f} → {megabytes[-1]:.1f} MB" if warm else "never looked at"
    early = "" if record.settled_s is not None else ", TOO EARLY: not every attack had been there"
    return (
        f"memory, MB an hour per {PER_PLAYERS} players, after {record.warm_up_s:.0f} s",
        f"{slope.per_hour:.2f} ± {slope.error:.2f} ({grown}{early})",
        f"under {MOST_MB_PER_HOUR:g}",
        slope.per_hour < MOST_MB_PER_HOUR,
    )


def _blocks_row(record: SoakRecord) -> tuple[str, str, str, None]:
    """No target, for a block may be of any size: it says whether memory that grew is a leak."""
    what = f"blocks held by Python, an hour per {PER_PLAYERS} players, for the same presence"
    counted = [look for look in record.warm if look.blocks is not None]
    if not counted:
        return what, "not counted", "", None
    slope, first, last = block_slope(record.warm), counted[0], counted[-1]
    blocks = f"{first.blocks:,} → {last.blocks:,}"
    presence = f"tasks {first.tasks} → {last.tasks}, held seats {first.held} → {last.held}"
    return what, f"{slope.per_hour:,.0f} ± {slope.error:,.0f} ({blocks}; {presence})", "", None


def load_newest(file: pathlib.Path) -> SoakRecord | None:
    """Return the last soak in a file of results; None if there is none."""
    study = attrs.fields_dict(SoakRecord)["study"].default
    found = [json.loads(line) for line in file.read_text().splitlines()]
    soaks = [values for values in found if values["study"] == study]
    return cattrs.structure(soaks[-1], SoakRecord) if soaks else None
