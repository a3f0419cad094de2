"""The hash of a room's state: entities, random numbers, and the attributes of the game.

Owns the choice of the hashed parts.  Two rooms with equal hashes have equal states, in any process
and with any hash seed of Python.  The knowledge and latency of clients are not part of it.
"""

from __future__ import annotations

import hashlib

from gameserver.state.snapshot import Captured
from gameserver.state.values import pack

_BYTES = 16


def state_hash(captured: Captured) -> bytes:
    """Return the hash of a captured room."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for section in captured.game_sections():
        digest.update(pack(section))
    return digest.digest()


def entity_hashes(captured: Captured) -> dict[int, bytes]:
    """Return a hash of the fields of each entity, by id, to find the one that differs."""
    hashes = {}
    for name, content in captured.game_sections():
        if name == "rows" and content[1]:
            for row in content[2]:
                packed = pack((content[0], row))
                hashes[row[0]] = hashlib.blake2b(packed, digest_size=_BYTES).digest()
    return hashes
