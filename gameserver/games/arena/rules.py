"""The numbers of the game.  Change them freely; what moves a ship is in ``movement.py``.

Lengths in 1/32 of a world unit, times in ticks of 1/30 s unless the name says otherwise.
"""

from __future__ import annotations

from typing import Final

from gameserver.games.arena.model import UNIT
from gameserver.games.arena.movement import SHIP_RADIUS

TICK_RATE: Final = 30
#: The world is a square from 0 to this.
WORLD_SIZE: Final = 4000 * UNIT
VIEW_RADIUS: Final = 600 * UNIT
MAX_PLAYERS: Final = 200

# ---- controls
#: A shot looks at most this far into the past for what its shooter's screen showed.
MAX_REWIND_MS: Final = 750
#: Controls are held this long without a new command; then the ship is let go.
HOLD_TICKS: Final = 15

# ---- rocks
#: How many of each radius, the largest first, as they need the most room.
ROCKS: Final = ((8, 110 * UNIT), (14, 70 * UNIT), (18, 40 * UNIT))
#: Between two rocks: wide enough for two ships, so that no ship ever touches two rocks.
ROCK_SPACE: Final = 120 * UNIT
#: Between a rock, a spawn place or a pickup and the border.
BORDER_SPACE: Final = 200 * UNIT

# ---- hull and respawn
MAX_HULL: Final = 100
RESPAWN_TICKS: Final = 3 * TICK_RATE // 2
PROTECTED_TICKS: Final = 2 * TICK_RATE
#: The weapons of a new ship are cold: a trigger still held from the last life must not end the
#: protection at once.
COLD_TICKS: Final = TICK_RATE // 2
#: Of so many free places, the one farthest from all enemies is the calm one.
PLACES_TRIED: Final = 8

# ---- pulse
PULSE_RANGE: Final = 700 * UNIT
#: A little more than the ship that is drawn: aim comes in 256 angles.
PULSE_HIT_RADIUS: Final = 20 * UNIT
PULSE_DAMAGE: Final = 10
#: More than refills while the trigger is held: a full load lasts about eight seconds.
PULSE_COST: Final = 7
PULSE_WAIT_TICKS: Final = 5

# ---- mines
MINE_COST: Final = 25
MINE_WAIT_TICKS: Final = TICK_RATE
MINE_ARM_TICKS: Final = TICK_RATE
MINE_LIFE_TICKS: Final = 30 * TICK_RATE
#: A pilot's next mine takes away the oldest.
MINES_PER_PILOT: Final = 3
#: A ship this near sets an armed mine off …
MINE_TRIGGER_RADIUS: Final = 60 * UNIT
#: … which hurts every enemy of its pilot this near.
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
#: Damage that a shield takes before the hull does.
SHIELD_DAMAGE: Final = 60

# ---- score
KILL_SCORE: Final = 100
ASSIST_SCORE: Final = 25
ASSIST_TICKS: Final = 10 * TICK_RATE
#: From the second kill in a row, each adds this to the bounty on the ship, up to a limit.
BOUNTY_STEP: Final = 25
MAX_BOUNTY: Final = 250

# ---- rounds
ROUND_TICKS: Final = 5 * 60 * TICK_RATE
PODIUM_TICKS: Final = 10 * TICK_RATE
PODIUM_PLACES: Final = 3

# ---- the stands
#: Spectators look at one pilot for this long before the view moves on.
CUT_TICKS: Final = 6 * TICK_RATE
#: … but stay only this long at a wreck.
WRECK_TICKS: Final = 2 * TICK_RATE
