"""Lag compensation: the past that a hit test may look at for one player.

Owns the past of a room's entities, and the judgement of a client's claim about its screen: whether
the measured latency supports the claim, and which age is used otherwise.

A screen shows other players later than they are, by the time that a delta travels and by the
interpolation delay.  The command then needs time for its way back.  So the *age* of a claim (the
tick at which the command arrived, less the tick claimed) is a round trip plus the interpolation
delay, and an honest age lies between

    least = the shortest round trip measured - TOLERANCE_S
    most  = the smoothed round trip + 4 * its variation (RFC 6298, 2.3: the longest to expect)
            + MAX_INTERPOLATION_S + the time between two deltas + one tick + TOLERANCE_S

A claim outside these bounds is not believed.  Its age is then taken to be the usual one: the
smoothed round trip, the time between two deltas, and four times the jitter, as clients interpolate.

A lying client gains little.  If it answers pings honestly, it sees farther into the past than an
honest client without interpolation, by at most ``MAX_INTERPOLATION_S``, the time between two deltas
and the tolerances.  A client that delays all its pongs seems to have a long round trip, and may
claim that much more.  ``Room.max_rewind_ms`` limits all clients.
"""

from __future__ import annotations

from typing import Final

import attrs

from gameserver.model.history import History, Narrowed, Present, Seen
from gameserver.player import Player, Screen
from gameserver.protocol.kinds import RENDERED_PER_TICK
from gameserver.protocol.latency import Latency
from gameserver.room import Room
from gameserver.simulation.visibility import Visibility, narrows

#: The longest interpolation delay of an honest client, beyond the time between two deltas.
MAX_INTERPOLATION_S: Final = 0.4
#: Error of measuring by ping frames, in both directions, in seconds.
TOLERANCE_S: Final = 0.05


@attrs.frozen
class Bounds:
    """Ages of claims in ticks: the least and the greatest believed one, and the usual one."""

    least: float
    most: float
    usual: float


def bounds(latency: Latency, tick_rate: float, publish_every: int) -> Bounds:
    """Return which ages are believed of a player with this latency.

    Before the first pong the player is taken to be near, so that withholding pongs gains nothing.
    """
    shortest_s = latency.minimum_s or 0.0
    smoothed_s = latency.smoothed_s or 0.0
    longest_s = smoothed_s + 4 * (latency.variation_s or 0.0)
    delay_s = min(4 * (latency.jitter_s or 0.0), MAX_INTERPOLATION_S)
    return Bounds(
        least=(shortest_s - TOLERANCE_S) * tick_rate,
        most=(longest_s + MAX_INTERPOLATION_S + TOLERANCE_S) * tick_rate + publish_every + 1,
        usual=(smoothed_s + delay_s) * tick_rate + publish_every,
    )


def believed_age(claimed: float, limits: Bounds) -> tuple[float, bool]:
    """Return the age to use, in ticks, and whether the claimed one is believed."""
    if limits.least <= claimed <= limits.most:
        return claimed, True
    return limits.usual, False


class Rewind:
    """The past of ``room``, as each player's screen showed it."""

    def __init__(self, room: Room) -> None:
        # Two more publishes: those on both sides of the oldest moment; they may be twice as far
        # apart where the room is overloaded.
        length_ticks = round(room.history_s * room.tick_rate) + 4 * room.publish_every
        self._history: Final = History(room.world, room.rewinds, length_ticks)

    def record(self, tick: int) -> None:
        """Keep the positions that were published at ``tick``."""
        self._history.record(tick)

    def seen_by(self, room: Room, player: Player, screen: Screen) -> Seen:
        """Return what ``screen``, that of ``player``, showed, as far as its claim is believed."""
        compensated = room.lag_compensation and player.lag_compensation
        seen: Seen = Present(room.world, room.tick_number)
        if compensated and self._history.newest_tick is not None:
            seen = self._history.at(_seen_tick(room, player, screen))
        return Narrowed(seen, Visibility(room, player).shows) if narrows(room) else seen


def _seen_tick(room: Room, player: Player, screen: Screen) -> float:
    """Return the tick that the player saw, bounded; a claim that is not believed is counted."""
    rate = room.tick_rate * room.pace  # in real time, as latency is
    limits = bounds(player.latency, rate, room.publish_interval)
    tick = room.tick_number
    arrived, age, believed = tick, limits.usual, True
    if (claim := screen.claim) is not None:
        # Without a newer command the screen is taken to have gone on.
        since_ticks = tick - screen.applied_tick
        arrived = claim.arrived + since_ticks
        if claim.rendered:
            rendered = claim.rendered / RENDERED_PER_TICK + since_ticks
            age, believed = believed_age(arrived - rendered, limits)
    if not believed:
        player.rewinds_disputed += 1
    seen = arrived - age
    oldest = tick - room.max_rewind_ms * rate / 1000
    if seen < oldest:
        player.rewinds_clamped += 1
        return oldest
    return seen
