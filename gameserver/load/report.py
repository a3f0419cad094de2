"""The report of a load test as one HTML page, with plots and no other files.

Owns its text and its drawings, which are SVG.  Pure.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Final

from gameserver.load.steps import SHOWN, Findings, Step

_WIDTH: Final = 640
_HEIGHT: Final = 260
_LEFT: Final = 60
_BOTTOM: Final = 36
_COLOURS: Final = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2")
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #8884 }
th, td { white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.bad { color: #dc2626 } .answer { font-size: 1.25rem; font-weight: 600 }
svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: currentColor }
@media (prefers-color-scheme: dark) { body { background: #111827; color: #e5e7eb } }
"""

Point = tuple[float, float]


def to_html(findings: Findings) -> str:
    """Return the page."""
    steps = sorted(findings.steps, key=lambda step: step.size)
    by_size = [
        (name, [(float(s.size), s.figures[name] * 1e3) for s in steps if name in s.figures])
        for name in ("p50", "p90", "p99")
    ]
    spreads = [
        (f"{step.size} players", [(share * 100, time_s * 1e3) for share, time_s in step.spread])
        for step in _some(steps)
    ]
    cores = [
        ("load generator", [(float(s.size), _most(s.generators) * 100) for s in steps]),
        ("server", [(float(s.size), s.server[0] * 100) for s in steps if s.server is not None]),
    ]
    return "\n".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width'>",
            f"<title>{html.escape(findings.target)}: load test</title><style>{_STYLE}</style>",
            f"<h1>{html.escape(findings.target)}</h1>",
            f"<p class=answer>{html.escape(findings.answer)}.</p>",
            (
                f"<p>Bots: {html.escape(findings.bot)}. Each size was measured for "
                f"{findings.step_s:g} s, from three seconds after its last join on. An answer is "
                "the time from when a command was due to the delta that acknowledges it.</p>"
            ),
            _table(findings.steps),
            "<h2>Answers by size</h2>",
            _plot(by_size, "players", "ms"),
            "<h2>Answers by share</h2>",
            _plot(spreads, "% of the answers are faster", "ms"),
            "<h2>Time on a core</h2>",
            _plot([(name, points) for name, points in cores if points], "players", "% of a core"),
            "</html>",
        ]
    )


def _most(shares: Sequence[tuple[float, float]]) -> float:
    return max((computed for computed, _ in shares), default=0.0)


def _some(steps: Sequence[Step]) -> list[Step]:
    """Return as many steps as there are colours, spread over all."""
    every = max(1, -(-len(steps) // len(_COLOURS)))
    return list(steps[::-1][::every][::-1])


def _table(steps: Sequence[Step]) -> str:
    heads = ["players", *SHOWN, "drops", "answers", "generator", "server", ""]
    rows = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for step in steps:
        server = "" if step.server is None else f"{step.server[0]:.0%}"
        cells = [
            str(step.size),
            *(f"{step.figures[n] * 1e3:.1f} ms" if n in step.figures else "–" for n in SHOWN),
            f"{step.figures.get('drops', 0):g}",
            f"{step.figures.get('answers', 0):g}",
            f"{_most(step.generators):.0%}",
            server,
            "holds" if step.holds else "fails",
        ]
        why = "; ".join([*step.broken, *([step.starved] if step.starved else [])])
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(
            f"<tr class={'good' if step.holds else 'bad'} title='{html.escape(why)}'>{row}</tr>"
        )
    return "<table>" + "\n".join(rows) + "</table>"


def _plot(lines: Sequence[tuple[str, Sequence[Point]]], across: str, up: str) -> str:
    """Return a drawing of lines, with both axes from zero."""
    points = [point for _, line in lines for point in line]
    if not points:
        return "<p>Nothing was measured.</p>"
    right = max(x for x, _ in points) or 1.0
    top = max(y for _, y in points) * 1.05 or 1.0

    def x_of(x: float) -> float:
        return _LEFT + x / right * (_WIDTH - _LEFT - 110)

    def y_of(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - 12)

    parts = [f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='{across}, {up}'>"]
    parts += [_mark(x_of, y_of, right * n / 4, top * n / 4, right) for n in range(5)]
    parts.append(
        f"<text x={x_of(right / 2):.0f} y={_HEIGHT - 4} text-anchor=middle>{across}</text>"
        f"<text x=4 y=14>{up}</text>"
    )
    for (_, line), colour in zip(lines, _COLOURS, strict=False):
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        parts.append(f"<polyline points='{path}' fill=none stroke='{colour}' stroke-width=2 />")
        parts += [
            f"<circle cx={x_of(x):.1f} cy={y_of(y):.1f} r=3 fill='{colour}'/>"
            for x, y in (line if len(line) < 30 else ())
        ]
    for number, ((name, _), colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        y = 16 + number * 18
        parts.append(
            f"<rect x={_WIDTH - 100} y={y - 9} width=10 height=10 fill='{colour}'/>"
            f"<text x={_WIDTH - 84} y={y}>{html.escape(name)}</text>"
        )
    return "".join([*parts, "</svg>"])


def _mark(
    x_of: Callable[[float], float], y_of: Callable[[float], float], x: float, y: float, right: float
) -> str:
    return (
        f"<line x1={_LEFT} x2={x_of(right):.1f} y1={y_of(y):.1f} y2={y_of(y):.1f} "
        "stroke='#8884'/>"
        f"<text x={_LEFT - 6} y={y_of(y) + 4:.1f} text-anchor=end>{y:.3g}</text>"
        f"<text x={x_of(x):.1f} y={_HEIGHT - 20} text-anchor=middle>{x:.3g}</text>"
    )
