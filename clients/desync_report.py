"""The report of a client whose checksum was wrong: its values of the entities that differ.

Owns the comparison with the server's hashes, and the length of the report.  Pure.
"""

from __future__ import annotations

from typing import Final

from clients.replica import Replica
from gameserver.errors import RemoteProtocolError
from gameserver.protocol.messages import MAX_REPORTED, Desync, Hashes, HeldEntity
from gameserver.protocol.wire import unpack_from_client

_MODULUS: Final = 1 << 32


def desync_report(replica: Replica, hashes: Hashes) -> Desync | None:
    """Return the state in ``replica`` of the first entities that differ from ``hashes``.

    Entities that do not fit a message are left out.  None if nothing differs, or if none fits.
    """
    shown = dict(zip(hashes.held[::2], hashes.held[1::2], strict=True))
    held = {number: one.checksum() % _MODULUS for number, one in replica.entities.items()}
    wrong = [n for n in sorted({*shown, *held}) if shown.get(n) != held.get(n)]
    entities: list[HeldEntity] = []
    for number in wrong:
        entity = _held(replica, number)
        if len(entities) < MAX_REPORTED and _fits(Desync(hashes.tick, [*entities, entity])):
            entities.append(entity)
    return Desync(hashes.tick, entities) if entities else None


def _fits(report: Desync) -> bool:
    """Whether a server takes this; long lists and deep values are beyond its limits."""
    try:
        unpack_from_client(report.encode())
    except RemoteProtocolError:
        return False
    return True


def _held(replica: Replica, entity_id: int) -> HeldEntity:
    entity = replica.entities.get(entity_id)
    if entity is None:
        return HeldEntity(entity_id, None, [], None)
    return HeldEntity(entity_id, entity.layout.kind, entity.values, entity.owner_values)
