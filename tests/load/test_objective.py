"""Objectives: what they say, and what is wrong in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import LocalProtocolError
from gameserver.load.objective import Objective


@pytest.mark.parametrize(
    ("text", "figures", "broken"),
    [
        ("p99<75ms,drops=0", {"p99": 0.07, "drops": 0.0}, []),
        ("p99<75ms,drops=0", {"p99": 0.075, "drops": 1.0}, ["p99<75ms", "drops=0"]),
        ("p99.9<=1s, max<2s", {"p99.9": 1.0, "max": 2.5}, ["max<2s"]),
        ("mean<500us", {"mean": 0.0004}, []),
        ("desyncs=0", {}, ["desyncs=0"]),
        ("late<=3,dropped_ticks<1", {"late": 3.0, "dropped_ticks": 0.0}, []),
        ("p50>1ms", {"p50": 0.0005}, ["p50>1ms"]),
    ],
)
def test_what_holds(text: str, figures: dict[str, float], broken: list[str]) -> None:
    assert [c.text for c in Objective.parse(text).broken(figures)] == broken


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no condition, as in p99<75ms or drops=0"),
        ("p99", "'p99' is no condition"),
        ("p99<75", "needs a unit: us, ms or s"),
        ("p99<75ms,,drops=0", "'' is no condition"),
        ("drops<1ms", "drops is a count, and has no unit ms"),
        ("p999<1ms", "there is no figure 'p999'; there are p50"),
        ("lost=0", "there is no figure 'lost'"),
        ("p99<1.2.3ms", "'1.2.3' is no number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, why: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Objective.parse(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="p9m.<>=0s,duropx ", max_size=24))
def test_any_text_is_an_objective_or_refused(text: str) -> None:
    try:
        objective = Objective.parse(text)
    except LocalProtocolError:
        return
    assert objective.broken({}) == list(objective.conditions)
