"""How far into the past a hit test may look for one player.

Owns the judgement of what a client claims that its screen showed: whether the latency that the
ping frames measured bears it out, and what is believed if not.  Pure arithmetic on ticks.

The screen shows others later than they are: by the way of the delta, and by the delay with which
clients interpolate.  When the command comes back, by its own way as well.  So the *age* of a
claim (the tick at which the command arrived, less the tick claimed) is a round trip and the
interpolation delay, and an honest one lies between

    least = the shortest round trip measured - TOLERANCE_S
    most  = the smoothed round trip + 4 * its variation (RFC 6298, 2.3: the longest to expect)
            + MAX_INTERPOLATION_S + the time between two deltas + one tick + TOLERANCE_S

A claim outside is not believed; the age is then taken to be what is usual: the smoothed round trip,
the time between two deltas and four times the jitter, as clients interpolate.

What a liar can gain: with true pongs, to be shown the past by at most ``MAX_INTERPOLATION_S``, the
time between two deltas and the tolerances more than an honest client with no interpolation.
One that delays all its pongs looks as if it were far away, and may claim that much more; in all
cases ``Room.max_rewind_ms`` is the end.
"""

from __future__ import annotations

from typing import Final

import attrs

from gameserver.protocol.latency import Latency

#: The longest interpolation delay of an honest client, beyond the time between two deltas.
MAX_INTERPOLATION_S: Final = 0.4
#: For what measuring by ping frames leaves open, in both directions.
TOLERANCE_S: Final = 0.05


@attrs.frozen
class Bounds:
    """Ages in ticks: the least and the most that are believed, and the usual one."""

    least: float
    most: float
    usual: float


def bounds(latency: Latency, tick_rate: float, publish_every: int) -> Bounds:
    """Return what ages are believed of a player with this latency.

    Before the first pong the player is taken to be near: there is nothing to be gained by silence.
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
    """Return the age to go by, in ticks, and whether that is the claimed one."""
    if limits.least <= claimed <= limits.most:
        return claimed, True
    return limits.usual, False
