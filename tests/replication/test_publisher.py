"""The central property: after every delta, a replica equals what its seat may see."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support.examples import examples
from tests.support.publisher_groups import (
    ExactReplication,
    ExactSeesReplication,
    GroupedReplication,
    OneCellGroupedReplication,
    OneCellSeesReplication,
    SeesReplication,
)
from tests.support.publisher_machine import (
    OneCellReplication,
    Replication,
    half_of_all_are_checked_together,  # noqa: F401 - a fixture
    ids_are_reused_at_once,  # noqa: F401 - a fixture
)
from tests.support.replicated_world import news_everywhere_is_much  # noqa: F401 - a fixture

TestReplication = Replication.TestCase
TestReplication.settings = settings(max_examples=examples(30), stateful_step_count=60)
TestGroupedReplication = GroupedReplication.TestCase
TestGroupedReplication.settings = settings(max_examples=examples(20), stateful_step_count=50)
TestOneCellGroupedReplication = OneCellGroupedReplication.TestCase
TestOneCellGroupedReplication.settings = settings(max_examples=examples(8), stateful_step_count=50)
TestExactReplication = ExactReplication.TestCase
TestExactReplication.settings = settings(max_examples=examples(16), stateful_step_count=50)
TestSeesReplication = SeesReplication.TestCase
TestSeesReplication.settings = settings(max_examples=examples(10), stateful_step_count=50)
TestExactSeesReplication = ExactSeesReplication.TestCase
TestExactSeesReplication.settings = settings(max_examples=examples(12), stateful_step_count=50)
TestOneCellSeesReplication = OneCellSeesReplication.TestCase
TestOneCellSeesReplication.settings = settings(max_examples=examples(8), stateful_step_count=40)
TestOneCellReplication = OneCellReplication.TestCase
TestOneCellReplication.settings = settings(max_examples=examples(25), stateful_step_count=50)


@pytest.mark.long
class TestManyReplications(Replication.TestCase):
    settings = settings(max_examples=examples(80), stateful_step_count=60)
