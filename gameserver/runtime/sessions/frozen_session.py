"""A session between two processes, as a value: where it plays, and what it had begun.

Owns the form of the value only.  ``Session.freeze`` makes it, and a new ``Session`` goes on from it
in the other process.  The connection has a value of its own (``FrozenConnection``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import cattrs

from gameserver.errors import RemoteProtocolError
from gameserver.runtime.net.heartbeat import FrozenBeat


@attrs.frozen
class FrozenPlay:
    """A session that plays: its room and seat, its pings, and what is left of its allowances."""

    room: str
    seat: int
    beat: FrozenBeat
    #: Of ``Reception.allowances_left``, then of its count of messages.
    allowances: Sequence[float]
    #: Numbers of reads whose answers had not come.
    reads: Sequence[int]

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain values that msgpack can pack."""
        return attrs.asdict(self)

    @classmethod
    def from_plain(cls, plain: Any) -> FrozenPlay:
        """Return it from ``to_plain``'s values; ``RemoteProtocolError`` if it is none."""
        try:
            play: FrozenPlay = _READ(plain, cls)
        except Exception as error:
            raise RemoteProtocolError(f"this is no frozen session ({error})") from error
        return play


#: Made at once, because making it takes as long as a tick.
_READ: Final = cattrs.Converter().get_structure_hook(FrozenPlay)
