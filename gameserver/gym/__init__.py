"""Rooms to learn in: PettingZoo environments of any room, stepped without sockets.

Owns no code, only the public names; each is imported when it is first used, as PettingZoo and NumPy
are an extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from gameserver.gym.environment import RoomEnvironment
    from gameserver.gym.policy import LinearPolicy
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "gameserver.gym.environment": ["RoomEnvironment"],
            "gameserver.gym.policy": ["LinearPolicy"],
        },
    )

__all__ = ["LinearPolicy", "RoomEnvironment"]
