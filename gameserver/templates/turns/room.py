"""A card game in turns: put a card of the suit or the rank of the top one, or draw.

A player with no cards left wins.  A hand is known to its owner only; everybody sees its size.
"""

import enum
from collections.abc import Callable

from gameserver import Player, Room, Timer, command, entity, event, handles, number, synced, value

CARDS = 5
TURN_S = 20.0
PAUSE_S = 5.0

Suit = enum.Enum("Suit", "CLUBS DIAMONDS HEARTS SPADES")


@value  # compared and sent by content
class Card:
    rank: int = number(1, 9, default=1)
    suit: Suit = Suit.CLUBS


@entity
class Hand:
    name: str = synced("")
    seat: int = synced(0)
    size: int = synced(0)
    cards: list[Card] = synced(factory=list, to="owner")  # only its owner ever receives it


@entity
class Table:
    top: Card = synced(factory=Card)
    seat: int = synced(0)  # whose turn it is; 0: nobody's
    ends: int = synced(0)  # the tick at which the turn ends by itself


@command
class Put:
    card: Card


@command
class Draw:
    pass


@event
class News:
    who: str
    what: str


class Game(Room[Hand]):
    tick_rate, max_players = 10, 6
    table: Table
    timer: Timer | None  # what comes next by itself; None while players are missing

    def on_create(self) -> None:
        self.table, self.timer = self.spawn(Table(self._card())), None

    def on_join(self, player: Player[Hand]) -> None:
        player.entity = self.spawn(Hand(player.name, player.seat), owner=player)
        self._deal(player.entity, CARDS)
        if self.timer is None:
            self._begin_round()

    def on_leave(self, player: Player[Hand], reason: str) -> None:
        self.despawn(player.entity)
        if player.seat == self.table.seat:
            self._begin_turn_after(player.seat)

    @handles
    def put(self, player: Player[Hand], command: Put) -> None:
        hand, card, top = player.entity, command.card, self.table.top
        fits = card.suit is top.suit or card.rank == top.rank
        if player.seat != self.table.seat or card not in hand.cards or not fits:
            return  # the page offers no such move, but anybody can write a page
        hand.cards.remove(card)
        hand.size -= 1
        self.table.top = card
        self.emit(News(hand.name, f"puts the {card.rank} of {card.suit.name.lower()}"))
        if hand.cards:
            self._begin_turn_after(hand.seat)
        else:
            self.emit(News(hand.name, "wins"))
            self._go_on(0, PAUSE_S, self._begin_round)

    @handles
    def draw(self, player: Player[Hand], command: Draw) -> None:
        if player.seat == self.table.seat:
            self._draw(player.entity)

    def _draw(self, hand: Hand) -> None:
        """Give a card to the player whose turn it is, instead of a move."""
        self._deal(hand, 1)
        self.emit(News(hand.name, "draws a card"))
        self._begin_turn_after(hand.seat)

    def _begin_round(self) -> None:
        for player in self.players.values():
            player.entity.cards, player.entity.size = [], 0
            self._deal(player.entity, CARDS)
        self._begin_turn_after(0)

    def _begin_turn_after(self, seat: int) -> None:
        """Pass the turn to the next player around the table."""
        seats = sorted(self.players, key=lambda each: (each <= seat, each))
        if len(seats) < 2:
            self._go_on(0, 0.0, None)
        else:
            self._go_on(seats[0], TURN_S, self._draw, self.players[seats[0]].entity)

    def _go_on(
        self, seat: int, seconds: float, then: Callable[..., None] | None, *arguments: Hand
    ) -> None:
        """Have ``seat`` move; if it has not after some time, call ``then``."""
        if self.timer is not None:
            self.cancel(self.timer)
        self.timer = None if then is None else self.after(seconds, then, *arguments)
        self.table.seat = seat
        self.table.ends = (self.timer.due_tick or 0) if self.timer is not None else 0

    def _deal(self, hand: Hand, count: int) -> None:
        hand.cards += [self._card() for _ in range(count)]
        hand.size += count

    def _card(self) -> Card:
        return Card(self.random.randint(1, 9), self.random.choice(list(Suit)))
