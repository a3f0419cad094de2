"""The clients that play on a gameserver.

Owns no code: what a Python program needs to play, in one place.
"""

from __future__ import annotations

from clients.errors import ConnectionLost, Refused
from clients.game_client import Applied, ClientStatistics, GameClient
from clients.joining import open_game
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica

__all__ = [
    "Applied",
    "ClientStatistics",
    "ConnectionLost",
    "GameClient",
    "Refused",
    "RemoteEntity",
    "RemoteEvent",
    "Replica",
    "open_game",
]
