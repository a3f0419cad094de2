"""What a load test concludes and shows, and whose limit it names."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from gameserver.load.objective import Objective
from gameserver.load.report import to_html
from gameserver.load.starvation import limited_by
from gameserver.load.steps import Findings, Step, conclude
from gameserver.load.times import Times
from gameserver.ops.core_time import CoreShare, CoreTime

FINE = CoreShare(0.3, 0.01)


@pytest.mark.parametrize(
    ("generators", "server", "said"),
    [
        ([FINE, FINE], FINE, None),
        ([FINE], CoreShare(0.99, 0.0), None),
        ([FINE, CoreShare(0.9, 0.0)], FINE, "the load generator is the limit"),
        ([FINE, CoreShare(0.3, 0.2)], FINE, "the load generator is starved"),
        ([FINE], CoreShare(0.5, 0.4), "the machine is the limit"),
        ([], None, None),
    ],
)
def test_whose_limit_it_is(
    generators: list[CoreShare], server: CoreShare | None, said: str | None
) -> None:
    found = limited_by(generators, server)
    assert (found is None) == (said is None)
    assert said is None or said in str(found)


def test_shares_of_a_span() -> None:
    assert CoreShare.between(CoreTime(1, 2), CoreTime(3, 3), 4) == CoreShare(0.5, 0.25)
    assert CoreShare.between(None, CoreTime(3, 3), 4) == CoreShare(0, 0)
    own = CoreTime.own()
    assert own is None or own.computed_s > 0
    assert CoreTime.of(1 << 30) is None


@pytest.mark.parametrize(
    ("waited", "busy", "own"),
    [
        (0.0, 0.9, 1.0),
        (0.0, 1.1, 1.0),  # a tick that began in the span before
        (0.6, 0.4, 1.0),  # it may all have been waiting beside the work
        (0.6, 0.8, 0.5),
        (1.2, 1.0, 0.0),
        (0.6, 0.0, 1.0),
    ],
)
def test_the_own_part_of_busy_time(waited: float, busy: float, own: float) -> None:
    assert CoreShare(0.4, waited).own_part(busy) == pytest.approx(own)


def step(size: int, *broken: str, starved: str | None = None) -> Step:
    times = Times()
    for number in range(size):
        times.add(0.05 + number / 1e4)
    figures = {"p50": 0.05, "p90": 0.06, "p99": 0.07, "max": 0.08, "drops": 0.0, "answers": 10.0}
    return Step(
        size, size, figures, times.spread(), [(0.2, 0.0)], (size / 100, 0.0), [*broken], starved
    )


@pytest.mark.parametrize(
    ("bad", "starved", "at_most", "answer"),
    [
        ("p99<75ms (it was 90.0 ms)", None, False, "50 players hold p99<75ms; 60 do not: p99<75ms"),
        (
            "p99<75ms (it was 90.0 ms)",
            "the load generator is starved: so",
            False,
            "as the load gen",
        ),
        (None, None, True, "and more were not tried"),
    ],
)
def test_the_answer(bad: str | None, starved: str | None, at_most: bool, answer: str) -> None:
    findings = Findings("mygame:<Room>", "mybots:Bot", "p99<75ms", 10.0, largest=50)
    findings.steps = [step(50), *([step(60, bad, starved=starved)] if bad else [])]
    conclude(
        findings, Objective.parse("p99<75ms"), at_most=at_most, smallest_bad=60 if bad else None
    )
    assert answer in findings.answer
    page = to_html(findings)
    assert "mygame:&lt;Room&gt;" in page
    for drawing in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + _quoted(drawing.split("</svg>")[0]) + "</svg>")
    assert "http" not in page
    assert json.loads(findings.to_json())["largest"] == 50


def _quoted(drawing: str) -> str:
    """Return the drawing as XML: HTML needs no quotation marks around simple values."""
    return re.sub(r"([a-z0-9-]+)=([^\s'>/]+)", r"\1='\2'", drawing)


def test_times_of_several_processes_add_up() -> None:
    one, whole = Times(), Times()
    assert whole.quantile(0.5) is None
    assert whole.spread() == []
    assert whole.mean_s is None
    for number in range(1, 101):
        one.add(number / 1000)
    whole.merge(one.encode())
    whole.merge(one.encode())
    assert len(whole) == 200
    assert whole.quantile(0.99) == pytest.approx(0.099, rel=0.01)
    assert whole.mean_s == pytest.approx(0.0505, rel=0.01)
