"""The proof for each grade of view: no byte of what a seat may not see reaches it.

Every crate has a mark of its own in a public field, a new one at every publish.  The bytes that are
posted to a seat, on whichever path, hold only marks of crates that geometry, groups, hiding and
walls let it see at that publish.  Events are compared one by one in ``test_publisher.py``.  The
random worlds, seats, drops, resyncs, resumes and changes of groups and views are the same.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import rule

from tests.support.examples import examples
from tests.support.publisher_groups import (
    ExactReplication,
    ExactSeesReplication,
    GroupedReplication,
    OneCellSeesReplication,
    SeesReplication,
)
from tests.support.publisher_machine import (
    half_of_all_are_checked_together,  # noqa: F401 - a fixture
    ids_are_reused_at_once,  # noqa: F401 - a fixture
)
from tests.support.replicated_world import Client, Crate

_MARK = b"<mark "


class Marked(GroupedReplication):
    """Crates are marked before each publish, and more of them are made."""

    def __init__(self) -> None:
        self.marks: dict[int, Any] = {}
        super().__init__()

    @rule(x=GroupedReplication.positions, y=GroupedReplication.positions)
    def spawn_a_crate(self, x: float, y: float) -> None:
        self.spawn(Crate, x, y, 0)

    @rule(ticks=st.integers(1, 3))
    def publish(self, ticks: int) -> None:
        for thing in self.entities:
            if isinstance(thing, Crate):
                mark = self.number()
                self.marks[mark] = thing
                thing.label = f"<mark {mark}>"
        super().publish(ticks)

    def assert_no_secret_of_others(self, client: Client, data: bytes) -> None:
        super().assert_no_secret_of_others(client, data)
        for part in data.split(_MARK)[1:]:
            thing = self.marks[int(part.split(b">", 1)[0])]
            assert thing in self.entities, "it is gone"
            assert self.is_visible(thing, client)


class MarkedExact(Marked, ExactReplication):
    pass


class MarkedSees(Marked, SeesReplication):
    pass


class MarkedExactSees(Marked, ExactSeesReplication):
    pass


class MarkedEverywhere(Marked, OneCellSeesReplication):
    pass


TestNear = Marked.TestCase
TestExact = MarkedExact.TestCase
TestSees = MarkedSees.TestCase
TestExactSees = MarkedExactSees.TestCase
TestEverywhere = MarkedEverywhere.TestCase
_SETTINGS = settings(max_examples=examples(6), stateful_step_count=40)
TestNear.settings = TestExact.settings = TestSees.settings = _SETTINGS
TestExactSees.settings = TestEverywhere.settings = _SETTINGS
