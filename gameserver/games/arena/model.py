"""The arena's classes on the wire: its entities, commands and events.

Owns the declarations only; the rules are in ``room.py`` and its parts.  Lengths are
integers in 1/32 of a world unit (``UNIT``), speeds in that per tick, angles in 1/256 of
a turn, clockwise on the screen from "to the right" (y grows downwards), times in ticks.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

from gameserver import command, entity, event, number, synced, text

#: Fixed-point steps in one world unit.
UNIT: Final = 32
#: Steps of an angle in one full turn.
TURN: Final = 256
#: Number of pilot colours; the client has the palette.
COLOURS: Final = 12


class Flag(enum.IntFlag):
    """The bits of ``Ship.flags``, the part of a ship's state that everyone sees."""

    THRUST = 1
    DASH = 2
    PROTECTED = 4
    BOOSTED = 8
    SHIELDED = 16
    #: The first life of a person: bots go easy on it.
    NEWCOMER = 32


class PickupKind(enum.Enum):
    """The effect of a pickup."""

    HULL = "hull"
    ENERGY = "energy"
    DAMAGE = "damage"
    SHIELD = "shield"


class Phase(enum.Enum):
    """The phase of a round."""

    PLAYING = "playing"
    PODIUM = "podium"


@entity(at=("x", "y"))
class Ship:
    """A ship in flight.  It belongs to the pilot with the same ``seat``."""

    x: int = synced(0)
    y: int = synced(0)
    heading: int = synced(0)
    aim: int = synced(0)
    hull: int = synced(100)
    flags: int = synced(0)
    seat: int = synced(0)
    bounty: int = synced(0)
    # Fields for the owner only: the rest of the state that its prediction needs.
    vx: int = synced(0, to="owner")
    vy: int = synced(0, to="owner")
    energy: int = synced(0, to="owner")
    dash_left: int = synced(0, to="owner")  # ticks that the running dash lasts
    fire_wait: int = synced(0, to="owner")  # ticks until it may fire again
    mine_wait: int = synced(0, to="owner")  # ticks until it may drop a mine again


@entity(rare=True)
class Pilot:
    """A player who flies: a line of the leaderboard.  It has no position, so everyone sees it."""

    seat: int = synced(0)
    name: str = synced("")
    colour: int = synced(0)
    score: int = synced(0)
    kills: int = synced(0)
    deaths: int = synced(0)
    ship: int = synced(0)  # entity id of the ship, 0 while dead
    bot: bool = synced(False)  # noqa: FBT003
    respawn_at: int = synced(0)  # tick, 0 while alive


@entity(at=("x", "y"), rare=True)
class Rock:
    """A round rock that never moves; it stops ships and shots.  ``shape`` seeds its drawing."""

    x: int = synced(0)
    y: int = synced(0)
    radius: int = synced(0)
    shape: int = synced(0)


@entity(rare=True)
class Chart:
    """The map of the whole room, which never changes; there is always exactly one.

    ``rocks``: x, y and radius of each, in whole world units.
    """

    rocks: tuple[tuple[int, int, int], ...] = synced(())


@entity(at=("x", "y"), rare=True)
class Mine:
    """A mine; harmless until armed."""

    x: int = synced(0)
    y: int = synced(0)
    seat: int = synced(0)
    armed: bool = synced(False)  # noqa: FBT003


@entity(at=("x", "y"), rare=True)
class Pickup:
    """An object that a ship collects by flying over it."""

    x: int = synced(0)
    y: int = synced(0)
    kind: PickupKind = synced(PickupKind.HULL)


@entity(rare=True)
class Round:
    """The state of the round; there is always exactly one."""

    number: int = synced(1)
    phase: Phase = synced(Phase.PLAYING)
    ends_at: int = synced(0)  # tick
    podium: tuple[int, ...] = synced(())  # seats, best first, while on the podium
    world_size: int = synced(0)  # the world is a square from 0 to this, in 1/32 units


@command
class Play:
    """Leave the stands and fly, with this name and colour; while flying, change them."""

    name: str = text(24)
    colour: int = number(0, COLOURS - 1)
    bot: bool = False


@command
class Watch:
    """Leave the field and spectate."""


@command
class Steer:
    """The controls as the player holds them; one for each tick while flying."""

    turn: int = number(-1, 1)
    thrust: bool = False
    dash: bool = False
    fire: bool = False
    mine: bool = False
    aim: int = number(0, TURN - 1)


@command
class Compensate:
    """Switch lag compensation for the player's own shots, to compare play with and without it."""

    on: bool = True


#: Any of the commands.
ArenaCommand: TypeAlias = Play | Watch | Steer | Compensate


@event
class Shot:
    """A pulse was fired by the ship of ``seat``, along a line."""

    seat: int
    x: int
    y: int
    to_x: int
    to_y: int


@event
class Hit:
    """The ship of ``seat`` took damage from ``by`` (0: the world), at a point."""

    seat: int
    by: int
    damage: int
    x: int
    y: int
    shielded: bool


@event
class Kill:
    """The ship of ``seat`` was destroyed by ``by`` (0: the world), for ``reward`` points."""

    seat: int
    by: int
    assists: tuple[int, ...]
    reward: int
    x: int
    y: int


@event
class Blast:
    """A mine exploded."""

    x: int
    y: int
    radius: int


@event
class Taken:
    """The ship of ``seat`` took a pickup."""

    seat: int
    kind: PickupKind
    x: int
    y: int


@event
class Dashed:
    """The ship of ``seat`` dashed."""

    seat: int
    x: int
    y: int


@event
class RoundStarted:
    """A new round began."""

    number: int


@event
class RoundEnded:
    """The round ended; ``podium`` holds the best seats."""

    number: int
    podium: tuple[int, ...]


#: All classes on the wire, for ``Room.classes``.
CLASSES: Final = (
    *(Ship, Pilot, Rock, Chart, Mine, Pickup, Round),
    *(Play, Watch, Steer, Compensate),
    *(Shot, Hit, Kill, Blast, Taken, Dashed, RoundStarted, RoundEnded),
)
