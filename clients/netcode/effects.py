"""Predicted effects: a client shows them before the server has confirmed them.

Owns the effects that were shown and are not yet confirmed, such as the player's own shot.  Pure:
time is counted in ticks of the server.  ``clients/web/net/effects.js`` is its twin;
``tests/vectors/netcode_effects.json`` tests both.

The server's event for an effect comes with the delta of the tick in which it happened.  That is
the predicted tick or, if a command came late, a tick near it.  An event confirms an effect of its
kind and key within ``PATIENCE_TICKS`` of its own tick: the nearest one in time, and of two equally
near ones the earlier.  An effect that no event has confirmed ``PATIENCE_TICKS`` after its tick did
not happen at the server, and is to be undone.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs

#: A late command is applied a few ticks later; an event later than this is another command's.
PATIENCE_TICKS: Final = 8
#: How many effects may wait.  Overflow policy ``drop-oldest``: the oldest one is undone, and
#: counted in ``undone``.
MAX_WAITING: Final = 64


@attrs.frozen(eq=False)
class Effect:
    """An effect that is shown before the server has confirmed it.

    ``kind`` is the name of the event that confirms it.  ``key`` distinguishes effects of one kind
    whose order may change (the id of a pickup; None for shots, whose order is fixed).  ``what``
    belongs to the caller, who undoes the effect with it.
    """

    kind: str
    tick: int
    key: Any = None
    what: Any = None


class PendingEffects:
    """The effects that wait for confirmation, in the order in which they were shown."""

    def __init__(self) -> None:
        self.confirmed = 0
        self.undone = 0
        self._waiting: deque[Effect] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def show(self, effect: Effect) -> Effect | None:
        """Note that ``effect`` is shown; return an effect to undo if too many wait, or None."""
        self._waiting.append(effect)
        if len(self._waiting) <= MAX_WAITING:
            return None
        self.undone += 1
        return self._waiting.popleft()

    def is_shown(self, kind: str, key: Any) -> bool:
        """Whether an effect of this ``kind`` and ``key`` waits for confirmation."""
        return any(e.kind == kind and e.key == key for e in self._waiting)

    def confirm(self, kind: str, tick: int, key: Any = None) -> Effect | None:
        """Take in the server's event of ``tick``; return the effect that it confirms.

        None if no effect predicted this event, so it is to be shown now.
        """
        nearest: Effect | None = None
        for effect in self._waiting:
            if effect.kind != kind or effect.key != key:
                continue
            off = abs(effect.tick - tick)
            if off <= PATIENCE_TICKS and (nearest is None or off < abs(nearest.tick - tick)):
                nearest = effect
        if nearest is not None:
            self._waiting.remove(nearest)
            self.confirmed += 1
        return nearest

    def expire(self, tick: int) -> list[Effect]:
        """Take in that all events up to ``tick`` have come; return the effects to undo.

        Call it after ``confirm`` has had the events of the delta of ``tick``.
        """
        over = [e for e in self._waiting if e.tick + PATIENCE_TICKS <= tick]
        if over:
            self._waiting = deque(e for e in self._waiting if e.tick + PATIENCE_TICKS > tick)
            self.undone += len(over)
        return over

    def clear(self) -> list[Effect]:
        """Forget all effects; return those that were waiting, to be undone."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
