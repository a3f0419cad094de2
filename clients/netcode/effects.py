"""Effects that are shown at once, before the server has said that they happened.

Owns what was shown and is not yet confirmed: the own shot, the pickup that the own ship touches.
Pure: time is counted in ticks of the server.  ``clients/web/net/effects.js`` is the same, held
together with this by ``tests/vectors/netcode_effects.json``.

The server's event for an effect comes in the delta of the tick in which it happened there: the
very tick for which it was predicted or, if a command came late, one near it.  Of the effects of
its kind and key that lie within ``PATIENCE_TICKS`` of it, an event confirms the one nearest in
time (of two equally near the earlier).  Once the server has told of all ticks up to that long after
an effect, it never happened, and is to be undone.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs

#: A late command is applied a few ticks later; what comes later still is another one's.
PATIENCE_TICKS: Final = 8
#: Effects that wait; overflow policy ``drop-oldest``: it is undone, and counted with those.
MAX_WAITING: Final = 64


@attrs.frozen(eq=False)
class Effect:
    """Something shown ahead of the server.

    ``kind`` is what the event that confirms it is called, ``key`` tells those of a kind apart that
    may happen in any order (the id of a pickup; None for shots, which happen in theirs), ``what``
    is the caller's own, to undo it by.
    """

    kind: str
    tick: int
    key: Any = None
    what: Any = None


class PendingEffects:
    """The effects that wait for the server, in the order in which they were shown."""

    def __init__(self) -> None:
        self.confirmed = 0
        self.undone = 0
        self._waiting: deque[Effect] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def show(self, effect: Effect) -> Effect | None:
        """Note that ``effect`` is shown; return the one to undo as there are too many, or None."""
        self._waiting.append(effect)
        if len(self._waiting) <= MAX_WAITING:
            return None
        self.undone += 1
        return self._waiting.popleft()

    def is_shown(self, kind: str, key: Any) -> bool:
        """Whether an effect with this ``kind`` and ``key`` waits already."""
        return any(e.kind == kind and e.key == key for e in self._waiting)

    def confirm(self, kind: str, tick: int, key: Any = None) -> Effect | None:
        """Take in the server's event of ``tick``; return the effect that it confirms.

        None: it was not foreseen, so it is to be shown now.
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
        """Take in that the server has told of all up to ``tick``; return what is to be undone.

        To be called after the events of the delta of ``tick`` have been given to ``confirm``.
        """
        over = [e for e in self._waiting if e.tick + PATIENCE_TICKS <= tick]
        if over:
            self._waiting = deque(e for e in self._waiting if e.tick + PATIENCE_TICKS > tick)
            self.undone += len(over)
        return over

    def clear(self) -> list[Effect]:
        """Forget all, as after a new start; return what was waiting, to be undone."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
