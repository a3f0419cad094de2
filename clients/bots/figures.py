"""The figures of a swarm: counts, their sums over processes, and their display.

Owns the arithmetic and the line of text.  Never touches a connection.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs
from rich.console import Console
from rich.live import Live
from rich.text import Text

from gameserver.errors import RemoteProtocolError

#: The interval between two lines without a terminal.
PLAIN_LINE_EVERY_S: Final = 5.0
#: How many different reasons are counted; their texts come from the server.
MAX_REASONS: Final = 20


@attrs.define
class Figures:
    """Totals since the start, except ``connected`` and ``rtts_s``, which are present values."""

    connected: int = 0
    joins: int = 0
    #: Joins after a lost or refused connection.
    reconnects: int = 0
    deltas: int = 0
    bytes_received: int = 0
    commands: int = 0
    checks: int = 0
    checksum_failures: int = 0
    #: Bots that raised an exception, and processes that ended with an exit code other than 0.
    crashes: int = 0
    #: The newest round trip of each bot.
    rtts_s: list[float] = attrs.field(factory=list)
    #: Reason of an unintended end of a connection → how often.
    errors: Counter[str] = attrs.field(factory=Counter)
    #: Figures of the netcode: corrected predictions, gaps in which others stood still, and commands
    #: that came after their tick, by the server's last ``status``.
    corrections: int = 0
    underruns: int = 0
    late: int = 0

    def note_error(self, reason: str) -> None:
        """Count one more connection that ended for ``reason``."""
        known = reason in self.errors or len(self.errors) < MAX_REASONS
        self.errors[reason if known else "other reasons"] += 1

    @property
    def well(self) -> bool:
        """Whether a bot has joined, no checksum failed and nothing crashed."""
        return self.joins > 0 and self.checksum_failures == 0 and self.crashes == 0

    def to_json(self) -> str:
        """Return one line that ``from_json`` reads."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Figures:
        """Read what ``to_json`` wrote; ``RemoteProtocolError`` if it is something else."""
        try:
            fields: dict[str, Any] = json.loads(line)
            return cls(**{**fields, "errors": Counter(fields["errors"])})
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteProtocolError(f"no figures: {str(line)[:80]}") from error


_COUNTS: Final = tuple(
    field.name for field in attrs.fields(Figures) if field.name not in ("rtts_s", "errors")
)


def total(parts: Iterable[Figures]) -> Figures:
    """Return the figures of several swarms together."""
    whole = Figures()
    for part in parts:
        for name in _COUNTS:
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        whole.rtts_s += part.rtts_s
        whole.errors += part.errors
    return whole


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the value below which ``part`` (0 to 1) of ``values`` lie; None if there are none."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else None


def line(now: Figures, before: Figures, span_s: float) -> str:
    """Return the line to show: rates are over ``span_s``, from ``before`` to ``now``."""
    middle, high = percentile(now.rtts_s, 0.5), percentile(now.rtts_s, 0.95)
    parts = [
        f"{now.connected} bots",
        f"{(now.deltas - before.deltas) / span_s:.0f} deltas/s",
        f"{(now.bytes_received - before.bytes_received) / span_s / 1000:.1f} KB/s in",
        f"{(now.commands - before.commands) / span_s:.0f} commands/s",
        f"rtt {_ms(middle)} p95 {_ms(high)} ms",
        f"{now.late} late",
        f"{now.corrections} corrected",
        f"{now.underruns} underruns",
        f"checks {now.checks}, {now.checksum_failures} failed",
        f"reconnects {now.reconnects}",
        f"errors {now.errors.total()}",
    ]
    return "  ".join(parts)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


class Display:
    """Shows figures: one line that is redrawn on a terminal, a plain line at intervals elsewhere.

    A context manager; call ``show`` about once a second, with the time of any steady clock.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._before = Figures()
        self._shown_at_s: float | None = None

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, now: Figures, now_s: float) -> None:
        """Show ``now`` if a line is due."""
        if self._shown_at_s is None:
            self._before, self._shown_at_s = now, now_s
            return
        span_s = now_s - self._shown_at_s
        if span_s <= 0 or (self._live is None and span_s < PLAIN_LINE_EVERY_S):
            return
        text = line(now, self._before, span_s)
        self._before, self._shown_at_s = now, now_s
        if self._live is not None:
            self._live.update(Text(text), refresh=True)
        else:
            self._console.print(text, soft_wrap=True, highlight=False)

    def summarise(self, now: Figures) -> None:
        """Print a summary, at the end."""
        self._console.print(
            f"{now.joins} joins, {now.reconnects} reconnects, {now.deltas} deltas, "
            f"{now.checks} checks, {now.checksum_failures} failed, "
            f"{now.commands} commands, {now.late} late, {now.corrections} corrections, "
            f"{now.underruns} underruns",
            soft_wrap=True,
            highlight=False,
        )
        for reason, count in now.errors.most_common():
            self._console.print(Text(f"{count} × {reason}"), soft_wrap=True)
