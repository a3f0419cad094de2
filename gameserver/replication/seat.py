"""A seat in replication: its focus, its knowledge, and the sink of its frames.

Owns per-seat state and its transitions.  The room sets what a player steers and looks at; the
publisher calls the transitions of ``knowledge`` (see ``knowledge.py``), which nothing else sets.
"""

from __future__ import annotations

from typing import Final, Protocol

from gameserver.model.record import Record
from gameserver.replication.knowledge import NEW, UP_TO_DATE, Knowledge, Lapsed

#: Events kept for a seat that is behind; beyond that the oldest is dropped and counted.
MAX_WAITING_EVENTS: Final = 64
#: Texts kept for a seat until its next delta; beyond that the oldest is dropped and counted.
MAX_WAITING_NOTICES: Final = 32
#: ``Seat.awaited`` if every delta is acknowledged; later than any tick.
NOTHING_AWAITED: Final = 1 << 62


class Sink(Protocol):
    """Takes a seat's finished frames; ``runtime/net/link.py`` is the real one."""

    @property
    def clear(self) -> bool:
        """Whether ``post`` would take a frame now."""

    def post(self, frame: bytes) -> bool:
        """Take one or more finished WebSocket frames, all or nothing; False if broken."""


class Nowhere:
    """The sink of a seat whose connection is lost: it takes nothing."""

    clear: Final = False

    def post(self, frame: bytes) -> bool:  # noqa: ARG002 - the signature is that of a sink
        """Take nothing."""
        return False


NOWHERE: Final = Nowhere()


class Seat:
    """One place in a room, with everything that publishing to it needs."""

    __slots__ = (
        "awaited",
        "cell",
        "chosen",
        "command_seq",
        "events_dropped",
        "focus",
        "groups",
        "holds",
        "knowledge",
        "looked_at",
        "margin",
        "notices",
        "notices_dropped",
        "number",
        "own",
        "own_changed",
        "point",
        "posted_tick",
        "sent_own_id",
        "sent_seq",
        "sink",
        "skipped",
        "waiting_events",
    )

    def __init__(self, number: int, sink: Sink) -> None:
        self.number = number
        self.sink = sink
        # --- set by the room
        #: The entity that the player steers; its position is the focus unless ``focus`` is set.
        self.own: Record | None = None
        #: A point to look at instead, in the units of the entities' positions.
        self.focus: tuple[float, float] | None = None
        #: The numbers of the groups that the player is in.
        self.groups: frozenset[int] = frozenset()
        #: The seq of the newest command that was applied or refused.
        self.command_seq = 0
        #: Margin in ticks of the newest timed input since the last delta, or None.
        self.margin: int | None = None
        #: Finished frames of texts, to be sent after the next delta.
        self.notices: list[bytes] = []  # not a deque: an empty one takes ten times the memory
        self.notices_dropped = 0
        # --- kept by the publisher
        #: The viewpoint (``model/layers.py``): the cell of the focus, and the groups of the seat.
        #: The client sees the view from there.  None before the first.
        self.cell: int | None = None
        #: ``focus`` when ``cell`` was last worked out.
        self.looked_at: tuple[float, float] | None = None
        self.knowledge: Knowledge = NEW
        #: On the individual path: the near entities in view, by id, and the focus; else None.
        self.chosen: dict[int, Record] | None = None
        self.point: tuple[float, float] | None = None
        #: The records whose owner fields the client holds, by id.
        self.holds: dict[int, Record] = {}
        #: Whether the next ``own`` section must be worked out from ``holds``.
        self.own_changed = True
        #: The own entity that the client was last told; -1 if it must be told.
        self.sent_own_id = -1
        #: The ``command_seq`` that the client was last told.
        self.sent_seq = 0
        #: The tick of the last delta posted.
        self.posted_tick = -1
        #: No delta before this tick still waits for its acknowledgement.
        self.awaited = NOTHING_AWAITED
        #: Publishes that a seat went without because it was behind.
        self.skipped = 0
        self.waiting_events: list[bytes] = []
        self.events_dropped = 0

    # ------------------------------------------------------------ transitions of ``knowledge``

    def delta_posted(self, tick: int) -> None:
        """The delta of ``tick`` is on its way, and brings the client up to date."""
        self.knowledge = UP_TO_DATE
        self.posted_tick = tick
        if self.awaited == NOTHING_AWAITED:
            self.awaited = tick
        self.sent_seq = self.command_seq
        self.margin = None

    def lapse(self, lapsed: Lapsed) -> None:
        """Leave the shared path: from now on the client knows ``lapsed`` and nothing newer."""
        assert self.knowledge is UP_TO_DATE
        self.knowledge = lapsed

    def forget(self) -> None:
        """Owe a full state: the client lost track, or its connection is gone."""
        self._start_over()
        self.knowledge = NEW

    def resume(self, sink: Sink, known: set[int] | None, since: int) -> None:
        """Continue over another connection, whose client holds ``known`` as of tick ``since``.

        If ``known`` is None, the client gets a full state.  Messages posted after ``since``
        are lost.
        """
        self.sink = sink
        self._start_over()
        self.knowledge = NEW if known is None else Lapsed(known, since, resumed=True)

    def _start_over(self) -> None:
        self.awaited = NOTHING_AWAITED
        self.sent_own_id = -1
        self.holds.clear()
        if self.chosen is not None:
            self.chosen = {}
        self.waiting_events.clear()

    # ------------------------------------------------------------ what else happens to a seat

    def lose_sink(self) -> None:
        """Note that the connection is gone.  Messages that waited for it are dropped."""
        self.sink = NOWHERE
        self.notices.clear()
        self.margin = None
        self.forget()

    def acknowledge(self, tick: int) -> None:
        """Note that the client has the delta of ``tick``, and so every delta before it."""
        if self.awaited <= tick:
            self.awaited = tick + 1 if tick < self.posted_tick else NOTHING_AWAITED

    def notify(self, frame: bytes) -> None:
        """Queue a finished frame to follow the next delta."""
        if len(self.notices) == MAX_WAITING_NOTICES:
            self.notices_dropped += 1
            del self.notices[0]
        self.notices.append(frame)

    def miss_event(self, event: bytes) -> None:
        """Keep an event until the seat is no longer behind."""
        if len(self.waiting_events) == MAX_WAITING_EVENTS:
            self.events_dropped += 1
            del self.waiting_events[0]
        self.waiting_events.append(event)
