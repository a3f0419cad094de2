"""An authoritative multiplayer game server on Trio.

The public API: what a game author needs to declare a world, write a room and serve it.  Each name
is imported when it is first used, so the pure modules can be imported without Trio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from gameserver.cluster.serving import serve
    from gameserver.config import ConfigError, Settings
    from gameserver.errors import (
        GameServerError,
        Interrupted,
        JoinRefused,
        LocalProtocolError,
        RemoteProtocolError,
        SnapshotError,
        TooManyCalls,
    )
    from gameserver.group import Group
    from gameserver.identity import Verified
    from gameserver.joining import Joining, check_password
    from gameserver.model.declarations import elements, number, synced, text
    from gameserver.model.schema import command, entity, event, value
    from gameserver.model.sight import is_in_sight
    from gameserver.model.view import Exact, Near
    from gameserver.protocol.closing import CloseCode
    from gameserver.protocol.latency import Latency
    from gameserver.protocol.texts import MAX_NAME_LENGTH, cleaned_name
    from gameserver.room import Player, Room
    from gameserver.runtime.server import Server, StartError
    from gameserver.runtime.serving import open_server
    from gameserver.simulation.handlers import handles
    from gameserver.state.schema_change import migrates
    from gameserver.timers import Timer
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "gameserver.config": ["ConfigError", "Settings"],
            "gameserver.errors": [
                "GameServerError",
                "Interrupted",
                "JoinRefused",
                "LocalProtocolError",
                "RemoteProtocolError",
                "SnapshotError",
                "TooManyCalls",
            ],
            "gameserver.group": ["Group"],
            "gameserver.identity": ["Verified"],
            "gameserver.joining": ["Joining", "check_password"],
            "gameserver.model.sight": ["is_in_sight"],
            "gameserver.model.view": ["Exact", "Near"],
            "gameserver.model.declarations": ["elements", "number", "synced", "text"],
            "gameserver.model.schema": ["command", "entity", "event", "value"],
            "gameserver.protocol.closing": ["CloseCode"],
            "gameserver.protocol.latency": ["Latency"],
            "gameserver.protocol.texts": ["MAX_NAME_LENGTH", "cleaned_name"],
            "gameserver.room": ["Player", "Room"],
            "gameserver.cluster.serving": ["serve"],
            "gameserver.runtime.server": ["Server", "StartError"],
            "gameserver.runtime.serving": ["open_server"],
            "gameserver.simulation.handlers": ["handles"],
            "gameserver.state.schema_change": ["migrates"],
            "gameserver.timers": ["Timer"],
        },
    )

__all__ = [
    "MAX_NAME_LENGTH",
    "CloseCode",
    "ConfigError",
    "Exact",
    "GameServerError",
    "Group",
    "Interrupted",
    "JoinRefused",
    "Joining",
    "Latency",
    "LocalProtocolError",
    "Near",
    "Player",
    "RemoteProtocolError",
    "Room",
    "Server",
    "Settings",
    "SnapshotError",
    "StartError",
    "Timer",
    "TooManyCalls",
    "Verified",
    "check_password",
    "cleaned_name",
    "command",
    "elements",
    "entity",
    "event",
    "handles",
    "is_in_sight",
    "migrates",
    "number",
    "open_server",
    "serve",
    "synced",
    "text",
    "value",
]
