"""The study of TCP under loss: its wire, its timetable in the lab, its table.

The study itself measures the kernel's TCP, since that needs rights that a test does not have.
"""

from __future__ import annotations

import pathlib
import struct

import attrs
import pytest

from benchmarks import records
from benchmarks.machine import BenchmarkError
from benchmarks.tcploss import link
from benchmarks.tcploss.model import modelled
from benchmarks.tcploss.plan import Plan
from benchmarks.tcploss.relay import Wire, flow_of
from benchmarks.tcploss.results import KERNEL, MODEL, TcpLossRecord, load_newest, tcploss_table
from clients.lab.path import Path
from clients.lab.profiles import profile_of

PLAN = Plan(connections=2, seconds=20.0, congestion="cubic")


def packet(*, protocol: int = 6, version: int = 4, options: int = 0) -> bytes:
    words = 5 + options
    head = bytes([version << 4 | words]) + bytes(8) + bytes([protocol]) + bytes(words * 4 - 10)
    return head + struct.pack("!HH", 4000, 51000) + bytes(16)


def test_a_flow_is_told_by_its_ports() -> None:
    assert flow_of(packet()) == flow_of(packet(options=3)) == struct.pack("!HH", 4000, 51000)
    assert flow_of(packet(protocol=17)) is None
    assert flow_of(packet(version=6)) is None
    assert flow_of(b"") is None


def test_a_wire_keeps_the_order_of_each_flow_and_delays_no_other() -> None:
    wire = Wire(Path(delay_s=0.05, jitter_s=0.5), "seed")
    arrivals: dict[bytes, list[float]] = {b"a": [], b"b": []}
    for number in range(400):
        for flow, came in arrivals.items():
            arrives_s = wire.arrival_s(number / 100, flow)
            assert arrives_s is not None
            assert arrives_s >= number / 100 + 0.05
            came.append(arrives_s)
    assert all(came == sorted(came) for came in arrivals.values())
    assert arrivals[b"a"] != arrivals[b"b"]


def test_a_wire_loses_its_share() -> None:
    wire = Wire(Path(delay_s=0.0, loss=0.1), "seed")
    for number in range(2000):
        wire.arrival_s(float(number), b"a")
    assert wire.carried == 2000
    assert wire.lost == pytest.approx(200, rel=0.2)


def test_the_lab_carries_every_message_that_counts() -> None:
    took_s = modelled(profile_of("lossy-3"), PLAN, "seed")
    assert len(took_s) == 2 * 2 * (PLAN.messages - PLAN.first_counted)
    assert min(took_s) >= 0.055
    assert modelled(profile_of("100ms"), PLAN, "seed") == pytest.approx([0.05] * len(took_s))


def test_more_loss_makes_more_messages_late() -> None:
    def late(name: str) -> float:
        rtt_s = profile_of(name).smoothed_rtt_s
        return TcpLossRecord.of(
            modelled(profile_of(name), PLAN, "seed"), rtt_s, profile=name, by=MODEL, congestion=""
        ).over_rtt

    assert 0.02 < late("lossy-1") < late("lossy-3") < 0.25


def test_the_newest_record_of_each_is_told(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "results.jsonl"
    made = TcpLossRecord.of([0.1, 0.2, 0.3], 0.15, profile="x", by=KERNEL, congestion="cubic")
    assert (made.messages, made.p50_ms, made.max_ms) == (3, 200.0, 300.0)
    assert made.over_rtt == pytest.approx(2 / 3)
    for record in (made, attrs.evolve(made, p50_ms=201.0), attrs.evolve(made, by=MODEL)):
        records.append(file, record)
    found = load_newest(file)
    assert [(record.by, record.p50_ms) for record in found] == [(KERNEL, 201.0), (MODEL, 200.0)]
    table = tcploss_table(found)
    assert "| x | the kernel (cubic) | 3 | 201 | 300 |" in table
    assert "| x | the lab | 3 | 200 |" in table
    assert "66.7%" in table


@pytest.mark.parametrize(
    ("unshare", "says"),
    [
        (None, r"no network namespace: .*unshare"),
        ("echo 'unshare: Operation not permitted' >&2; exit 1", r"cannot be made: unshare: Opera"),
    ],
)
def test_where_the_link_cannot_be_made_the_study_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, unshare: str | None, says: str
) -> None:
    if unshare is not None:
        (tmp_path / "unshare").write_text(f"#!/bin/sh\n{unshare}\n")
        (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError, match=says):
        link.carry(profile_of("lossy-1"), PLAN, "seed")
