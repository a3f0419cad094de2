"""An authoritative multiplayer game server on Trio.

The public API: what a game author needs to declare a world, write a room and serve it.
"""

from __future__ import annotations

from gameserver.config import ConfigError, Settings
from gameserver.errors import (
    GameServerError,
    JoinRefused,
    LocalProtocolError,
    RemoteProtocolError,
)
from gameserver.identity import Verified
from gameserver.model.schema import command, entity, event, number, synced, text
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.latency import Latency
from gameserver.room import Player, Room
from gameserver.runtime.server import Server, StartError, open_server, serve

__all__ = [
    "CloseCode",
    "ConfigError",
    "GameServerError",
    "JoinRefused",
    "Latency",
    "LocalProtocolError",
    "Player",
    "RemoteProtocolError",
    "Room",
    "Server",
    "Settings",
    "StartError",
    "Verified",
    "command",
    "entity",
    "event",
    "number",
    "open_server",
    "serve",
    "synced",
    "text",
]
