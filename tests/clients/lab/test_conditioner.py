"""The conditioner: all bytes come out in order, later, with the delays and losses of the path."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.lab.conditioner import SEGMENT_BYTES, Conditioner
from clients.lab.path import Outages, Path
from clients.lab.recovery import LONGEST_TIMEOUT_S, Flight, Measured
from gameserver.errors import LocalProtocolError

NO_OUTAGES = Outages("", begin_s=0.0, every_s=math.inf, least_s=0.0, most_s=0.0)
#: Times are sums of floats.
ROUNDING_S = 1e-9

paths = st.builds(
    Path,
    delay_s=st.floats(0.0, 0.3),
    jitter_s=st.floats(0.0, 0.1),
    bytes_per_s=st.floats(1000.0, 1e7) | st.just(math.inf),
    loss=st.floats(0.0, 0.5),
    window_bytes=st.integers(700, 20_000),
)
#: Seconds since the last write, and how many bytes.
writes = st.lists(st.tuples(st.floats(0.0, 0.2), st.integers(1, 5000)), max_size=15)
seeds = st.text(max_size=5)


def conditioner(
    path: Path, seed: str = "", *, timeout_s: float = 0.2, outages: Outages = NO_OUTAGES
) -> Conditioner:
    measured = Measured(
        least_rtt_s=2 * path.delay_s,
        smoothed_rtt_s=2 * (path.delay_s + path.jitter_s),
        timeout_s=timeout_s,
    )
    flight = Flight(path, path, measured, random.Random(seed).random, outages)
    return Conditioner(path, flight)


def outages_of(seed: str) -> Outages:
    return Outages(seed, begin_s=0.0, every_s=2.0, least_s=0.1, most_s=1.0)


def run(
    made: Conditioner, writes: Iterable[tuple[float, int]]
) -> tuple[list[tuple[float, int]], list[tuple[float, bytes]]]:
    """Write as soon as there is room and read at once: what went in, and what came out when."""
    now_s = 0.0
    sent: list[tuple[float, int]] = []
    got: list[tuple[float, bytes]] = []
    number = 0

    def read_until(then_s: float) -> None:
        while (due_s := made.next_due_s) is not None and due_s <= then_s:
            data = made.pop(due_s, 10**9)
            if not data:
                assert made.ended(due_s)
                return
            got.append((due_s, data))

    for pause_s, length in writes:
        now_s += pause_s
        read_until(now_s)
        while length:
            if not made.room_bytes:
                assert made.next_due_s is not None, "full, and nothing will come out"
                now_s = max(now_s, made.next_due_s)
                read_until(now_s)
                continue
            part = min(length, made.room_bytes)
            data = bytes((number + i) % 251 for i in range(part))
            number += part
            made.push(now_s, data)
            sent.append((now_s, part))
            length -= part
    made.push_end(now_s)
    read_until(math.inf)
    return sent, got


@given(paths, writes, seeds)
def test_every_byte_comes_out_once_and_in_order(
    path: Path, writes: list[tuple[float, int]], seed: str
) -> None:
    made = conditioner(path, seed, outages=outages_of(seed))
    sent, got = run(made, writes)
    out = b"".join(data for _, data in got)
    assert out == bytes(i % 251 for i in range(sum(n for _, n in sent)))
    times = [at_s for at_s, _ in got]
    assert times == sorted(times)
    assert made.waiting_bytes == 0
    assert made.ended(made.next_due_s or 0.0)


@given(paths, writes, seeds)
def test_no_byte_is_faster_than_the_delay_and_the_bandwidth_allow(
    path: Path, writes: list[tuple[float, int]], seed: str
) -> None:
    sent, got = run(conditioner(path, seed, outages=outages_of(seed)), writes)
    # From each write on: of what was written since then, no more than fits has come out.
    sent_before = 0
    for start_s, length in sent:
        received = 0
        for at_s, data in got:
            received += len(data)
            since = received - sent_before
            if since > 0:
                carrying_s = at_s - start_s - path.delay_s + ROUNDING_S
                assert carrying_s >= 0
                if path.bytes_per_s < math.inf:
                    assert since <= path.bytes_per_s * carrying_s + 1e-3
        sent_before += length


@given(paths, writes, seeds)
def test_the_window_is_never_exceeded(
    path: Path, writes: list[tuple[float, int]], seed: str
) -> None:
    made = conditioner(path, seed)
    with pytest.raises(LocalProtocolError, match="no room"):
        made.push(0.0, bytes(path.window_bytes + 1))
    assert made.waiting_bytes == 0
    sent, _ = run(made, writes)
    assert all(length <= path.window_bytes for _, length in sent)


@given(paths, writes, seeds)
def test_a_seed_decides_everything(path: Path, writes: list[tuple[float, int]], seed: str) -> None:
    first = run(conditioner(path, seed, outages=outages_of(seed)), writes)
    again = run(conditioner(path, seed, outages=outages_of(seed)), writes)
    assert first == again


@given(paths, writes, st.integers(1, 2000))
def test_it_does_not_matter_how_much_is_read_at_a_time(
    path: Path, writes: list[tuple[float, int]], at_once: int
) -> None:
    wide, narrow = conditioner(path), conditioner(path)
    for made in (wide, narrow):
        for pause_s, length in writes:
            made.push(pause_s, bytes([length % 251]) * min(length, made.room_bytes))
    end_s = 1e6
    parts = []
    while part := narrow.pop(end_s, at_once):
        assert len(part) <= at_once
        parts.append(part)
    assert b"".join(parts) == wide.pop(end_s, 10**9)
    assert narrow.waiting_bytes == 0


def test_another_seed_is_another_connection() -> None:
    path = Path(delay_s=0.01, jitter_s=0.01)
    writes = [(0.03, 60)] * 20
    assert run(conditioner(path, "a"), writes) != run(conditioner(path, "b"), writes)


def test_without_chance_the_times_are_exact() -> None:
    made = conditioner(Path(delay_s=0.05, bytes_per_s=1000.0))
    made.push(1.0, bytes(100))  # leaves from 1.0 to 1.1
    made.push(1.05, bytes(50))  # … to 1.15
    made.push(2.0, bytes(10))
    due = []
    while (at_s := made.next_due_s) is not None:
        assert made.pop(at_s - 1e-6, 10**6) == b""
        due.append((round(at_s, 9), len(made.pop(at_s, 10**6))))
    assert due == [(1.15, 100), (1.2, 50), (2.06, 10)]


def test_a_long_write_comes_out_segment_by_segment() -> None:
    made = conditioner(Path(delay_s=0.0, bytes_per_s=SEGMENT_BYTES * 10.0))
    made.push(0.0, bytes(3 * SEGMENT_BYTES))
    assert [len(made.pop(at_s, 10**6)) for at_s in (0.05, 0.15, 0.25, 0.35)] == [
        0,
        SEGMENT_BYTES,
        SEGMENT_BYTES,
        SEGMENT_BYTES,
    ]


class LosesTheFirst:
    """An outage of one instant: what would arrive by then is lost once."""

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s

    def cover(self, at_s: float) -> bool:
        return at_s < self.until_s


def test_a_lost_segment_stalls_all_behind_it_and_then_they_come_at_once() -> None:
    lossy = LosesTheFirst(0.06)
    made = conditioner(Path(delay_s=0.05), timeout_s=0.3, outages=lossy)  # type: ignore[arg-type]
    for number in range(8):  # one every 30 ms; only the first is lost
        made.push(number * 0.03, bytes([number]))
    assert made.stalls == 1
    # The second arrives at 0.08 and is acknowledged at 0.13: then the first is sent again.
    assert made.pop(0.1799, 100) == b""
    # Bytes due at 0.08 to 0.17 were held back; the rest is in time.
    assert made.pop(0.1801, 100) == bytes(range(5))
    assert made.pop(0.2001, 100) == bytes([5])


@pytest.mark.parametrize(
    ("dead_until_s", "comes_s"),
    [(0.05, 0.05 + 0.2), (0.3, 0.05 + 0.2 + 0.2), (0.7, 0.05 + 0.2 + 0.2 + 0.4)],
)
def test_after_the_probe_the_timeout_doubles_each_time(dead_until_s: float, comes_s: float) -> None:
    dead = LosesTheFirst(dead_until_s + 1e-6)
    made = conditioner(Path(delay_s=0.05), timeout_s=0.2, outages=dead)  # type: ignore[arg-type]
    made.push(0.0, b"x")
    assert made.next_due_s == pytest.approx(comes_s)


def test_the_timeout_stops_growing() -> None:
    dead = LosesTheFirst(100.0)
    made = conditioner(Path(delay_s=0.0), timeout_s=1.0, outages=dead)  # type: ignore[arg-type]
    made.push(0.0, b"x")
    assert made.next_due_s is not None
    assert 100.0 <= made.next_due_s <= 100.0 + LONGEST_TIMEOUT_S


def test_losses_are_as_frequent_as_told() -> None:
    made = conditioner(Path(delay_s=0.0, loss=0.1, window_bytes=10**6), "any")
    for number in range(5000):
        made.push(float(number), b"x")
    assert made.stalls == pytest.approx(5000 * 0.1, rel=0.1)


def test_jitter_has_the_mean_that_was_told() -> None:
    made = conditioner(Path(delay_s=0.05, jitter_s=0.02), "any")
    took_s = []
    for number in range(2000):
        made.push(float(number), b"x")
        assert made.next_due_s is not None
        took_s.append(made.next_due_s - number - 0.05)
        made.pop(made.next_due_s, 1)
    assert sum(took_s) / len(took_s) == pytest.approx(0.02, rel=0.1)
    assert min(took_s) >= -ROUNDING_S


def test_the_end_comes_behind_the_last_byte() -> None:
    made = conditioner(Path(delay_s=0.1, bytes_per_s=100.0))
    made.push(0.0, b"0123456789")  # leaves until 0.1
    made.push_end(0.0)
    made.push_end(0.0)
    assert not made.ended(0.3)
    assert made.pop(0.2, 5) == b"01234"
    assert not made.ended(0.3)
    assert made.pop(0.2, 100) == b"56789"
    assert made.pop(0.2, 100) == b""
    assert made.ended(0.2 + ROUNDING_S)
    with pytest.raises(LocalProtocolError, match="no room"):
        made.push(0.3, b"more")


def test_the_end_has_a_delay_of_its_own() -> None:
    made = conditioner(Path(delay_s=0.1))
    made.push_end(1.0)
    assert not made.ended(1.05)
    assert made.ended(1.1 + ROUNDING_S)


# ---------------------------------------------------------------- outages


@given(seeds)
def test_there_is_one_outage_in_each_span_as_long_as_told(seed: str) -> None:
    step_s = 0.005
    outages = outages_of(seed)
    dead = [outages.cover(i * step_s) for i in range(int(20.0 / step_s))]
    for span in range(10):
        part = dead[int(span * 2.0 / step_s) : int((span + 1) * 2.0 / step_s)]
        assert 0.1 - step_s <= sum(part) * step_s <= 1.0 + step_s
        # In one piece.
        assert sum(a != b for a, b in itertools.pairwise(part)) <= 2


@given(seeds, st.lists(st.floats(-5.0, 100.0)))
def test_outages_do_not_depend_on_who_asks_when(seed: str, times_s: list[float]) -> None:
    asked_before = outages_of(seed)
    for at_s in times_s:
        assert asked_before.cover(at_s) == outages_of(seed).cover(at_s)


def test_there_are_none_before_the_begin_and_none_without() -> None:
    assert not any(outages_of("x").cover(-i / 100) for i in range(1, 1000))
    assert not any(NO_OUTAGES.cover(i / 10) for i in range(1000))


def test_invalid_values_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="shorter"):
        Outages("", begin_s=0.0, every_s=1.0, least_s=0.5, most_s=1.0)
    for wrong in (
        {"delay_s": -0.1},
        {"delay_s": math.nan},
        {"delay_s": math.inf},
        {"delay_s": 0.0, "jitter_s": -1.0},
        {"delay_s": 0.0, "bytes_per_s": 0.0},
        {"delay_s": 0.0, "loss": 0.6},
        {"delay_s": 0.0, "window_bytes": 0},
    ):
        with pytest.raises(LocalProtocolError):
            Path(**wrong)  # type: ignore[arg-type]
