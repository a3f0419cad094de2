"""``Group``: players who see each other's entities wherever they are, such as a team or a party.

Owns the membership of players.  The record of an entity has its group (``model/record.py``);
``model/layers.py`` derives the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from gameserver.errors import LocalProtocolError
from gameserver.model.world import Seal

if TYPE_CHECKING:
    from gameserver.player import Player


class Group:
    """A named group of players in one room; ``Room.group`` returns it.

    A player may be in any number of groups, an entity belongs to at most one.  The members see the
    entities of their group wherever they are.
    """

    __slots__ = ("_members", "_players", "_seal", "name", "number")

    def __init__(
        self, name: str, number: int, players: Mapping[int, Player[Any]], seal: Seal
    ) -> None:
        #: The name under which ``Room.group`` finds it.
        self.name: Final = name
        #: Its number in the room, from 1.
        self.number: Final = number
        self._players = players
        self._seal = seal
        self._members: dict[int, Player[Any]] = {}

    def __repr__(self) -> str:
        return f"<Group {self.name!r} of {len(self._members)}>"

    @property
    def members(self) -> tuple[Player[Any], ...]:
        """The players in the group, in the order in which they were added."""
        return tuple(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Player[Any]]:
        return iter(self.members)

    def __contains__(self, player: object) -> bool:
        return any(member is player for member in self._members.values())

    def add(self, player: Player[Any]) -> None:
        """Add ``player`` until it is removed or leaves the room; it sees the group's entities."""
        self._seal.check()
        if self._players.get(_seat_of(player)) is not player:
            raise LocalProtocolError(f"{player!r} is not in this room")
        self._members[player.seat] = player
        player._seat.groups |= {self.number}

    def remove(self, player: Player[Any]) -> None:
        """Take ``player`` out of the group; harmless for anyone who is not in it."""
        self._seal.check()
        if self._members.get(_seat_of(player)) is player:
            del self._members[player.seat]
            player._seat.groups -= {self.number}


class Groups:
    """The groups of one room, by name, in the order of their numbers, which begin at 1."""

    def __init__(self, players: Mapping[int, Player[Any]], seal: Seal) -> None:
        self.by_name: Final[dict[str, Group]] = {}
        self._players = players
        self._seal = seal

    def get(self, name: str) -> Group:
        """Return the group called ``name``; make it if there is none."""
        group = self.by_name.get(name)
        if group is None:
            if type(name) is not str:
                raise LocalProtocolError(f"a group has a str for a name, not {name!r}")
            number = len(self.by_name) + 1
            group = self.by_name[name] = Group(name, number, self._players, self._seal)
        return group

    def number_of(self, group: Group | str | None) -> int:
        """Return the number of a group, or of the one with this name; 0 for None."""
        if group is None:
            return 0
        if isinstance(group, str):
            return self.get(group).number
        if not isinstance(group, Group) or self.by_name.get(group.name) is not group:
            raise LocalProtocolError(
                f"group= is a group of this room or the name of one, not {group!r}"
            )
        return group.number

    def leave(self, player: Player[Any]) -> None:
        """Take a player who leaves the room out of all groups."""
        for group in self.by_name.values():
            group.remove(player)


def _seat_of(player: Player[Any]) -> int:
    try:
        return player.seat
    except AttributeError:
        raise LocalProtocolError(
            f"a group consists of players, and {player!r} is none; write player, not player.seat"
        ) from None


def groups_of(player: Player[Any]) -> frozenset[int]:
    """Return the numbers of the groups that ``player`` is in."""
    return player._seat.groups
