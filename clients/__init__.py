"""The clients that play on a gameserver.

Owns no code: what a Python program needs to play, in one place.
"""

from __future__ import annotations

from clients.client_types import Applied, ClientStatistics
from clients.errors import ConnectionLost, Refused
from clients.game_client import GameClient
from clients.joining import open_game
from clients.predicted_play import PredictedPlay
from clients.remote import RemoteEntity, RemoteEvent
from clients.replica import Replica
from clients.steering import Steering, Vehicle

__all__ = [
    "Applied",
    "ClientStatistics",
    "ConnectionLost",
    "GameClient",
    "PredictedPlay",
    "Refused",
    "RemoteEntity",
    "RemoteEvent",
    "Replica",
    "Steering",
    "Vehicle",
    "open_game",
]
