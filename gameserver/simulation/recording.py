"""The entries of a recording: everything that comes into a room from outside, in order.

Owns the classes of the entries.  Only ``Stepper`` and its command queues make them, because
nothing else changes a room between its first tick and its last.  Never writes an entry;
``state/journal`` does.

A room that gets the same entries again goes through the same states.  So an entry holds all data
that its effect depends on.  The room's own actions have no entries: a kick by the game has none,
but the player's leaving that follows from it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import attrs


@attrs.frozen
class Joined:
    """A player took a seat.  ``options`` are those of its client by name, or None."""

    seat: int
    name: str
    identity: str | None
    options: dict[str, Any] | None = None


@attrs.frozen
class Left:
    """A player left, for good."""

    seat: int
    reason: str


@attrs.frozen
class Dropped:
    """A player lost its connection; the seat is held."""

    seat: int


@attrs.frozen
class Resumed:
    """A player is connected again."""

    seat: int


@attrs.frozen
class StartedOver:
    """Another client took over a seat: its commands begin at seq 1, its latency is unknown."""

    seat: int


@attrs.frozen
class Measured:
    """A ping measured a player's latency; the figures are those of ``Latency``, in order."""

    seat: int
    figures: Sequence[Any]


@attrs.define  # not frozen: there is one for every command, and that takes three times as long
class Commanded:
    """A command came for a tick; ``values`` and ``command`` (its kind) as on the wire.

    ``arrived`` is the tick that was next then.  Hit tests use ``tick``, ``rendered``, ``arrived``
    and the latency.
    """

    seat: int
    seq: int
    tick: int
    rendered: int
    arrived: int
    command: int
    values: Sequence[Any]


@attrs.frozen
class Said:
    """A player said something."""

    seat: int
    text: str


@attrs.frozen
class Finished:
    """The result of a background call came; ``number`` is that of the call in its room."""

    number: int
    result: Any


@attrs.frozen
class Paced:
    """The pace of the room, the ticks between deltas, or the width of views changed."""

    pace: float
    publish_interval: int
    view_share: float


@attrs.frozen
class Overloaded:
    """The overload ladder changed its level, and the game was told."""

    level: int


@attrs.frozen
class MoveRefused:
    """A player could not be moved to another room, and the game was told."""

    seat: int
    room: str
    reason: str


@attrs.frozen
class Stepped:
    """A tick was simulated; ticks between it and the one before were dropped."""

    tick: int


@attrs.frozen
class Published:
    """The state after a tick was published; ``events`` are the kinds of those emitted, in order."""

    tick: int
    events: Sequence[int]


Entry: TypeAlias = (
    Joined
    | Left
    | Dropped
    | Resumed
    | StartedOver
    | Measured
    | Commanded
    | Said
    | Finished
    | Paced
    | Overloaded
    | MoveRefused
    | Stepped
    | Published
)


class Recorder(Protocol):
    """Gets every entry of one room, just before it is applied.  Must not raise."""

    def record(self, entry: Entry) -> None:
        """Take an entry."""
