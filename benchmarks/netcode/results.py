"""Results of the netcode study: one record per link, one per way of aiming, and their tables.

Owns the fields, what is derived from them, and the Markdown.  Pure; the file that records are
appended to is ``records.py``'s.
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from benchmarks.tables import markdown
from gameserver.games.arena.rules import TICK_RATE

#: 95 %: of repeated measurements so many intervals hold the true rate.
_Z: Final = 1.96
#: With lag compensation the hit rate is to be at least this share of that without any delay.
WANTED_SHARE: Final = 0.97
#: A player whose screen or loop lagged more often than this tells of the machine, not of the link.
MOST_LATE: Final = 0.05

R = TypeVar("R", "LinkRecord", "AimRecord")


@attrs.frozen(kw_only=True)
class LinkRecord:
    """One player on one link of the lab, in a game with bots.

    ``key_frames``: from a key's press until the own ship moved, for the p-th percentile of all
    presses: 1 is the very next frame that was drawn.  Corrections in world units, of the own ship
    as predicted.  ``clock_error_ticks``: the server's tick as the client believed it, off by.
    """

    study: str = "netcode"
    profile: str
    seconds: float
    rtt_ms: float
    keys: int
    key_frames_p50: float
    key_frames_max: float
    key_ms_p50: float
    key_ms_p95: float
    corrections: int
    correction_mean: float
    correction_worst: float
    snaps: int
    underruns: int
    commands: int
    late: int
    clock_error_ticks_p95: float
    clock_error_ms_p95: float
    stalls: int
    #: Frames that were due, and those of them drawn over half a frame late or not at all.
    frames: int
    frames_late: int
    #: Of its core, by the process that all players of the study are in.
    load_cpu_share: float
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def valid(self) -> bool:
        """Whether the machine kept up with drawing."""
        return self.frames_late <= MOST_LATE * self.frames

    def per_minute(self, count: float) -> float:
        """Return how often that is a minute."""
        return count * 60 / self.seconds

    @property
    def late_per_1000(self) -> float:
        """Commands that came after their tick, of 1,000."""
        return 1000 * self.late / self.commands if self.commands else math.nan


@attrs.frozen(kw_only=True)
class AimRecord:
    """One who aims exactly at what the screen shows, over one delay: of ``shots`` so many ``hits``.

    ``disputed``: shots whose claim of what was shown the server did not believe; ``ticks_missed``:
    those of its own loop that the machine slept through.
    """

    study: str = "netcode-aim"
    rtt_ms: int
    compensated: bool
    seconds: float
    shots: int
    hits: int
    disputed: int
    ticks_missed: int
    load_cpu_share: float
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def valid(self) -> bool:
        """Whether the machine kept up with the loop of ticks."""
        return self.ticks_missed <= MOST_LATE * self.seconds * TICK_RATE

    @property
    def rate(self) -> float:
        """The share of shots that hit; NaN if there were none."""
        return self.hits / self.shots if self.shots else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate by Wilson's score (Wilson 1927, JASA 22:158)."""
        if not self.shots:
            return 0.0, 1.0
        n, p, z2 = self.shots, self.rate, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return middle - half, middle + half


def load(file: pathlib.Path, cls: type[R]) -> list[R]:
    """Return the records of one class in a file of results; all other lines are left out."""
    study = attrs.fields_dict(cls)["study"].default
    known = {field.name for field in attrs.fields(cls)}
    found = []
    for line in file.read_text().splitlines():
        values = json.loads(line)
        if values["study"] == study:
            found.append(cls(**{k: v for k, v in values.items() if k in known}))
    return found


def newest(found: Iterable[R]) -> list[R]:
    """Return the last record of each setting, in the order in which settings were first seen."""
    by_setting = {
        (r.rtt_ms, r.compensated) if isinstance(r, AimRecord) else r.profile: r for r in found
    }
    return list(by_setting.values())


def links_table(records: Iterable[LinkRecord]) -> str:
    """Return one row per link."""
    header = ["link", "rtt ms", "key to movement", "p95 ms", "corrections / min", "mean units"]
    header += ["worst units", "underruns / min", "late / 1,000", "clock error p95"]
    rows = [
        [
            record.profile if record.valid else f"{record.profile} (machine too slow)",
            f"{record.rtt_ms:.0f}",
            f"{record.key_frames_p50:.0f} frame, at most {record.key_frames_max:.0f}",
            f"{record.key_ms_p95:.0f}",
            f"{record.per_minute(record.corrections):.1f}",
            f"{record.correction_mean:.1f}" if record.corrections else "–",
            f"{record.correction_worst:.1f}" if record.corrections else "–",
            f"{record.per_minute(record.underruns):.1f}",
            f"{record.late_per_1000:.1f}",
            f"{record.clock_error_ticks_p95:.2f} ticks ({record.clock_error_ms_p95:.0f} ms)",
        ]
        for record in records
    ]
    return markdown(header, rows)


def aim_table(records: Sequence[AimRecord]) -> str:
    """Return one row per round trip: the hit rate with and without lag compensation.

    ``of 0 ms``: the share of the rate with compensation at the shortest round trip.
    """
    by_setting = {(record.rtt_ms, record.compensated): record for record in records}
    trips = sorted({rtt_ms for rtt_ms, _ in by_setting})
    best = by_setting.get((trips[0], True)) if trips else None
    rows = []
    for rtt_ms in trips:
        on, off = (by_setting.get((rtt_ms, compensated)) for compensated in (True, False))
        share = on.rate / best.rate if on and best and best.rate else math.nan
        rows.append(
            [f"{rtt_ms} ms", _rate(on), f"{share:.1%}", _rate(off), str(on.disputed if on else "")]
        )
    return markdown(["round trip", "compensated", "of 0 ms", "not compensated", "disputed"], rows)


def _rate(record: AimRecord | None) -> str:
    if record is None:
        return "–"
    doubt = "" if record.valid else ", machine too slow"
    return f"{record.rate:.1%} of {record.shots}{doubt}"


def falls_short(records: Sequence[AimRecord]) -> list[AimRecord]:
    """Return the compensated records below ``WANTED_SHARE`` of the one with the least delay."""
    compensated = sorted((r for r in records if r.compensated), key=lambda r: r.rtt_ms)
    return [r for r in compensated if not r.rate >= WANTED_SHARE * compensated[0].rate]
