"""What a soak found: its record, what is wanted of it, and the table.

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

from benchmarks.fit import fit_line
from benchmarks.tables import markdown

#: Of the whole time: not looked at, because everything is still filling up.
WARM_UP_SHARE: Final = 0.25
MOST_MB_PER_HOUR: Final = 1.0
PER_PLAYERS: Final = 100


@attrs.frozen
class Look:
    """The server's process at one moment, ``at_s`` after the beginning."""

    at_s: float
    rss_bytes: int
    players: int
    tasks: int
    descriptors: int


@attrs.define
class LifeCounts:
    """What happened to the players, all of them together.

    ``cut``: by us, with a reset; ``frozen``: stopped reading for long; ``told_to_wait``: too many
    joined just then; ``dropped``: by the server, though they had done nothing, with the reason.
    ``seats_lost``: of those who came back within the window.
    """

    joins: int = 0
    left: int = 0
    cut: int = 0
    frozen: int = 0
    told_to_wait: int = 0
    dropped: list[str] = attrs.field(factory=list)
    resumed: int = 0
    seats_lost: int = 0
    checks: int = 0
    wrong_checksums: int = 0
    deltas: int = 0
    resyncs: int = 0


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
    ticks_dropped: int
    log_lines: int
    unexplained: tuple[str, ...]
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def slope(self) -> float:
        """How memory grows, in MB an hour per ``PER_PLAYERS`` players; NaN if it is not known."""
        return memory_slope(self.looks)


def memory_slope(looks: Sequence[Look]) -> float:
    """Return the slope of resident memory after warm-up, in MB an hour per ``PER_PLAYERS``."""
    if not looks:
        return math.nan
    begin_s = WARM_UP_SHARE * looks[-1].at_s
    warm = [look for look in looks if look.at_s >= begin_s]
    players = sum(look.players for look in warm) / len(warm)
    if len(warm) < 3 or not players:
        return math.nan
    line = fit_line([look.at_s for look in warm], [look.rss_bytes / 1e6 for look in warm])
    return line.slope * 3600 * PER_PLAYERS / players


def soak_table(record: SoakRecord) -> str:
    """Return one row per figure, with what is wanted of it and whether that held."""
    lives = record.lives
    last = record.looks[-1]
    rows = [
        ("players", f"{record.players} for {record.minutes:g} minutes", "", None),
        ("joins", f"{lives.joins:,}", "", None),
        ("left, cut, frozen", f"{lives.left:,}, {lives.cut:,}, {lives.frozen:,}", "", None),
        ("told to wait before they joined", f"{lives.told_to_wait:,}", "", None),
        ("resumed", f"{lives.resumed:,}", "", None),
        ("seats lost within the window", str(lives.seats_lost), "0", not lives.seats_lost),
        ("dropped without a fault", str(len(lives.dropped)), "0", not lives.dropped),
        ("deltas", f"{lives.deltas:,}", "", None),
        (
            "wrong checksums",
            f"{lives.wrong_checksums} of {lives.checks:,}",
            "0",
            not lives.wrong_checksums,
        ),
        ("attacks", str(len(record.attacks)), "", None),
        ("ticks dropped", str(record.ticks_dropped), "", None),
        (
            f"memory, MB an hour per {PER_PLAYERS} players",
            f"{record.slope:.2f}, at {last.rss_bytes / 1e6:.0f} MB",
            f"under {MOST_MB_PER_HOUR:g}",
            record.slope < MOST_MB_PER_HOUR,
        ),
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


def load(file: pathlib.Path) -> list[SoakRecord]:
    """Return the soaks in a file of results, all other lines left out."""
    study = attrs.fields_dict(SoakRecord)["study"].default
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [cattrs.structure(values, SoakRecord) for values in found if values["study"] == study]
