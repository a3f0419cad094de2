"""The compiled loops over seats beside the pure ones: equal bytes for every seat and publish."""

from __future__ import annotations

import contextlib
import socket
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given, settings
from trio.testing import wait_all_tasks_blocked

from gameserver.accelerated import COMPILED
from gameserver.model.view import Near
from gameserver.replication.round import Round
from gameserver.runtime.net.link import Link
from tests.support.examples import examples
from tests.support.frame_sinks import FakeSink, messages_in
from tests.support.published_play import SEATS, Play, state_of, turns
from tests.support.replicated_world import Crate
from tests.support.twins import publish_in_python

VIEWS = (None, Near(60))


def publish_both(pure: Play, compiled: Play, tick: int) -> tuple[Any, Any]:
    with pytest.MonkeyPatch.context() as patch:
        publish_in_python(patch)
        expected = pure.publish(tick)
    return expected, compiled.publish(tick)


def same_state(pure: Play, compiled: Play) -> None:
    for one, other in zip(pure.seats, compiled.seats, strict=True):
        assert state_of(one) == state_of(other)
        assert (one.margin, one.own_changed, one.notices) == (
            other.margin,
            other.own_changed,
            other.notices,
        )
    assert pure.publisher.statistics == compiled.publisher.statistics


@settings(max_examples=examples(100), deadline=None)
@given(turns, st.sampled_from(VIEWS), st.integers(0, 2**33), st.data())
def test_both_post_the_same(
    turns: list[list[tuple[str, int, int]]], view: Near | None, first: int, data: st.DataObject
) -> None:
    plays = [Play(view=view), Play(view=view)]
    for number in range(SEATS):
        seq = data.draw(st.integers(0, 2**31 - 1))
        for play in plays:
            play.seats[number].command_seq = seq
    for tick, turn in enumerate(turns, first + 1):
        for action in turn:
            for play in plays:
                play.act(*action)
        expected, posted = publish_both(plays[0], plays[1], tick)
        assert posted == expected
        same_state(*plays)


@pytest.mark.parametrize("length", [90, 110, 111, 125, 126, 200, 65_000, 65_500, 66_000, 200_000])
@pytest.mark.parametrize("view", VIEWS, ids=["everywhere", "near"])
def test_frames_of_every_length(view: Near | None, length: int) -> None:
    plays = [Play(view=view), Play(view=view)]
    for play in plays:
        for seat in play.seats:
            seat.focus = (0.0, 0.0)
        crate = play.world.spawn(Crate())
        play.publish(1)
        crate.label = "x" * length
    expected, posted = publish_both(plays[0], plays[1], 2)
    assert posted == expected
    (message,) = messages_in(posted[0][0])
    assert message.tick == 2


def test_margins_of_every_form() -> None:
    edges = [2**bits + more for bits in (7, 8, 15, 16, 31, 32, 40) for more in (-1, 0, 1)]
    plays = [Play(), Play()]
    for tick, margin in enumerate((*range(-40, 40), *edges, *(-edge for edge in edges)), 1):
        for play in plays:
            play.act("ack", 0, 0)
            play.seats[0].margin = margin
        expected, posted = publish_both(plays[0], plays[1], tick)
        assert posted == expected
        assert messages_in(posted[0][0])[0].margin == margin


class Sockets:
    """A play whose seats have links; the peers read when they are told to."""

    def __init__(
        self, nursery: trio.Nursery, view: Near | None, check_every_ticks: int = 7
    ) -> None:
        pairs = [socket.socketpair() for _ in range(SEATS)]
        for ours, theirs in pairs:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            theirs.setblocking(False)
        self.peers = [theirs for _, theirs in pairs]
        self.links = [Link(ours, nursery) for ours, _ in pairs]
        self.play = Play(check_every_ticks, view, self.links)
        self.crate = self.play.world.spawn(Crate())
        self.received = [b""] * SEATS

    def read(self, number: int) -> None:
        peer = self.peers[number]
        with contextlib.suppress(BlockingIOError, OSError):
            while data := peer.recv(4096):
                self.received[number] += data

    def state(self) -> Any:
        return [
            (link.bytes_out, link.clear, link.posts_refused, link._broken) for link in self.links
        ]

    def close(self) -> None:
        for link in self.links:
            link.drop()
        for peer in self.peers:
            peer.close()


socket_actions = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(("move", "move", "margin", "long", "long", "read", "drop", "close")),
            st.integers(0, SEATS - 1),
            st.integers(0, 9),
        ),
        max_size=5,
    ),
    max_size=20,
)


@settings(max_examples=examples(40), deadline=None)
@given(socket_actions, st.sampled_from(VIEWS))
def test_full_sockets_closed_peers_and_dropped_links_end_alike(
    turns: list[list[tuple[str, int, int]]], view: Near | None
) -> None:
    async def play() -> None:
        async with trio.open_nursery() as nursery:
            sides = [Sockets(nursery, view), Sockets(nursery, view)]
            for tick, turn in enumerate(turns, 1):
                for action, number, value in turn:
                    for side in sides:
                        match action:
                            case "read":
                                side.read(number)
                            case "drop":
                                side.links[number].drop()
                            case "close":
                                side.peers[number].close()
                            case "long":
                                side.crate.label = "x" * 1000 * (value + tick % 2)
                            case _:
                                side.play.act(action, number, value)
                publish_both(sides[0].play, sides[1].play, tick)
                same_state(sides[0].play, sides[1].play)
                assert sides[0].state() == sides[1].state()
                await wait_all_tasks_blocked()
                assert sides[0].state() == sides[1].state()
            for number in range(SEATS):
                for side in sides:
                    side.read(number)
            assert sides[0].received == sides[1].received
            for side in sides:
                side.close()
            nursery.cancel_scope.cancel()

    trio.run(play)


def test_a_seat_whose_sink_refuses_starts_over() -> None:
    plays = [Play(), Play()]
    for play in plays:
        play.publish(1)
        sink = play.sinks[1]
        assert isinstance(sink, FakeSink)
        sink.broken = True
        play.act("move", 0, 3)
    publish_both(plays[0], plays[1], 2)
    same_state(*plays)
    assert [seat.posted_tick for seat in plays[1].seats] == [2, 1, 2]


@pytest.mark.parametrize("view", VIEWS, ids=["everywhere", "near"])
async def test_the_compiled_loop_writes_ordinary_frames_itself(view: Near | None) -> None:
    if not COMPILED:
        return
    async with trio.open_nursery() as nursery:
        side = Sockets(nursery, view, check_every_ticks=1000)
        for seat in side.play.seats:
            seat.focus = (0.0, 0.0)
        side.play.publish(1)
        side.crate.label = "fresh"
        with (
            mock.patch.object(Link, "post", side_effect=AssertionError),
            mock.patch.object(Round, "_add", side_effect=AssertionError),
        ):
            side.play.publish(2)
        for number in range(SEATS):
            side.read(number)
            assert b"fresh" in side.received[number]
        side.close()
