"""Errors of step functions: code outside of the subset, and results beyond its integers."""

from __future__ import annotations

import ast

from gameserver.errors import GameServerError


class Refused(GameServerError):
    """A module is not in the subset; the text has a line for each reason: file, line, why."""


class OutOfRange(GameServerError, OverflowError):
    """A result is beyond ±(2^53 - 1), so JavaScript could not hold it."""


class NotInSubset(Exception):
    """One construct that is refused; ``module.py`` adds the file and makes ``Refused`` of it."""

    def __init__(self, node: ast.AST, why: str) -> None:
        super().__init__(why)
        self.line = getattr(node, "lineno", 1)
        self.why = why
