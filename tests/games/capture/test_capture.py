"""Capture, stepped without a server: its rules, and bots whose predictions are never corrected."""

from pathlib import Path

import pytest

from gameserver.games.capture import Capture, room
from gameserver.games.capture.bots import Runner
from gameserver.games.capture.room import HOMES, Crate, Item, Kind, Move, News, Team, Use
from gameserver.testing import Rehearsal
from tests.support.recorded_play import RecordedBot
from tests.support.simulated_play import SimulatedPlay

RULES = Path(room.__file__).parent / "page" / "rules.js"


def test_a_flag_is_captured_and_a_tagged_racer_is_out() -> None:
    play = Rehearsal(Capture(seed=1))
    ada, bob = play.join("Ada"), play.join("Bob")
    assert (ada.entity.team, bob.entity.team) == (Team.RED, Team.BLUE)
    ada.entity.x, ada.entity.y = HOMES[Team.BLUE]
    assert play.step() == [News("Ada", "took the flag", Team.BLUE)]
    ada.entity.x, ada.entity.y = HOMES[Team.RED]
    assert play.step() == [News("Ada", "captured the flag", Team.BLUE)]
    assert play.room.match.points == {Team.RED: 1, Team.BLUE: 0}
    for each in (ada, bob):
        each.entity.x, each.entity.y = HOMES[Team.RED][0], 2 * room.REACH
    assert play.step(2) == [News("Ada", "tagged Bob", Team.BLUE)]
    play.step(room.OUT_S * Capture.tick_rate)
    assert (bob.entity.out, bob.entity.x) == (False, HOMES[Team.BLUE][0])


def test_items_pile_up_and_a_key_opens_the_gate() -> None:
    play = Rehearsal(Capture(seed=1))
    ada = play.join("Ada")
    for _ in range(2):
        play.room.spawn(Crate(ada.entity.x, ada.entity.y, Kind.KEY))
        play.step()
    assert ada.entity.items == [Item(Kind.KEY, 2)]
    gate = next(play.room.near(*HOMES[Team.RED], 2000, room.Gate))
    ada.entity.x, ada.entity.y = gate.x - 2 * room.RADIUS, gate.y
    play.give(ada, Use(Kind.KEY))
    for ticks, passed in ((room.NOTICE_TICKS, False), (2 * room.NOTICE_TICKS, True)):
        for _ in range(ticks):
            play.give(ada, Move(dx=1))
            play.step()
        assert (ada.entity.x > gate.x) is passed
    assert ada.entity.items == [Item(Kind.KEY, 1)]


@pytest.mark.node
def test_bots_play_without_a_correction_in_python_and_in_the_page() -> None:
    field = SimulatedPlay(Capture(seed=2))
    remotes = [RecordedBot(field, number, Runner) for number in range(1, 5)]
    field.run_until(30.0)
    assert [remote.counts.corrections for remote in remotes] == [0] * 4
    compared, corrections = remotes[0].replayed(RULES)
    assert compared > 1_000
    assert corrections == 0
