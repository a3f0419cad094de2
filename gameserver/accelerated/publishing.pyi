from collections.abc import Iterable

from gameserver.model.world import World
from gameserver.replication.changes import Changes
from gameserver.replication.events import RoundEvents
from gameserver.replication.round import PublisherStatistics, Round
from gameserver.replication.seat import Seat

SOURCES: str

def flush(batch: list[tuple[Seat, bytes]], tick: int, statistics: PublisherStatistics) -> None: ...
def post_still(round_: Round, seats: Iterable[Seat], quiet_ticks: int) -> None: ...
def post_everywhere(
    world: World,
    seats: Iterable[Seat],
    changes: Changes,
    events: RoundEvents,
    turn: int,
    overdue: int,
    quiet_after: int,
    statistics: PublisherStatistics,
) -> list[Seat]: ...
