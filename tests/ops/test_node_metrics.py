"""Metrics of several nodes: counters are added up and never fall, gauges keep their node."""

from __future__ import annotations

from typing import Any

from gameserver.ops.node_metrics import (
    PastCounts,
    counts_from_plain,
    counts_in,
    counts_to_plain,
    merged_exposition,
)


def families(joins: float, players: float, kind: str = "arena") -> list[Any]:
    return [
        ["joins", "counter", "Players who joined", [["joins_total", {}, joins]]],
        ["deltas", "counter", "Deltas sent", [["deltas_total", {"kind": kind}, joins * 10]]],
        ["players", "gauge", "Players now", [["players", {"kind": kind}, players]]],
    ]


def lines_of(exposition: bytes) -> list[str]:
    return [line for line in exposition.decode().splitlines() if not line.startswith("#")]


def test_counters_are_added_and_gauges_labelled() -> None:
    text = merged_exposition({"n0": families(3, 2), "n1": families(4, 1)}, {})
    assert lines_of(text) == [
        "joins_total 7.0",
        'deltas_total{kind="arena"} 70.0',
        'players{kind="arena",node="n0"} 2.0',
        'players{kind="arena",node="n1"} 1.0',
    ]
    assert text.count(b"# TYPE joins") == 1


def test_counters_of_nodes_that_ended_stay_in_the_sum() -> None:
    past = PastCounts()
    past.see("n0-1", counts_in(families(3, 2)))
    past.see("n1-1", counts_in(families(4, 1)))
    past.end("n1-1")
    past.end("n1-1")
    text = merged_exposition({"n0": families(3, 2), "n1": families(0, 0)}, past.total)
    assert lines_of(text)[:2] == ["joins_total 7.0", 'deltas_total{kind="arena"} 70.0']


def test_counters_without_a_living_node_are_kept() -> None:
    past = counts_in(families(4, 1, kind="chess"))
    text = merged_exposition({"n0": families(3, 2)}, past)
    assert 'deltas_total{kind="chess"} 40.0' in lines_of(text)


def test_a_new_supervisor_recalls_what_nodes_remember() -> None:
    old, new = PastCounts(), PastCounts()
    old.see("a", counts_in(families(5, 0)))
    old.end("a")
    remembered = counts_from_plain(counts_to_plain(old.total))
    new.recall(remembered)
    new.recall(remembered)
    assert new.total == old.total
