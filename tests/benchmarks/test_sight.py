"""The study of views: as many are near as it says, and teams see all their mates."""

from __future__ import annotations

import math

import pytest

from benchmarks.studies.sight import GRADES, NEAR, SIDE, Bench, TeamField
from gameserver.replication.interest import visible_now


@pytest.mark.parametrize("near", NEAR[:2])
def test_about_the_wanted_number_is_within_the_radius(near: int) -> None:
    bench = Bench(GRADES["Exact"], 10, round(near * SIDE**2 / math.pi))
    seats = [player._seat for player in bench.room.players.values()]
    seen = [len(list(visible_now(bench.room.world, seat))) for seat in seats]
    assert 0.6 * near < sum(seen) / len(seen) < 1.6 * near


def test_every_grade_posts_to_every_seat_at_each_tick() -> None:
    for room in (*GRADES.values(), TeamField):
        bench = Bench(room, 4, 30)
        bench.tick()
        deltas = bench.publisher.statistics.deltas
        bench.tick()
        assert bench.publisher.statistics.deltas == deltas + 4


def test_members_of_a_team_see_each_other_wherever_they_are() -> None:
    bench = Bench(TeamField, 8, 8)
    for player in bench.room.players.values():
        seen = {record.owner for record in visible_now(bench.room.world, player._seat)}
        assert seen >= {seat for seat in bench.room.players if seat % 2 == player.seat % 2}
