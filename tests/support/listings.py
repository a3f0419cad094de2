"""Listings of nodes and rooms for tests of the directory."""

from __future__ import annotations

from typing import Any

import attrs

from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.listings import Claim, NodeListing, RoomListing

KINDS = {"arena": "a1", "chess": "c1"}


def node(name: str, **values: Any) -> NodeListing:
    made = NodeListing(node=name, host="h", url=f"wss://{name}.example", kinds=KINDS)
    return attrs.evolve(made, **values)


def listing(claim: Claim, serial: int = 1, **values: Any) -> RoomListing:
    made = RoomListing(label=claim.label, fence=claim.fence, serial=serial)
    return attrs.evolve(made, **values)


async def owner_of(directory: Directory, label: str) -> str | None:
    found = await directory.find(label)
    return None if found is None else found.owner.node
