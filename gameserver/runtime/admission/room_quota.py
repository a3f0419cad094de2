"""Limits on rooms: how many one address may have made, and how fast rooms may be made.

Owns the count of open rooms by maker, and the rate for all makers together.  Without these limits
one client that asks for ``kind/a``, ``kind/b``, … takes every room that the server may have.
Pure: time is an argument.  Never makes or closes a room: the lobby does.
"""

from __future__ import annotations

from collections import Counter

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.connection_limits import Reason

#: How many seconds' worth of rooms may be made at once.
BURST_S = 10.0


class RoomQuota:
    """The rooms that are open, by maker: a key of ``Peer.counted_as``; None is not limited.

    ``refused`` counts by ``Reason``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: Counter[str] = Counter()
        self._rate: Allowance | None = None
        self.refused: Counter[Reason] = Counter()

    def take(self, maker: str | None, now_s: float) -> None:
        """Count a room that is about to be made; ``JoinRefused`` (4005) if it may not be."""
        settings = self._settings
        if maker is not None and self._open[maker] >= settings.max_rooms_per_address:
            self.refused[Reason.ROOMS] += 1
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                "too many rooms were opened from your address",
                retry_after_s=settings.empty_room_s,
            )
        if self._rate is None:
            self._rate = Allowance(
                settings.rooms_per_s, max(1.0, BURST_S * settings.rooms_per_s), now_s
            )
        if not self._rate.spend(now_s):
            self.refused[Reason.ROOM_HASTE] += 1
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                "too many rooms are being opened right now",
                retry_after_s=1.0 + 1 / settings.rooms_per_s,
            )
        if maker is not None:
            self._open[maker] += 1

    def go_on(self, maker: str | None) -> None:
        """Count a room of another process, whatever the limits say."""
        if maker is not None:
            self._open[maker] += 1

    def give_back(self, maker: str | None) -> None:
        """Note that a room counted for ``maker`` has ended."""
        if maker is not None:
            self._open[maker] -= 1
            if not self._open[maker]:
                del self._open[maker]
