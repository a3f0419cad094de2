"""Results of the hostile study: one record per attack, its targets, and the table.

Owns the fields, the targets, and the Markdown.  Pure; the file that records are appended to is
``records.py``'s.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import cattrs

from benchmarks.tables import markdown
from gameserver.config import Settings

#: The window in which nobody attacks.
QUIET: Final = "quiet"
#: The p99 of a tick's time on the core may grow by this factor.
MOST_P99: Final = 1.5
#: Resident memory counts as what it was up to this factor: allocators keep some.
SAME_MEMORY: Final = 1.05
#: Where the machine keeps up, the players' own naps end no later than this: half a tick …
MOST_NAP_LATE_MS: Final = 17.0
#: … the server has its core for itself but for this share of the time …
MOST_WAITED: Final = 0.02
#: … and the host gives the core to other machines for no more than this.
MOST_STOLEN: Final = 0.02
#: The most rooms of one address, by the server's own default.
MOST_ROOMS: Final = Settings().max_rooms_per_address


@attrs.frozen
class Usage:
    """Memory, tasks and descriptors of the server's process at one moment."""

    rss_bytes: int
    tasks: int
    descriptors: int


def worst(of: Iterable[Usage]) -> Usage:
    """Return the most of each."""
    columns = zip(*map(attrs.astuple, of), strict=True)
    return Usage(*map(max, columns))


@attrs.frozen(kw_only=True)
class AttackRecord:
    """One attack, or the quiet window before all of them.

    ``ticks`` are those of the window and of the recovery after it; times are of the window alone.
    ``delay``: from when a tick was due until its delta had reached a player; ``tick``: how long
    ticks took, from before commands were read to after the publish, and ``tick_cpu`` how long they
    had the core meanwhile: a tick waits for nothing, so the difference is what other processes and
    other machines took.  ``nap``: how late the players' own process woke up, the machine's share of
    the delay.  ``lost`` holds how each honest player ended who was dropped.  ``crashes``: log lines
    that tell of a bug.
    """

    study: str = "hostile"
    attack: str
    seconds: float
    players: int
    lost: tuple[str, ...]
    ticks: int
    ticks_missed: int
    #: Those of them for which the server lacked nothing but its core (``honest.coreless_ticks``).
    ticks_missed_coreless: int
    ticks_missed_by_worst: int
    ticks_dropped: int
    wrong_checksums: int
    tick_p50_ms: float
    tick_p99_ms: float
    tick_cpu_p50_ms: float
    tick_cpu_p99_ms: float
    delay_p50_ms: float
    delay_p99_ms: float
    nap_p99_ms: float
    #: Of the window, the share in which the server was ready to run and had to wait for its core.
    waited: float
    #: The share of the window in which the host had the server's core for somebody else.
    stolen: float
    before: Usage
    during: Usage
    after: Usage
    #: The attackers' acts (``Tally``), and the sessions that the server ended, by close code.
    attackers: Mapping[str, int] = attrs.field(factory=dict)
    endings: Mapping[str, int] = attrs.field(factory=dict)
    #: Those of the endings that this attack gives no reason for.
    wrong_codes: Mapping[str, int] = attrs.field(factory=dict)
    crashes: tuple[str, ...] = ()
    machine: Mapping[str, Any] = attrs.field(factory=dict)
    when: str = ""

    @property
    def valid(self) -> bool:
        """Whether the machine was fast enough and had no other work."""
        return (
            self.nap_p99_ms <= MOST_NAP_LATE_MS
            and self.waited <= MOST_WAITED
            and self.stolen <= MOST_STOLEN
        )


def broken(record: AttackRecord) -> list[str]:
    """Return the broken promises in words; all other figures depend on the machine as well."""
    counts = {
        "dropped": len(record.lost),
        "wrong checksums": record.wrong_checksums,
        "seats stolen": record.attackers.get("stolen", 0),
        "seats lost": record.attackers.get("seats_lost", 0),
        "newcomers shut out": record.attackers.get("shut_out", 0),
        "rooms too many": max(0, record.attackers.get("rooms", 0) - MOST_ROOMS),
        "answers to a foreign host": record.attackers.get("misled", 0),
        "crashes logged": len(record.crashes),
    }
    found = [f"{count} {what}" for what, count in counts.items() if count]
    return found + [f"{count} closed with {code}" for code, count in record.wrong_codes.items()]


