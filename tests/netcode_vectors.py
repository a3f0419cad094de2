"""What the pure parts of the clients' netcode do, as scripts that Python and JavaScript both play.

``python -m netcode_vectors`` in ``tests/`` writes ``vectors/netcode_*.json`` anew; their form is in
``vectors/README.md``.  Times in the files are milliseconds, for JavaScript's sake.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from clients.budget import SHARES, LatencyBudget
from clients.effects import Effect, PendingEffects
from clients.interpolation import PlaybackClock, Track
from clients.lead import Lead
from clients.prediction import Predictor, Smoothing
from clients.tickclock import TickClock
from gameserver.protocol.tempo import Tempo

VECTORS = Path(__file__).parent / "vectors"

Case = dict[str, Any]
#: A step: what is done, its arguments, and what must be so after it.
Step = list[Any]


def _ms(rng: random.Random, low: float, high: float) -> float:
    return round(rng.uniform(low, high), 3)


# ---------------------------------------------------------------- tickclock


def play_tickclock(case: Case) -> Iterator[Any]:
    clock = TickClock(case["tick_rate"], case["tick"], case["now_ms"] / 1000)
    for name, *arguments in _steps(case):
        if name == "pong":
            sent, received, tick = arguments
            clock.pong(sent / 1000, received / 1000, tick)
            now = received
        elif name == "pace":
            tick, now, pace = arguments
            clock.pace(tick, pace)
        else:
            tick, now = arguments
            clock.delta(tick, now / 1000)
        yield {
            "tick": clock.tick_at(now / 1000),
            "min_rtt_ms": None if clock.min_rtt_s is None else clock.min_rtt_s * 1000,
            "jumps": clock.jumps,
        }


def tickclock_cases() -> Iterator[Case]:
    for seed, (mean, jitter) in enumerate([(0.5, 0.3), (100, 30), (100, 95)]):
        yield {
            "name": f"{mean} ms each way, give or take {jitter}",
            **_conversation(random.Random(seed), mean, jitter, jump_at=math.inf, jump=0),
        }
    for jump in (-300, 300, 0.4):
        yield {
            "name": f"the server's time jumps by {jump} ticks",
            **_conversation(random.Random(9), 50, 5, jump_at=6000, jump=jump),
        }
    yield {
        "name": "deltas before the first pong, and one slow pong",
        "tick_rate": 20,
        "tick": 100,
        "now_ms": 0,
        "steps": [
            ["delta", 102, 60],
            ["delta", 103, 170],
            ["pong", 0, 80, 101.3],
            ["pong", 100, 9000, 104.1],
            ["delta", 150, 2400],
        ],
    }

    yield {
        "name": "the room slows down: told in time, told too late, and told again",
        "tick_rate": 20,
        "tick": 100,
        "now_ms": 0,
        "steps": [
            ["pong", 0, 80, 100.8],
            ["pace", 120, 500, 0.5],
            ["pace", 120, 500, 0.5],
            ["delta", 110, 545],
            ["delta", 122, 1145],
            ["pong", 1200, 1280, 122.4],
            ["pace", 120, 1300, 0.75],
            ["delta", 124, 1400],
            ["pong", 1500, 1580, 128.1],
            ["delta", 130, 1712],
            ["pace", 140, 1712, 1],
            ["delta", 145, 2600],
        ],
    }


def _conversation(
    rng: random.Random, mean: float, jitter: float, *, jump_at: float, jump: float
) -> Case:
    """Return ten seconds of pings and every third delta, in the order in which they came."""
    rate, start = 30, 1000.25

    def server(now_ms: float) -> float:
        return start + now_ms * rate / 1000 + (jump if now_ms >= jump_at else 0)

    steps: list[tuple[float, Step]] = []
    for number in range(16):
        sent = round(100 + number * 620.6, 3)
        read = sent + _ms(rng, mean - jitter, mean + jitter)
        received = round(read + _ms(rng, mean - jitter, mean + jitter), 3)
        steps.append((received, ["pong", sent, received, round(server(read), 6)]))
    for number in range(100):
        made = 100 * number + 3.4
        received = round(made + _ms(rng, mean - jitter, mean + jitter), 3)
        steps.append((received, ["delta", math.floor(server(made)), received]))
    steps.sort(key=lambda step: step[0])
    return {"tick_rate": rate, "tick": 1000, "now_ms": 0, "steps": [step for _, step in steps]}


# ---------------------------------------------------------------- tempo


def play_tempo(case: Case) -> Iterator[Any]:
    tempo = Tempo()
    for name, *arguments in _steps(case):
        if name == "bend":
            yield {"returned": tempo.bend(*arguments), "pace": tempo.pace}
        else:
            yield {"steady": tempo.steady_of(arguments[0]), "tick": tempo.tick_of(arguments[0])}


def tempo_cases() -> Iterator[Case]:
    yield {"name": "no bend", "steps": [["at", -3], ["at", 0], ["at", 12.5]]}
    rng = random.Random(1)
    steps: list[Step] = []
    tick = 0
    for _ in range(20):
        tick += rng.randrange(-5, 60)
        steps.append(["bend", tick, rng.choice([1, 0.75, 0.5, 0.375])])
        steps += [["at", tick + rng.randrange(-200, 200) / 2] for _ in range(4)]
    yield {"name": "many bends, some forgotten, some replaced", "steps": steps}


# ---------------------------------------------------------------- lead


def play_lead(case: Case) -> Iterator[Any]:
    clock = TickClock(case["tick_rate"], case["tick"], case["now_ms"] / 1000)
    lead = Lead(clock)
    shown: float | None = None
    for name, *arguments in _steps(case):
        if name == "pong":
            sent, received, tick = arguments
            clock.pong(sent / 1000, received / 1000, tick)
        elif name == "advance":
            shown = lead.advance(arguments[0] / 1000)
        elif name == "sent":
            lead.sent(*arguments)
        elif name == "pace":
            clock.pace(*arguments)
        else:
            lead.margin(*arguments)
        yield {"tick": shown, "lead_ticks": lead.lead_ticks if lead.started else None,
               "jumps": lead.jumps}  # fmt: skip


def lead_cases() -> Iterator[Case]:
    for seed, (name, mean, jitter) in enumerate(
        [("calm", 40, 0.5), ("jittery", 60, 55), ("the way up is longer", 150, 10)]
    ):
        yield {"name": name, **_commands(random.Random(seed), mean, jitter)}
    yield {"name": "the way gets shorter", **_commands(random.Random(5), 120, 1, then=30)}
    yield {"name": "the way gets longer", **_commands(random.Random(6), 30, 1, then=160)}
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


def _commands(rng: random.Random, mean: float, jitter: float, *, then: float | None = None) -> Case:
    """Return what a client hears that sends a command every tick, for eight seconds."""
    rate = 30
    tick_ms = 1000 / rate
    start = 500.0
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
        for entry in [entry for entry in on_the_way if entry[1] <= now]:
            on_the_way.remove(entry)
            read = math.ceil(start + entry[0] / tick_ms)
            do("margin", read, entry[2] - read)
        do("advance", now)
        tick = math.floor(lead.advance(now / 1000))
        if sent is None or tick > sent:
            sent = tick
            do("sent", tick)
            arrived = max(arrived, now + _ms(rng, mean - jitter, mean + jitter))
            on_the_way.append((arrived, round(arrived + 45, 3), tick))
        now = round(now + tick_ms + rng.uniform(-2, 2), 3)
    return {"tick_rate": rate, "tick": start, "now_ms": 0, "steps": steps}


# ---------------------------------------------------------------- prediction

#: A bead on a wire: place, speed, and how often it was pushed hard.
Bead = tuple[int, int, int]


def push_bead(state: Bead, force: int) -> Bead:
    place, speed, pushes = state
    speed = max(-9, min(9, speed + force))
    return place + speed, speed, pushes + (abs(force) > 2)


def bead_distance(before: Bead, after: Bead) -> float:
    return abs(before[0] - after[0])


def play_prediction(case: Case) -> Iterator[Any]:
    predictor = Predictor(push_bead, bead_distance, max_pending=case["max_pending"])
    for name, *arguments in _steps(case):
        returned: Any = None
        if name == "reset":
            tick, state = arguments
            predictor.reset(tick, None if state is None else tuple(state))
        elif name == "apply":
            returned = predictor.apply(*arguments)
        elif name == "peek":
            returned = predictor.peek(*arguments)
        else:
            tick, state = arguments
            returned = predictor.reconcile(tick, tuple(state))
        yield {
            "returned": list(returned) if isinstance(returned, tuple) else returned,
            "state": None if predictor.state is None else list(predictor.state),
            "tick": predictor.tick,
            "pending": predictor.pending,
            "counts": list(attrs.astuple(predictor.counts)),
        }


def prediction_cases() -> Iterator[Case]:
    yield {
        "name": "the edges",
        "max_pending": 4,
        "steps": [
            ["apply", 1, 1],
            ["peek", 1],
            ["reconcile", 3, [5, 0, 0]],
            ["reset", 10, [100, 0, 0]],
            ["peek", 2],
            ["apply", 11, 2],
            ["apply", 11, 3],
            ["apply", 13, 1],
            ["reconcile", 10, [100, 0, 0]],
            ["reconcile", 12, [102, 2, 0]],
            ["reconcile", 11, [0, 0, 0]],
            ["reconcile", 13, [105, 3, 1]],
            ["apply", 14, 0],
            ["apply", 15, 0],
            ["apply", 16, 0],
            ["apply", 17, 0],
            ["apply", 18, 0],
            ["reconcile", 14, [110, 1, 1]],
            ["reconcile", 30, [200, 0, 1]],
            ["reset", 31, None],
            ["apply", 32, 1],
        ],
    }
    for seed in range(3):
        yield {"name": f"seed {seed}", "max_pending": 64, "steps": _bead_life(random.Random(seed))}


def _bead_life(rng: random.Random) -> list[Step]:
    """Return a hundred ticks, predicted eight ahead of a server that at times goes its own way."""
    steps: list[Step] = [["reset", 0, [0, 0, 0]]]
    forces: dict[int, int] = {}
    server: Bead = (0, 0, 0)
    for tick in range(1, 108):
        forces[tick] = rng.randint(-3, 3)
        steps.append(["apply", tick, forces[tick]])
        if tick <= 8:
            continue
        late = rng.random() < 0.06
        server = push_bead(server, 0 if late else forces[tick - 8])
        if rng.random() < 0.05:
            server = (server[0], server[1], server[2] + 1)
        if rng.random() < 0.9:
            steps.append(["reconcile", tick - 8, list(server)])
    return steps


def play_smoothing(case: Case) -> Iterator[Any]:
    smoothing = Smoothing(case["snap_distance"])
    for name, *arguments in _steps(case):
        if name == "add":
            dx, dy, now = arguments
            smoothing.add(dx, dy, now / 1000)
        else:
            (now,) = arguments
        yield {"offset": list(smoothing.offset(now / 1000)), "snaps": smoothing.snaps}


def smoothing_cases() -> Iterator[Case]:
    yield {
        "name": "fades, adds up, snaps",
        "snap_distance": 100,
        "steps": [
            ["offset", 0],
            ["add", 8, -4, 1000],
            ["offset", 1080],
            ["offset", 1160],
            ["add", 10, 10, 1200],
            ["offset", 1250],
            ["add", 90, 90, 1300],
            ["offset", 1301],
            ["add", -60, 0, 1400],
            ["offset", 3000],
        ],
    }


# ---------------------------------------------------------------- interpolation


def play_playback(case: Case) -> Iterator[Any]:
    clock = PlaybackClock(
        tick_s=case["tick_ms"] / 1000,
        interval_ticks=case["interval_ticks"],
        min_delay_s=case["min_delay_ms"] / 1000,
        tempo=(tempo := Tempo()),
    )
    shown: float | None = None
    for name, *arguments in _steps(case):
        if name == "arrived":
            tick, now = arguments
            clock.arrived(tick, now / 1000)
        elif name == "pace":
            tick, pace, interval, min_delay = arguments
            tempo.bend(tick, pace)
            clock.pace(interval_ticks=interval, min_delay_s=min_delay / 1000)
        else:
            shown = clock.tick_at(arguments[0] / 1000)
            if math.isnan(shown):
                shown = None
        yield {"tick": shown, "delay_ms": clock.delay_s * 1000, "underruns": clock.underruns}


def playback_cases() -> Iterator[Case]:
    for seed, (name, jitter, interval, silence) in enumerate(
        [
            ("calm", 1, 1, (0.0, 0.0)),
            ("jittery", 90, 1, (0.0, 0.0)),
            ("every third tick", 20, 3, (0.0, 0.0)),
            ("a stall of 300 ms", 3, 1, (3000, 3300)),
            ("a stall of two seconds", 3, 1, (3000, 5000)),
        ]
    ):
        yield {
            "name": name,
            "tick_ms": 1000 / 30,
            "interval_ticks": interval,
            "min_delay_ms": 66,
            "steps": _deltas(random.Random(seed), jitter, interval, silence, pause_ms=0),
        }
    yield {
        "name": "the server pauses for four seconds, its ticks with it",
        "tick_ms": 1000 / 30,
        "interval_ticks": 1,
        "min_delay_ms": 66,
        "steps": _deltas(random.Random(7), 3, 1, (0.0, 0.0), pause_ms=4000),
    }
    steps: list[Step] = []
    now = 0.0
    for tick in range(500, 600):
        if tick == 530:
            steps.append(["pace", 545, 0.5, 4, 133])
        if tick < 530 or tick % 2 == 0:
            steps.append(["arrived", tick, round(now, 3)])
        tick_ms = 1000 / 30 * (1 if tick < 545 else 2)
        steps += [["tick_at", round(now + part * tick_ms, 3)] for part in (0.3, 0.8)]
        now += tick_ms
    yield {
        "name": "the room slows down to half its pace",
        "tick_ms": 1000 / 30,
        "interval_ticks": 1,
        "min_delay_ms": 66,
        "steps": steps,
    }


def _deltas(
    rng: random.Random,
    jitter: float,
    interval: int,
    silence: tuple[float, float],
    *,
    pause_ms: float,
) -> list[Step]:
    """Return six seconds of deltas and a 50 Hz screen."""
    events: list[tuple[float, Step]] = []
    arrives = 0.0
    for tick in range(0, 180, interval):
        made = tick * 1000 / 30 + 40 + (pause_ms if tick >= 90 else 0)
        arrives = max(arrives, made + _ms(rng, 0, jitter))
        if silence[0] <= arrives < silence[1]:
            arrives = silence[1]
        events.append((arrives, ["arrived", 500 + tick, round(arrives, 3)]))
    end = events[-1][0]
    now = 0.0
    while now < end:
        events.append((now, ["tick_at", round(now, 3)]))
        now += 20
    events.sort(key=lambda event: event[0])
    return [step for _, step in events]


def play_track(case: Case) -> Iterator[Any]:
    track = Track(case["jump_distance"], case["tick_ms"] / 1000)
    for name, *arguments in _steps(case):
        if name == "push":
            track.push(*arguments)
            yield {}
        else:
            yield {"at": list(track.sample(*arguments))}


def track_cases() -> Iterator[Case]:
    yield {
        "name": "between, beyond, and back",
        "jump_distance": 60,
        "tick_ms": 1000 / 30,
        "steps": [
            ["push", 10, 0, 0],
            ["sample", 5],
            ["sample", 12],
            ["push", 11, 8, -4],
            ["sample", 10.25],
            ["push", 11, 99, 99],
            ["sample", 11],
            ["sample", 12.5],
            ["sample", 14],
            ["sample", 20],
            ["push", 15, 40, -20],
            ["sample", 20.5],
            ["push", 21, 44, -22],
            ["sample", 21.5],
            ["sample", 23],
            ["sample", 30],
            ["push", 31, 900, 900],
            ["sample", 30.5],
            ["sample", 31],
            ["sample", 32],
        ],
    }
    rng = random.Random(11)
    steps: list[Step] = []
    x = y = 0
    shown = -3.0
    for tick in range(80):
        x, y = x + rng.randint(-20, 20), y + rng.randint(-20, 20)
        if rng.random() < 0.8:
            steps.append(["push", tick, x, y])
        shown += rng.uniform(0.4, 1.65)
        if tick > 2:
            steps.append(["sample", round(shown, 5)])
    yield {"name": "a walk", "jump_distance": 60, "tick_ms": 50, "steps": steps}


# ---------------------------------------------------------------- effects


def play_effects(case: Case) -> Iterator[Any]:
    pending = PendingEffects()
    for name, *arguments in _steps(case):
        returned: Any
        if name == "show":
            kind, tick, key, what = arguments
            dropped = pending.show(Effect(kind, tick, key, what))
            returned = None if dropped is None else dropped.what
        elif name == "confirm":
            confirmed = pending.confirm(*arguments)
            returned = None if confirmed is None else confirmed.what
        elif name == "is_shown":
            returned = pending.is_shown(*arguments)
        elif name == "expire":
            returned = [effect.what for effect in pending.expire(*arguments)]
        else:
            returned = [effect.what for effect in pending.clear()]
        yield {
            "returned": returned,
            "waiting": len(pending),
            "confirmed": pending.confirmed,
            "undone": pending.undone,
        }


def effects_cases() -> Iterator[Case]:
    yield {
        "name": "shots",
        "steps": [
            ["confirm", "Shot", 5, None],
            ["show", "Shot", 10, None, "a"],
            ["show", "Shot", 15, None, "b"],
            ["show", "Dashed", 15, None, "c"],
            ["confirm", "Shot", 15, None],
            ["confirm", "Shot", 12, None],
            ["expire", 22],
            ["expire", 23],
            ["show", "Shot", 30, None, "d"],
            ["show", "Shot", 34, None, "e"],
            ["confirm", "Shot", 32, None],
            ["confirm", "Shot", 43, None],
            ["confirm", "Shot", 42, None],
            ["clear"],
        ],
    }
    yield {
        "name": "pickups",
        "steps": [
            ["show", "Taken", 10, 7, "seven"],
            ["show", "Taken", 10, 9, "nine"],
            ["is_shown", "Taken", 9],
            ["is_shown", "Taken", 8],
            ["confirm", "Taken", 8, 9],
            ["is_shown", "Taken", 9],
            ["expire", 18],
            ["show", "Taken", 20, 1, "one"],
            ["clear"],
        ],
    }
    many = [["show", "Shot", tick, None, tick] for tick in range(66)]
    yield {"name": "too many", "steps": many}


# ---------------------------------------------------------------- budget


def play_budget(case: Case) -> Iterator[Any]:
    budget = LatencyBudget()
    for name, *arguments in _steps(case):
        if name == "sent":
            tick, now = arguments
            budget.sent(tick, now / 1000)
        else:
            tick, now, *times = arguments
            names = ("tick_time_s", "tick_s", "half_rtt_s", "simulate_s", "post_s", "drawn_s")
            budget.answered(
                tick, now / 1000, **dict(zip(names, (t / 1000 for t in times), strict=True))
            )
        newest = budget.newest
        yield {
            "newest": None if newest is None else [getattr(newest, s) * 1000 for s in SHARES],
            "total_p50": budget.percentiles()["total"].p50 * 1000 if newest else None,
            "wait_p95": budget.percentiles()["wait"].p95 * 1000 if newest else None,
        }


def budget_cases() -> Iterator[Case]:
    yield {
        "name": "in time, two at once, late",
        "steps": [
            ["answered", 9, 900, 880, 50, 40, 2, 1, 60],
            ["sent", 10, 850],
            ["answered", 10, 975, 930, 50, 40, 2, 1, 60],
            ["sent", 11, 900],
            ["sent", 12, 951],
            ["answered", 12, 1075, 1030, 50, 40, 2.5, 0, 55],
            ["sent", 13, 1060],
            ["answered", 14, 1180, 1130, 50, 40, 2.5, 0, 55],
            ["sent", 15, 1175],
            ["answered", 15, 1180, 1180, 50, 40, 2.5, 0, 55],
        ],
    }
    rng = random.Random(3)
    steps: list[Step] = []
    for tick in range(300):
        sent = tick * 50 + _ms(rng, -5, 5)
        steps.append(["sent", tick, sent])
        heard = round(tick * 50 + 60 + _ms(rng, 40, 90), 3)
        steps.append(["answered", tick, heard, tick * 50 + 60, 50, 38, 2, 0.5, _ms(rng, 40, 80)])
    yield {"name": "many", "steps": steps}


# ---------------------------------------------------------------- the files

Player = Callable[[Case], Iterator[Any]]
FILES: dict[str, dict[str, tuple[Callable[[], Iterator[Case]], Player]]] = {
    "tickclock": {"cases": (tickclock_cases, play_tickclock)},
    "tempo": {"cases": (tempo_cases, play_tempo)},
    "lead": {"cases": (lead_cases, play_lead)},
    "prediction": {
        "cases": (prediction_cases, play_prediction),
        "smoothing": (smoothing_cases, play_smoothing),
    },
    "interpolation": {
        "playback": (playback_cases, play_playback),
        "track": (track_cases, play_track),
    },
    "effects": {"cases": (effects_cases, play_effects)},
    "budget": {"cases": (budget_cases, play_budget)},
}


def _steps(case: Case) -> Iterator[Step]:
    """Yield the steps without what must be so after them."""
    for step in case["steps"]:
        yield step[:-1] if isinstance(step[-1], dict) else step


def path_of(name: str) -> Path:
    return VECTORS / f"netcode_{name}.json"


def contents(name: str) -> dict[str, list[Case]]:
    """Return what the file must hold: the scripts, each step with what is so after it."""
    return {
        group: [
            {
                **case,
                "steps": [
                    [*step, _rounded(then)]
                    for step, then in zip(case["steps"], play(case), strict=True)
                ],
            }
            for case in make()
        ]
        for group, (make, play) in FILES[name].items()
    }


def _rounded(value: Any) -> Any:
    """Leave away the digits that nobody compares."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 7) if isinstance(value, float) else value


