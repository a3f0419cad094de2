"""The clients that play on a gameserver.

Owns no code, only the public names for Python programs.  Each name is imported when it is first
used, so the pure modules can be imported without Trio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from clients.client_types import Applied, ClientStatistics, State, StateChange
    from clients.errors import ConnectionLost, ReadFailed, Refused
    from clients.game_client import GameClient
    from clients.joining import open_game
    from clients.netcode.steering import Steering, Vehicle
    from clients.predicted_play import PredictedPlay
    from clients.remote import RemoteEntity, RemoteEvent
    from clients.replica import Replica
    from clients.stored_reads import ReadPlace, StoredReads
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "clients.client_types": ["Applied", "ClientStatistics", "State", "StateChange"],
            "clients.errors": ["ConnectionLost", "ReadFailed", "Refused"],
            "clients.game_client": ["GameClient"],
            "clients.joining": ["open_game"],
            "clients.predicted_play": ["PredictedPlay"],
            "clients.remote": ["RemoteEntity", "RemoteEvent"],
            "clients.replica": ["Replica"],
            "clients.stored_reads": ["ReadPlace", "StoredReads"],
            "clients.netcode.steering": ["Steering", "Vehicle"],
        },
    )

__all__ = [
    "Applied",
    "ClientStatistics",
    "ConnectionLost",
    "GameClient",
    "PredictedPlay",
    "ReadFailed",
    "ReadPlace",
    "Refused",
    "RemoteEntity",
    "RemoteEvent",
    "Replica",
    "State",
    "StateChange",
    "Steering",
    "StoredReads",
    "Vehicle",
    "open_game",
]
