"""A load test from its first step to its answer.

Owns the order: grow the crowd, wait for the last join, let it settle, measure, judge.
``search.py`` chooses the sizes.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs
import trio

from clients.bots.swarm_processes import Assignment
from gameserver.errors import LocalProtocolError
from gameserver.load.crowd import Crowd, Measured, open_crowd
from gameserver.load.objective import Objective
from gameserver.load.search import Search
from gameserver.load.starvation import limited_by
from gameserver.load.steps import Findings, Step, conclude
from gameserver.load.target import Target, serve_here
from gameserver.ops.core_time import CoreShare

#: The step fails unless the crowd joins within this time, plus a part for each bot.
JOIN_DEADLINE_S: Final = 30.0
JOIN_DEADLINE_PER_BOT_S: Final = 0.1
#: From the last join to the beginning of the measurement.
SETTLE_S: Final = 3.0
LOOK_EVERY_S: Final = 0.2


@attrs.frozen
class Plan:
    """The parameters of a load test.

    ``target`` is an address, or a room to serve here, as in ``mygame:Room``.
    """

    target: str
    bot: str
    room: str
    objective: Objective
    first: int
    most: int
    precision: float
    step_s: float
    processes: int | None
    seed: int
    profiles: str = ""


Tell = Callable[[str, Findings], None]


async def find_limit(plan: Plan, tell: Tell) -> Findings:
    """Run the whole test; ``tell`` is called with each stage and the findings so far."""
    findings = Findings(plan.target, plan.bot, plan.objective.text, plan.step_s)
    search = Search(plan.first, plan.most, plan.precision)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    apart = not _is_address(plan.target) and len(cores) > 1
    processes = plan.processes or max(1, len(cores) - apart)
    async with _open_target(plan.target, cores[0] if apart else None) as target:
        whole = Assignment(
            url=target.url,
            room=plan.room,
            first=0,
            count=plan.most,
            seed=plan.seed,
            profiles=plan.profiles,
            bot=plan.bot,
        )
        async with open_crowd(whole, processes, cores[1:] if apart else None) as crowd:
            while search.size is not None:
                step = await _step(plan, search.size, crowd, target, findings, tell)
                findings.steps.append(step)
                search.note(holds=step.holds)
                findings.largest = search.good
                if step.starved is not None and not step.holds and search.bad == step.size:
                    break  # a larger crowd says nothing about the server
    conclude(findings, plan.objective, at_most=search.at_most, smallest_bad=search.bad)
    return findings


def _is_address(target: str) -> bool:
    return target.startswith(("ws://", "wss://"))


@asynccontextmanager
async def _open_target(target: str, core: int | None) -> AsyncIterator[Target]:
    if _is_address(target):
        yield Target(target)
    elif ":" in target:
        async with serve_here(target, core) as served:
            yield served
    else:
        raise LocalProtocolError(
            f"{target!r} is neither an address such as ws://localhost:8000/ nor a room as in "
            "mygame:Room"
        )


async def _step(
    plan: Plan, size: int, crowd: Crowd, target: Target, findings: Findings, tell: Tell
) -> Step:
    """Let ``size`` bots play, and measure."""
    tell(f"{size} players join", findings)
    drops_before = crowd.figures().errors.total()
    await crowd.resize(size)
    with trio.move_on_after(JOIN_DEADLINE_S + size * JOIN_DEADLINE_PER_BOT_S):
        while crowd.figures().connected < size:
            tell(f"{crowd.figures().connected} of {size} players are in", findings)
            await trio.sleep(LOOK_EVERY_S)
    tell(f"{size} players settle", findings)
    await trio.sleep(SETTLE_S)
    tell(f"{size} players are measured for {plan.step_s:g} s", findings)
    server_before, began_s = target.core(), trio.current_time()
    dropped_before = await target.dropped_ticks()
    measured = await crowd.measure(plan.step_s)
    server = None
    if (after := target.core()) is not None:
        span_s = trio.current_time() - began_s
        server = CoreShare.between(server_before, after, span_s)
    figures = _figures_of(plan.objective, measured)
    dropped = await target.dropped_ticks()
    if dropped is not None and dropped_before is not None:
        figures["dropped_ticks"] = dropped - dropped_before
    missing = size - measured.figures.connected
    errors = crowd.figures().errors.total() - drops_before
    figures["drops"] = float(max(missing, errors))
    broken = [
        f"{condition.text} (it was {_shown(condition.figure, figures)})"
        for condition in plan.objective.broken(figures)
    ]
    return Step(
        size=size,
        connected=measured.figures.connected,
        figures=figures,
        spread=measured.times.spread(),
        generators=[(share.computed, share.waited) for share in measured.shares],
        server=None if server is None else (server.computed, server.waited),
        broken=broken,
        starved=limited_by(measured.shares, server),
    )


def _figures_of(objective: Objective, measured: Measured) -> dict[str, float]:
    times, counts = measured.times, measured.figures
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    for condition in objective.conditions:
        if condition.quantile is not None:
            quantiles[condition.figure] = condition.quantile
    found = {name: times.quantile(part) for name, part in quantiles.items()}
    found["mean"] = times.mean_s
    figures = {name: value for name, value in found.items() if value is not None}
    return figures | {
        "answers": float(len(times)),
        "desyncs": float(counts.checksum_failures),
        "late": float(counts.late),
    }


def _shown(figure: str, figures: dict[str, float]) -> str:
    value = figures.get(figure)
    if value is None:
        return "not measured, as no command was answered"
    times = figure.startswith("p") or figure in ("max", "mean")
    return f"{value * 1000:.1f} ms" if times else f"{value:g}"
