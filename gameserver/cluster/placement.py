"""Placement: the room for a player who asks for any, or the node that makes a new one.

Owns the choice among candidates that a directory has drawn at random.  Pure.  The better of two
random candidates is nearly as good as the best of all, and does not send all joins of one second
to the node that was idle a second ago (Mitzenmacher, "The power of two choices in randomized
load balancing", 2001).
"""

from __future__ import annotations

from collections.abc import Callable

from gameserver.cluster.directory.listings import (
    Candidates,
    NodeListing,
    NodeLoad,
    RoomCandidate,
)

#: The choice of a placement: a room that there is, a node that makes one, or neither.
Choice = RoomCandidate | NodeListing | None
Placement = Callable[[Candidates], Choice]


def weight(load: NodeLoad) -> tuple[int, float, int, int]:
    """Return what orders nodes by load: overload first, then tick time, players and rooms."""
    return load.overload_steps, round(load.busy, 2), load.players, load.rooms


def by_load(candidates: Candidates) -> Choice:
    """Choose a room before a new one; a fuller room before an emptier one, on an idle node first.

    Rooms fill up one after another, unless their nodes are overloaded.
    """
    if candidates.rooms:
        return min(
            candidates.rooms,
            key=lambda room: (room.owner.load.overload_steps, room.free_seats),
        )
    return least_loaded(candidates)


def least_loaded(candidates: Candidates) -> NodeListing | None:
    """Return the node with the smallest load, for a new room; None if no node takes rooms."""
    nodes = [node for node in candidates.nodes if node.takes_rooms]
    return min(nodes, key=lambda node: weight(node.load), default=None)
