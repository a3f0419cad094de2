"""``Rehearsal``, the test harness for games: a test plays a room tick by tick.

Owns what a server does around a tick (failures, kicks, publishing), for one room and without
sockets, tasks or a clock.  The server never imports it.  It admits every player and awaits no
hook: a test calls ``on_auth``, ``on_start`` and ``on_stop`` itself.
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
from gameserver.simulation.stepper import Stepper

R = TypeVar("R", bound=Room)


class Rehearsal(Generic[R]):
    """Plays ``room`` tick by tick; an exception of one of its hooks is raised here.

    ``texts`` holds the texts that the last ``step`` would have sent to clients.
    """

    def __init__(self, room: R) -> None:
        self.room: Final = room
        self.texts: list[str] = []
        self._stepper = Stepper(room)
        # No delta is sent anywhere, but publishing checks every value as before the wire, and it
        # updates the positions that ``near`` and ``seen_by`` look up.
        self._publisher = Publisher(room.world, check_every_ticks=1 << 40, quiet_ticks=1 << 40)

    def join(self, name: str = "", identity: str | None = None) -> Player:
        """Seat a player in the first free seat."""
        number = next(n for n in itertools.count(1) if n not in self.room.players)
        seated = self._stepper.join(number, NOWHERE, name, identity)
        self._raise_failure()
        return seated.player

    def leave(self, player: Player, reason: str = "left") -> None:
        """Let a player leave."""
        self._stepper.leave(player, reason)
        self._raise_failure()

    def drop(self, player: Player) -> None:
        """Let a player lose its connection; ``resume`` or ``leave`` must follow."""
        self._stepper.drop(player)
        self._raise_failure()

    def resume(self, player: Player) -> None:
        """Let a player who was dropped come back."""
        self._stepper.resume(player)
        self._raise_failure()

    def give(self, player: Player, command: Any) -> None:
        """Let a player give ``command`` for the next tick; ``LocalProtocolError`` beyond limits.

        The game receives it as from the wire: a float that has a step arrives rounded to it.
        """
        spec = spec_of(type(command))
        if type(command) not in self.room.world.schema.kinds or not isinstance(spec, CommandSpec):
            raise LocalProtocolError(f"{type(command).__name__} is no command of this room")
        seated = self._stepper.find(player)
        if seated is None:
            raise LocalProtocolError(f"{player!r} has left")
        commands = seated.commands
        commands.take(commands.newest_seq + 1, spec.from_wire(spec.to_wire(command)))

    def say(self, player: Player, text: str) -> None:
        """Let a player say ``text``; ``on_say`` is called at the next tick."""
        self._stepper.hear(player, text)

    def step(self, ticks: int = 1) -> list[Any]:
        """Play some ticks; return the events emitted since the last call, in order."""
        events: list[Any] = []
        self.texts = []
        for _ in range(ticks):
            events += self._tick()
        return events

    def _tick(self) -> list[Any]:
        stepper = self._stepper
        stepper.step(self.room.tick_number + 1)
        self._raise_failure()
        for player in stepper.kicked:
            self.leave(player, player.kicked or "")
        emissions = stepper.take_emissions()
        self.texts += [said.text for said in stepper.take_texts()]
        self._publish(emissions)
        return [emission.event for emission in emissions]

    def settle(self) -> None:
        """Let ``near`` find entities where a test has put them by hand."""
        self._publish(())

    def _publish(self, emissions: Sequence[Emission]) -> None:
        self._publisher.publish(self.room.tick_number, emissions)
        self._stepper.published(self.room.tick_number)

    def _raise_failure(self) -> None:
        for failure in self._stepper.take_failures():
            raise failure.error
