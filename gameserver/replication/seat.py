"""A seat as replication sees it: where it looks, what it knows, and where its frames go.

Owns per-seat state only.  Who fills it: the room sets what a player steers and looks at, the
publisher keeps what the client knows.
"""

from __future__ import annotations

from typing import Final, Protocol

from gameserver.model.world import Record

#: Overflow policy ``drop-oldest``, counted in ``Seat.events_dropped``: events that happen
#: while a seat is behind, and texts that wait for its link.
MAX_WAITING_EVENTS: Final = 64
MAX_WAITING_NOTICES: Final = 32
#: ``Seat.awaited`` of a client that has said that it has all there is; later than any tick.
NOTHING_AWAITED: Final = 1 << 62


class Sink(Protocol):
    """Where a seat's finished frames go; ``runtime/link.py`` is the real one."""

    @property
    def clear(self) -> bool:
        """Whether ``post`` would take a frame now."""

    def post(self, frame: bytes) -> bool:
        """Take one or more finished WebSocket frames, whole; False if broken."""


class Nowhere:
    """The sink of a seat whose connection is lost: it takes nothing."""

    clear: Final = False

    def post(self, frame: bytes) -> bool:  # noqa: ARG002 - as a sink is
        """Take nothing."""
        return False


NOWHERE: Final = Nowhere()


class Seat:
    """One place in a room, with everything that publishing to it needs."""

    __slots__ = (
        "awaited",
        "cell",
        "command_seq",
        "events_dropped",
        "focus",
        "holds",
        "holds_unsure",
        "in_step",
        "known",
        "looked_at",
        "margin",
        "notices",
        "notices_dropped",
        "number",
        "own",
        "own_changed",
        "posted_tick",
        "sent_own_id",
        "sent_seq",
        "since",
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
        #: The seq of the newest command dealt with, and by how many ticks the newest one since the
        #: last delta was early; None: none said its tick.
        self.command_seq = 0
        self.margin: int | None = None
        #: Frames of texts for everyone (chat); sent with the next delta.
        self.notices: list[bytes] = []  # a list, for an empty deque takes ten times the memory
        self.notices_dropped = 0
        # --- kept by the publisher
        #: The cell of the focus; its view is what the client sees.
        self.cell: int | None = None
        #: ``focus`` as of then.
        self.looked_at: tuple[float, float] | None = None
        #: In step: the client has the last publish, and so knows the members of its view.
        self.in_step = False
        #: Out of step: the ids that it knows (None: nothing, a full state is due) …
        self.known: set[int] | None = None
        #: … and the tick of the last publish that it has.
        self.since = -1
        #: The records whose owner fields the client holds.
        self.holds: dict[int, Record] = {}
        #: ``holds`` is not known: the client may hold owner fields of anything that it once owned.
        self.holds_unsure = False
        self.own_changed = True
        #: The own entity that the client knows of; -1 for it must be told.
        self.sent_own_id = -1
        self.sent_seq = 0
        #: The tick of the last delta posted …
        self.posted_tick = -1
        #: … and of the oldest that the client has not acknowledged, or a tick before that.
        self.awaited = NOTHING_AWAITED
        self.skipped = 0
        self.waiting_events: list[bytes] = []
        self.events_dropped = 0

    def notify(self, frame: bytes) -> None:
        """Queue a finished frame to go out with the next delta."""
        if len(self.notices) == MAX_WAITING_NOTICES:
            self.notices_dropped += 1
            del self.notices[0]
        self.notices.append(frame)

    def miss_event(self, event: bytes) -> None:
        """Keep an event for when the seat is no longer behind."""
        if len(self.waiting_events) == MAX_WAITING_EVENTS:
            self.events_dropped += 1
            del self.waiting_events[0]
        self.waiting_events.append(event)

    def acknowledge(self, tick: int) -> None:
        """Note that the client has the delta of ``tick``, and so all before it."""
        if self.awaited <= tick:
            self.awaited = tick + 1 if tick < self.posted_tick else NOTHING_AWAITED

    def forget(self) -> None:
        """Owe this seat a full state: its client said that it lost track, or just came."""
        self._owe(None, -1)

    def lose_sink(self) -> None:
        """Note that the connection is gone; what was to go over it is not kept."""
        self.sink = NOWHERE
        self.notices.clear()
        self.margin = None
        self.forget()

    def resume(self, sink: Sink, known: set[int] | None, since: int) -> None:
        """Go on over another connection, whose client says what it holds, and as of which tick.

        ``known`` None: nothing that is of use.  What was posted after ``since`` was lost.
        """
        self.sink = sink
        self._owe(known, -1 if known is None else since)
        self.holds_unsure = known is not None

    def _owe(self, known: set[int] | None, since: int) -> None:
        self.in_step = False
        self.known = known
        self.since = since
        self.awaited = NOTHING_AWAITED
        self.sent_own_id = -1
        self.holds.clear()
        self.holds_unsure = False
        self.waiting_events.clear()
