"""For the tests of a game: its room, played by hand.

Owns what a server does around a tick (failures, kicks, publishing), for one room and without
sockets, tasks or a clock.  Never imported by the server.  Nobody signs in and nobody is refused:
``on_auth``, ``on_start`` and ``on_stop`` are a test's own to call.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec
from gameserver.player import Player
from gameserver.replication.events import Emission
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import NOWHERE
from gameserver.room import Room

R = TypeVar("R", bound=Room)


class Rehearsal(Generic[R]):
    """Plays ``room`` tick by tick; what one of its hooks raises is raised here.

    ``texts`` holds what the chat was told by the last ``step``.
    """

    def __init__(self, room: R) -> None:
        self.room: Final = room
        self.texts: list[str] = []
        # Nobody is told, but every value is checked as it would be on its way to the wire, and
        # ``near`` and ``seen_by`` know where everything is.
        self._publisher = Publisher(room.world, check_every_ticks=1 << 40, quiet_ticks=1 << 40)

    def join(self, name: str = "", identity: str | None = None) -> Player:
        """Seat a player in the first free seat."""
        number = next(n for n in itertools.count(1) if n not in self.room.players)
        player = self.room.join(number, NOWHERE, name, identity)
        self._raise_failure()
        return player

    def leave(self, player: Player, reason: str = "left") -> None:
        """Let a player leave."""
        self.room.leave(player, reason)
        self._raise_failure()

    def drop(self, player: Player) -> None:
        """Let a player lose its connection; ``resume`` or ``leave`` shall follow."""
        self.room.drop(player)
        self._raise_failure()

    def resume(self, player: Player) -> None:
        """Let a player who was dropped come back."""
        self.room.resume(player)
        self._raise_failure()

    def give(self, player: Player, command: Any) -> None:
        """Let a player give ``command`` for the next tick; ``LocalProtocolError`` beyond limits.

        The game receives what travels: a float that has a step arrives rounded to it.
        """
        spec = spec_of(type(command))
        if type(command) not in self.room.world.schema.kinds or not isinstance(spec, CommandSpec):
            raise LocalProtocolError(f"{type(command).__name__} is no command of this room")
        player.take_command(player.newest_seq + 1, spec.from_wire(spec.to_wire(command)))

    def say(self, player: Player, text: str) -> None:
        """Let a player say ``text``, which is heard at the next tick."""
        self.room.hear(player, text)

    def step(self, ticks: int = 1) -> list[Any]:
        """Play some ticks; return the events that were emitted until now, in order."""
        events: list[Any] = []
        self.texts = []
        for _ in range(ticks):
            events += self._tick()
        return events

    def _tick(self) -> list[Any]:
        room = self.room
        room.step(room.tick_number + 1)
        self._raise_failure()
        for player in tuple(room.kicked):
            self.leave(player, player.kicked or "")
        emissions, room.emissions = room.emissions, []
        texts, room.texts = room.texts, []
        self.texts += [text for _, _, text, _ in texts]
        self._publish(emissions)
        return [emission.event for emission in emissions]

    def settle(self) -> None:
        """Note where a test has put entities by hand, so that ``near`` finds them there."""
        self._publish(())

    def _publish(self, emissions: Sequence[Emission]) -> None:
        self._publisher.publish(self.room.tick_number, emissions)
        self.room.published(self.room.tick_number)

    def _raise_failure(self) -> None:
        failures, self.room.failures = self.room.failures, []
        if failures:
            raise failures[0].error
