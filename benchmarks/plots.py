"""Results as SVG, if matplotlib is installed (the extra ``benchmarks``)."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from benchmarks.machine import BenchmarkError
from benchmarks.records import Record, grouped, median_of


def draw(
    records: Sequence[Record],
    world: str,
    value: Callable[[Record], float],
    label: str,
    file: pathlib.Path,
) -> None:
    """Draw ``value`` against players, a line per server; only where the server held its rate."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BenchmarkError("plots need matplotlib: pip install matplotlib") from error
    points: dict[str, list[tuple[int, float]]] = {}
    for (of, server, players), repeats in grouped(records).items():
        valid = [record for record in repeats if record.valid and record.held]
        if of == world and valid:
            points.setdefault(server, []).append((players, median_of(valid, value)))
    figure = Figure(figsize=(8, 5), layout="constrained")
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
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None})
