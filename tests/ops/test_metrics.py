"""The text of ``/metrics``, and the sums behind it."""

from __future__ import annotations

import sys
import tempfile

import attrs
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gameserver.ops import metrics
from gameserver.ops.metrics import (
    STAGES,
    RoomTally,
    ServerFigures,
    Tally,
    describe_metrics,
    exposition,
    total,
)
from tests.support.server_figures import figures


def samples(given: ServerFigures) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(exposition(given).decode())
    return {
        (
            sample.name.removeprefix("gameserver_"),
            tuple(sorted(sample.labels.items())),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_everything_is_told() -> None:
    told = samples(figures())
    assert told["connections", ()] == 3
    assert told["tasks", ()] == 17
    assert told["full_collections_total", ()] == 2
    assert told["full_collection_seconds_total", ()] == 0.75
    assert told["tick_rounds_total", ()] == 200
    assert told["tick_round_seconds_total", ()] == 12.5
    assert told["late_ticks_total", ()] == 3
    assert told["server_overload_steps_total", ()] == 2
    assert told["server_makes_no_rooms", ()] == 1
    assert told["server_overload_rooms", ()] == 5
    assert told["acceptor_accepted_total", ()] == 10
    assert told["turned_away_total", (("reason", "address"),)] == 8
    assert told["turned_away_total", (("reason", "origin"),)] == 0
    assert told["malformed_forwards_total", ()] == 9
    assert told["tokens_refused_total", (("fault", "expired"),)] == 4
    assert told["bytes_out_total", ()] == 2000
    assert told["commands_duplicate_total", ()] == 4
    assert told["joins_total", ()] == 5
    assert told["messages_total", ()] == 60
    assert told["resyncs_total", ()] == 1
    assert told["refusals_total", (("code", "4005"),)] == 2
    assert told["endings_total", (("code", "4009"),)] == 1
    kind = ("kind", "field")
    assert told["rooms", (kind,)] == 2
    assert told["players", (kind,)] == 7
    assert told["ticks_dropped_total", (kind,)] == 3
    assert told["tick_work_seconds", (kind, ("quantile", "0.99"))] == 0.004
    assert told["tick_work_seconds", (kind, ("quantile", "1"))] == 0.01
    assert told["rtt_seconds", (kind, ("quantile", "0.5"))] == 0.025
    assert told["players_behind", (kind,)] == 1
    assert told["penalties", (("penalty", "ban"),)] == 2
    assert told["texts_muted_total", ()] == 3
    assert told["admin_actions_total", (("action", "kick"),)] == 4
    assert told["admin_failures_total", (("action", "kick"),)] == 1


def test_the_latency_budget_is_told_by_stage() -> None:
    plain = figures()
    stages = {stage: {0.5: 0.01 * i, 1.0: 0.02 * i} for i, stage in enumerate(STAGES, 1)}
    kind = attrs.evolve(plain.kinds["field"], stages_s=stages)
    told = samples(attrs.evolve(plain, kinds={"field": kind}))
    for i, stage in enumerate(STAGES, 1):
        labels = (("kind", "field"), ("quantile", "0.5"), ("stage", stage))
        assert told["input_stage_seconds", labels] == 0.01 * i


def test_every_field_of_the_tallies_is_told() -> None:
    names = {name for name, _ in samples(figures())}
    for tally in (Tally, RoomTally):
        assert {f"{field.name}_total" for field in attrs.fields(tally)} <= names


def test_no_label_is_a_name_that_clients_choose() -> None:
    labels = {name for _, labels in samples(figures()) for name, _ in labels}
    own = {"action", "penalty"}  # chosen by operators, from fixed lists
    assert labels - own == {"kind", "code", "quantile", "reason", "fault", "outcome"}


def test_the_description_names_every_metric_with_its_labels() -> None:
    stages = {STAGES[0]: {0.5: 0.01}}
    plain = figures()
    kind = attrs.evolve(plain.kinds["field"], stages_s=stages, lateness_s={0.5: 0.0})
    told = samples(attrs.evolve(plain, kinds={"field": kind}))
    labels = {name: {label for label, _ in pairs} for name, pairs in told}
    described = describe_metrics()
    names = [metric.name.removeprefix("gameserver_") for metric in described]
    assert set(names) == {name for name in labels if not name.startswith("process_")}
    assert len(names) == len(set(names))
    assert all(set(m.labels) == labels[m.name.removeprefix("gameserver_")] for m in described)
    assert {metric.type for metric in described} == {"gauge", "counter"}


def test_tallies_add_up_field_by_field() -> None:
    one, two = Tally(bytes_in=1, events_dropped=5), Tally(bytes_in=2, bytes_out=7)
    assert total(Tally(), []) == Tally()
    assert total(one, [two, two]) == Tally(bytes_in=5, bytes_out=14, events_dropped=5)
    assert total(RoomTally(ticks=1), [RoomTally(ticks=2)]) == RoomTally(ticks=3)


def test_the_blocks_of_pythons_allocator_are_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = iter([300_000, 1])
    monkeypatch.setattr(sys, "getallocatedblocks", lambda: next(counts))
    assert samples(figures())["python_blocks", ()] == 300_000
    assert next(counts) == 1


def test_the_content_type_has_a_version() -> None:
    assert metrics.CONTENT_TYPE.startswith("text/plain; version=")


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_what_the_system_knows_about_the_process_is_told() -> None:
    with tempfile.TemporaryFile():
        more = samples(figures())["process_open_fds", ()]
    told = samples(figures())
    assert told["process_open_fds", ()] == more - 1
    assert told["process_resident_memory_bytes", ()] > 1_000_000
