"""The commands that were sent and that the server has not acknowledged yet.

Owns the list of commands to send again after a lost connection.  Pure;
``clients/web/net/outbox.js`` is its twin.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gameserver.protocol.messages import CommandMessage

#: Most commands that are kept.  Overflow policy ``drop-oldest``, counted in ``Outbox.dropped``:
#: a dropped command is not sent again.
MAX_UNSETTLED: Final = 256


class Outbox:
    """The unacknowledged commands of one seat, the oldest first."""

    def __init__(self) -> None:
        self.dropped = 0
        self._commands: deque[CommandMessage] = deque()

    def __len__(self) -> int:
        return len(self._commands)

    def sent(self, command: CommandMessage) -> None:
        """Remember a command that has been sent."""
        if len(self._commands) == MAX_UNSETTLED:
            self._commands.popleft()
            self.dropped += 1
        self._commands.append(command)

    def settled(self, ack: int) -> None:
        """Forget all commands up to the seq ``ack``: the server has applied or refused them."""
        while self._commands and self._commands[0].seq <= ack:
            self._commands.popleft()

    def to_send_again(self, ack: int, tick: int) -> list[CommandMessage]:
        """Return the commands to send again to a server at ``tick``, in order.

        Commands for ticks that have passed are forgotten, as they would have no effect.
        """
        self.settled(ack)
        wanted = [c for c in self._commands if not 0 < c.tick <= tick]
        self._commands = deque(wanted)
        return wanted

    def clear(self) -> None:
        """Forget all commands: they belonged to another seat."""
        self._commands.clear()
