"""The lab's own connections, made to carry what the study's real ones do.

Owns the timetable only; what happens to the messages is ``clients/lab``.  Pure.
"""

from __future__ import annotations

import math
from collections import deque

from benchmarks.tcploss.plan import Plan
from clients.lab.conditioner import Conditioner
from clients.lab.profiles import Profile


def modelled(profile: Profile, plan: Plan, seed: str) -> list[float]:
    """Return how long each message takes, in seconds, both ways of all connections."""
    took_s: list[float] = []
    for number in range(plan.connections):
        up, down = profile.conditioners(f"{seed}/{number}", begin_s=0.0)
        took_s += _delays_s(up, plan, plan.up_bytes)
        took_s += _delays_s(down, plan, plan.down_bytes)
    return took_s


def _delays_s(way: Conditioner, plan: Plan, message_bytes: int) -> list[float]:
    sent_s: deque[float] = deque()
    took_s: list[float] = []

    def receive(until_s: float) -> None:
        while (due_s := way.next_due_s) is not None and due_s <= until_s:
            arrived = len(way.pop(due_s, way.waiting_bytes)) // message_bytes
            took_s.extend(due_s - sent_s.popleft() for _ in range(arrived))

    for number in range(plan.messages):
        now_s = number / plan.rate
        receive(now_s)
        sent_s.append(now_s)
        way.push(now_s, bytes(message_bytes))
    receive(math.inf)
    return took_s[plan.first_counted :]
