"""Traffic on the connections of the study.  Pure."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Plan:
    """Messages both ways at a time: ``rate`` a second, for ``seconds``, counted after ``from_s``.

    ``congestion`` is the kernel's congestion control.
    """

    connections: int
    seconds: float
    congestion: str
    rate: float = 30.0
    #: A command and a delta of the arena, with the headers of their frames.
    up_bytes: int = 40
    down_bytes: int = 160
    from_s: float = 5.0

    @property
    def messages(self) -> int:
        """The number of messages that each side of a connection sends."""
        return round(self.seconds * self.rate)

    @property
    def first_counted(self) -> int:
        """The number of the first message that counts."""
        return round(self.from_s * self.rate)
