"""The rules, without a server: ``pytest`` plays the room tick by tick."""

from gameserver import Player
from gameserver.templates.turns.room import (
    CARDS,
    PAUSE_S,
    TURN_S,
    Card,
    Draw,
    Game,
    Hand,
    News,
    Put,
    Suit,
)
from gameserver.testing import Rehearsal
from gameserver.trial import try_room

Table = tuple[Rehearsal[Game], Player[Hand], Player[Hand]]


def two_at_a_table() -> Table:
    play = Rehearsal(Game(seed=1))
    return play, play.join("Ada"), play.join("Bob")


def test_the_turn_goes_around_the_table() -> None:
    play, ada, bob = two_at_a_table()
    turns = []
    for player in (ada, bob, ada):
        turns.append(play.room.table.seat)
        play.give(player, Draw())
        play.step()
    assert turns == [1, 2, 1]


def test_a_card_is_put_if_it_fits() -> None:
    play, ada, _ = two_at_a_table()
    play.room.table.top = Card(3, Suit.HEARTS)
    ada.entity.cards[0] = Card(3, Suit.SPADES)
    play.give(ada, Put(Card(3, Suit.SPADES)))
    assert play.step() == [News("Ada", "puts the 3 of spades")]
    assert play.room.table.top == Card(3, Suit.SPADES)
    assert ada.entity.size == len(ada.entity.cards) == CARDS - 1


def test_no_other_move_does_anything() -> None:
    play, ada, bob = two_at_a_table()
    play.room.table.top = Card(3, Suit.HEARTS)
    ada.entity.cards = [Card(4, Suit.SPADES)] * CARDS
    for player, move in (
        (ada, Put(Card(4, Suit.SPADES))),  # it does not fit
        (ada, Put(Card(3, Suit.SPADES))),  # she does not have it
        (bob, Draw()),  # it is not his turn
    ):
        play.give(player, move)
        assert play.step() == []


def test_a_player_who_does_not_move_draws() -> None:
    play, ada, _ = two_at_a_table()
    events = play.step(round(TURN_S * Game.tick_rate) + 1)
    assert events == [News("Ada", "draws a card")]
    assert (ada.entity.size, play.room.table.seat) == (CARDS + 1, 2)


def test_the_last_card_wins_and_a_new_round_begins() -> None:
    play, ada, bob = two_at_a_table()
    play.room.table.top = Card(3, Suit.HEARTS)
    ada.entity.cards, ada.entity.size = [Card(3, Suit.SPADES)], 1
    play.give(ada, Put(Card(3, Suit.SPADES)))
    assert News("Ada", "wins") in play.step()
    play.step(round(PAUSE_S * Game.tick_rate) + 1)
    assert [each.entity.size for each in (ada, bob)] == [CARDS, CARDS]


def test_the_game_waits_while_one_is_alone() -> None:
    play, ada, bob = two_at_a_table()
    play.leave(bob)
    play.give(ada, Draw())
    play.step()
    assert play.room.table.seat == 0
    play.join("Cy")
    assert play.room.table.seat == 1


def test_the_room_can_be_served() -> None:
    try_room(Game)


def test_a_snapshot_keeps_everything() -> None:
    Rehearsal(Game(seed=1)).check_snapshot()
