"""Capture, stepped without a server: its rules, and bots whose predictions are never corrected."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from gameserver.games.capture import Capture, bots, room
from gameserver.games.capture.room import HOMES, Crate, Item, Kind, Move, News, Racer, Team, Use
from gameserver.protocol.messages import Delta, pack
from gameserver.testing import Rehearsal
from tests.support.node_tools import run_node
from tests.support.simulated_play import SimulatedClient, SimulatedPlay

WAY_S = 0.05
REPLAY = Path(__file__).with_name("replay.mjs")


def put(racer: Racer, place: tuple[int, int]) -> None:
    racer.x, racer.y = place


def test_a_flag_is_taken_and_captured_and_who_is_touched_is_out() -> None:
    play = Rehearsal(Capture(seed=1))
    ada, bob = play.join("Ada"), play.join("Bob")
    assert (ada.entity.team, bob.entity.team) == (Team.RED, Team.BLUE)
    put(ada.entity, HOMES[Team.BLUE])
    assert play.step() == [News("Ada", "took the flag", Team.BLUE)]
    put(ada.entity, HOMES[Team.RED])
    assert play.step() == [News("Ada", "captured the flag", Team.BLUE)]
    assert play.room.match.points == {Team.RED: 1, Team.BLUE: 0}
    for each in (ada, bob):
        put(each.entity, (HOMES[Team.RED][0], 2 * room.REACH))
    assert play.step(2) == [News("Ada", "tagged Bob", Team.BLUE)]
    play.step(room.OUT_S * Capture.tick_rate)
    assert not bob.entity.out
    assert bob.entity.x == HOMES[Team.BLUE][0]


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


def way(_now_s: float) -> float:
    return WAY_S


class Recorded(SimulatedClient):
    """A bot that notes what it did and heard, and its prediction after each."""

    def __init__(self, field: SimulatedPlay, number: int) -> None:
        self.steps: list[list[Any]] = []
        self.command: Move | None = None
        self.chance = random.Random(number)
        self.began_tick = field.server_ticks(field.now_s - WAY_S)
        super().__init__(field, number, way, way, self.chosen, vehicle=bots.Pilot)

    def chosen(self, client: SimulatedClient, tick: int) -> Move | None:
        me, own = self.replica.own, self.steering.own
        if me is None or own is None:
            return None
        if me.items and self.chance.random() < 0.05:
            self.send(Use(self.chance.choice(list(Kind))))
        self.command = bots.wish(self.replica, me, own)
        return self.command

    def note(self, *step: Any) -> None:
        own = self.steering.own
        self.steps.append([*step, self.field.now_s * 1000, None if own is None else list(own)])

    def _loop(self) -> None:
        before, self.command = self.steering.tick, None
        super()._loop()
        tick = self.steering.tick
        held = None if self.command is None else [self.command.dx, self.command.dy]
        self.note("turn", None if tick == before else tick, held)

    def _hear_delta(self, delta: Delta) -> None:
        super()._hear_delta(delta)
        self.note("delta", delta.encode().hex())

    def _hear_pong(self, sent_s: float, tick: float) -> None:
        super()._hear_pong(sent_s, tick)
        self.note("pong", sent_s * 1000, tick)


@pytest.mark.node
def test_bots_play_without_a_correction_in_python_and_in_the_page() -> None:
    field = SimulatedPlay(Capture(seed=2))
    remotes = [Recorded(field, number) for number in range(1, 5)]
    field.run_until(30.0)
    for remote in remotes:
        assert remote.steering.predictor.counts.corrections == 0
    schema = pack(Capture.schema().describe()).hex()
    told = {"schema": schema, "began": remotes[0].began_tick, "steps": remotes[0].steps}
    replayed = run_node(str(REPLAY), cwd=REPLAY.parent, stdin=json.dumps(told))
    compared, corrections = json.loads(replayed)
    assert compared > 1_000
    assert corrections == 0
