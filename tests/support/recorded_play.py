"""Bots in a simulated play, with a record of their play for the page's netcode to replay.

Owns the record of each bot and its comparison with JavaScript (``replayed_play.mjs``): the same
commands and deltas at the same times must predict the same states in both languages.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final

import attrs

from clients.bots import Bot, View
from gameserver.protocol.messages import Delta, pack
from tests.support.node_tools import run_node
from tests.support.simulated_play import SimulatedClient, SimulatedPlay

WAY_S: Final = 0.05
_REPLAY: Final = Path(__file__).with_name("replayed_play.mjs")


def way(_now_s: float) -> float:
    """Return the delay of every message."""
    return WAY_S


class RecordedBot(SimulatedClient):
    """The client of a bot that predicts, 50 ms away."""

    def __init__(self, field: SimulatedPlay, number: int, character: type[Bot]) -> None:
        bot = self._bot = character(f"bot {number}", number, random.Random(number))
        self._steps: list[list[Any]] = []
        self._command: Any = None
        self._began_tick = field.server_ticks(field.now_s - WAY_S)
        super().__init__(
            *(field, number, way, way, self._chosen),
            vehicle=lambda replica: bot.vehicle(replica, number),
        )
        self._view = View(self.replica, number, field.rate, self.steering.place_of)

    def replayed(self, rules: Path) -> tuple[int, int]:
        """Replay this bot's play with the ``rules`` of a page.

        Returns how many predicted states were compared, and how many corrections there were.
        AssertionError if a state differs.
        """
        told = {
            "schema": pack(type(self.field.room).schema().describe()).hex(),
            "rate": self.field.rate,
            "began": self._began_tick,
            "input": type(self.field.room).input.__name__,
            "rules": rules.as_uri(),
            "steps": self._steps,
        }
        compared, corrections = json.loads(
            run_node(str(_REPLAY), cwd=_REPLAY.parent, stdin=json.dumps(told))
        )
        return compared, corrections

    def _chosen(self, _client: SimulatedClient, tick: int) -> Any:
        self._view.tick, self._view.predicted = tick, self.steering.own
        for wish in self._bot.act(self._view) or ():
            if isinstance(wish, type(self.field.room).input):
                self._command = wish
            else:
                self.send(wish)
        return self._command

    def _note(self, *step: Any) -> None:
        own = self.steering.own
        self._steps.append([*step, self.field.now_s * 1000, None if own is None else list(own)])

    def _loop(self) -> None:
        before, self._command = self.steering.tick, None
        super()._loop()
        tick, command = self.steering.tick, self._command
        self._note(
            "turn",
            None if tick == before else tick,
            None if command is None else attrs.asdict(command),
        )

    def _hear_delta(self, delta: Delta) -> None:
        super()._hear_delta(delta)
        self._note("delta", delta.encode().hex())

    def _hear_pong(self, sent_s: float, tick: float) -> None:
        super()._hear_pong(sent_s, tick)
        self._note("pong", sent_s * 1000, tick)
