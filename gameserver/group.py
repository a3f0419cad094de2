"""``Group``: players who see each other's entities wherever they are, such as a team or a party.

Owns the membership of players.  The record of an entity has its group (``model/record.py``);
``model/layers.py`` derives the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from gameserver.errors import LocalProtocolError
from gameserver.model.world import World

if TYPE_CHECKING:
    from gameserver.player import Player


class Group:
    """A named group of players in one room; ``Room.group`` returns it.

    A player may be in any number of groups, an entity belongs to at most one.  The members see the
    entities of their group wherever they are.  A group without players and entities takes no memory
    of the room; it is there again as soon as it gets one.
    """

    __slots__ = ("__weakref__", "_groups", "_members", "name", "number")

    def __init__(self, name: str, groups: Groups) -> None:
        #: The name under which ``Room.group`` finds it.
        self.name: Final = name
        #: Its number in the room, from 1; 0 while it has neither players nor entities.
        self.number = 0
        self._groups = groups
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
        groups, seat = self._groups, _seat_of(player)
        groups.world.seal.check()
        if groups.players.get(seat) is not player:
            raise LocalProtocolError(f"{player!r} is not in this room")
        number = groups.number_of(self)
        self._members[seat] = player
        player._seat.groups |= {number}

    def remove(self, player: Player[Any]) -> None:
        """Take ``player`` out of the group; harmless for anyone who is not in it."""
        self._groups.world.seal.check()
        if self._members.get(_seat_of(player)) is player:
            del self._members[player.seat]
            player._seat.groups -= {self.number}
            if not self._members:
                self._groups.check_later(self.number)


class Groups:
    """The groups of one room.

    A group has a number from its first player, entity or event on, until the first tick at which it
    has none of them.  No number is given twice, so an event never reaches a later group.
    """

    def __init__(self, players: Mapping[int, Player[Any]], world: World) -> None:
        #: The groups that have a number, in the order of their numbers.
        self.by_number: Final[dict[int, Group]] = {}
        self.next_number = 1
        self.players: Final = players
        self.world: Final = world
        #: Those that have a number, and those that the game still refers to.
        self._by_name: WeakValueDictionary[str, Group] = WeakValueDictionary()
        #: Numbers of groups that may have become empty, besides those that ``world`` knows of.
        self._unchecked: dict[int, None] = {}

    def get(self, name: str) -> Group:
        """Return the group called ``name``."""
        if type(name) is not str:
            raise LocalProtocolError(f"a group has a str for a name, not {name!r}")
        group = self._by_name.get(name)
        if group is None:
            group = self._by_name[name] = Group(name, self)
        return group

    def has(self, group: Group) -> bool:
        """Whether ``group`` is of this room."""
        return group._groups is self

    def number_of(self, group: Group | str | None) -> int:
        """Return the number of a group, or of the one with this name; 0 for None."""
        if group is None:
            return 0
        if isinstance(group, str):
            group = self.get(group)
        elif not isinstance(group, Group) or not self.has(group):
            raise LocalProtocolError(
                f"group= is a group of this room or the name of one, not {group!r}"
            )
        if group.number == 0:
            self.give_number(group, self.next_number)
        return group.number

    def give_number(self, group: Group, number: int) -> None:
        """Let ``group`` have ``number``, which none has had, until it is found to be empty."""
        self.world.grid.layered = True
        group.number = number
        self.by_number[number] = group
        self.next_number = number + 1
        self.check_later(number)

    def check_later(self, number: int) -> None:
        """Let ``forget_empty`` look at the group with this number."""
        self._unchecked[number] = None

    def forget_empty(self) -> None:
        """Take the numbers of groups without players and entities; called once a tick."""
        emptied = self.world.emptied_groups
        if not self._unchecked and not emptied:
            return
        sizes = self.world.group_sizes
        for number in (*self._unchecked, *emptied):
            group = self.by_number.get(number)
            if group is not None and not group._members and number not in sizes:
                group.number = 0
                del self.by_number[number]
        self._unchecked.clear()
        emptied.clear()

    def leave(self, player: Player[Any]) -> None:
        """Take a player who leaves the room out of all groups."""
        for number in sorted(player._seat.groups):
            self.by_number[number].remove(player)


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
