"""Results as SVG, if matplotlib is installed (the extra ``benchmarks``)."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.machine import BenchmarkError
from benchmarks.netcode.results import AimRecord
from benchmarks.records import Record, grouped, median_of
from benchmarks.studies.queue import Outcome


def draw(
    records: Sequence[Record],
    world: str,
    value: Callable[[Record], float],
    label: str,
    file: pathlib.Path,
) -> None:
    """Draw ``value`` against players, a line per server; only where the server held its rate."""
    figure = _new_figure()
    points: dict[str, list[tuple[int, float]]] = {}
    for (of, server, players), repeats in grouped(records).items():
        valid = [record for record in repeats if record.valid and record.held]
        if of == world and valid:
            points.setdefault(server, []).append((players, median_of(valid, value)))
    axes = figure.subplots()
    for server, line in points.items():
        ours = server == "gameserver"
        axes.plot(
            *zip(*sorted(line), strict=True),
            marker="o",
            label=server,
            linewidth=2.5 if ours else 1.4,
            linestyle="--" if server == "floor" else "-",
        )
    axes.set_xlabel("players")
    axes.set_ylabel(label)
    axes.set_title(f"{world}: {label} at 20 Hz, each player sending 10 commands a second")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    _save(figure, file)


def draw_hit_rates(records: Sequence[AimRecord], file: pathlib.Path) -> None:
    """Draw the share of shots that hit against the round trip, with and without compensation."""
    figure = _new_figure()
    axes = figure.subplots()
    for compensated, label in ((True, "lag compensation on"), (False, "lag compensation off")):
        line = sorted((r for r in records if r.compensated is compensated), key=_rtt_ms)
        rates = [100 * record.rate for record in line]
        low = [rate - 100 * record.interval[0] for rate, record in zip(rates, line, strict=True)]
        high = [100 * record.interval[1] - rate for rate, record in zip(rates, line, strict=True)]
        axes.errorbar(
            [record.rtt_ms for record in line],
            rates,
            # Rounding must not make a length negative.
            yerr=([max(x, 0.0) for x in low], [max(x, 0.0) for x in high]),
            marker="o",
            capsize=4,
            linewidth=2.5 if compensated else 1.4,
            label=label,
        )
    axes.set_xlabel("round trip in ms")
    axes.set_ylabel("shots that hit, in %")
    axes.set_title("A bot that aims exactly at what its screen shows")
    axes.set_xlim(left=-10)
    axes.set_ylim(0, 105)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    _save(figure, file)


def draw_queues(outcomes: Sequence[Outcome], tick_rate: int, file: pathlib.Path) -> None:
    """Draw how many wait and the longest step of each second, a line per crowd; and the waits."""
    figure = _new_figure()
    waiting, step, waits = figure.subplots(1, 3)
    for outcome in outcomes:
        seconds = range(len(outcome.waiting) // tick_rate)
        waiting.plot(seconds, [outcome.waiting[s * tick_rate] for s in seconds], label=outcome.name)
        step.plot(
            seconds, [max(outcome.step_ms[s * tick_rate : (s + 1) * tick_rate]) for s in seconds]
        )
        if outcome.waits_s:
            line = sorted(outcome.waits_s)
            waits.plot(line, [100 * (i + 1) / len(line) for i in range(len(line))])
        else:
            waits.plot([], [])  # the next line keeps its colour
    waiting.set_ylabel("players who wait")
    step.set_ylabel("longest step of a second, in ms of CPU")
    waits.set_ylabel("matched within this time, in %")
    for axes, label in ((waiting, "s"), (step, "s"), (waits, "wait in s")):
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
    waiting.legend(fontsize="x-small")
    _save(figure, file)


def _rtt_ms(record: AimRecord) -> int:
    return record.rtt_ms


def _new_figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BenchmarkError("plots need matplotlib: pip install matplotlib") from error
    return Figure(figsize=(8, 5), layout="constrained")


def _save(figure: Any, file: pathlib.Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None})
