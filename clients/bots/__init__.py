"""Bots: a base class for your own, those of the arena, and the swarms in which they play.

Owns no code, only the public names ``Bot``, ``View`` and ``Ways``; each is imported when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gameserver.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from clients.bots.bot import Bot, View
    from clients.bots.ways import Ways
else:
    __getattr__, __dir__ = lazy_exports(
        __name__, {"clients.bots.bot": ["Bot", "View"], "clients.bots.ways": ["Ways"]}
    )

__all__ = ["Bot", "View", "Ways"]
