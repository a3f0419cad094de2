"""The rooms of a server in which each identity plays.

Owns the index by which a sign-in finds an older session of its identity without searching all
rooms.  ``roster.py`` decides who plays in a room, and adds and removes the entries.
"""

from __future__ import annotations

from collections.abc import Iterator


class Identities:
    """The labels of the rooms in which each identity plays."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        """Return how many identities play anywhere."""
        return len(self._labels)

    def add(self, identity: str, label: str) -> None:
        """Note that ``identity`` plays in the room called ``label``."""
        self._labels.setdefault(identity, {})[label] = None

    def remove(self, identity: str, label: str) -> None:
        """Note that ``identity`` no longer plays there."""
        labels = self._labels[identity]
        del labels[label]
        if not labels:
            del self._labels[identity]

    def labels(self, identity: str) -> Iterator[str]:
        """Yield the rooms in which ``identity`` plays, in the order of joining."""
        yield from self._labels.get(identity, ())
