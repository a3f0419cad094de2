"""How many seats of dropped players one address may have held for it.

Owns the count of held seats by address, over all rooms.  Pure.  Never holds a seat itself; the
roster of each room does.
"""

from __future__ import annotations

from collections import Counter


class HoldQuota:
    """The held seats of one server, by address: a key of ``Peer.counted_as``; None is not limited.

    One address has at most ``most`` seats held.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str | None] = Counter()
        self._closed = False
        #: Seats that were not held because their address had ``most`` already.
        self.refused = 0

    def __len__(self) -> int:
        """Return how many seats are held."""
        return self._held.total()

    def held_by(self, address: str | None) -> int:
        """Return how many seats are held for ``address``."""
        return self._held[address]

    def take(self, address: str | None) -> bool:
        """Count one more held seat for ``address``; False if it may not have another."""
        if self._closed:
            return False
        if address is not None and self._held[address] >= self._most:
            self.refused += 1
            return False
        self.add(address)
        return True

    def add(self, address: str | None) -> None:
        """Count one more held seat for ``address``, which is held in any case."""
        self._held[address] += 1

    def give_back(self, address: str | None) -> None:
        """Count one held seat less for ``address``."""
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    def close(self) -> None:
        """Refuse every seat from now on, without counting it: the server stops."""
        self._closed = True
