"""The report of a client whose checksum was wrong: what it holds of the entities that differ.

Owns the comparison with the server's hashes, and the length of the report.  Pure.
"""

from __future__ import annotations

from typing import Final

from clients.replica import Replica
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_REPORTED,
    Desync,
    Hashes,
    HeldEntity,
)

_MODULUS: Final = 1 << 32


def desync_report(replica: Replica, hashes: Hashes) -> Desync | None:
    """Return what ``replica`` holds of the first entities that differ from ``hashes``.

    None if nothing differs, or if not even one of them fits a message.
    """
    shown = dict(zip(hashes.held[::2], hashes.held[1::2], strict=True))
    held = {number: one.checksum() % _MODULUS for number, one in replica.entities.items()}
    wrong = [n for n in sorted({*shown, *held}) if shown.get(n) != held.get(n)]
    entities = [_held(replica, number) for number in wrong[:MAX_REPORTED]]
    while entities:
        report = Desync(hashes.tick, entities)
        if len(report.encode()) <= MAX_CLIENT_MESSAGE_BYTES:
            return report
        entities.pop()
    return None


def _held(replica: Replica, entity_id: int) -> HeldEntity:
    entity = replica.entities.get(entity_id)
    if entity is None:
        return HeldEntity(entity_id, None, [], None)
    return HeldEntity(entity_id, entity.layout.kind, entity.values, entity.owner_values)
