"""The commands that were sent and that the server has not dealt with, as far as is known.

Owns what is to be sent again after a connection was lost.  Pure; ``clients/web/net/outbox.js`` is
the same.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gameserver.protocol.messages import CommandMessage

#: Overflow policy ``drop-oldest``, counted in ``Outbox.dropped``: those are not sent again.
MAX_UNSETTLED: Final = 256


class Outbox:
    """The unsettled commands of one seat, the oldest first."""

    def __init__(self) -> None:
        self.dropped = 0
        self._commands: deque[CommandMessage] = deque()

    def __len__(self) -> int:
        return len(self._commands)

    def sent(self, command: CommandMessage) -> None:
        """Remember a command that is on its way."""
        if len(self._commands) == MAX_UNSETTLED:
            self._commands.popleft()
            self.dropped += 1
        self._commands.append(command)

    def settled(self, ack: int) -> None:
        """The server has dealt with all commands up to this seq."""
        while self._commands and self._commands[0].seq <= ack:
            self._commands.popleft()

    def to_send_again(self, ack: int, tick: int) -> list[CommandMessage]:
        """Return what a server that is at ``tick`` must still be told, in order.

        Commands for ticks that have passed are forgotten: nothing would come of them.
        """
        self.settled(ack)
        wanted = [c for c in self._commands if not 0 < c.tick <= tick]
        self._commands = deque(wanted)
        return wanted

    def clear(self) -> None:
        """Forget all: they were another seat's."""
        self._commands.clear()
