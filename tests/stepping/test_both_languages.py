"""The same bits in Python and JavaScript: random programs, and the corners of each operator."""

from __future__ import annotations

import random
from collections import namedtuple
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.random_steps import FLOATS, INTS, Writer, inputs
from tests.support.step_programs import RAISED, BothLanguages, both_languages

pytestmark = pytest.mark.node

State = namedtuple("State", ["n", "v", "on"])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothLanguages]:
    with both_languages(tmp_path_factory.mktemp("programs")) as both:
        yield both


def rows(seed: int, count: int) -> list[list[object]]:
    return [[*row[:-1], State(**row[-1])] for row in inputs(random.Random(seed), count)]


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data(), st.integers(0, 2**32))
def test_programs_made_by_hypothesis(both: BothLanguages, data: st.DataObject, seed: int) -> None:
    source = Writer(lambda options: data.draw(st.sampled_from(options))).program()
    both.compare(source, "step", rows(seed, 20))


@pytest.mark.parametrize("seed", range(40))
def test_seeded_programs(both: BothLanguages, seed: int) -> None:
    """Larger ones than hypothesis makes; together they do answer, and do not only raise."""
    rng = random.Random(seed)
    answers = []
    for _ in range(5):
        answers += both.compare(Writer(rng.choice).program(), "step", rows(seed, 20))
    assert any(each != RAISED for each in answers)


@pytest.mark.long
def test_2000_seeded_programs(both: BothLanguages) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    for _ in range(2000):
        both.compare(Writer(rng.choice).program(), "step", rows(rng.randrange(2**32), 20))


OF_INTS = ("+", "-", "*", "//", "%", "/", "&", "|", "^", "<<", ">>", "<", "==")
OF_FLOATS = ("+", "-", "*", "//", "%", "/", "<", "==", "!=")
LIMITS = (*INTS, 2**53 - 2, -(2**53 - 1), 2**52, 94906265, 94906266, 3037000500, 53, 63, 64)
ODD = (*FLOATS, float("inf"), float("-inf"), float("nan"), 5e-324, 2.0**52 + 0.5, 1.7e308, -2.5)


def result_of(operator: str, kind: str) -> str:
    if operator in ("<", "==", "!="):
        return "bool"
    return "float" if operator == "/" else kind


@pytest.mark.parametrize("operator", OF_INTS)
def test_operators_of_ints(both: BothLanguages, operator: str) -> None:
    returns = result_of(operator, "int")
    source = f"def step(a: int, b: int) -> {returns}:\n    return a {operator} b\n"
    signed = [sign * each for each in LIMITS for sign in (1, -1)]
    answers = both.compare(source, "step", [(a, b) for a in signed for b in signed])
    assert any(each != RAISED for each in answers)


@pytest.mark.parametrize("operator", OF_FLOATS)
def test_operators_of_floats(both: BothLanguages, operator: str) -> None:
    returns = result_of(operator, "float")
    source = f"def step(a: float, b: float) -> {returns}:\n    return a {operator} b\n"
    both.compare(source, "step", [(a, b) for a in ODD for b in ODD])


@pytest.mark.parametrize(
    ("call", "kind", "returns"),
    [
        *[(f"{name}(a)", "float", "int") for name in ("round", "int")],
        *[(f"math.{name}(a)", "float", "int") for name in ("floor", "ceil")],
        *[(f"math.{name}(a)", "int", "int") for name in ("isqrt", "floor")],
        *[(f"{name}(a)", "int", "int") for name in ("abs", "round", "-", "~", "int")],
        *[(f"{name}(a)", "float", "float") for name in ("abs", "-", "math.sqrt", "float")],
        *[(f"{name}(a, 0.0, -0.0)", "float", "float") for name in ("min", "max")],
        *[(f"{name}(0.0, a)", "float", "float") for name in ("min", "max")],
        ("a or 1.0", "float", "float"),
        ("a and 1.0", "float", "float"),
        ("not a", "float", "bool"),
        ("bool(a)", "float", "bool"),
        ("-0 * a", "int", "int"),
        ("float(a) * -0.0", "int", "float"),
    ],
)
def test_operations_on_one_number(both: BothLanguages, call: str, kind: str, returns: str) -> None:
    source = f"import math\ndef step(a: {kind}) -> {returns}:\n    return {call}\n"
    halves = [n / 2 for n in range(-9, 10)] + [2.0**52 - 0.5, 0.49999999999999994, -(2.0**53)]
    values = LIMITS + tuple(-each for each in LIMITS) if kind == "int" else (*ODD, *halves)
    both.compare(source, "step", [(value,) for value in values])


def test_a_result_beyond_the_safe_integers_raises_in_both(both: BothLanguages) -> None:
    source = "def step(a: int, b: int) -> int:\n    return a + b - b\n"
    limit = 2**53 - 1
    answers = both.compare(source, "step", [(limit, 0), (limit, 1), (-limit, -1), (limit, -1)])
    assert [each == RAISED for each in answers] == [False, True, True, False]


def test_variables_live_where_python_has_them(both: BothLanguages) -> None:
    source = """
def step(n: int) -> tuple[int, int, int]:
    last = -1
    for i in range(n):
        i = i * 2
        last = i
    i = 0
    total = 0
    for i in range(n):
        if i % 2:
            odd = i
        else:
            odd = -i
        total += odd
    first, second = total, last
    first, second = second, first
    _, (third, _) = (1, (i, 2))
    return first, second, third
"""
    both.compare(source, "step", [(n,) for n in range(6)])


def test_loops_over_tuples_of_tuples_and_records(both: BothLanguages) -> None:
    source = """
from collections.abc import Iterable
from typing import NamedTuple

class Disc(NamedTuple):
    x: int
    y: int
    radius: int = 3

UNIT = Disc(1, 2)

def far(disc: Disc) -> Disc:
    return disc._replace(x=disc.x + 1, radius=0)

def step(discs: Iterable[Disc], pairs: tuple[tuple[int, float], ...]) -> tuple[Disc, float]:
    x, y, radius = UNIT
    for x, y, r in discs:
        radius += r
    total = 0.0
    for count, weight in pairs:
        total += count * weight
    for _, weight in pairs:
        total -= weight
    return far(Disc(y, x, radius=radius))._replace(y=len(pairs)), total
"""
    Disc = namedtuple("Disc", ["x", "y", "radius"])
    calls = [
        ([Disc(1, 2, 3), Disc(4, 5, 6)], ((1, 0.5), (2, 0.1))),
        ([], ()),
    ]
    assert RAISED not in both.compare(source, "step", calls)
