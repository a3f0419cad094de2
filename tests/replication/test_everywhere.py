"""The short way through a publish gives the same bytes as the general one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from gameserver.replication import publisher as publisher_module
from tests.support.examples import examples
from tests.support.published_play import Play, state_of, turns
from tests.support.twins import publish_in_python


@settings(max_examples=examples(150), deadline=None)
@given(turns)
def test_the_short_way_posts_what_the_general_way_does(
    turns: list[list[tuple[str, int, int]]],
) -> None:
    short, general = Play(), Play()
    for tick, turn in enumerate(turns, 1):
        for action in turn:
            short.act(*action)
            general.act(*action)
        posted = short.publish(tick)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                publisher_module, "post_everywhere", lambda _world, seats, *_: list(seats)
            )
            assert posted == general.publish(tick)
        for one, other in zip(short.seats, general.seats, strict=True):
            assert state_of(one) == state_of(other)
    assert short.publisher.statistics == general.publisher.statistics


def test_seats_that_are_told_the_same_share_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(check_every_ticks=1000)
    play.publish(1)
    publish_in_python(monkeypatch)
    monkeypatch.delattr(publisher_module, "Round")  # nobody needs the general way
    play.act("move", 0, 5)
    play.seats[1].margin = 2
    one, other, third = play.publish(2)
    assert one[0] is third[0]
    assert other[0] != one[0]
