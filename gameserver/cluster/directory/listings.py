"""The values that a directory takes and returns.

Owns their fields.  All are plain: numbers, texts, bools, and tuples and dicts of these, so that
they can cross a socket.  Nothing in them is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class NodeLoad:
    """The measured load of a node.

    ``busy`` is the share of the time that ticks take.  ``overload_steps`` counts the steps that the
    server has climbed on its overload ladder; with ``no_new_rooms`` it takes no further room.
    ``of_kinds`` are the numbers of rooms and players by kind.
    """

    busy: float = 0.0
    players: int = 0
    rooms: int = 0
    overload_steps: int = 0
    no_new_rooms: bool = False
    of_kinds: Mapping[str, tuple[int, int]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class NodeListing:
    """A node, as it lists itself with each renewal.

    ``node`` names one run: a node that starts again has another, and one that is upgraded in place
    keeps it.  Nodes with the same ``host`` can pass sockets to each other.  ``url`` is where
    clients reach the node.  ``kinds`` has a fingerprint of the schema of each kind of room.
    ``seal`` is the signature of ``node`` and ``url`` with the secret of the cluster: nobody else
    can list a node that players are then sent to.
    """

    node: str
    host: str
    url: str = ""
    name: str = ""
    version: str = ""
    protocol: int = 0
    kinds: Mapping[str, str] = attrs.field(factory=dict)
    seal: str = ""
    draining: bool = False
    load: NodeLoad = attrs.field(factory=NodeLoad)

    @property
    def takes_rooms(self) -> bool:
        """Whether new rooms may be made on it."""
        return not (self.draining or self.load.no_new_rooms)


@attrs.frozen(kw_only=True)
class RoomListing:
    """A room, as its owner lists it with each renewal.

    ``serial`` orders the rooms of one node by age, and is unique among them.  ``free_seats`` is 0
    unless a server may choose the room for a player.  ``filters`` are the values that joins are
    filtered by, by name.  ``shown`` is what lists of rooms tell of it; None for a private room.
    """

    label: str
    fence: int
    serial: int = 0
    players: int = 0
    free_seats: int = 0
    filters: Mapping[str, Any] = attrs.field(factory=dict)
    shown: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        """The kind of the room."""
        return self.label.partition("/")[0]


@attrs.frozen(kw_only=True)
class Renewal:
    """The answer to a renewal.

    ``lost`` are the labels of listed rooms that have a newer owner: nobody finds them here any
    more, and a durable one may write nothing more.
    """

    lost: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Claim:
    """The owner of a room.

    ``fence`` is higher than that of any former owner.  ``won``: the owner is the node that the
    claim was made for, which may run the room.
    """

    label: str
    fence: int
    owner: NodeListing
    won: bool


@attrs.frozen(kw_only=True)
class RoomCandidate:
    """A room that a server may choose for a player, and the node that has it."""

    label: str
    fence: int
    free_seats: int
    owner: NodeListing


@attrs.frozen(kw_only=True)
class Candidates:
    """Rooms with free seats, and nodes that could make one, drawn at random for one join."""

    rooms: tuple[RoomCandidate, ...] = ()
    nodes: tuple[NodeListing, ...] = ()


@attrs.frozen(kw_only=True)
class ShownRoom:
    """A room in a list."""

    label: str
    node: str
    players: int
    shown: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class RoomPage:
    """A page of a list of rooms; ``next`` is the cursor of the page after it, "" on the last."""

    rooms: tuple[ShownRoom, ...] = ()
    next: str = ""


@attrs.frozen(kw_only=True)
class NodePage:
    """A page of a list of nodes; ``next`` is the cursor of the page after it, "" on the last."""

    nodes: tuple[NodeListing, ...] = ()
    next: str = ""
