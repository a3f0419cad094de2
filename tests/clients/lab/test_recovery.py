"""TCP's loss recovery: which of its ways repairs a loss, and when."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.lab.path import Outages, Path
from clients.lab.recovery import (
    LEAST_TIMEOUT_S,
    PROBE_ROUND_TRIPS,
    REORDERING_SHARE,
    Flight,
    Measured,
)
from tests.support.netcode_vectors.files import check

NO_OUTAGES = Outages("", begin_s=0.0, every_s=math.inf, least_s=0.0, most_s=0.0)
DELAY_S = 0.05
RTT_S = 2 * DELAY_S
TIMEOUT_S = RTT_S + LEAST_TIMEOUT_S
MEASURED = Measured(least_rtt_s=RTT_S, smoothed_rtt_s=RTT_S, timeout_s=TIMEOUT_S)
LOST, KEPT = 0.0, 0.9


def flight(fates: Sequence[float]) -> Flight:
    """A link that loses what ``fates`` says, in the order in which it is asked; then nothing."""
    # The jitter of each segment is drawn too, but it is 0.
    asked = iter([part for fate in fates for part in (0.5, fate)])
    path = Path(delay_s=DELAY_S, loss=0.5)
    return Flight(path, path, MEASURED, lambda: next(asked, KEPT), NO_OUTAGES)


def test_python_and_the_page_repair_at_the_same_times() -> None:
    check("recovery")


def test_a_segment_that_is_not_lost_takes_the_delay() -> None:
    way = flight([])
    assert [way.send(at_s).arrives_s for at_s in (1.0, 1.0, 2.0)] == [1.05, 1.05, 2.05]
    assert way.lost == 0


def test_one_later_segment_repairs_once_nothing_can_be_reordered_any_more() -> None:
    way = flight([LOST])
    lost = way.send(1.0)
    assert way.lost == 1
    way.send(1.01)
    again_s = 1.0 + RTT_S + REORDERING_SHARE * RTT_S
    assert lost.tries_s == [1.0, pytest.approx(again_s)]
    assert lost.arrives_s == pytest.approx(again_s + DELAY_S)


def test_a_later_segment_repairs_as_soon_as_it_is_acknowledged() -> None:
    way = flight([LOST])
    lost = way.send(1.0)
    way.send(1.06)
    assert lost.tries_s[1:] == [pytest.approx(1.06 + RTT_S)]


def test_three_later_segments_repair_at_once() -> None:
    way = flight([LOST])
    lost = way.send(1.0)
    for number in (1, 2, 3):
        way.send(1.0 + number / 1000)
    assert lost.tries_s[1:] == [pytest.approx(1.003 + RTT_S)]


def test_an_acknowledgement_may_be_lost_too() -> None:
    #             the segment, sent again, the next one, its acknowledgement
    way = flight([LOST, KEPT, KEPT, LOST])
    lost = way.send(1.0)
    way.send(1.06)
    assert lost.tries_s[1:] == [pytest.approx(1.0 + TIMEOUT_S)]
    way.send(1.09)
    assert lost.tries_s[1:] == [pytest.approx(1.09 + RTT_S)]


def test_a_retransmission_that_is_lost_is_found_by_what_is_sent_after_it() -> None:
    way = flight([LOST, LOST])
    lost = way.send(1.0)
    way.send(1.06)
    assert lost.tries_s[1:] == [pytest.approx(1.16), pytest.approx(1.16 + TIMEOUT_S)]
    way.send(1.10)  # before it was sent again: says nothing about that
    assert lost.tries_s[2:] == [pytest.approx(1.16 + TIMEOUT_S)]
    way.send(1.17)
    assert lost.tries_s[1:] == [pytest.approx(1.16), pytest.approx(1.17 + RTT_S)]


def test_a_lone_segment_waits_for_its_timeout_which_doubles() -> None:
    way = flight([LOST, LOST, LOST, LOST])
    lost = way.send(1.0)
    waits_s = [b - a for a, b in zip(lost.tries_s, lost.tries_s[1:], strict=False)]
    # The first is the probe, which comes no later than the timeout would.
    assert waits_s == pytest.approx([TIMEOUT_S, TIMEOUT_S, 2 * TIMEOUT_S, 4 * TIMEOUT_S])


def test_the_last_of_several_is_probed() -> None:
    way = flight([KEPT, LOST])
    way.send(1.0)
    lost = way.send(1.01)
    assert lost.tries_s[1:] == [pytest.approx(1.01 + PROBE_ROUND_TRIPS * RTT_S)]


def test_a_later_segment_postpones_the_probe() -> None:
    way = flight([KEPT, LOST, KEPT, LOST])
    way.send(1.0)
    lost = way.send(1.01)
    also_lost = way.send(1.02)
    assert lost.tries_s[1:] == [pytest.approx(1.01 + TIMEOUT_S)]
    assert also_lost.tries_s[1:] == [pytest.approx(1.02 + PROBE_ROUND_TRIPS * RTT_S)]


@given(
    st.lists(st.floats(0.0, 0.4), max_size=40),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.05),
    st.integers(0, 1000),
)
def test_an_arrived_segment_changes_no_more(
    pauses_s: list[float], loss: float, jitter_s: float, seed: int
) -> None:
    path = Path(delay_s=DELAY_S, jitter_s=jitter_s, loss=loss)
    way = Flight(path, path, MEASURED, random.Random(seed).random, NO_OUTAGES)
    now_s = 0.0
    sent = []
    for pause_s in pauses_s:
        now_s += pause_s
        before = [(s, s.arrives_s) for s in sent]
        sent.append(way.send(now_s))
        for segment, arrived_s in before:
            if arrived_s < now_s:
                assert segment.arrives_s == arrived_s
            else:
                assert segment.arrives_s >= now_s
        assert sent[-1].arrives_s >= now_s + DELAY_S
