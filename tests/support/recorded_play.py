"""Clients of a simulated play that note what they did and heard, for the page's netcode to replay.

Owns the record of each client and its comparison with JavaScript (``replayed_play.mjs``): the same
commands and deltas at the same times must predict the same states in both languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from clients.netcode.steering import Vehicle
from clients.replica import Replica
from gameserver.protocol.messages import Delta, pack
from tests.support.node_tools import run_node
from tests.support.simulated_play import SimulatedClient, SimulatedPlay

WAY_S: Final = 0.05
_REPLAY: Final = Path(__file__).with_name("replayed_play.mjs")


def way(_now_s: float) -> float:
    """Return the delay of every message."""
    return WAY_S


class RecordedClient(SimulatedClient):
    """A client 50 ms away; ``wish`` chooses commands from the own entity and its prediction."""

    def __init__(
        self,
        field: SimulatedPlay,
        number: int,
        wish: Callable[[RecordedClient, Any, Any], Any],
        vehicle: Callable[[Replica], Vehicle[Any, Any]],
    ) -> None:
        self._wish = wish
        self._steps: list[list[Any]] = []
        self._command: Any = None
        self._began_tick = field.server_ticks(field.now_s - WAY_S)
        super().__init__(field, number, way, way, self._chosen, vehicle=vehicle)

    def replayed(self, rules: Path) -> tuple[int, int]:
        """Replay this client with the ``rules`` of a page.

        Returns how many predicted states were compared, and how many corrections there were.
        AssertionError if a state differs.
        """
        told = {
            "schema": pack(type(self.field.room).schema().describe()).hex(),
            "rate": self.field.rate,
            "began": self._began_tick,
            "rules": rules.as_uri(),
            "steps": self._steps,
        }
        compared, corrections = json.loads(
            run_node(str(_REPLAY), cwd=_REPLAY.parent, stdin=json.dumps(told))
        )
        return compared, corrections

    def _chosen(self, _client: SimulatedClient, _tick: int) -> Any:
        me, own = self.replica.own, self.steering.own
        if me is not None and own is not None:
            self._command = self._wish(self, me, own)
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
