"""Results of the study of TCP under loss: one record per link and maker, and the table.  Pure."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import attrs

from benchmarks.tables import markdown

KERNEL: Final = "kernel"
MODEL: Final = "lab"


@attrs.frozen(kw_only=True)
class TcpLossRecord:
    """How long messages took over one link, both ways together.

    ``by``: ``KERNEL`` or ``MODEL``.  ``over_rtt``: the share of messages that took longer than the
    mean round trip of the link.
    """

    study: str = "tcploss"
    profile: str
    by: str
    congestion: str
    messages: int
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    over_rtt: float
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @classmethod
    def of(cls, took_s: Sequence[float], rtt_s: float, **more: Any) -> Self:
        """Return the record of messages that took so long."""
        ordered = sorted(took_s)

        def percentile_ms(share: float) -> float:
            return 1000 * ordered[round(share * (len(ordered) - 1))]

        return cls(
            messages=len(ordered),
            p50_ms=percentile_ms(0.5),
            p90_ms=percentile_ms(0.9),
            p95_ms=percentile_ms(0.95),
            p99_ms=percentile_ms(0.99),
            max_ms=percentile_ms(1.0),
            over_rtt=sum(each > rtt_s for each in ordered) / len(ordered),
            **more,
        )


def load_newest(file: pathlib.Path) -> list[TcpLossRecord]:
    """Return the last record of each link and maker in a file of results."""
    known = {field.name for field in attrs.fields(TcpLossRecord)}
    newest: dict[tuple[str, str, str], TcpLossRecord] = {}
    for line in file.read_text().splitlines():
        values = json.loads(line)
        if values["study"] == "tcploss":
            record = TcpLossRecord(**{k: v for k, v in values.items() if k in known})
            newest[record.profile, record.by, record.congestion] = record
    return list(newest.values())


def tcploss_table(records: Iterable[TcpLossRecord]) -> str:
    """Return one row per link and maker."""
    header = ["link", "TCP of", "messages", "p50 ms", "p90 ms", "p95 ms", "p99 ms", "max ms"]
    header.append("over a round trip")
    rows = [
        [
            record.profile,
            f"the {record.by}" + (f" ({record.congestion})" if record.by == KERNEL else ""),
            f"{record.messages:,}",
            *(
                f"{ms:.0f}"
                for ms in (
                    record.p50_ms,
                    record.p90_ms,
                    record.p95_ms,
                    record.p99_ms,
                    record.max_ms,
                )
            ),
            f"{record.over_rtt:.1%}",
        ]
        for record in records
    ]
    return markdown(header, rows)
