"""The counts of a player, as the sessions report them to the metrics.

Owns the sum only.  A player may play over several connections one after the other; ``session.py``
subtracts what earlier ones have reported.
"""

from __future__ import annotations

from gameserver.ops.metrics import Tally
from gameserver.simulation.stepper import Seated


def tally_of(seated: Seated) -> Tally:
    """Return the counts of a player since it joined, over all its connections."""
    player, seat, commands = seated.player, seated.seat, seated.commands
    return Tally(
        commands_dropped=commands.dropped,
        commands_duplicate=commands.duplicate,
        commands_late=commands.late,
        commands_early=commands.early,
        idle_ticks=commands.idle_ticks,
        rewinds_disputed=player.rewinds_disputed,
        rewinds_clamped=player.rewinds_clamped,
        deltas_skipped=seat.skipped,
        events_dropped=seat.events_dropped,
        notices_dropped=seat.notices_dropped,
    )
