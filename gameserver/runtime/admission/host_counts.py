"""Counts that several processes of one server share, so that its limits hold for the host.

Owns the protocol, and the implementation of a server that is alone.  ``cluster/shared_counts.py``
has the one for nodes.  Pure: time is an argument.
"""

from __future__ import annotations

import math
from typing import Protocol


class HostCounts(Protocol):
    """The counts of all nodes of a host, as one of them uses them."""

    #: How many nodes there are; allowances that are not shared are divided by it.
    nodes: int

    def note(self, connections: int, joining: int) -> None:
        """Tell the other nodes how many connections this node has, and how many are joining."""

    def of_others(self) -> tuple[int, int]:
        """Return how many connections the other nodes have, and how many are joining there."""

    def note_address(self, key: str, change: int) -> None:
        """Note that this node has more or fewer connections of an address."""

    def address_of_others(self, key: str) -> int:
        """Return how many connections of an address the other nodes have, at most."""

    def take_turn(self, now_s: float, longest_s: float, step_s: float) -> float | None:
        """Take the next turn to join, ``step_s`` after the one before; return the wait for it.

        None, and no turn, if the wait would be ``longest_s`` or more.
        """

    def turn_in_s(self, now_s: float) -> float:
        """Return in how many seconds the next turn is."""

    def delay_turn(self, now_s: float, in_s: float) -> None:
        """Delay the next turn until at least ``in_s`` seconds from now."""


class Alone:
    """The counts where there are no other nodes."""

    def __init__(self) -> None:
        self.nodes = 1
        self._next_turn_s = -math.inf

    def note(self, connections: int, joining: int) -> None:
        """Do nothing: there is nobody to tell."""

    def of_others(self) -> tuple[int, int]:
        """Return zeros."""
        return 0, 0

    def note_address(self, key: str, change: int) -> None:
        """Do nothing: there is nobody to tell."""

    def address_of_others(self, key: str) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def take_turn(self, now_s: float, longest_s: float, step_s: float) -> float | None:
        """Take the next turn; see ``HostCounts``."""
        wait_s = self.turn_in_s(now_s)
        if wait_s >= longest_s:
            return None
        self._next_turn_s = now_s + wait_s + step_s
        return wait_s

    def turn_in_s(self, now_s: float) -> float:
        """Return in how many seconds the next turn is."""
        return max(self._next_turn_s - now_s, 0.0)

    def delay_turn(self, now_s: float, in_s: float) -> None:
        """Delay the next turn until at least ``in_s`` seconds from now."""
        self._next_turn_s = max(self._next_turn_s, now_s + in_s)
