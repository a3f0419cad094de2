"""A room between two processes: everything of it that the next process needs, as one snapshot.

Owns what the shell of the snapshot holds beside the state of the room (``state/snapshot.py``): its
clock and pace, the step of its overload ladder, its players' resume tokens, and until when seats
are held.  ``RoomTask.freeze`` makes it, and ``RoomTask`` goes on from ``HandedOver``.  Sockets and
sessions have values of their own.

All times are seconds from the moment at which the room was frozen, so that they mean the same in
both processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import cattrs

from gameserver.errors import SnapshotError
from gameserver.room import Room, give_storage
from gameserver.simulation.stepper import Stepper
from gameserver.state.restore import Loaded, load
from gameserver.storage.fences import Fence
from gameserver.storage.room_storage import RoomStorage


@attrs.frozen
class FrozenHold:
    """A held seat; the fields are those of ``Held``."""

    until_in_s: float
    address: str | None
    recovered_tick: int | None


@attrs.frozen
class FrozenMember:
    """A player on the roster: its seat, its resume tokens, and its hold, if it is not connected."""

    seat: int
    life: str
    newest: int
    shown: int | None
    replaced: int
    welcomed: bool
    hold: FrozenHold | None
    #: The room that the player was told to move to; it is leaving.
    moved_to: str | None


@attrs.frozen
class Shell:
    """The engine's part of a frozen room, besides the state of the game."""

    incarnation: str
    #: The number of the claim to a room that is kept in the storage.
    fence: int | None
    #: When the next tick was due, and the tick of the last publish.
    deadline_in_s: float
    published_tick: int
    #: ``RoomPace.to_plain``, the index of the ladder's step, and the level that the game was told.
    pace: list[Any]
    step: int
    level: int
    #: The client whose quota counts the room.
    maker: str | None
    joins: int
    arrivals: int
    members: Sequence[FrozenMember]


_CONVERTER: Final = cattrs.Converter()


@attrs.frozen(eq=False)
class HandedOver:
    """A room of another process, between two ticks, which was frozen at ``began_s``."""

    label: str
    loaded: Loaded[Room]
    shell: Shell
    began_s: float
    #: Whether clients that keep their connection can go on: the schema is the same.
    same_schema: bool
    #: Whether this process has the name and so the claims of the other one, which has ended.
    same_owner: bool

    @property
    def stepper(self) -> Stepper[Room]:
        """The room's stepper."""
        return self.loaded.stepper

    @property
    def published_tick(self) -> int:
        """The tick of the last publish."""
        return self.shell.published_tick

    @property
    def fence(self) -> Fence | None:
        """The claim to the room, if it is kept in the storage."""
        number = self.shell.fence
        return None if number is None else Fence(self.label, number)

    @property
    def incarnation(self) -> str:
        """Names the room in resume tokens (``Roster.incarnation``)."""
        return self.shell.incarnation


def pack_shell(shell: Shell) -> dict[str, Any]:
    """Return the shell as plain values, for a snapshot."""
    return attrs.asdict(shell)


async def load_room(
    cls: type[Room],
    label: str,
    schema_hash: str,
    snapshot: bytes,
    began_s: float,
    storage: RoomStorage | None,
    *,
    same_owner: bool = False,
) -> HandedOver:
    """Make a room of the snapshot of another process, and run its ``on_load``.

    ``SnapshotError`` with one line if that is not possible; nothing is left behind then.
    """
    try:
        loaded = load(cls, snapshot)
        shell = _CONVERTER.structure(loaded.shell, Shell)
    except SnapshotError as error:
        raise SnapshotError(f"{label}: {error}") from error
    except Exception as error:
        raise SnapshotError(f"{label}: the shell of the snapshot is wrong ({error})") from error
    if storage is not None:
        give_storage(loaded.room, storage)
    try:
        await loaded.room.on_load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise SnapshotError(f"{label}: {cls.__name__}.on_load raised {reason}") from error
    same_schema = schema_hash == cls.schema().hash
    return HandedOver(label, loaded, shell, began_s, same_schema, same_owner)
