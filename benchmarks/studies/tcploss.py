"""``tcploss``: how late messages come over a link that loses packets, by the kernel and by the lab.

The kernel's TCP carries them between two network namespaces, through a relay that delays and drops
packets as the profile says; the lab's conditioners carry the same messages in no time.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

from benchmarks import records
from benchmarks.studies.session import Session
from benchmarks.tcploss.link import carry
from benchmarks.tcploss.model import modelled
from benchmarks.tcploss.plan import Plan
from benchmarks.tcploss.results import KERNEL, MODEL, TcpLossRecord
from clients.lab.profiles import profile_of

#: Between connecting and counting: TCP has measured its link by then.
SETTLE_S: Final = 5.0


def run(
    session: Session, profiles: Sequence[str], congestions: Sequence[str], connections: int
) -> list[TcpLossRecord]:
    """Measure each of ``profiles`` with each congestion control, and by the lab.

    ``BenchmarkError`` if this machine cannot make the link.
    """
    found: list[TcpLossRecord] = []

    def keep(took_s: list[float], name: str, by: str, congestion: str) -> None:
        record = TcpLossRecord.of(
            took_s,
            profile_of(name).smoothed_rtt_s,
            profile=name,
            by=by,
            congestion=congestion,
            machine=session.driver.machine,
            when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        records.append(session.output, record)
        found.append(record)

    for name in profiles:
        for congestion in congestions:
            plan = Plan(
                connections=connections,
                seconds=session.warmup_s + session.window_s,
                from_s=session.warmup_s,
                congestion=congestion,
            )
            session.say(f"{name} by the kernel, {congestion}: {plan.seconds:.0f} s")
            carried = carry(profile_of(name), plan, name)
            lost = carried.packets_lost / max(1, carried.packets)
            session.say(f"{carried.packets:,} packets, {lost:.1%} of them lost")
            keep(carried.up_s + carried.down_s, name, KERNEL, congestion)
        keep(modelled(profile_of(name), plan, name), name, MODEL, "")
    return found
