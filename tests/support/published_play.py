"""A small world with seats, to which anything may happen between two publishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st

from gameserver.model.view import Near
from gameserver.model.world import World
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Seat
from tests.support.frame_sinks import FakeSink
from tests.support.replicated_world import SCHEMA, Noise, Score, Ship

SEATS = 3
ACTIONS = [
    "move",
    "fuel",
    "seq",
    "margin",
    "notice",
    "clear",
    "ack",
    "event",
    "whisper",
    "spawn",
    "drift",
    "despawn",
    "own",
    "focus",
    "forget",
]


class Play:
    """A world, which by default everyone sees, and what was posted to each of its seats.

    ``sinks`` take the frames; ``publish`` returns those of a ``FakeSink``.
    """

    def __init__(
        self,
        check_every_ticks: int = 7,
        view: Near | None = None,
        sinks: Sequence[Any] | None = None,
    ) -> None:
        self.world = World(SCHEMA, view)
        self.publisher = Publisher(
            self.world, check_every_ticks=check_every_ticks, quiet_ticks=4, window_ticks=6
        )
        self.sinks = sinks or [FakeSink() for _ in range(SEATS)]
        self.seats = [Seat(number, sink) for number, sink in enumerate(self.sinks, 1)]
        self.ships: list[Any] = []
        self.emissions: list[Emission] = []
        for seat in self.seats:
            self.publisher.add(seat)
            self.spawn(seat.number)
        self.world.spawn(Score())

    def spawn(self, number: int) -> None:
        ship = Ship()
        self.world.spawn(ship)
        self.world.set_owner(ship, number)
        self.ships.append(ship)

    def act(self, action: str, number: int, value: int) -> None:
        seat = self.seats[number]
        ships = [ship for ship in self.ships if self.world.id_of(ship)]
        ship = ships[value % len(ships)] if ships else None
        doings: dict[str, Callable[[], Any]] = {
            "seq": lambda: setattr(seat, "command_seq", seat.command_seq + value % 3),
            "margin": lambda: setattr(seat, "margin", value - 4),
            "notice": lambda: seat.notify(b"\x82\x01\x00"),
            "clear": lambda: setattr(self.sinks[number], "clear", not self.sinks[number].clear),
            "ack": lambda: seat.acknowledge(seat.posted_tick),
            "event": lambda: self.emissions.append(Emission(Noise(value), None, None)),
            "whisper": lambda: self.emissions.append(Emission(Noise(value), None, seat.number)),
            "spawn": lambda: self.spawn(seat.number),
            "drift": lambda: self.ships.append(self.world.spawn(Ship())),
            "focus": lambda: setattr(seat, "focus", (float(value), 0.0)),
            "forget": seat.forget,
        }
        if ship is not None:
            doings |= {
                "move": lambda: setattr(ship, "x", ship.x + value),
                "fuel": lambda: setattr(ship, "fuel", ship.fuel + value),
                "despawn": lambda: self.world.despawn(ship),
                "own": lambda: setattr(seat, "own", self.world.record_of(ship)),
            }
        if action in doings:
            doings[action]()

    def publish(self, tick: int) -> list[list[bytes]]:
        emissions, self.emissions = self.emissions, []
        self.publisher.publish(tick, emissions)
        fakes = [sink for sink in self.sinks if isinstance(sink, FakeSink)]
        posted = [sink.frames for sink in fakes]
        for sink in fakes:
            sink.frames = []
        return posted


def state_of(seat: Seat) -> tuple[object, ...]:
    return repr(seat.knowledge), seat.posted_tick, seat.sent_seq, seat.awaited, seat.cell


turns = st.lists(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, SEATS - 1), st.integers(0, 9)),
        max_size=4,
    ),
    max_size=30,
)
