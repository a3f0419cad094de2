"""gameserver/protocol/latency.py: worked figures, and what must hold for any samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.protocol.latency import (
    MINIMUM_WINDOW,
    Latency,
    LatencyEstimator,
)

rtts = st.floats(0, 10)


def test_nothing_is_known_before_the_first_sample() -> None:
    assert LatencyEstimator().latency == Latency(None, None, None, None, None, 0)


def test_first_sample() -> None:
    estimator = LatencyEstimator()
    latency = estimator.sample(0.08)
    assert latency == Latency(0.08, 0.08, 0.04, 0.0, 0.08, 1)
    assert estimator.latency is latency


def test_worked_by_hand() -> None:
    """Values that are exact in binary: 64, 128, 32 (in 1/1024 s, say)."""
    estimator = LatencyEstimator()
    estimator.sample(64.0)
    # RTTVAR = 3/4·32 + 1/4·|64-128|; SRTT = 7/8·64 + 1/8·128; jitter = 64/16
    assert estimator.sample(128.0) == Latency(128.0, 72.0, 40.0, 4.0, 64.0, 2)
    # RTTVAR = 3/4·40 + 1/4·|72-32|; SRTT = 7/8·72 + 1/8·32; jitter = 4 + (96-4)/16
    assert estimator.sample(32.0) == Latency(32.0, 67.0, 40.0, 9.75, 32.0, 3)


def test_a_snapshot_does_not_change() -> None:
    estimator = LatencyEstimator()
    early = estimator.sample(1.0)
    estimator.sample(2.0)
    assert early == Latency(1.0, 1.0, 0.5, 0.0, 1.0, 1)
    with pytest.raises(AttributeError):
        early.rtt_s = 0.0  # type: ignore[misc]


def test_the_minimum_forgets() -> None:
    estimator = LatencyEstimator()
    estimator.sample(0.01)
    for _ in range(MINIMUM_WINDOW - 1):
        estimator.sample(0.05)
    assert estimator.latency.minimum_s == 0.01
    assert estimator.sample(0.05).minimum_s == 0.05


@given(st.lists(rtts, min_size=1, max_size=80))
def test_bounds(samples: list[float]) -> None:
    estimator = LatencyEstimator()
    for count, rtt_s in enumerate(samples, 1):
        latency = estimator.sample(rtt_s)
        assert (latency.rtt_s, latency.count) == (rtt_s, count)
        assert latency.minimum_s == min(samples[:count][-MINIMUM_WINDOW:])
        assert latency.smoothed_s is not None
        assert latency.variation_s is not None
        assert latency.jitter_s is not None
        spread = max(samples) - min(samples)
        assert min(samples) - 1e-9 <= latency.smoothed_s <= max(samples) + 1e-9
        assert 0 <= latency.jitter_s <= spread
        assert 0 <= latency.variation_s <= max(samples)


@given(rtts, st.integers(1, 100))
def test_constant_round_trips_have_no_jitter(rtt_s: float, count: int) -> None:
    estimator = LatencyEstimator()
    for _ in range(count):
        latency = estimator.sample(rtt_s)
    assert latency.smoothed_s == rtt_s
    assert latency.jitter_s == 0
    assert latency.variation_s == pytest.approx(rtt_s / 2 * 0.75 ** (count - 1))


@pytest.mark.parametrize("wrong", [-0.001, math.nan, math.inf, -math.inf])
def test_what_is_no_duration_is_refused_and_leaves_no_trace(wrong: float) -> None:
    estimator = LatencyEstimator()
    before = estimator.sample(0.5)
    with pytest.raises(LocalProtocolError):
        estimator.sample(wrong)
    assert estimator.latency is before
    assert estimator.sample(1.0).minimum_s == 0.5
