"""The line of figures that ``gameserver demo`` and ``gameserver lab`` show while they run.

Owns the text of the line and how often it is written: on a terminal it is rewritten in place,
elsewhere a new line is printed from time to time.  Never counts anything itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from gameserver.ops.metrics import ServerFigures

ON_TERMINAL_EVERY_S: Final = 1.0
PIPED_EVERY_S: Final = 5.0


def figure_line(before: ServerFigures, now: ServerFigures, elapsed_s: float, kind: str) -> str:
    """Return the figures of the rooms of ``kind``, and the traffic of all, since ``before``."""
    figures = now.kinds[kind]
    out = (now.sessions.bytes_out - before.sessions.bytes_out) / elapsed_s / 1000
    into = (now.sessions.bytes_in - before.sessions.bytes_in) / elapsed_s / 1000
    return (
        f"players {figures.players}"
        f"   tick p99 {_milliseconds(figures.work_s)}"
        f"   late p99 {_milliseconds(figures.lateness_s)}"
        f"   dropped {figures.total.ticks_dropped}"
        f"   out {out:.1f} KB/s   in {into:.1f} KB/s"
    )


def _milliseconds(by_quantile: Mapping[float, float]) -> str:
    seconds = by_quantile.get(0.99)
    return "-" if seconds is None else f"{seconds * 1000:.2f} ms"


async def show_figures(console: Console, figures: Callable[[], ServerFigures], kind: str) -> None:
    """Show a line about the rooms of ``kind`` until cancelled."""
    before = figures()

    def line(elapsed_s: float) -> str:
        nonlocal before
        then, before = before, figures()
        return figure_line(then, before, elapsed_s, kind)

    await keep_showing(console, line)


async def keep_showing(console: Console, line: Callable[[float], str]) -> None:
    """Show what ``line`` returns until cancelled; its argument is the seconds since last time."""
    before_s = trio.current_time()
    with _line_on(console) as show:
        while True:
            await trio.sleep(ON_TERMINAL_EVERY_S if console.is_terminal else PIPED_EVERY_S)
            now_s = trio.current_time()
            show(line(now_s - before_s))
            before_s = now_s


@contextlib.contextmanager
def _line_on(console: Console) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a line: over the last one on a terminal, below it elsewhere."""
    if not console.is_terminal:
        yield lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    # rich must not start a thread: only the event loop's thread may read the server's state.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda line: live.update(Text(line, no_wrap=True, overflow="crop"), refresh=True)