def text_of(content: dict[str, list[Case]]) -> str:
    """Return the JSON text: a line for each step."""
    groups = []
    for group, cases in content.items():
        blocks = []
        for case in cases:
            head = ", ".join(
                f"{json.dumps(k)}: {json.dumps(v)}" for k, v in case.items() if k != "steps"
            )
            lines = ",\n    ".join(json.dumps(step, ensure_ascii=False) for step in case["steps"])
            blocks.append(f'  {{{head}, "steps": [\n    {lines}\n  ]}}')
        groups.append(f"{json.dumps(group)}: [\n" + ",\n".join(blocks) + "\n]")
    return "{" + ",\n".join(groups) + "}\n"


def check(name: str) -> None:
    """Play what the file holds, and compare each step with what it says; is it up to date?"""
    assert path_of(name).read_text() == text_of(contents(name)), "python -m netcode_vectors"
    recorded = json.loads(path_of(name).read_text())
    assert set(recorded) == set(FILES[name])
    for group, (_, play) in FILES[name].items():
        for case in recorded[group]:
            for step, now in zip(case["steps"], play(case), strict=True):
                assert same(now, step[-1]), (name, case["name"], step, now)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same, but for rounding of floats."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == other)


if __name__ == "__main__":
    for file in FILES:
        path_of(file).write_text(text_of(contents(file)))
