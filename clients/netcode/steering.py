"""A player's whole netcode: places to draw, and commands to send.

Owns the client's loop of ticks, and connects its parts: the tick clock and the lead (the tick of
the next command), the predictor (the own entity, now), playback and tracks (others, a moment ago),
predicted effects, and the latency budget.  Pure: times are arguments, in seconds of one steady
clock.  ``predicted_play.py`` waits and sends for it; tests play it against a room without sockets.
``clients/web/net/steering.js`` is its twin, in milliseconds;
``tests/vectors/netcode_steering.json`` tests both.

In a tick of the loop, ``due`` returns the tick, the player looks at ``own`` and at ``place_of``
others and decides, and ``steer`` predicts the command and returns what to send.  A command that the
server would repeat by itself is sent only every ``KEEP_ALIVE_TICKS``: the result is the same, with
far fewer messages.  After a late command all commands are sent for ``EAGER_TICKS``, so that the
lead is corrected soon.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

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

#: Without a delta for this long, prediction stops: the server may be gone.
MAX_PREDICTED_S: Final = 2.0
#: A command is sent at least this often, so that deltas keep reporting a margin.
KEEP_ALIVE_TICKS: Final = 10
#: After a late command, all commands are sent for this long.
EAGER_TICKS: Final = 30
#: How many sent commands are remembered, to predict them again after a reset.
REMEMBERED: Final = 128
#: For how many ticks a room repeats the last input, if it does not say (``Room``).
IDLE_REPEAT_TICKS: Final = 10
#: Tolerance for rounding when a tick is due: ``next_due_s`` is rounded as well.
ROUNDING_TICKS: Final = 1e-6
#: Others are drawn at least this long in the past, and at least so many intervals between deltas.
MIN_DELAY_S: Final = 0.066
MIN_INTERVALS: Final = 2
#: How many changes of effects may wait.  Overflow policy ``drop-oldest``, counted in
#: ``Steering.changes_dropped``: a client that draws nothing never takes them.
MAX_CHANGES: Final = 256


class Vehicle(Protocol[S, C]):
    """A game's rules for the entity that a player steers; ``S`` is its state, ``C`` the input.

    A class that inherits from this one needs no ``place``, ``effects`` and ``effect_of``, and no
    ``idle`` if it has an ``input`` and its room has neither ``on_idle`` nor ``idle_repeat_ticks``.
    """

    @property
    def input(self) -> Callable[[], C]:
        """The class of the input; only the ``idle`` that is inherited uses it."""
        needs = f"{type(self).__name__} needs an input, or a method idle"
        raise NotImplementedError(needs)

    @property
    def kinds(self) -> Sequence[str]:
        """The names of the entity classes that are drawn in the past."""

    @property
    def jump_distance(self) -> float:
        """The farthest that an entity can move in one tick, in the units of ``place``."""

    @property
    def snap_distance(self) -> float:
        """A correction longer than this is not smoothed, in the units of ``place``."""

    def state_of(self, entity: RemoteEntity) -> S | None:
        """Return the server's state of the own entity; None if it cannot be steered."""

    def step(self, state: S, command: C) -> S:
        """Return the state one tick later, exactly as the server computes it."""

    def idle(self, last: C | None, silent_ticks: int) -> C:
        """Return the input that the server applies ``silent_ticks`` after the ``last`` one.

        The default repeats the last one, and then has all fields at their defaults, as a room does
        that says nothing else.
        """
        return self.input() if last is None or silent_ticks > IDLE_REPEAT_TICKS else last

    def place(self, state: S) -> tuple[float, float]:
        """Return where a state is drawn; the default is its ``x`` and ``y``."""
        at: Any = state
        return at.x, at.y

    def effects(self, before: S, after: S, tick: int) -> Iterable[Effect]:
        """Yield the effects of a step that are shown before the server confirms them."""
        return ()

    def effect_of(self, event: RemoteEvent) -> tuple[str, object] | None:
        """Return kind and key of the own effect that ``event`` confirms, or None."""
        return None


@attrs.frozen
class Order(Generic[C]):
    """A command to send, with the ``tick`` and ``rendered`` of the protocol."""

    command: C
    tick: int
    rendered: int


@attrs.frozen
class Change:
    """An effect to show now or, if ``undo``, to remove."""

    effect: Effect
    undo: bool = False


