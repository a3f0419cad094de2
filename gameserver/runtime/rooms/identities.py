"""Where identities play: in which rooms of a server.

Owns the index by which a sign-in finds its older one without a look at all rooms.  Rosters keep it;
who plays in a room is theirs to say (``roster.py``).
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
        """Note that ``identity`` plays there no more."""
        labels = self._labels[identity]
        del labels[label]
        if not labels:
            del self._labels[identity]

    def labels(self, identity: str) -> Iterator[str]:
        """Yield the rooms in which ``identity`` plays, the one joined first first."""
        yield from self._labels.get(identity, ())
