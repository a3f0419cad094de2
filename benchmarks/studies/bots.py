"""``bots``: the CPU time of a bot, which decides how many a load test can play from one core.

Owns two kinds of bots, each on its own server: the arena's with prediction at 30 Hz, and a plain
one in the big world at 20 Hz that applies every delta, checks every checksum and sends a command a
second.  Both are measured in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import attrs
import trio

from benchmarks.servers import OURSELVES, RunningServer, Setting
from benchmarks.studies.session import Session
from benchmarks.worlds import BigWorld, Turn
from clients.bots import Bot, View
from clients.bots.bot_names import ARENA_BOTS
from clients.bots.figures import Figures
from clients.bots.swarm import JOIN_EVERY_S, run_swarm
from clients.bots.swarm_processes import Assignment
from gameserver.model.schema import Schema


class Wanderer(Bot):
    """Turns once a second, and holds its whole view up to date."""

    room = "bigworld"
    schema: ClassVar[Schema | None] = BigWorld.schema()

    def act(self, view: View) -> Turn | None:
        """Turn."""
        if view.own is None or view.tick % 20 != self.seat % 20:
            return None
        return Turn(self.chance.randrange(8))


@attrs.frozen
class Kind:
    """One kind of bot, and the world it plays in."""

    name: str
    world: str
    bot: str
    rate: int
    room: str


KINDS: Final = (
    Kind("plain", "bigworld", f"{__name__}:Wanderer", 20, "bigworld"),
    Kind("predicting", "arena", ARENA_BOTS, 30, "bigarena"),
)


@attrs.frozen
class Cost:
    """The CPU time and the deltas of one bot in one window."""

    kind: str
    count: int
    ms_per_bot_s: float
    us_per_delta: float
    deltas_per_bot_s: float
    checks: int
    checksum_failures: int


def run(session: Session, count: int) -> list[Cost]:
    """Measure both kinds in turn, as often as the session repeats."""
    found = []
    for _ in range(session.repeats):
        for kind in KINDS:
            setting = Setting(world=kind.world, players=count, tick_rate=kind.rate)
            with RunningServer(OURSELVES, setting, session.driver.cores.server) as server:
                cost = trio.run(_measure, session, kind, count, server.port)
            session.say(
                f"{kind.name}: {cost.ms_per_bot_s:.2f} ms a second, {cost.us_per_delta:.1f} µs a "
                f"delta, {cost.deltas_per_bot_s:.1f} deltas a second"
            )
            found.append(cost)
    return found


async def _measure(session: Session, kind: Kind, count: int, port: int) -> Cost:
    work = Assignment(
        url=f"ws://127.0.0.1:{port}/", room=kind.room, first=0, count=count, seed=1, bot=kind.bot
    )
    newest = Figures()

    def note(figures: Figures) -> None:
        nonlocal newest
        newest = figures

    async def play() -> None:
        await run_swarm(work, ssl_context=None, report=note)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        await trio.sleep(count * JOIN_EVERY_S + session.warmup_s)
        before, cpu_s, began_s = newest, _cpu_s(), trio.current_time()
        await trio.sleep(session.window_s)
        after, cpu_s, span_s = newest, _cpu_s() - cpu_s, trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    deltas = after.deltas - before.deltas
    return Cost(
        kind.name,
        count,
        cpu_s / span_s / count * 1e3,
        cpu_s / max(deltas, 1) * 1e6,
        deltas / span_s / count,
        after.checks - before.checks,
        after.checksum_failures,
    )


def _cpu_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def rows(found: Sequence[Cost]) -> list[list[str]]:
    """Return a row for each kind: the medians of all repeats."""
    table = []
    for kind in KINDS:
        costs = [cost for cost in found if cost.kind == kind.name]

        def middle(figure: Callable[[Any], float], costs: Sequence[Cost] = costs) -> float:
            return statistics.median(map(figure, costs))

        if costs:
            ms = middle(lambda cost: cost.ms_per_bot_s)
            table.append(
                [
                    f"{kind.name}, {kind.rate} Hz",
                    f"{ms:.2f} ms",
                    f"{middle(lambda cost: cost.us_per_delta):.1f} µs",
                    f"{1000 / ms:.0f}",
                    f"{sum(cost.checks for cost in costs)}",
                    f"{sum(cost.checksum_failures for cost in costs)}",
                ]
            )
    return table
