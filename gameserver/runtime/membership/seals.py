"""Seals: signatures by which nodes of one cluster know each other's listings.

Owns the form of a seal.  Without a seal, a program that can write to the directory
could list a node of its own, and players would be sent there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from gameserver.cluster.directory.listings import NodeListing
from gameserver.signing import NotSigned, Signing

_SALT: Final = "gameserver.node-listing.v1"


def sealed(listing: NodeListing, secrets: Sequence[str]) -> NodeListing:
    """Return the listing with a seal of its identity and address."""
    seal = Signing(secrets, _SALT).sign(_sealed_part(listing))
    return attrs.evolve(listing, seal=seal)


def is_sealed(listing: NodeListing, secrets: Sequence[str]) -> bool:
    """Whether a node with one of these secrets sealed the listing."""
    try:
        return bool(Signing(secrets, _SALT).read(listing.seal) == _sealed_part(listing))
    except NotSigned:
        return False


def _sealed_part(listing: NodeListing) -> list[str]:
    return [listing.node, listing.host, listing.url]
