"""Rock, paper, scissors between two players whom a queue has matched.

Owns the rules of a duel, and the ranks that it wins and costs.  The queue itself is
``gameserver.games.queue``; here are only its rules.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from gameserver import Player, Room, command, entity, event, handles, synced
from gameserver.games.queue import Avoid, Latency, Queue, QueueOptions, Size, Skill

TO_WIN: Final = 3
RANK_STEP: Final = 20.0
#: How long a player waits for the other one to come.
PATIENCE_S: Final = 60.0

Hand = enum.Enum("Hand", "ROCK PAPER SCISSORS")
BEATS: Final = {Hand.ROCK: Hand.SCISSORS, Hand.PAPER: Hand.ROCK, Hand.SCISSORS: Hand.PAPER}


@attrs.frozen
class RankedOptions(QueueOptions):
    """The options of the queue; by default a player is in the one region of this example."""

    latencies: tuple[tuple[str, int], ...] = (("here", 0),)


class Ranked(Queue):
    """Players of about the same rank meet; the longer they wait, the less the same it is."""

    options = RankedOptions
    match_kind = "duel"
    rules = (Size(2), Skill(100, per_s=20), Latency(80, per_s=2, most_ms=200), Avoid())


@entity
class Duelist:
    """One of the two players."""

    name: str = synced("")
    score: int = synced(0)
    has_chosen: bool = synced(default=False)
    #: Not sent: ``Shown`` reveals both hands once both players have chosen.
    hand: Hand | None = None


@entity
class Duelling:
    """The state of the duel.  ``winner`` is the id of the entity that has won; 0 until then."""

    winner: int = synced(0)


@command
class Choose:
    """Choose a hand; it is revealed once both players have chosen."""

    hand: Hand


@command
class Again:
    """Go back to the queue, once the duel is over."""


@event
class Shown:
    """Both hands, and the name of the winner of the round; empty if there is none."""

    first: str
    first_hand: Hand
    second: str
    second_hand: Hand
    winner: str


class Duel(Room[Duelist]):
    """A duel; its two players come from the queue, with the options that they had there."""

    tick_rate, max_players, private = 10, 2, True
    options = RankedOptions

    duelling: Duelling

    def on_create(self) -> None:
        """Wait for both players."""
        self.duelling = self.spawn(Duelling())
        self.after(PATIENCE_S, self._end_if_alone)

    def on_join(self, player: Player[Duelist]) -> None:
        """Give the player an entity."""
        player.entity = self.spawn(Duelist(player.name), owner=player)

    def on_leave(self, player: Player[Duelist], reason: str) -> None:  # noqa: ARG002
        """End the duel: the other player wins."""
        self.despawn(player.entity)
        self._end_if_alone()

    @handles
    def choose(self, player: Player[Duelist], command: Choose) -> None:
        """Note a hand, and reveal both once both players have chosen."""
        player.entity.hand, player.entity.has_chosen = command.hand, True
        both = list(self.world.of_class(Duelist))
        if len(both) == 2 and all(one.has_chosen for one in both) and not self.duelling.winner:
            self._show(*both)

    @handles
    def go_again(self, player: Player[Duelist], command: Again) -> None:  # noqa: ARG002
        """Send a player back to the queue, with the rank that it has now."""
        if self.duelling.winner:
            won = self.duelling.winner == self.id_of(player.entity)
            rank = player.options.rank + (RANK_STEP if won else -RANK_STEP)
            player.move_to("ranked/main", options=attrs.evolve(player.options, rank=rank))

    def _show(self, one: Duelist, other: Duelist) -> None:
        assert one.hand is not None
        assert other.hand is not None
        winner = None
        if one.hand is not other.hand:
            winner = one if BEATS[one.hand] is other.hand else other
        name = "" if winner is None else winner.name
        self.emit(Shown(one.name, one.hand, other.name, other.hand, name))
        for each in (one, other):
            each.hand, each.has_chosen = None, False
        if winner is not None:
            winner.score += 1
            if winner.score == TO_WIN:
                self.duelling.winner = self.id_of(winner)

    def _end_if_alone(self) -> None:
        left = list(self.world.of_class(Duelist))
        if len(left) == 1 and not self.duelling.winner:
            self.duelling.winner = self.id_of(left[0])
