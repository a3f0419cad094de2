"""A screen without pixels: what a client that predicts would draw, sixty times a second.

Owns where the own ship is drawn between two ticks, and the measure of how long a key takes to
show.  Pure: every time is an argument, in seconds.  Draws as the page does (``clients/web/arena``):
part of the way to where the controls as they are held *now* will have the ship after the next tick.
"""

from __future__ import annotations

from typing import Final

import attrs

from clients.netcode.steering import Steering
from gameserver.games.arena.model import Steer
from gameserver.games.arena.ship_step import ShipState

FRAME_S: Final = 1 / 60
#: A frame this much after its time is the machine's fault.
LATE_FRAME_S: Final = FRAME_S / 2

#: Place and heading, in 1/32 units and 1/256 turns.
Pose = tuple[float, float, float]


@attrs.frozen
class Press:
    """A key that was pressed: the controls before it, and the newest tick predicted by then."""

    at_s: float
    before: Steer
    tick: int


@attrs.frozen
class Shown:
    """How long a press took to move the own ship on the screen; 1 frame is the next one drawn."""

    frames: int
    seconds: float


class Screen:
    """Draws the own ship of ``steering``, and follows the last key that was pressed."""

    def __init__(self, steering: Steering[ShipState, Steer]) -> None:
        self.shown: list[Shown] = []
        self._steering = steering
        self._press: Press | None = None
        self._frames = 0

    def pressed(self, at_s: float, before: Steer) -> None:
        """Note a press, with the controls as they were before it."""
        self._press = Press(at_s, before, self._steering.predictor.tick)
        self._frames = 0

    def draw(self, controls: Steer, now_s: float) -> Pose | None:
        """Draw a frame with the ``controls`` that are held now, or None without a ship."""
        pose = self._pose(controls, now_s)
        press = self._press
        if pose is None:
            self._press = None  # nothing is there that could move
        elif press is not None:
            self._frames += 1
            # Either the tick of the key is under way or over, or the frame shows the way there.
            if self._steering.predictor.tick > press.tick or pose != self._pose(
                press.before, now_s
            ):
                self.shown.append(Shown(self._frames, now_s - press.at_s))
                self._press = None
        return pose

    def _pose(self, controls: Steer, now_s: float) -> Pose | None:
        predictor = self._steering.predictor
        state, after = predictor.state, predictor.peek(controls)
        if state is None or after is None:
            return None
        part = min(max(self._steering.lead.advance(now_s) - predictor.tick, 0.0), 1.0)
        off_x, off_y = self._steering.smoothing.offset(now_s)
        turned = (after.heading - state.heading + 128) % 256 - 128
        return (
            state.x + (after.x - state.x) * part + off_x,
            state.y + (after.y - state.y) * part + off_y,
            state.heading + turned * part,
        )
