"""The rules, without a server: ``pytest`` plays the room tick by tick."""

import pathlib

from gameserver import Player
from gameserver.stepping import javascript_of
from gameserver.templates.arena import movement
from gameserver.templates.arena.movement import HEIGHT, RADIUS, UNIT, WIDTH, Motion, step
from gameserver.templates.arena.room import HULL, RELOAD_S, Game, News, Ship, Steer
from gameserver.testing import Rehearsal
from gameserver.trial import try_room


def duel() -> tuple[Rehearsal[Game], Player[Ship], Player[Ship]]:
    """Return a room with two ships, of which the second is to the right of the first."""
    play = Rehearsal(Game(seed=1))
    ada, bob = play.join("Ada"), play.join("Bob")
    ada.entity.x, ada.entity.y = WIDTH // 2, HEIGHT // 2
    bob.entity.x, bob.entity.y = ada.entity.x + 100 * UNIT, ada.entity.y
    play.settle()
    play.step()
    return play, ada, bob


def test_a_ship_speeds_up_and_stays_on_the_field() -> None:
    ship = Motion(WIDTH // 2, HEIGHT // 2, 0, 0)
    for _ in range(300):
        ship = step(ship, Steer(dx=1))
        assert RADIUS <= ship.x <= WIDTH - RADIUS
    assert ship.y == HEIGHT // 2


def test_a_shot_hits_the_ship_ahead() -> None:
    play, ada, bob = duel()
    play.give(ada, Steer(fire=True))
    play.step()
    assert (bob.entity.hull, ada.entity.hull) == (HULL - 1, HULL)


def test_a_shot_aside_hits_nobody() -> None:
    play, ada, bob = duel()
    play.give(ada, Steer(aim=1.0, fire=True))
    play.step()
    assert bob.entity.hull == HULL


def test_a_gun_is_loaded_again_after_a_moment() -> None:
    play, ada, bob = duel()
    shots = 0
    for _ in range(round(RELOAD_S * Game.tick_rate)):
        play.give(ada, Steer(fire=True))
        shots += len(play.step())
    assert (shots, bob.entity.hull) == (1, HULL - 1)


def test_the_last_hit_counts() -> None:
    play, ada, bob = duel()
    bob.entity.hull = 1
    play.give(ada, Steer(fire=True))
    assert News("Ada", "Bob") in play.step()
    assert (ada.entity.score, bob.entity.hull) == (1, HULL)


def test_the_page_has_the_same_step() -> None:
    """If this fails: ``gameserver step gameserver.templates.arena.movement > page/movement.js``."""
    page = pathlib.Path(__file__).parent / "page" / "movement.js"
    assert page.read_text() == javascript_of(movement.__name__)


def test_the_room_can_be_served() -> None:
    try_room(Game)


def test_a_snapshot_keeps_everything() -> None:
    Rehearsal(Game(seed=1)).check_snapshot()
