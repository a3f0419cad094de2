"""Invented figures of a server, for the tests of their output."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from gameserver.ops.metrics import (
    ACCEPTOR_COUNTS,
    Counters,
    KindFigures,
    LoopFigures,
    RoomTally,
    ServerFigures,
    StorageFigures,
    Tally,
)


def figures(**changes: Any) -> ServerFigures:
    plain = ServerFigures(
        connections=3,
        tasks=17,
        full_collections=2,
        full_collections_s=0.75,
        loop=LoopFigures(200, 12.5, 3, 2, no_new_rooms=True, rooms_demanded=5),
        acceptor={**dict.fromkeys(ACCEPTOR_COUNTS, 0), "accepted": 10},
        turned_away={"address": 8, "origin": 0},
        malformed_forwards=9,
        tokens_refused={"expired": 4},
        held=6,
        holds_refused=2,
        resumptions={"resumed": 12, "used": 1},
        sessions=Tally(bytes_in=100, bytes_out=2000, commands_duplicate=4),
        counters=Counters(
            5,
            60,
            1,
            Counter({4005: 2}),
            Counter({1000: 3, 4009: 1}),
            texts_muted=3,
            reports=2,
            admin_actions=Counter({"kick": 4}),
            admin_failures=Counter({"kick": 1}),
        ),
        storage=StorageFigures(waiting=1, retries=2, settled={"written": 5}),
        kinds={
            "field": KindFigures(
                rooms=2,
                players=7,
                total=RoomTally(ticks=1000, ticks_dropped=3),
                work_s={0.5: 0.001, 0.99: 0.004, 1.0: 0.01},
                lateness_s={},
                rtt_s={0.5: 0.025},
                behind=1,
            )
        },
        penalties={"ban": 2},
    )
    return attrs.evolve(plain, **changes)
