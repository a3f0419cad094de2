"""Refused programs: each message has the line, and says what to write instead."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gameserver.stepping import OutOfRange, Refused, checked, javascript_of

HEAD = """\
from __future__ import annotations
import math, random
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TYPE_CHECKING
import attrs
class Point(NamedTuple):
    x: int
    y: float = 0.5
@attrs.frozen
class Named:
    name: str
    size: int
@attrs.define
class Halved:
    size: int = attrs.field(converter=int)
class Shape: pass
class Sized(Protocol):
    size: int
NAME = "x"
HUGE = 2 ** 60
WORDS = [1, 2]
def other(a: int, b: float = 1.0) -> float: return b
"""
STEP = (
    "def step(a: int, x: float, p: bool, t: tuple[int, float], many: Sequence[int], s: Point, "
    "each: Iterable[int], named: Named) -> int:"
)
LINE = len(HEAD.splitlines()) + 1

#: A body, the line of it (1: the first after ``def``), and what the refusal says.
BODIES = [
    ("return None", 1, "None is not in the subset"),
    ("return 'x'", 1, "a str is not in the subset"),
    ("return x", 1, "the result is int, not float; write int(…) around it"),
    ("return p", 1, "the result is int, not bool; write int(…) around it"),
    ("return", 1, "a return without a value"),
    ("pass", 0, "it may end without a return"),
    ("if p:\n  return 1", 0, "it may end without a return"),
    ("return 1\na = 2", 2, "it is never reached"),
    ("return 9007199254740992", 1, "9007199254740992 is outside ±(2^53 - 1)"),
    ("return HUGE", 1, "HUGE: 1152921504606846976 is outside ±(2^53 - 1)"),
    ("return NAME", 1, "NAME: a constant of type str is not in the subset"),
    ("return nothing", 1, "there is no nothing"),
    ("if p:\n  b = 1\nreturn b", 3, "b may have no value here"),
    ("for i in range(a):\n  pass\nreturn i", 3, "i may have no value here"),
    ("b = 1\nb = 1.5\nreturn b", 2, "b is int elsewhere, and float here; one name, one type"),
    ("a += x\nreturn a", 1, "a is int elsewhere, and float here"),
    ("return a + p", 1, "arithmetic with a bool; write int(…) around it"),
    ("return -p", 1, "arithmetic with a bool; write int(…) around it"),
    ("return a == p", 1, "a bool is compared with a number; write int(…) around it"),
    ("return p < p", 1, "bools have no order; write int(…) around them"),
    ("return t == t", 1, "only numbers and bools are compared; compare the elements"),
    ("return a is a", 1, "is and in are not in the subset"),
    ("return a in many", 1, "is and in are not in the subset"),
    ("return 1 if many else 2", 1, "the truth of tuple[int, ...]; compare its length"),
    ("return not s", 1, "the truth of Point"),
    ("return a or x", 1, "all operands of and/or need one type, not int and float"),
    ("return a if p else x", 1, "both branches need one type, not int and float"),
    ("return min(a, x)", 1, "all arguments of min need one type, not int and float"),
    ("return min(many)", 1, "min of one argument is not in the subset; loop"),
    ("return max(a, 1, key=abs)", 1, "max with keywords is not in the subset"),
    ("return round(x, 1)", 1, "round takes one argument in the subset"),
    ("return int(t)", 1, "int is for numbers, not for tuple[int, float]"),
    ("return len(each)", 1, "Iterable[int] has no length; declare a Sequence"),
    ("return x << 1", 1, "shifts and bits are for ints"),
    ("return ~x", 1, "this operator is not for float"),
    ("return x ** 2", 1, "write a product"),
    ("return a ** a", 1, "a power of an int by 0 … 64, written out"),
    ("return a @ a", 1, "the operator @ is not in the subset"),
    ("return t + t", 1, "arithmetic with tuple[int, float]; only numbers have it"),
    ("return math.sin(x)", 1, "math.sin rounds differently in each language; look it up in a"),
    ("return math.hypot(x, x)", 1, "math.hypot is not in the subset; write math.sqrt(x * x + y"),
    ("return pow(a, 2)", 1, "pow is not in the subset; write a product"),
    ("return sum(many)", 1, "sum is not in the subset; write a loop"),
    ("return random.random()", 1, "random is not in the subset"),
    ("return print(a)", 1, "print is not in the subset; a step has no effect but its result"),
    ("print(a)\nreturn a", 1, "a statement without effect"),
    ("return s.z", 1, "Point has no field z of the subset; it has x, y"),
    ("return named.name", 1, "Named has no field name of the subset; it has size"),
    ("return a.real", 1, "int has no field real"),
    ("return s[0]", 1, "an element of Point by number; name the field"),
    ("return each[0]", 1, "an Iterable has no elements by number; declare a Sequence"),
    ("return t[2]", 1, "tuple[int, float] has no element 2"),
    ("return t[a]", 1, "the elements of tuple[int, float] have different types; unpack it"),
    ("return many[x]", 1, "an index is int, not float; write int(…) around it"),
    ("return many[1:2]", 1, "a slice is not in the subset"),
    ("b, c = many\nreturn b", 1, "tuple[int, ...] may have any length, so it is not unpacked"),
    ("b, c, d = t\nreturn b", 1, "2 values for 3 names"),
    ("b, *c = t\nreturn b", 1, "a starred expression as a target"),
    ("b, b = t\nreturn a", 1, "one name twice in a target"),
    ("_, b = t\nreturn _", 2, "_ is for values that are not read"),
    ("_ = a\nreturn _", 2, "_ is for values that are not read"),
    ("s.x = 1\nreturn a", 1, "a value is not changed; make a new one"),
    ("s.x += 1\nreturn a", 1, "a value is not changed; make a new one"),
    ("many[0] = 1\nreturn a", 1, "a value is not changed; make a new one"),
    ("b = c = 1\nreturn b", 1, "several targets in one assignment"),
    ("b: int\nreturn a", 1, "a variable without a value"),
    ("b: list[int] = many\nreturn a", 1, "a list can change; write Sequence[…]"),
    ("b: int = 1.5\nreturn b", 1, "b is int, not float; write int(…) around it"),
    ("b = [1]\nreturn a", 1, "a list is not in the subset"),
    ("b = {1: 2}\nreturn a", 1, "a dict is not in the subset"),
    ("b = (i for i in many)\nreturn a", 1, "a generator expression is not in the subset"),
    ("b = [i for i in many]\nreturn a", 1, "a comprehension is not in the subset"),
    ("b = lambda: 1\nreturn a", 1, "a lambda is not in the subset"),
    ("if (b := a):\n  pass\nreturn a", 1, "the walrus operator (:=) is not in the subset"),
    ("b = f'{a}'\nreturn a", 1, "an f-string is not in the subset"),
    ("while p:\n  a += 1\nreturn a", 1, "while needs a bound: write `while i < LIMIT and …:`"),
    ("i = 0\nwhile i < a:\n  a += 1\n  i += 1\nreturn a", 2, "while needs a bound"),
    ("i = 0\nwhile i < 9:\n  if p:\n    continue\n  i += 1\nreturn a", 2, "while needs a bound"),
    ("i = 0\nwhile i < 9:\n  i -= 1\nreturn a", 2, "while needs a bound"),
    ("for i in many:\n  pass\nelse:\n  a = 1\nreturn a", 4, "else after a loop"),
    ("for i in range(a, a, a):\n  pass\nreturn a", 1, "the step of range is a number"),
    ("for i in range(x):\n  pass\nreturn a", 1, "an argument of range is int, not float"),
    ("for i in t:\n  pass\nreturn a", 1, "a loop over tuple[int, float]"),
    ("for i, v in enumerate(many):\n  pass\nreturn a", 1, "write for index in range(len(…))"),
    ("try:\n  a = 1\nexcept ValueError:\n  pass\nreturn a", 1, "exceptions are not in the"),
    ("raise ValueError", 1, "exceptions are not in the subset"),
    ("assert p\nreturn a", 1, "exceptions are not in the subset"),
    ("with p:\n  pass\nreturn a", 1, "with is not in the subset"),
    ("global NAME\nreturn a", 1, "a step keeps nothing between its calls"),
    ("import math\nreturn a", 1, "an import in a function; write it at the top of the module"),
    ("def inner(): pass\nreturn a", 1, "a function or class in a function"),
    ("match a:\n  case _: pass\nreturn a", 1, "match is not in the subset; write if and elif"),
    ("del a\nreturn 1", 1, "a value is not changed"),
    ("return step(a, x, p, t, many, s, each, named)", 0, "recursion is not in the subset"),
    ("return other(*t)", 1, "* and ** in calls are not in the subset"),
    ("return int(other())", 1, "a wrong number of arguments; missing: a"),
    ("return int(other(a, c=1))", 1, "there is no argument c"),
    ("return int(other(x))", 1, "the argument a is int, not float; write int(…) around it"),
    ("return int(other(1, 1))", 1, "the argument b is float, not int; write float(…) around it"),
    ("return Named(size=1, name=a).size", 1, "Named cannot be made in the subset: name cannot"),
    ("return Halved(1).size", 1, "Halved cannot be made in the subset: size has a converter"),
    ("return Sized().size", 1, "Sized cannot be made in the subset: a protocol"),
    ("return Shape()", 1, "Shape is not in the subset; write a NamedTuple, an attrs class"),
    ("return attrs.evolve(s, x=1.5).x", 1, "the argument x is int, not float"),
    ("return s._asdict()", 1, "a method (_asdict) is not in the subset; write a function"),
    ("new = 1\nreturn new", 0, "new means something else in JavaScript; choose another name"),
    ("größe = 1\nreturn größe", 0, "is no name in the subset; use ASCII"),
    ("await a\nreturn 1", 1, "'await' outside async"),
]

#: A module, the line, and what the refusal says.
MODULES = [
    ("A = 1\n", 1, "there is no function in it"),
    ("def step(a: int):\n  return a\n", 1, "the result has no annotation"),
    ("def step(a) -> int:\n  return 1\n", 1, "the parameter a has no annotation"),
    ("def step(*a: int) -> int:\n  return 1\n", 1, "* and ** in parameters"),
    ("def step(a: str) -> int:\n  return 1\n", 1, "a: str is not in the subset; write a NamedT"),
    ("def step(a: int | None) -> int:\n  return 1\n", 1, "int | None is not in the subset; it has"),
    ("def step(a: list[int]) -> int:\n  return 1\n", 1, "a: a list can change; write Sequence"),
    ("def step(a: 'Ship') -> int:\n  return 1\n", 1, "an annotation cannot be resolved"),
    ("async def step() -> int:\n  return 1\n", 1, "asyncfunctiondef at the top of a module"),
    ("import functools\n@functools.cache\ndef step() -> int:\n  return 1\n", 2, "decorators"),
    ("for i in (1,): pass\ndef step() -> int:\n  return 1\n", 1, "for at the top of a module"),
    ("from math import *\ndef step() -> int:\n  return 1\n", 1, "import * is not in the subset"),
    ("import math\nA = (math.sin(1.0),)\ndef step() -> int:\n  return 1\n", 2,
     "math.sin rounds differently in two maths libraries; write the values"),
    ("def step() -> int:\n  return again()\ndef again() -> int:\n  return step()\n", 1, "recurs"),
    ("def step() -> int:\n  return 1\nstep = 3\n", 1, "step is something else once the module is"),
    ("def step(a: int = 1, *, b: int) -> int:\n  return 1\n", 1, "b needs a default"),
    ("def default() -> int:\n  return 1\n", 1, "default means something else in JavaScript"),
]  # fmt: skip


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def write(source: str, name: str = "refused_step") -> str:
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return name

    yield write
    for name in [name for name in sys.modules if name.startswith("refused_")]:
        del sys.modules[name]


@pytest.mark.parametrize(("body", "line", "why"), BODIES, ids=[body for body, *_ in BODIES])
def test_a_body(module: Callable[[str], str], body: str, line: int, why: str) -> None:
    indented = "".join(f"    {each}\n" for each in body.splitlines())
    if "outside async" in why:
        with pytest.raises(SyntaxError, match=why):
            javascript_of(module(f"{HEAD}{STEP}\n{indented}"))
        return
    with pytest.raises(Refused) as refused:
        javascript_of(module(f"{HEAD}{STEP}\n{indented}"))
    assert str(refused.value).startswith(f"refused_step.py:{LINE + line}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("source", "line", "why"), MODULES, ids=[why for *_, why in MODULES])
def test_a_module(module: Callable[[str], str], source: str, line: int, why: str) -> None:
    with pytest.raises(Refused) as refused:
        javascript_of(module(source))
    assert str(refused.value).startswith(f"refused_step.py:{line}: ")
    assert why in str(refused.value)


def test_each_function_that_is_refused_has_its_line(module: Callable[[str], str]) -> None:
    source = "def one() -> int:\n  return 1.5\ndef two() -> int:\n  return None\n"
    with pytest.raises(Refused) as refused:
        javascript_of(module(source))
    assert [line.split(": ")[0] for line in str(refused.value).splitlines()] == [
        "refused_step.py:2",
        "refused_step.py:4",
    ]


def test_what_another_module_refuses_is_named_there(module: Callable[..., str]) -> None:
    module("def half(a: int) -> float:\n  return [a]\n", "refused_other")
    source = "from refused_other import half\ndef step(a: int) -> float:\n  return half(a)\n"
    with pytest.raises(Refused, match=r"^refused_other\.py:2: a list is not in the subset"):
        javascript_of(module(source))


def test_functions_of_other_modules_are_imported_by_name(module: Callable[..., str]) -> None:
    module("def half(a: int) -> float:\n  return a / 2\n", "refused_other")
    source = "from refused_other import half\ndef step(a: int) -> float:\n  return half(a)\n"
    assert 'import { half } from "./refused_other.js";' in javascript_of(module(source))
    source = "import refused_other\ndef step(a: int) -> float:\n  return refused_other.half(a)\n"
    with pytest.raises(Refused, match="import half from refused_other by name to call it"):
        javascript_of(module(source, "refused_second"))


def test_a_private_function_of_another_module_is_refused(module: Callable[..., str]) -> None:
    module("def _half(a: int) -> float:\n  return a / 2\n", "refused_other")
    source = "from refused_other import _half\ndef step(a: int) -> float:\n  return _half(a)\n"
    with pytest.raises(Refused, match=r"^refused_step\.py:3: _half is private to refused_other"):
        javascript_of(module(source))


def test_two_classes_of_one_name_are_refused(module: Callable[..., str]) -> None:
    declared = "from typing import NamedTuple\nclass Point(NamedTuple):\n  x: int\n"
    module(declared, "refused_other")
    source = (
        f"import refused_other\n{declared}"
        "def step(a: refused_other.Point, b: Point) -> int:\n  return a.x\n"
    )
    with pytest.raises(Refused, match="two classes are both called Point; rename one"):
        javascript_of(module(source))


def test_python_with_the_limits_of_javascript(module: Callable[[str], str]) -> None:
    source = (
        "def double(a: int) -> int:\n    a += a\n    return a\n"
        "def step(a: int, b: int) -> int:\n    return (double(a) << b) - 2 ** 60 % 7\n"
    )
    name = module(source.replace("2 ** 60", "2 ** 50"))
    step = checked(name).step
    assert step(1, 3) == importlib.import_module(name).step(1, 3)
    for values in [(2**52, 0), (1, 60), (1, 10**9), (-(2**53), 0)]:
        with pytest.raises(OutOfRange, match=r"outside ±\(2\^53 - 1\)"):
            step(*values)
