"""The report after a wrong checksum: what a server takes of it."""

from __future__ import annotations

from typing import Any

import pytest

from clients.desync_report import desync_report
from clients.replica import Replica
from gameserver.model.schema import Schema
from gameserver.protocol.messages import Delta, Desync, Hashes, decode_from_client

FIELDS = [
    ["name", ["str"]],
    ["items", ["list", ["int"]]],
    ["deep", ["list", ["list", ["list", ["list", ["list", ["int"]]]]]]],
]
SCHEMA = Schema.from_description([[["Store", [], FIELDS, []]], [], []])


def reported(*entities: list[Any]) -> list[int]:
    """Return the ids that a client reports that holds these, where a server has others."""
    replica = Replica(SCHEMA)
    enters = [part for i, values in enumerate(entities, 1) for part in (i, 0, *values)]
    replica.apply(Delta(1, 0, None, None, enters, [], [], [0], []))
    report = desync_report(replica, Hashes(1, []))
    if report is None:
        return []
    received = decode_from_client(report.encode())
    assert isinstance(received, Desync)
    assert received.held is not None
    return [held.entity_id for held in received.held]


def test_what_differs_is_reported() -> None:
    assert reported(["a", [1, 2], []], ["b", [], [[[[]]]]]) == [1, 2]


@pytest.mark.parametrize(
    "large", [["a", [0] * 65, []], ["a" * 2049, [], []], ["a", [], [[[[[7]]]]]]]
)
def test_what_a_server_would_refuse_is_left_out(large: list[Any]) -> None:
    assert reported(["a", [], []], large, ["b", [], []]) == [1, 3]
    assert reported(large) == []


def test_a_report_holds_as_many_entries_as_fit_a_message() -> None:
    assert reported(*[["a" * 1500, [], []]] * 4) == [1, 2]
