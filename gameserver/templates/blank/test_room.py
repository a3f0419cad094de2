"""The rules, without a server: ``pytest`` plays the room tick by tick."""

from gameserver.templates.blank.room import SIZE, SPEED, Dot, Game, Move
from gameserver.testing import Rehearsal
from gameserver.trial import try_room


def test_a_dot_moves_while_a_key_is_held() -> None:
    play = Rehearsal(Game())
    ada = play.join("Ada")
    play.give(ada, Move(dx=1))
    play.step(Game.tick_rate // 2)  # half a second
    assert (ada.entity.x, ada.entity.y) == (SIZE / 2 + SPEED / 2, SIZE / 2)
    play.give(ada, Move())
    play.step()
    before = ada.entity.x
    play.step(5)
    assert ada.entity.x == before


def test_a_dot_stays_on_the_field() -> None:
    play = Rehearsal(Game())
    ada = play.join("Ada")
    play.give(ada, Move(dx=-1, dy=1))
    play.step(Game.tick_rate * 3)
    assert (ada.entity.x, ada.entity.y) == (0, SIZE)


def test_a_dot_leaves_with_its_player() -> None:
    play = Rehearsal(Game())
    ada = play.join("Ada")
    play.leave(ada)
    assert not list(play.room.world.of_class(Dot))


def test_the_room_can_be_served() -> None:
    try_room(Game)


def test_a_snapshot_keeps_everything() -> None:
    Rehearsal(Game(seed=1)).check_snapshot()
