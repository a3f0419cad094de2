"""Duels, stepped without a server: the rules, and what they do to ranks."""

from __future__ import annotations

import pytest

from gameserver import Player
from gameserver.games.duel.room import (
    PATIENCE_S,
    RANK_STEP,
    TO_WIN,
    Again,
    Choose,
    Duel,
    Duelist,
    Hand,
    RankedOptions,
    Shown,
)
from gameserver.testing import Rehearsal


def begin(*names: str) -> tuple[Rehearsal[Duel], Player[Duelist], Player[Duelist]]:
    play = Rehearsal(Duel(seed=1))
    one, other = (play.join(name, options={"rank": 1000}) for name in names or ("Ada", "Bob"))
    return play, one, other


def test_hands_are_shown_together_and_the_better_one_wins() -> None:
    play, ada, bob = begin()
    play.give(ada, Choose(Hand.ROCK))
    assert play.step() == []
    assert (ada.entity.has_chosen, bob.entity.has_chosen) == (True, False)
    play.give(bob, Choose(Hand.PAPER))
    assert play.step() == [Shown("Ada", Hand.ROCK, "Bob", Hand.PAPER, "Bob")]
    assert (ada.entity.score, bob.entity.score) == (0, 1)
    for each in (ada, bob):
        play.give(each, Choose(Hand.ROCK))
    assert play.step() == [Shown("Ada", Hand.ROCK, "Bob", Hand.ROCK, "")]


@pytest.mark.parametrize("names", [("Ada", "Bob"), ("Ada", "Ada")])
def test_the_winner_gets_a_rank_and_both_go_back_to_the_queue(names: tuple[str, str]) -> None:
    play, ada, bob = begin(*names)
    play.give(ada, Again())
    play.step()
    assert play.moved == [], "not before it is over"
    for _ in range(TO_WIN):
        play.give(ada, Choose(Hand.SCISSORS))
        play.give(bob, Choose(Hand.PAPER))
        play.step()
    assert play.room.duelling.winner == play.room.id_of(ada.entity)
    moves = []
    for each in (ada, bob):
        play.give(each, Again())
    play._stepper.step(play.room.tick_number + 1)
    moves = play._stepper.take_moves()
    assert {move.room for move in moves} == {"ranked/main"}
    ranks = [RankedOptions(**(move.options or {})).rank for move in moves]
    assert ranks == [1000 + RANK_STEP, 1000 - RANK_STEP]


def test_a_player_who_leaves_or_never_comes_loses() -> None:
    play, ada, bob = begin()
    play.leave(bob)
    assert play.room.duelling.winner == play.room.id_of(ada.entity)
    lone = Rehearsal(Duel(seed=1))
    cid = lone.join("Cid")
    lone.step(round(PATIENCE_S * Duel.tick_rate) + 1)
    assert lone.room.duelling.winner == lone.room.id_of(cid.entity)
    assert ada.entity.score == 0


def test_a_duel_is_a_value() -> None:
    Rehearsal(Duel()).check_snapshot(ticks=100, players=2)
    Rehearsal(Duel()).check_determinism(ticks=100, players=2)
