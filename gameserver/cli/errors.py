"""Errors of the command line.

Owns the class only; ``gameserver.cli.main`` turns it into one line and exit code 1.
"""

from __future__ import annotations

from gameserver.errors import GameServerError


class UsageError(GameServerError):
    """The command line asks for something that cannot be done."""
