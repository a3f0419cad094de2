"""The latency budget of inputs at the server: where the time goes from key to delta.

Owns which figures make up the budget.  Pure: its callers measure all times.  The time on the
network is estimated as half of the smoothed round trip of the ping frames, since one way cannot be
measured without a clock that both sides trust.

An input that waits in the socket until the tick reads it (``poller.py``) is on its way for that
time: ``wait_s`` begins when it was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from gameserver.protocol.latency import Latency
from gameserver.runtime.rooms.schedule import Percentiles
from gameserver.simulation.input_times import InputTimes


@attrs.frozen
class InputStages:
    """Percentiles of each stage, in order, in seconds; all 0.0 where nothing is known yet.

    ``up_estimate_s`` and ``down_estimate_s``: half of each player's round trip.  ``wait_s``: read,
    until the beginning of its tick.  ``simulate_s``: the steps of the room.  ``send_s``: from the
    end of the step until the delta was written.
    """

    up_estimate_s: Percentiles
    wait_s: Percentiles
    simulate_s: Percentiles
    send_s: Percentiles
    down_estimate_s: Percentiles


def stages_of(
    times: InputTimes, simulate_s: Collection[float], latencies: Iterable[Latency]
) -> InputStages:
    """Return the budget of one player's inputs, or of those of all players of a room."""
    one_way = Percentiles.of([x.smoothed_s / 2 for x in latencies if x.smoothed_s is not None])
    return InputStages(
        one_way,
        Percentiles.of(times.waits_s),
        Percentiles.of(simulate_s),
        Percentiles.of(times.sends_s),
        one_way,
    )
