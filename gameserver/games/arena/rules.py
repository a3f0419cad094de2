"""The numbers of the game; change them freely.  Those of movement are in ``movement.py``.

Lengths are in 1/32 of a world unit, times in ticks of 1/30 s unless the name says otherwise.
"""

from __future__ import annotations

from typing import Final

from gameserver.games.arena.model import UNIT
from gameserver.games.arena.movement import SHIP_RADIUS

TICK_RATE: Final = 30
#: The world is a square from 0 to this.
WORLD_SIZE: Final = 4000 * UNIT
VIEW_RADIUS: Final = 600 * UNIT
#: A pilot's view is centred at least this far inside the border: the page shows little of what is
#: beyond it, and more of the world instead.
FOCUS_INSIDE: Final = 480 * UNIT
MAX_PLAYERS: Final = 200

# ---- controls
#: Lag compensation for a shot looks at most this far into the past.
MAX_REWIND_MS: Final = 750
#: The last controls are repeated for this long if no new command comes; then none are held.
HOLD_TICKS: Final = 15

# ---- rocks
#: The number of rocks of each radius, the largest first, as they need the most space.
ROCKS: Final = ((8, 110 * UNIT), (14, 70 * UNIT), (18, 40 * UNIT))
#: The least gap between two rocks: wide enough for two ships, so that no ship touches two rocks.
ROCK_SPACE: Final = 120 * UNIT
#: The least distance of a rock, a spawn place or a pickup from the border.
BORDER_SPACE: Final = 200 * UNIT

# ---- hull and respawn
MAX_HULL: Final = 100
RESPAWN_TICKS: Final = 3 * TICK_RATE // 2
PROTECTED_TICKS: Final = 2 * TICK_RATE
#: A person's first ship is protected longer: the controls are still to be found.
NEWCOMER_PROTECTED_TICKS: Final = 5 * TICK_RATE
#: The weapons of a new ship must wait: a trigger that is still held from the last life must not end
#: the protection at once.
COLD_TICKS: Final = TICK_RATE // 2
#: A new ship appears at the safest of this many free places.
PLACES_TRIED: Final = 8

# ---- pulse
PULSE_RANGE: Final = 700 * UNIT
#: A little more than the radius of the drawn ship, because there are only 256 angles of aim.
PULSE_HIT_RADIUS: Final = 20 * UNIT
PULSE_DAMAGE: Final = 10
#: More than the energy that refills meanwhile, so a full load lasts about eight seconds of fire.
PULSE_COST: Final = 7
PULSE_WAIT_TICKS: Final = 5

# ---- mines
MINE_COST: Final = 25
MINE_WAIT_TICKS: Final = TICK_RATE
MINE_ARM_TICKS: Final = TICK_RATE
MINE_LIFE_TICKS: Final = 30 * TICK_RATE
#: A pilot who drops one more mine loses the oldest.
MINES_PER_PILOT: Final = 3
#: A ship within this distance sets off an armed mine.
MINE_TRIGGER_RADIUS: Final = 60 * UNIT
#: An explosion damages every enemy of the mine's pilot within this distance.
MINE_BLAST_RADIUS: Final = 120 * UNIT
MINE_DAMAGE: Final = 45
MINE_DROP_DISTANCE: Final = SHIP_RADIUS + 14 * UNIT

# ---- pickups
PICKUP_RADIUS: Final = 14 * UNIT
PICKUP_EVERY_TICKS: Final = TICK_RATE
PICKUPS_AT_START: Final = 12
MAX_PICKUPS: Final = 24
PICKUP_HULL: Final = 40
BOOST_TICKS: Final = 10 * TICK_RATE
BOOST_FACTOR: Final = 2
#: Damage that a shield absorbs.
SHIELD_DAMAGE: Final = 60

# ---- score
KILL_SCORE: Final = 100
ASSIST_SCORE: Final = 25
ASSIST_TICKS: Final = 10 * TICK_RATE
#: From the second kill in a row, each kill adds this to the bounty on the ship, up to a limit.
BOUNTY_STEP: Final = 25
MAX_BOUNTY: Final = 250

# ---- rounds
ROUND_TICKS: Final = 5 * 60 * TICK_RATE
PODIUM_TICKS: Final = 10 * TICK_RATE
PODIUM_PLACES: Final = 3

# ---- the stands
#: The view of spectators follows one pilot for this long before it moves on.
CUT_TICKS: Final = 6 * TICK_RATE
#: The view of spectators stays this long at a wreck.
WRECK_TICKS: Final = 2 * TICK_RATE