class Steering(Generic[S, C]):
    """One player's netcode.  The reader of the connection keeps ``replica`` and ``clock``."""

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
        #: The tick at which the screen shows others, NaN before the first delta.
        self.rendered_tick = math.nan
        #: Ticks that the loop skipped because ``due`` was called too late.
        self.missed_ticks = 0
        self.changes_dropped = 0
        #: The server's shares of the latency, from its last ``status``.
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
        """Return the tick to steer now; None if none is due or no pong has come.

        Missed ticks are skipped.  For these the server repeats the last input or asks ``on_idle``,
        and the prediction does the same.
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
        # Rounded as on the wire, so that the claim is exactly what the player aims at.
        self.rendered_tick = _wire_tick(self.playback.tick_at(now_s))
        return newest

    def next_due_s(self) -> float:
        """Return the time at which the next tick will be due, at the lead's present speed."""
        return self.lead.time_of(self.tick + 1)

    def steer(self, command: C, now_s: float) -> Order[C] | None:
        """Predict ``command`` for the tick that is due; return what to send, or None."""
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
        """Whether the server would apply another command, or has received none for a while."""
        if not self._sent:
            return True
        last_tick, last = self._sent[-1]
        silent = tick - last_tick
        if silent >= KEEP_ALIVE_TICKS or tick < self._eager_until:
            return True
        return command != self.vehicle.idle(last, silent)

    # ------------------------------------------------------------ state and figures

    @property
    def own(self) -> S | None:
        """The predicted state of the own entity at the tick of the loop; None if there is none."""
        return self.predictor.state

    def ahead(self, now_s: float, command: C) -> tuple[S, S, float] | None:
        """Return the states of this tick and of the next with ``command``, and a share.

        The share, 0 to 1, is the client's time between the two ticks; drawing between the two
        states shows a key press in the next frame.  None if there is no state.
        """
        state, following = self.predictor.state, self.predictor.peek(command)
        if state is None or following is None:
            return None
        past = self.lead.tick_at(now_s) - self.predictor.tick
        return state, following, min(past, 1.0) if past >= 0 else 0.0

    def own_place(self, now_s: float, command: C | None = None) -> tuple[float, float] | None:
        """Return where to draw the own entity: as predicted, with smoothed corrections.

        ``command`` holds the controls as they are held now.  With it the place is between this tick
        and the next; without it, it is the place at the tick.
        """
        state = self.predictor.state
        if state is None:
            return None
        x, y = self.vehicle.place(state)
        ahead = None if command is None else self.ahead(now_s, command)
        if ahead is not None:
            _, following, part = ahead
            to_x, to_y = self.vehicle.place(following)
            x += (to_x - x) * part
            y += (to_y - y) * part
        dx, dy = self.smoothing.offset(now_s)
        return x + dx, y + dy

    def place_of(self, entity: RemoteEntity) -> tuple[float, float] | None:
        """Return where the screen shows ``entity``, of one of ``vehicle.kinds``; None: nowhere yet.

        A shot at this position hits, as ``rendered`` of the next command names the same tick.
        """
        return self.others.place(entity.id, self.rendered_tick)

    def take_changes(self) -> list[Change]:
        """Return the effects to show and to undo since the last call, once."""
        changes = list(self._changes)
        self._changes.clear()
        return changes

    # ------------------------------------------------------------ messages of the server

    def delta(
        self, margin: int | None, events: Sequence[RemoteEvent], now_s: float
    ) -> list[RemoteEvent]:
        """Take in the delta that the replica has just applied, received at ``now_s``.

        Returns those of its ``events`` that confirm no predicted effect.
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
        """Forget the prediction: sent commands may be lost, and the world may have changed.

        Prediction starts over with the next delta.
        """
        self._sent.clear()
        self._lose(self.tick)
        self.effects.clear()

    def rejoined(self) -> None:
        """Start over in another seat, after the clock has."""
        self.rendered_tick = math.nan
        self._begin()

    def served(self, simulate_s: float | None, post_s: float | None) -> None:
        """Take in the server's shares of the latency; None if the server does not know one."""
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
        """Predict the ticks up to ``tick``, with sent commands or the server's idle input."""
        predictor = self.predictor
        if predictor.state is None:
            return
        while predictor.tick < tick:
            later = predictor.tick + 1
            if not predictor.apply(later, self._command_at(later)):
                return

    def _command_at(self, tick: int) -> C:
        """Return the input that the server applies at ``tick`` if all commands come in time."""
        for sent_tick, command in reversed(self._sent):
            if sent_tick == tick:
                return command
            if sent_tick < tick:
                return self.vehicle.idle(command, tick - sent_tick)
        return self.vehicle.idle(None, 0)

    def _begin_anew(self, tick: int) -> None:
        """Start over at ``tick``: the lead has jumped, so sent commands have the wrong ticks."""
        self.tick = tick
        self._sent.clear()
        self._lose(tick)

    def _lose(self, tick: int) -> None:
        """Stop predicting until the server has an entity to steer."""
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
    """Return ``tick`` rounded to ``RENDERED_PER_TICK`` parts, as on the wire; NaN stays."""
    return tick if math.isnan(tick) else round(tick * RENDERED_PER_TICK) / RENDERED_PER_TICK