def complaints(record: AttackRecord, quiet: AttackRecord) -> list[str]:
    """Return the missed targets in words."""
    found = broken(record)
    if missed := record.ticks_missed - record.ticks_missed_coreless:
        found.append(f"{missed} ticks missed")
    if record.tick_cpu_p99_ms > MOST_P99 * quiet.tick_cpu_p99_ms:
        found.append(f"tick p99 {record.tick_cpu_p99_ms / quiet.tick_cpu_p99_ms:.1f} ×")
    if record.after.tasks > record.before.tasks:
        found.append(f"{record.after.tasks - record.before.tasks} tasks left")
    if record.after.descriptors > record.before.descriptors:
        found.append(f"{record.after.descriptors - record.before.descriptors} descriptors left")
    if record.after.rss_bytes > SAME_MEMORY * record.before.rss_bytes:
        left = (record.after.rss_bytes - record.before.rss_bytes) / 1e6
        found.append(f"{left:.1f} MB left")
    return found


def hostile_table(records: Sequence[AttackRecord]) -> str:
    """Return one row per attack; the quiet window of a run comes before its attacks."""
    header = ["attack", "connections", "MB sent", "dropped", "ticks missed"]
    header += ["tick p99 ms, on the core", "tick p99 ms, in all", "delta delay p99 ms"]
    header += ["RSS MB", "tasks", "descriptors", "targets"]
    rows = []
    quiet: AttackRecord | None = None
    for record in records:
        if record.attack == QUIET:
            quiet = record
        if quiet is not None:
            rows.append(_row(record, quiet))
    return markdown(header, rows)


def _row(record: AttackRecord, quiet: AttackRecord) -> list[str]:
    usages = (record.before, record.during, record.after)
    wrong = complaints(record, quiet)
    verdict = f"NOT HELD: {'; '.join(wrong)}" if wrong else "held"
    if not record.valid:
        verdict += f" (machine busy: naps {record.nap_p99_ms:.0f} ms late, "
        verdict += f"server waited {record.waited:.0%}, {record.stolen:.0%} stolen)"
    return [
        record.attack,
        f"{record.attackers.get('connections', 0):,}",
        f"{record.attackers.get('bytes_sent', 0) / 1e6:.1f}",
        str(len(record.lost)),
        _missed(record),
        _beside(record.tick_cpu_p99_ms, quiet.tick_cpu_p99_ms, 2),
        _beside(record.tick_p99_ms, quiet.tick_p99_ms, 2),
        _beside(record.delay_p99_ms, quiet.delay_p99_ms, 1),
        " → ".join(f"{usage.rss_bytes / 1e6:.0f}" for usage in usages),
        " → ".join(str(usage.tasks) for usage in usages),
        " → ".join(str(usage.descriptors) for usage in usages),
        verdict,
    ]


def _missed(record: AttackRecord) -> str:
    text = f"{record.ticks_missed} of {record.ticks * record.players:,}"
    coreless = record.ticks_missed_coreless
    return f"{text} ({coreless} for want of a core)" if coreless else text


def _beside(value: float, quiet: float, digits: int) -> str:
    return f"{value:.{digits}f} ({value / quiet:.2f} ×)" if quiet else f"{value:.{digits}f}"


def load(file: pathlib.Path) -> list[AttackRecord]:
    """Return the records of the last whole run in a file of results; other studies are left out."""
    found: list[AttackRecord] = []
    for line in file.read_text().splitlines():
        values = json.loads(line)
        if values["study"] != attrs.fields_dict(AttackRecord)["study"].default:
            continue
        if values["attack"] == QUIET:
            found.clear()
        found.append(cattrs.structure(values, AttackRecord))
    return found
