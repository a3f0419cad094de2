"""The output of ``gameserver replay``: a summary, and fields over time as a table or a plot.

Owns the form of the output only.
"""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gameserver.ops.logging import escaped
from gameserver.room import Room
from gameserver.state.journal.framing import Tail
from gameserver.state.journal.probe import Probe
from gameserver.state.journal.summary import Summary

#: A table of more columns would not fit a terminal.
MAX_COLUMNS: Final = 8
PLOT_WIDTH: Final = 60
_BARS: Final = "▁▂▃▄▅▆▇█"


class Series:
    """The values of one field over time: entity or room → tick → value."""

    def __init__(self, name: str, probe: Probe) -> None:
        self.name: Final = name
        self.ticks: list[int] = []
        self.values: dict[str, dict[int, Any]] = {}
        self._probe = probe

    def read(self, tick: int, room: Room) -> None:
        """Note the values at ``tick``."""
        self.ticks.append(tick)
        for where, value in self._probe.read(room).items():
            self.values.setdefault(where, {})[tick] = value


def show_summary(console: Console, summary: Summary, file: pathlib.Path, tail: Tail | None) -> None:
    """Print the players, the durations, and the counts of events."""
    header = summary.header
    began = datetime.fromtimestamp(header.began_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    _line(console, f"{file}: {header.label} ({header.game}), part {header.part}, from {began}")
    _line(
        console,
        f"{summary.length_s:.1f} s: ticks {summary.first_tick} to {summary.last_tick} at "
        f"{header.tick_rate} Hz, {summary.ticks_dropped} dropped; {summary.checks} checks, "
        f"{len(summary.key_frames)} key frames",
    )
    if summary.stays:
        console.print(_players(summary))
    for what, counts in (("events", summary.counts()),):
        told = ", ".join(f"{name} {count}" for name, count in counts.most_common())
        _line(console, f"{what}: {told or 'none'}")
    if summary.texts:
        _line(console, f"texts: {summary.texts}")
    for report in summary.disagreements:
        _line(
            console,
            f"tick {report.tick}: the client in seat {report.seat} disagreed on "
            f"{report.entity}.{report.field}: {report.of_room} here, {report.of_client} there",
        )
    if tail is not None:
        _line(console, f"it ends in an interrupted write: {tail}")
    elif summary.ended is None:
        _line(console, "it ends while the room still plays")
    else:
        _line(console, f"it ends with the room: {escaped(summary.ended)}")


def _players(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("seat", "player", "joined s", "left s", "commands", "drops", "why"):
        table.add_column(column, justify="left" if column in ("player", "why") else "right")
    rate = summary.header.tick_rate
    for stay in summary.stays:
        left_s = "" if stay.left_tick is None else f"{stay.left_tick / rate:.1f}"
        table.add_row(
            str(stay.seat),
            Text(escaped(stay.name)),
            f"{stay.joined_tick / rate:.1f}",
            left_s,
            str(stay.commands),
            str(stay.drops),
            Text(escaped(stay.reason)),
        )
    return table


def show_series(console: Console, series: Series, tick_rate: int, *, plot: bool) -> None:
    """Print a field over time."""
    if not series.values:
        _line(console, f"{series.name}: never there")
    elif plot:
        for where, values in series.values.items():
            _line(console, f"{where:>16} {_plot(series.ticks, values)}")
    else:
        _line(console, series.name)
        console.print(_table(series, tick_rate))
        if (more := len(series.values) - MAX_COLUMNS) > 0:
            _line(console, f"and {more} more; name one, as in {next(iter(series.values))!r}")


def _table(series: Series, tick_rate: int) -> Table:
    table = Table(box=None, pad_edge=False)
    columns = list(series.values)[:MAX_COLUMNS]
    for column in ("tick", "s", *columns):
        table.add_column(column, justify="right")
    for tick in series.ticks:
        cells = [series.values[column].get(tick, "") for column in columns]
        if any(cell != "" for cell in cells):
            table.add_row(str(tick), f"{tick / tick_rate:.1f}", *(Text(_shown(c)) for c in cells))
    return table


def _plot(ticks: list[int], values: dict[int, Any]) -> str:
    """Return the values as bars, or a remark if they are not numbers."""
    numbers = {t: float(v) for t, v in values.items() if isinstance(v, (int, float))}
    if not numbers:
        return f"no numbers; the last is {_shown(values[max(values)])}"
    low, high = min(numbers.values()), max(numbers.values())
    step = max(1, -(-len(ticks) // PLOT_WIDTH))
    bars = []
    for tick in ticks[::step]:
        value = numbers.get(tick)
        if value is None:
            bars.append(" ")
        else:
            share = (value - low) / (high - low) if high > low else 0.0
            bars.append(_BARS[round(share * (len(_BARS) - 1))])
    return f"{''.join(bars)} {low:g} to {high:g}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return escaped(str(value))[:40]


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
