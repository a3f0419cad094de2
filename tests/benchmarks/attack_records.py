"""Records of attacks, made up, and a room that holds no seats."""

from __future__ import annotations

from typing import Any

import attrs

from benchmarks.hostile.results import (
    AttackRecord,
    Usage,
)
from benchmarks.hostile.rooms import Siege


class Forgetful(Siege):
    """Holds no seats: a client that is cut off has lost everything."""

    hold_s = 0.0


USAGE = Usage(rss_bytes=50_000_000, tasks=160, descriptors=60)


def attacked(attack: str = "garbage", **changes: Any) -> AttackRecord:
    plain = AttackRecord(
        attack=attack,
        seconds=20.0,
        players=50,
        lost=(),
        ticks=600,
        ticks_missed=0,
        ticks_missed_coreless=0,
        ticks_missed_by_worst=0,
        ticks_dropped=0,
        wrong_checksums=0,
        tick_p50_ms=1.0,
        tick_p99_ms=2.0,
        tick_cpu_p50_ms=0.9,
        tick_cpu_p99_ms=1.0,
        delay_p50_ms=3.0,
        delay_p99_ms=4.0,
        nap_p99_ms=1.0,
        waited=0.0,
        stolen=0.0,
        before=USAGE,
        during=USAGE,
        after=USAGE,
    )
    return attrs.evolve(plain, **changes)
