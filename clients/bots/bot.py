"""``Bot``, the base class of all bots, and ``View``, what a bot sees.

Owns what a bot's author meets: one method, ``act(view)``.  Pure: a bot sees only what its client
holds, like any player, and draws from the ``random.Random`` that it is given.  ``swarm.py`` runs
bots over connections, ``gameserver.gym`` without.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, ClassVar, Final, Protocol

import attrs

from clients.netcode.steering import Vehicle
from clients.replica import Replica
from gameserver.model.schema import Schema

#: Returns where the screen shows an entity; None: nowhere yet.
PlaceOf = Callable[[Any], tuple[float, float] | None]


class Seen(Protocol):
    """The entities in a view: a client's ``Replica``, or a view of a room in this process."""

    @property
    def tick(self) -> int:
        """The tick of this state."""

    @property
    def own(self) -> Any:
        """The entity that the player steers, None if there is none or it is out of view."""

    def of_kind(self, name: str) -> Collection[Any]:
        """Return the entities of the class called ``name``."""


class View:
    """The view of a bot.  The object is the same each time; its contents are the newest.

    ``seat`` and ``tick_rate`` are those of the player and its room.  ``tick`` is the tick to act
    for: that of the newest delta, or with prediction that of the client's own loop.  ``events`` are
    those since the last call.  With prediction (``predicts``) ``predicted`` is the state of the own
    entity at ``tick``, None while there is none.
    """

    __slots__ = (
        "_place_of",
        "events",
        "predicted",
        "predicts",
        "seat",
        "seen",
        "tick",
        "tick_rate",
    )

    def __init__(
        self, seen: Seen, seat: int, tick_rate: float, place_of: PlaceOf | None = None
    ) -> None:
        self.seen: Final = seen
        self.seat = seat
        self.tick_rate = tick_rate
        self.tick = -1
        self.events: Sequence[Any] = ()
        self.predicts: Final = place_of is not None
        self.predicted: Any = None
        self._place_of = place_of

    @property
    def own(self) -> Any:
        """The entity that the player steers, None if there is none or it is out of view."""
        return self.seen.own

    def of_kind(self, name: str) -> Collection[Any]:
        """Return the entities in view of the class called ``name``."""
        return self.seen.of_kind(name)

    def others(self, name: str) -> list[Any]:
        """Return the entities in view of the class called ``name``, without the own one."""
        own = self.seen.own
        return [entity for entity in self.seen.of_kind(name) if entity is not own]

    def place_of(self, entity: Any) -> tuple[float, float] | None:
        """Return where the screen shows ``entity``; None: nowhere yet.

        Without prediction the screen shows the newest state, and ``entity`` must have x and y.
        """
        if self._place_of is None:
            return entity.x, entity.y
        return self._place_of(entity)


@attrs.frozen
class Persona:
    """The name and class of a bot before it has a seat."""

    name: str
    character: type[Bot]
    seed: int

    def take_seat(self, seat: int) -> Bot:
        """Return the bot, ready to play in ``seat``."""
        return self.character(self.name, seat, random.Random(self.seed))


class Bot:
    """A player without a person: subclass it, and write ``act``.

    ``name`` and ``seat`` are those of the player, ``chance`` is the bot's own randomness.
    """

    #: The room to join by default; empty: the server's first kind.
    room: ClassVar[str] = ""
    #: The schema of the game, as ``MyRoom.schema()``.  With it, enum fields give members, and a
    #: server that plays another game is refused; without it, they give the names of members.
    schema: ClassVar[Schema | None] = None
    #: How often ``act`` is called; None: after each delta, or with prediction at each tick.
    acts_per_s: ClassVar[float | None] = None

    def __init__(self, name: str, seat: int, chance: random.Random) -> None:
        self.name = name
        self.seat = seat
        self.chance = chance

    def act(self, view: View) -> Any:
        """Return what to do now: a command, a text to say, several in a list, or None."""
        raise NotImplementedError(f"{type(self).__name__} has no method act(self, view)")

    def vehicle(self, replica: Replica, seat: int) -> Vehicle[Any, Any] | None:
        """Return the rules to predict the own entity with; None: this bot does not predict."""
        del replica, seat
        return None

    @classmethod
    def crew(cls, seed: int) -> Iterator[Persona]:
        """Yield bots without end, the same for the same ``seed``; the default numbers them."""
        chance = random.Random(seed)
        for number in itertools.count(1):
            yield Persona(f"{cls.__name__[:18]} {number}", cls, chance.getrandbits(32))

    @classmethod
    def people(cls, seen: Seen) -> int | None:
        """Return how many persons play in this room, for ``--fill``; None: this bot cannot tell."""
        del seen
        return None

    @classmethod
    def rest(cls) -> Any:
        """Return what the one bot does that stays to watch while persons have all places."""
        return None
