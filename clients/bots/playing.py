"""One bot at its client: when it acts, and what is sent then.

Owns the calls of ``Bot.act``, without waiting anywhere: deltas call it, and a ``Pacer`` calls it at
its own times, one task for all bots of a process.  An exception of a bot ends its play with
``BotFailure``.  ``swarm.py`` opens and closes the connections.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import trio

from clients.bots.answers import Answers
from clients.bots.bot import Bot, Persona, View
from clients.game_client import GameClient
from clients.netcode.steering import Steering, Vehicle
from clients.remote import RemoteEvent
from gameserver.errors import GameServerError, LocalProtocolError

#: A pacer wakes this much late, so that one wake-up serves many bots.
SLACK_S: Final = 0.002
#: A bot whose clock is unknown is asked again after this time.
UNKNOWN_CLOCK_S: Final = 0.02
#: The most events that a bot which acts at its own pace may find; the oldest are dropped.
MAX_EVENTS: Final = 256


class BotFailure(GameServerError):
    """A bot raised an exception, or returned what cannot be sent."""


class Playing:
    """A bot in one seat after another of ``client``; ``persona`` gives the bot for each seat.

    ``note_answer`` is called with the times that commands took, in seconds.  ``ended`` is set when
    the bot has raised; ``failure`` says what.  While ``resting`` is set, the bot is not asked: the
    client only watches.
    """

    def __init__(
        self,
        client: GameClient,
        persona: Persona,
        pacer: Pacer,
        note_answer: Callable[[float], None] | None = None,
    ) -> None:
        self.client: Final = client
        self.resting = False
        self.failure: BotFailure | None = None
        self.ended = trio.Event()
        self.steering: Steering[Any, Any] | None = None
        #: The times of the commands, if they are to be noted.
        self.answers = None if note_answer is None else Answers(note_answer, client.tick_rate)
        self._due_s = 0.0
        self._persona = persona
        self._rejoins = client.rejoins
        self._events: list[RemoteEvent] = []
        self._input: type | None = None
        self._take_seat()
        acts_per_s = persona.character.acts_per_s
        self._pause_s = None if acts_per_s is None else 1 / acts_per_s
        client.on_delta = self._on_delta
        if self.steering is not None or self._pause_s is not None:
            pacer.add(self)

    def _take_seat(self) -> None:
        client = self.client
        self.bot: Bot = self._persona.take_seat(client.seat)
        vehicle: Vehicle[Any, Any] | None = self.bot.vehicle(client.replica, client.seat)
        if vehicle is None:
            self.view = View(client.replica, client.seat, client.tick_rate)
            return
        self.steering = client.steering(vehicle).steering
        self._input = type(vehicle.idle(None, 0))
        self.view = View(client.replica, client.seat, client.tick_rate, self.steering.place_of)

    def _on_delta(self, events: list[RemoteEvent]) -> None:
        if self.answers is not None:
            now_s, replica = trio.current_time(), self.client.replica
            self.answers.delta(replica.ack, now_s)
            if self._pause_s is None and self.steering is None:
                self._due_s = self.answers.due_s(replica.tick, now_s)
        if self.steering is None and self._pause_s is None:
            self._act(self.client.replica.tick, events)
        elif events:
            self._events += events
            del self._events[:-MAX_EVENTS]

    def due(self, due_s: float, now_s: float) -> float:
        """Act, as is due since ``due_s``; return when it is next."""
        steering = self.steering
        self._due_s = due_s
        if steering is None:
            assert self._pause_s is not None
            self._act(self.client.replica.tick, self._taken_events())
            return max(due_s + self._pause_s, now_s - self._pause_s)
        if not steering.clock.known:
            return now_s + UNKNOWN_CLOCK_S
        tick = steering.due(now_s)
        if tick is not None:
            self._act(tick, self._taken_events())
        return steering.next_due_s()

    def _taken_events(self) -> Sequence[RemoteEvent]:
        events, self._events = self._events, []
        return events

    def _act(self, tick: int, events: Sequence[RemoteEvent]) -> None:
        client = self.client
        if self.resting or self.failure is not None or not client.connected:
            return
        try:
            if client.rejoins != self._rejoins:
                self._rejoins = client.rejoins
                self._take_seat()
            view = self.view
            view.tick, view.events = tick, events
            if self.steering is not None:
                view.predicted = self.steering.own
            wish = self.bot.act(view)
            if wish is not None:
                for one in wish if isinstance(wish, (list, tuple)) else (wish,):
                    self._do(one)
        except Exception as error:  # noqa: BLE001 - code of the bot's author
            self.failure = BotFailure(_explained(self._persona.character, error))
            self.ended.set()

    def _do(self, wish: Any) -> None:
        if wish.__class__ is str:
            self.client.post_text(wish)
            return
        if wish.__class__ is not self._input or self.steering is None:
            seq = self.client.post(wish)
        else:
            order = self.steering.steer(wish, trio.current_time())
            if order is None:
                return
            seq = self.client.post(order.command, tick=order.tick, rendered=order.rendered)
        if self.answers is not None and seq:
            self.answers.sent(seq, self._due_s)


def _explained(character: type[Bot], error: Exception) -> str:
    """Return one line about an exception of ``act``, with the last place in the bot's own file."""
    text = " ".join(str(error).split())
    why = text if isinstance(error, LocalProtocolError) else f"{type(error).__name__}: {text}"
    own = getattr(sys.modules.get(character.__module__), "__file__", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == own]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{character.__name__}.act: {why}{place}"


class Pacer:
    """Calls each bot that acts at times of its own, while ``run`` runs."""

    def __init__(self) -> None:
        #: (due, number, playing); the number keeps bots of the same time apart.
        self._due: list[tuple[float, int, Playing]] = []
        self._numbers = itertools.count()
        self._sleep = trio.CancelScope()

    def add(self, playing: Playing) -> None:
        """Call ``playing`` from now on, until its client is closed."""
        heapq.heappush(self._due, (trio.current_time(), next(self._numbers), playing))
        self._sleep.deadline = min(self._sleep.deadline, trio.current_time())

    async def run(self) -> None:
        """Call the bots for ever."""
        due = self._due
        while True:
            now_s = trio.current_time()
            while due and due[0][0] <= now_s:
                due_s, number, playing = due[0]
                if playing.ended.is_set():
                    heapq.heappop(due)
                else:
                    heapq.heapreplace(due, (playing.due(due_s, now_s), number, playing))
            with trio.CancelScope() as self._sleep:
                self._sleep.deadline = due[0][0] + SLACK_S if due else float("inf")
                await trio.sleep_forever()
