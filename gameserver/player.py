"""``Player``: one client in a room, as the game sees it.

Owns the attributes and methods that a game uses.  The queue of a player's commands is in
``simulation/commands.py``; the state of replication for the seat is in ``replication/seat.py``.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol

import attrs
from typing_extensions import TypeVar

from gameserver.errors import LocalProtocolError
from gameserver.outbox import Outbox
from gameserver.protocol.latency import Latency
from gameserver.replication.events import Point
from gameserver.replication.seat import Seat

#: The class of ``Player.entity``; a game that names none may have any.
EntityT = TypeVar("EntityT", default=Any)


class Claim(Protocol):
    """The part of a command that says what the screen of its client showed."""

    @property
    def rendered(self) -> int:
        """The tick that the screen showed, in parts (``RENDERED_PER_TICK``); 0: unknown."""

    @property
    def arrived(self) -> int:
        """The tick that was next when the command came."""


@attrs.define
class Screen:
    """The claim of the last command that was applied, and the tick at which it was applied."""

    claim: Claim | None = None
    applied_tick: int = 0


class Player(Generic[EntityT]):
    """A person or a bot that plays in a room.

    ``seat`` is the place in the room, ``identity`` the result of ``Room.on_auth``, ``options`` are
    the options that its client joined with, and ``latency`` has the measurements of the ping
    frames.
    """

    def __init__(
        self,
        seat: Seat,
        screen: Screen,
        name: str,
        identity: str | None,
        outbox: Outbox,
        options: Any = None,
    ) -> None:
        #: The name that the client gave; a game may change it.
        self.name = name
        #: The identity that ``Room.on_auth`` returned.
        self.identity = identity
        #: The options that the client joined with: an instance of ``Room.options``.
        self.options = options
        #: The latency that the ping frames measured.
        self.latency = Latency()
        #: False while the connection is lost and the seat is held (``Room.hold_s``).
        self.connected = True
        #: For the game's own data about the player; the server never reads it.
        self.data: Any = None
        #: Whether ``Room.seen_by`` rewinds for this player.
        self.lag_compensation = True
        #: Claims about the screen that the measured latency refuted.
        self.rewinds_disputed = 0
        #: Claims about the screen that were cut to ``Room.max_rewind_ms``.
        self.rewinds_clamped = 0
        #: Set by ``kick``; the session ends after this tick.
        self.kicked: str | None = None
        self._seat: Final = seat
        self._screen: Final = screen
        self._outbox: Final = outbox

    def __repr__(self) -> str:
        return f"<Player {self.name!r} in seat {self.seat}>"

    @property
    def seat(self) -> int:
        """The number of the seat, from 1."""
        return self._seat.number

    @property
    def entity(self) -> EntityT:
        """The spawned entity that this player steers, or None.

        The player's view follows its position.  Despawning the entity leaves None.  In a
        ``Room[Ship]`` its type is ``Ship`` for type checkers; if a player may have no entity, write
        ``Room[Ship | None]``.
        """
        record = self._seat.own
        entity: Any = record.entity if record is not None and record.alive else None
        return entity  # type: ignore[no-any-return]

    @entity.setter
    def entity(self, entity: EntityT) -> None:
        record = getattr(entity, "_record", None)
        if entity is not None and record is None:
            raise LocalProtocolError(f"spawn the {type(entity).__name__} before a player has it")
        self._seat.own = record
        self._seat.own_changed = True

    @property
    def focus(self) -> Point | None:
        """The point that the view follows, in the units of positions; None: the own entity.

        The view of a player with neither stays where it is.
        """
        return self._seat.focus

    @focus.setter
    def focus(self, point: Point | None) -> None:
        self._seat.focus = point

    def move_to(self, room: str, *, options: Any = None) -> None:
        """Move this player to another room of the server, after this tick.

        ``room`` is ``"kind/name"``, or ``"kind"`` or ``"kind?field=value"`` for a room that the
        server chooses; it is made if need be.  A seat is reserved there, the client follows by
        itself, and ``on_leave`` of this room says ``"moved to …"``.  ``options`` are an instance of
        the other room's options class or a map of them by name; by default the player's own, if
        the other room has the same class.  If there is no seat, the player stays, and
        ``Room.on_move_refused`` is called.
        """
        self._outbox.move((self.seat,), room, options)

    def kick(self, reason: str) -> None:
        """End this player's session after this tick, with close code 4010 and ``reason``."""
        if self.kicked is None:
            self._outbox.kicked.append(self.seat)
        self.kicked = reason
