"""Scripts for the lead."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from clients.netcode.lead import Lead
from clients.netcode.tickclock import TickClock
from gameserver.protocol.tempo import Tempo
from tests.support.netcode_vectors.script import Case, Step, ms_between, steps_of
from tests.support.netcode_vectors.tempo import PACES, paced


def play_lead(case: Case) -> Iterator[Any]:
    clock = TickClock(case["tick_rate"], case["tick"], case["now_ms"] / 1000)
    lead = Lead(clock)
    shown: float | None = None
    for name, *arguments in steps_of(case):
        if name == "pong":
            sent, received, tick = arguments
            clock.pong(sent / 1000, received / 1000, tick)
        elif name == "advance":
            shown = lead.advance(arguments[0] / 1000)
        elif name == "sent":
            lead.sent(*arguments)
        elif name == "pace":
            clock.change_pace(*arguments, publish_every=1)
        else:
            lead.margin(*arguments)
        yield {"tick": shown, "lead_ticks": lead.lead_ticks if lead.started else None,
               "jumps": lead.jumps}  # fmt: skip


def lead_cases() -> Iterator[Case]:
    for seed, (name, mean, jitter) in enumerate(
        [("steady", 40, 0.5), ("jittery", 60, 55), ("slower to the server", 150, 10)]
    ):
        yield {"name": name, **_commands(random.Random(seed), mean, jitter)}
    yield {"name": "the way gets shorter", **_commands(random.Random(5), 120, 1, then=30)}
    yield {"name": "the way gets longer", **_commands(random.Random(6), 30, 1, then=160)}
    yield {
        "name": "the room slows down, slower still, and is itself again",
        **_commands(random.Random(8), 40, 5, slows=True),
    }
    yield {
        "name": "lost segments stall the commands again and again, and then no more",
        **_stalled(random.Random(9)),
    }
    yield {
        "name": "the server's time jumps, and so does the lead",
        "tick_rate": 30,
        "tick": 10,
        "now_ms": 0,
        "steps": [
            ["advance", 10],
            ["pong", 20, 60, 11.2],
            ["advance", 60],
            ["advance", 93],
            ["sent", 14],
            ["margin", 13, 1],
            ["pong", 1000, 1040, 541.2],
            ["advance", 1040],
            ["advance", 9000],
        ],
    }

    yield {
        "name": "the room slows down",
        "tick_rate": 30,
        "tick": 10,
        "now_ms": 0,
        "steps": [
            ["pong", 0, 40, 10.6],
            *[["advance", 40 + 11 * n] for n in range(5)],
            ["sent", 13],
            ["pace", 14, 0.5],
            *[["advance", 100 + 11 * n] for n in range(20)],
            ["sent", 17],
            ["margin", 13, 0],
            ["margin", 15, 2],
            *[["margin", tick, -6] for tick in range(20, 26)],
            *[["advance", 330 + 11 * n] for n in range(5)],
        ],
    }


def _stalled(rng: random.Random) -> Case:
    """Return the margins that a client gets if it sends a command every tick, with stalls.

    The client gets every delta, also those of ticks at which the server has read nothing.
    """
    rate = 30
    tick_ms = 1000 / rate
    start = 500.0
    clock = TickClock(rate, start, 0)
    clock.pong(0, 0.1, start + 50 / tick_ms)
    lead = Lead(clock)
    steps: list[Step] = [["pong", 0, 100, start + 50 / tick_ms]]
    unread: list[tuple[float, int]] = []  # arrives, tick
    arrived, free_ms, stalled_until_ms, sent = 0.0, 800.0, 0.0, 0
    for number in range(1, 310):
        now = round(100 + number * tick_ms + rng.uniform(0, 2), 3)
        # The server's messages take 50 ms.
        read = math.floor(start + (now - 50) / tick_ms)
        came = [tick for arrives, tick in unread if arrives <= (read - start) * tick_ms]
        unread = [entry for entry in unread if entry[1] not in came]
        margin = came[-1] - read if came else None
        steps.append(["margin", read, margin])
        lead.margin(read, margin)
        steps.append(["advance", now])
        tick = math.floor(lead.advance(now / 1000))
        if tick > sent:
            sent = tick
            steps.append(["sent", tick])
            lead.sent(tick)
            if free_ms <= now < 7000:
                stalled_until_ms = now + ms_between(rng, 150, 300)
                free_ms = now + ms_between(rng, 500, 900)
            arrived = max(arrived, now + ms_between(rng, 48, 60), stalled_until_ms)
            unread.append((arrived, tick))
    return {"tick_rate": rate, "tick": start, "now_ms": 0, "steps": steps}


def _commands(
    rng: random.Random,
    mean: float,
    jitter: float,
    *,
    then: float | None = None,
    slows: bool = False,
) -> Case:
    """Return the messages to a client that sends a command every tick, for eight seconds."""
    rate = 30
    tick_ms = 1000 / rate
    start = 1000.0 if slows else 500.0
    tempo = paced() if slows else Tempo()
    to_tell = [*PACES] if slows else []
    clock = TickClock(rate, start, 0)
    lead = Lead(clock)
    steps: list[Step] = []

    def do(name: str, *arguments: float) -> None:
        steps.append([name, *arguments])
        seconds = [a / 1000 for a in arguments]
        if name == "pong":
            clock.pong(seconds[0], seconds[1], arguments[2])
        elif name == "advance":
            lead.advance(seconds[0])
        elif name == "sent":
            lead.sent(int(arguments[0]))
        elif name == "pace":
            clock.change_pace(int(arguments[0]), arguments[1], publish_every=1)
        else:
            lead.margin(int(arguments[0]), int(arguments[1]))

    do("pong", 0, 41, start + 20.5 / tick_ms)
    on_the_way: list[tuple[float, float, int]] = []  # read, heard, tick
    arrived = 0.0
    now = 50.0
    sent = None
    while now < 8_000:
        if then is not None and now > 3000:
            mean = then
        if to_tell and to_tell[0][0] + 45 <= now:
            do("pace", *to_tell.pop(0)[1:])
        for entry in [entry for entry in on_the_way if entry[1] <= now]:
            on_the_way.remove(entry)
            read = math.ceil(tempo.tick_of(start + entry[0] / tick_ms))
            do("margin", read, entry[2] - read)
        do("advance", now)
        tick = math.floor(lead.advance(now / 1000))
        if sent is None or tick > sent:
            sent = tick
            do("sent", tick)
            arrived = max(arrived, now + ms_between(rng, mean - jitter, mean + jitter))
            on_the_way.append((arrived, round(arrived + 45, 3), tick))
        now = round(now + tick_ms + rng.uniform(-2, 2), 3)
    return {"tick_rate": rate, "tick": start, "now_ms": 0, "steps": steps}
