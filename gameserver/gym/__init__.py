"""Rooms to learn in: PettingZoo environments of any room, stepped without sockets.

Owns the public names, each of which is imported when it is first used, and the error without the
extra ``gym``.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if any(importlib.util.find_spec(name) is None for name in ("numpy", "pettingzoo")):
    raise ImportError(
        "gameserver.gym needs NumPy and PettingZoo: pip install 'trio-gameserver[gym]'"
    )

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
