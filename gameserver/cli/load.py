"""``gameserver load``: how many players a server holds.

Owns the command's arguments and the table of its progress; ``gameserver/load`` measures.
"""

from __future__ import annotations

import pathlib
import random
import sys
from typing import Annotated

import trio
from cyclopts import Parameter
from rich.console import Console
from rich.live import Live
from rich.table import Table

from clients.bots.bot_names import ARENA_BOTS, bot_named
from clients.lab.profiles import profiles_of
from gameserver.cli.bot_flags import BotClass, Profiles, RoomToJoin, Seed, import_bots
from gameserver.cli.errors import UsageError
from gameserver.load.objective import Objective
from gameserver.load.report import to_html
from gameserver.load.run import Plan, find_limit
from gameserver.load.steps import SHOWN, Findings, Step
from gameserver.load.times import Times
from gameserver.ops.output import unfailing_output


@unfailing_output()
def load(
    target: Annotated[str, Parameter(help="An address, or a room to serve here: mygame:Room.")],
    *,
    bot: BotClass = None,
    until: Annotated[
        str, Parameter(help="The objective, as in p99<75ms,drops=0.")
    ] = "p99<100ms,drops=0",
    room: RoomToJoin = None,
    first: Annotated[int, Parameter(help="The crowd to begin with.")] = 8,
    most: Annotated[int, Parameter(help="The largest crowd to try.")] = 4096,
    precision: Annotated[float, Parameter(help="Accuracy, as a share of the answer.")] = 0.05,
    step: Annotated[float, Parameter(help="Seconds of measuring for each size.")] = 10.0,
    processes: Annotated[
        int | None,
        Parameter(help="Processes that play; by default one a core, without the server's."),
    ] = None,
    profile: Profiles = "",
    seed: Seed = None,
    json: Annotated[pathlib.Path | None, Parameter(help="File for all figures, as JSON.")] = None,
    html: Annotated[pathlib.Path | None, Parameter(help="File for a report, one page.")] = None,
) -> None:
    """Find the largest crowd with which a server holds an objective."""
    objective = Objective.parse(until)
    if not 0 < first <= most:
        raise UsageError("--first must be at least 1, and --most no less")
    if not 0 < precision < 1 or step <= 0:
        raise UsageError("--precision lies between 0 and 1, and --step is longer than 0")
    import_bots(bot)
    kind = bot_named(bot or ARENA_BOTS)
    if profile:
        profiles_of(profile)
    Times()  # says so if the library is missing
    plan = Plan(
        target=target,
        bot=bot or ARENA_BOTS,
        room=kind.room if room is None else room,
        objective=objective,
        first=first,
        most=most,
        precision=precision,
        step_s=step,
        processes=processes,
        seed=random.SystemRandom().getrandbits(32) if seed is None else seed,
        profiles=profile,
    )
    console = Console()
    with _Shown(console) as shown:
        findings = trio.run(find_limit, plan, shown.tell)
    console.print(f"{findings.answer}.", soft_wrap=True, highlight=False, markup=False)
    if json is not None:
        json.write_text(findings.to_json())
    if html is not None:
        html.write_text(to_html(findings))
    sys.exit(0 if findings.largest else 1)


class _Shown:
    """The steps so far: a table on a terminal, a line for each step elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._told = 0

    def __enter__(self) -> _Shown:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, now: str, findings: Findings) -> None:
        """Show the steps of ``findings``; ``now`` says what the test is doing."""
        if self._live is not None:
            table = _table(findings.steps)
            table.caption = now
            self._live.update(table)
            return
        for step in findings.steps[self._told :]:
            self._console.print(_line(step), soft_wrap=True, highlight=False, markup=False)
        self._told = len(findings.steps)


def _cells(step: Step) -> list[str]:
    server = "–" if step.server is None else f"{step.server[0]:.0%}"
    busiest = max((computed for computed, _ in step.generators), default=0.0)
    return [
        str(step.size),
        *(f"{step.figures[n] * 1e3:.1f}" if n in step.figures else "–" for n in SHOWN),
        f"{step.figures.get('drops', 0):g}",
        f"{busiest:.0%}",
        server,
        "holds" if step.holds else ", ".join(step.broken),
    ]


_HEADS = ("players", *(f"{name} ms" for name in SHOWN), "drops", "bots' core", "server's core", "")


def _table(steps: list[Step]) -> Table:
    table = Table()
    for head in _HEADS:
        table.add_column(head, justify="left" if not head else "right")
    for step in steps:
        table.add_row(*_cells(step), style="" if step.holds else "red")
    return table


def _line(step: Step) -> str:
    cells = zip(_HEADS, _cells(step), strict=True)
    text = "  ".join(f"{head} {cell}".strip() for head, cell in cells)
    return text if step.starved is None else f"{text}; {step.starved}"
