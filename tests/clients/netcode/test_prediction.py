"""Predicting the own ship: exact where nothing surprised the server, converging where it did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.netcode.prediction import HALF_LIFE_S, Predictor, Smoothing
from tests.support.netcode_vectors.files import check
from tests.support.netcode_vectors.prediction import Bead, bead_distance, push_bead


def predictor(**options: int) -> Predictor[Bead, int]:
    return Predictor(push_bead, bead_distance, max_pending=options.get("max_pending", 64))


def test_python_and_the_page_play_the_same_scripts() -> None:
    check("prediction")


def test_without_a_ship_nothing_is_predicted() -> None:
    own = predictor()
    assert not own.apply(1, 1)
    assert own.peek(1) is None
    assert own.reconcile(1, (0, 0, 0)) is None
    assert own.state is None


def test_a_command_shows_at_once_and_peeking_changes_nothing() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    assert own.peek(2) == (2, 2, 0)
    assert own.apply(11, 2)
    assert (own.tick, own.state) == (11, (2, 2, 0))
    assert not own.apply(11, 2)
    assert own.state == (2, 2, 0)


def test_a_right_prediction_needs_no_correction() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    for tick in (11, 12, 13):
        own.apply(tick, 1)
    assert own.reconcile(12, (3, 2, 0)) is None
    assert (own.pending, own.tick, own.state) == (1, 13, (6, 3, 0))
    assert own.counts.corrections == own.counts.adjustments == 0


def test_a_wrong_prediction_is_replayed_from_the_servers_state() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    for tick in (11, 12, 13):
        own.apply(tick, 1)
    assert own.reconcile(11, (100, 5, 0)) == (6, 3, 0)
    assert own.state == (100 + 6 + 7, 7, 0)
    assert own.counts.corrections == 1
    assert own.counts.distance_sum == own.counts.distance_worst == 107
    # States that follow from the corrected one are no new corrections.
    assert own.reconcile(12, (106, 6, 0)) is None


def test_a_correction_without_movement_is_an_adjustment() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    own.apply(11, 1)
    assert own.reconcile(11, (1, 1, 7)) == (1, 1, 0)
    assert own.counts.adjustments == 1
    assert own.counts.corrections == 0


def test_an_older_delta_is_ignored() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    own.apply(11, 1)
    assert own.reconcile(9, (50, 0, 0)) is None
    assert own.state == (1, 1, 0)


def test_a_server_that_is_ahead_is_followed() -> None:
    own = predictor()
    own.reset(10, (0, 0, 0))
    own.apply(11, 1)
    own.reconcile(20, (9, 0, 0))
    assert (own.tick, own.state, own.pending) == (20, (9, 0, 0), 0)
    assert not own.apply(20, 1)
    assert own.apply(21, 1)


def test_prediction_stops_if_the_server_is_silent() -> None:
    own = predictor(max_pending=3)
    own.reset(0, (0, 0, 0))
    assert [own.apply(tick, 1) for tick in range(1, 6)] == [True, True, True, False, False]
    assert own.counts.refused == 2
    assert own.tick == 3
    own.reconcile(2, (3, 2, 0))
    assert own.apply(6, 0)


@given(
    commands=st.lists(st.integers(-3, 3), min_size=1, max_size=80),
    ahead=st.integers(0, 12),
    heard=st.randoms(use_true_random=False),
)
def test_in_time_and_undisturbed_there_is_never_a_correction(
    commands: list[int], ahead: int, heard: st.DataObject
) -> None:
    own = predictor()
    own.reset(0, (0, 0, 0))
    server: Bead = (0, 0, 0)
    for tick, command in enumerate(commands, 1):
        own.apply(tick, command)
        if tick > ahead:
            server = push_bead(server, commands[tick - ahead - 1])
            if heard.random() < 0.6:  # type: ignore[attr-defined]
                assert own.reconcile(tick - ahead, server) is None
    assert (own.counts.corrections, own.counts.adjustments) == (0, 0)


@given(
    commands=st.lists(st.integers(-3, 3), min_size=30, max_size=60),
    whims=st.lists(st.booleans(), min_size=20, max_size=20),
    ahead=st.integers(0, 8),
)
def test_after_all_confirmations_the_prediction_is_the_servers_state(
    commands: list[int], whims: list[bool], ahead: int
) -> None:
    """No error outlives the server's next word, whatever became of the first commands."""
    own = predictor()
    own.reset(0, (0, 0, 0))
    server: Bead = (0, 0, 0)
    for tick, command in enumerate(commands, 1):
        own.apply(tick, command)
        if tick > ahead:
            done = tick - ahead
            whim = done <= len(whims) and whims[done - 1]
            server = push_bead(server, -3 if whim else commands[done - 1])
            own.reconcile(done, server)
    for tick in range(len(commands) - ahead + 1, len(commands) + 1):
        server = push_bead(server, commands[tick - 1])
        assert own.reconcile(tick, server) is None  # the replay foresaw it
    assert own.state == server
    assert own.counts.corrections <= len(whims) + 1


# ---------------------------------------------------------------- what is drawn


def test_a_correction_halves_every_half_life() -> None:
    smooth = Smoothing(100)
    smooth.add(8, -4, 1.0)
    assert smooth.offset(1.0) == (8, -4)
    assert smooth.offset(1.0 + HALF_LIFE_S) == pytest.approx((4, -2))
    assert smooth.offset(1.0 + 2 * HALF_LIFE_S) == pytest.approx((2, -1))
    assert smooth.offset(9.0) == (0, 0)


def test_corrections_add_up_and_nothing_jumps() -> None:
    smooth = Smoothing(100)
    smooth.add(8, 0, 1.0)
    smooth.add(2, 2, 1.0 + HALF_LIFE_S)
    assert smooth.offset(1.0 + HALF_LIFE_S) == pytest.approx((6, 2))


def test_a_correction_beyond_the_snap_distance_is_not_smoothed() -> None:
    smooth = Smoothing(100)
    smooth.add(60, 0, 1.0)
    smooth.add(60, 0, 1.0)
    assert smooth.offset(1.0) == (0, 0)
    assert smooth.snaps == 1
