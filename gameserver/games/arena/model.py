"""What the arena puts on the wire: its entities, commands and events.

Owns the declarations only; rules live in ``room.py`` and its parts.  Lengths are
integers in 1/32 of a world unit (``UNIT``), speeds in that per tick, angles in 1/256 of
a turn, clockwise on the screen from "to the right" (y grows downwards), times in ticks.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

from gameserver import command, entity, event, number, synced, text

#: Fixed-point steps in one world unit.
UNIT: Final = 32
#: Angles in one turn.
TURN: Final = 256
#: Pilot colours to choose from; the palette itself is the client's.
COLOURS: Final = 12


class Flag(enum.IntFlag):
    """What everyone sees of a ship's state (``Ship.flags``)."""

    THRUST = 1
    DASH = 2
    PROTECTED = 4
    BOOSTED = 8
    SHIELDED = 16


class PickupKind(enum.Enum):
    """What a pickup gives."""

    HULL = "hull"
    ENERGY = "energy"
    DAMAGE = "damage"
    SHIELD = "shield"


class Phase(enum.Enum):
    """What the round is doing."""

    PLAYING = "playing"
    PODIUM = "podium"


@entity(at=("x", "y"))
class Ship:
    """A ship in flight.  ``seat`` says whose: the pilot with the same seat."""

    x: int = synced(0)
    y: int = synced(0)
    heading: int = synced(0)
    aim: int = synced(0)
    hull: int = synced(100)
    flags: int = synced(0)
    seat: int = synced(0)
    bounty: int = synced(0)
    # What only its owner needs: the rest of the movement state, and what it can afford.
    vx: int = synced(0, to="owner")
    vy: int = synced(0, to="owner")
    energy: int = synced(0, to="owner")
    dash_left: int = synced(0, to="owner")  # ticks that the running dash lasts
    fire_wait: int = synced(0, to="owner")  # ticks until it may fire again
    mine_wait: int = synced(0, to="owner")  # ticks until it may drop a mine again


@entity(rare=True)
class Pilot:
    """One who plays: the line on the leaderboard.  Seen by all, wherever they look."""

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
    """A round, still rock; ships and shots stop at it.  ``shape`` seeds its drawing."""

    x: int = synced(0)
    y: int = synced(0)
    radius: int = synced(0)
    shape: int = synced(0)


@entity(at=("x", "y"), rare=True)
class Mine:
    """A mine; harmless until armed."""

    x: int = synced(0)
    y: int = synced(0)
    seat: int = synced(0)
    armed: bool = synced(False)  # noqa: FBT003


@entity(at=("x", "y"), rare=True)
class Pickup:
    """Something to collect by flying over it."""

    x: int = synced(0)
    y: int = synced(0)
    kind: PickupKind = synced(PickupKind.HULL)


@entity(rare=True)
class Round:
    """The state of play; there is always exactly one."""

    number: int = synced(1)
    phase: Phase = synced(Phase.PLAYING)
    ends_at: int = synced(0)  # tick
    podium: tuple[int, ...] = synced(())  # seats, best first, while on the podium
    world_size: int = synced(0)  # the world is a square from 0 to this, in 1/32 units


@command
class Play:
    """Leave the stands and fly: the name and colour of the pilot.  Also changes them later."""

    name: str = text(24)
    colour: int = number(0, COLOURS - 1)
    bot: bool = False


@command
class Watch:
    """Leave the field and spectate."""


@command
class Steer:
    """The controls as the player holds them, once a tick while flying."""

    turn: int = number(-1, 1)
    thrust: bool = False
    dash: bool = False
    fire: bool = False
    mine: bool = False
    aim: int = number(0, TURN - 1)


@command
class Compensate:
    """Whether own shots hit what the own screen showed; off shows what that is good for."""

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
    """The ship of ``seat`` lost hull (or shield) to ``by`` (0: the world), at a point."""

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
    """A mine went off."""

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
    """The round is over; ``podium`` holds the best seats."""

    number: int
    podium: tuple[int, ...]


#: All that travels, for ``Room.classes``.
CLASSES: Final = (
    *(Ship, Pilot, Rock, Mine, Pickup, Round),
    *(Play, Watch, Steer, Compensate),
    *(Shot, Hit, Kill, Blast, Taken, Dashed, RoundStarted, RoundEnded),
)
