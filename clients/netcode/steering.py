"""All of a player's netcode in one: what to steer by, what to send, and what the screen shows.

Owns the client's loop of ticks and how the parts serve it: the clock and the lead (which tick it
is), the predictor (the own thing, now), playback and tracks (others, a moment ago), effects shown
ahead of the server, and the latency budget.  Pure: every time is an argument, in seconds of one
steady clock.  ``predicted_play.py`` waits and sends for it; tests play it against a room
without any socket.

A tick of the loop: ``due`` says that it has come, the player looks at ``own`` and
``place_of`` others and decides, and ``steer`` predicts the command and says how to send it.  A
command that the server would repeat by itself is not sent, but for one every
``KEEP_ALIVE_TICKS``: that is as exact, and saves most of the messages.  Only for a second after one
was late every tick's is sent, so that the lead soon knows better.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

import attrs

from clients.netcode.budget import LatencyBudget
from clients.netcode.effects import Effect, PendingEffects
from clients.netcode.interpolation import PlaybackClock
from clients.netcode.lead import Lead
from clients.netcode.prediction import Predictor, Smoothing
from clients.netcode.tickclock import TickClock
from clients.netcode.tracks import Others
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from gameserver.protocol.messages import RENDERED_PER_TICK

S = TypeVar("S")
C = TypeVar("C")

#: A server from which nothing came for so long might be gone: the own thing stops then.
MAX_PREDICTED_S: Final = 2.0
#: The server hears a command at least this often, so that its margin stays known.
KEEP_ALIVE_TICKS: Final = 10
#: For so long after a late command all are sent.
EAGER_TICKS: Final = 30
#: Sent commands that are remembered, to be predicted anew where a prediction begins anew.
REMEMBERED: Final = 128
#: A tick is due as soon as it is but for rounding: ``next_due_s`` was rounded as well.
ROUNDING_TICKS: Final = 1e-6
#: Others are drawn at least this long in the past, and at least so many intervals between deltas.
MIN_DELAY_S: Final = 0.066
MIN_INTERVALS: Final = 2
#: Changes of effects that wait to be drawn; overflow policy ``drop-oldest``, counted in
#: ``Steering.changes_dropped`` (one who draws nothing never takes them).
MAX_CHANGES: Final = 256


class Vehicle(Protocol[S, C]):
    """What a game says of the thing that its players steer; ``S`` its state, ``C`` the input."""

    @property
    def kinds(self) -> Sequence[str]:
        """The names of the classes of others, which are drawn in the past."""

    @property
    def jump_distance(self) -> float:
        """The farthest that anything can honestly move in a tick, in the units of ``place``."""

    @property
    def snap_distance(self) -> float:
        """A correction longer than this is not smoothed, in the units of ``place``."""

    def state_of(self, entity: RemoteEntity) -> S | None:
        """Return the state of the own entity as the server has it; None: not to be steered."""

    def step(self, state: S, command: C) -> S:
        """Return the state one tick later; exactly what the server computes."""

    def idle(self, last: C | None, silent_ticks: int) -> C:
        """Return what the server applies ``silent_ticks`` after the ``last`` input it had."""

    def place(self, state: S) -> tuple[float, float]:
        """Return where a state is drawn."""

    def effects(self, before: S, after: S, tick: int) -> Iterable[Effect]:
        """Yield what is to be seen and heard of a step, before the server says so."""

    def effect_of(self, event: RemoteEvent) -> tuple[str, object] | None:
        """Return kind and key of the own effect that ``event`` confirms; None: of no own one."""


@attrs.frozen
class Order(Generic[C]):
    """A command to send, with the ``tick`` and ``rendered`` of the protocol."""

    command: C
    tick: int
    rendered: int


@attrs.frozen
class Change:
    """An effect to show now or, if ``undo``, one to take back."""

    effect: Effect
    undo: bool = False


class Steering(Generic[S, C]):
    """One player's netcode.  ``replica`` and ``clock`` are fed by whoever reads the connection."""

    def __init__(
        self,
        vehicle: Vehicle[S, C],
        replica: Replica,
        clock: TickClock,
    ) -> None:
        tick_s = 1 / clock.tick_rate
        self.vehicle: Final = vehicle
        self.clock: Final = clock
        self.lead: Final = Lead(clock)
        self.predictor: Final[Predictor[S, C]] = Predictor(
            vehicle.step, self._distance, max_pending=round(MAX_PREDICTED_S / tick_s)
        )
        self.smoothing: Final = Smoothing(vehicle.snap_distance)
        self.effects: Final = PendingEffects()
        self.budget: Final = LatencyBudget()
        #: The tick of the client's loop, 0 before the first.
        self.tick = 0
        #: The tick that the screen shows of others, NaN before there was a delta.
        self.rendered_tick = math.nan
        #: Ticks that the loop missed: it was not asked in time.
        self.missed_ticks = 0
        self.changes_dropped = 0
        #: The server's own shares of the latency, as its last ``status`` had them.
        self._simulate_s = 0.0
        self._post_s = 0.0
        self._replica = replica
        self._tick_s = tick_s
        self._own_id = 0
        self._jumps = 0
        #: (tick, command) as sent, the oldest first.
        self._sent: deque[tuple[int, C]] = deque(maxlen=REMEMBERED)
        self._changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self._begin()

    def _begin(self) -> None:
        """Forget the others, and when the room's deltas came."""
        self.playback = PlaybackClock(
            self.clock, min_delay_s=MIN_DELAY_S, min_intervals=MIN_INTERVALS
        )
        vehicle = self.vehicle
        self.others = Others(self._replica, vehicle.kinds, vehicle.jump_distance, self._tick_s)
        self._eager_until = 0

    # ------------------------------------------------------------ the client's loop

    def due(self, now_s: float) -> int | None:
        """Return the tick to steer now, if it has come; None: not yet, or no pong has come.

        Ticks that were missed are passed over; the server went on without them as it does when
        nothing is heard, and so does the prediction.
        """
        if not self.clock.known:
            return None
        newest = math.floor(self.lead.advance(now_s) + ROUNDING_TICKS)
        if self.lead.jumps != self._jumps:
            self._jumps = self.lead.jumps
            self._begin_anew(newest - 1)
        if newest <= self.tick:
            return None
        if self.tick:
            self.missed_ticks += newest - self.tick - 1
        self._predict_until(newest - 1)
        self.tick = newest
        # As the wire has it, so that what is aimed at is what is claimed.
        self.rendered_tick = _wire_tick(self.playback.tick_at(now_s))
        return newest

    def next_due_s(self) -> float:
        """Return when the next tick will be due, as the lead runs now."""
        return self.lead.time_of(self.tick + 1)

    def steer(self, command: C, now_s: float) -> Order[C] | None:
        """Predict ``command`` for the tick that is due; return what to send, None for nothing."""
        tick = self.tick
        self._predict_until(tick - 1)
        before = self.predictor.state
        if before is None or self.predictor.tick >= tick:
            return None
        if not self.predictor.apply(tick, command):
            return None
        after = self.predictor.state
        assert after is not None
        for effect in self.vehicle.effects(before, after, tick):
            self._show(effect)
        if not self._is_news(tick, command):
            return None
        self._sent.append((tick, command))
        self.lead.sent(tick)
        self.budget.sent(tick, now_s)
        rendered = (
            0
            if math.isnan(self.rendered_tick)
            else max(round(self.rendered_tick * RENDERED_PER_TICK), 0)
        )
        return Order(command, tick, rendered)

    def _is_news(self, tick: int, command: C) -> bool:
        """Whether the server would do something else, or should hear of us again."""
        if not self._sent:
            return True
        last_tick, last = self._sent[-1]
        silent = tick - last_tick
        if silent >= KEEP_ALIVE_TICKS or tick < self._eager_until:
            return True
        return command != self.vehicle.idle(last, silent)

    # ------------------------------------------------------------ what is known

    @property
    def own(self) -> S | None:
        """The state of the own thing at the tick of the loop, as predicted; None: there is none."""
        return self.predictor.state

    def own_place(self, now_s: float) -> tuple[float, float] | None:
        """Return where to draw the own thing: as predicted, with corrections fading."""
        state = self.predictor.state
        if state is None:
            return None
        x, y = self.vehicle.place(state)
        dx, dy = self.smoothing.offset(now_s)
        return x + dx, y + dy

    def place_of(self, entity: RemoteEntity) -> tuple[float, float] | None:
        """Return where the screen shows ``entity``, of one of ``vehicle.kinds``; None: nowhere yet.

        What is aimed at this place is hit: it is what ``rendered`` of the next command tells.
        """
        return self.others.place(entity.id, self.rendered_tick)

    def take_changes(self) -> list[Change]:
        """Take out what effects are to be shown and undone since the last call."""
        changes = list(self._changes)
        self._changes.clear()
        return changes

    # ------------------------------------------------------------ what the server sent

    def delta(
        self, margin: int | None, events: Sequence[RemoteEvent], now_s: float
    ) -> list[RemoteEvent]:
        """Take in the delta that the replica has just applied, received at ``now_s``.

        Returns those of its ``events`` that nothing shown so far has foreseen.
        """
        tick = self._replica.tick
        self.playback.arrived(tick, now_s)
        self.lead.margin(tick, margin)
        if margin is not None and margin < 0:
            self._eager_until = self.tick + EAGER_TICKS
        self.others.follow(tick)
        self._reconcile(tick, now_s)
        self._answer(tick, now_s)
        news = [event for event in events if not self._confirms(event, tick)]
        for effect in self.effects.expire(tick):
            self._tell(Change(effect, undo=True))
        return news

    def reconnected(self) -> None:
        """What was sent may be lost, and much may have happened: predict anew from the next delta.

        Until then there is nothing to steer.
        """
        self._sent.clear()
        self._lose(self.tick)
        self.effects.clear()

    def rejoined(self) -> None:
        """Start over in another seat; the clock has begun anew already."""
        self.rendered_tick = math.nan
        self._begin()

    def served(self, simulate_s: float | None, post_s: float | None) -> None:
        """Take in the server's own shares of the latency, None where it does not know."""
        self._simulate_s = simulate_s or 0.0
        self._post_s = post_s or 0.0

    def _reconcile(self, tick: int, now_s: float) -> None:
        own = self._replica.own
        state = None if own is None else self.vehicle.state_of(own)
        if own is None or state is None:
            self._own_id = 0
            if self.predictor.state is not None:
                self._lose(tick)
            return
        if own.id != self._own_id or self.predictor.state is None:
            self._own_id = own.id
            self.predictor.reset(tick, state)
            self._predict_until(self.tick)
            return
        before = self.predictor.reconcile(tick, state)
        if before is not None:
            after = self.predictor.state
            assert after is not None
            (old_x, old_y), (x, y) = self.vehicle.place(before), self.vehicle.place(after)
            self.smoothing.add(old_x - x, old_y - y, now_s)

    def _answer(self, tick: int, now_s: float) -> None:
        clock = self.clock
        self.budget.answered(
            tick,
            now_s,
            tick_time_s=clock.time_of(tick),
            tick_s=clock.tick_s,
            half_rtt_s=(clock.min_rtt_s or 0.0) / 2,
            simulate_s=self._simulate_s,
            post_s=self._post_s,
            drawn_s=max((tick - self.rendered_tick) * self._tick_s, 0.0)
            if self.rendered_tick > 0
            else 0.0,
        )

    # ------------------------------------------------------------ predicting

    def _predict_until(self, tick: int) -> None:
        """Predict the ticks up to ``tick`` that are not yet: as sent, or as the server idles."""
        predictor = self.predictor
        if predictor.state is None:
            return
        while predictor.tick < tick:
            later = predictor.tick + 1
            if not predictor.apply(later, self._command_at(later)):
                return

    def _command_at(self, tick: int) -> C:
        """Return what the server has for ``tick``, if all that was sent comes in time."""
        for sent_tick, command in reversed(self._sent):
            if sent_tick == tick:
                return command
            if sent_tick < tick:
                return self.vehicle.idle(command, tick - sent_tick)
        return self.vehicle.idle(None, 0)

    def _begin_anew(self, tick: int) -> None:
        """The lead has jumped: what was meant for other ticks is worth nothing."""
        self.tick = tick
        self._sent.clear()
        self._lose(tick)

    def _lose(self, tick: int) -> None:
        """There is nothing to steer until the server says so."""
        self.predictor.reset(tick, None)
        self.smoothing.clear()

    def _distance(self, before: S, after: S) -> float:
        (x, y), (to_x, to_y) = self.vehicle.place(before), self.vehicle.place(after)
        return math.hypot(to_x - x, to_y - y)

    # ------------------------------------------------------------ effects

    def _show(self, effect: Effect) -> None:
        if effect.key is not None and self.effects.is_shown(effect.kind, effect.key):
            return
        self._tell(Change(effect))
        dropped = self.effects.show(effect)
        if dropped is not None:
            self._tell(Change(dropped, undo=True))

    def _tell(self, change: Change) -> None:
        if len(self._changes) == MAX_CHANGES:
            self.changes_dropped += 1
        self._changes.append(change)

    def _confirms(self, event: RemoteEvent, tick: int) -> bool:
        found = self.vehicle.effect_of(event)
        return found is not None and self.effects.confirm(found[0], tick, found[1]) is not None


def _wire_tick(tick: float) -> float:
    """Return ``tick`` in whole parts of a tick; NaN stays."""
    return tick if math.isnan(tick) else round(tick * RENDERED_PER_TICK) / RENDERED_PER_TICK
