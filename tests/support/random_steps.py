"""Random programs of the subset of ``gameserver step``: well typed, and with every construct.

Owns their making from a source of choices: hypothesis, or a seeded random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

HEAD: Final = """
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import attrs

LIMIT: Final = 5
RATE: Final = 0.1
TABLE: Final = (3, -1, 4, 1, -5)


class State(NamedTuple):
    n: int
    v: float
    on: bool = True


@attrs.frozen
class Item:
    size: int
    weight: float = 1.5


def helper(k: int, z: float = 0.5) -> tuple[int, float]:
    if k > 3:
        return k - 3, z
    return k, z * 2.0


"""
INTS: Final = (0, 1, -1, 2, 3, -7, 31, 32, 255, -256, 65537, 2**31, -(2**31), 2**32 + 1, 2**53 - 1)
FLOATS: Final = (0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -3.25, 0.1, 1e-300, 1e300, 3.0, -7.0, 2.0**53)
PARAMETERS: Final = "a: int, b: int, x: float, y: float, p: bool, many: Sequence[int], s: State"

#: Chooses one of the options.
Pick = Callable[[Sequence[Any]], Any]


class Writer:
    """Writes one program."""

    def __init__(self, pick: Pick) -> None:
        self._pick = pick
        self._variables = {"int": ["a", "b"], "float": ["x", "y"], "bool": ["p"]}
        self._kept: set[str] = set()
        self._count = 0

    def program(self) -> str:
        """Return the module; its function is ``step``."""
        body = self._statements(3, "    ")
        result = ", ".join(self._expression(kind, 2) for kind in ("int", "float", "bool"))
        state = f"State({self._expression('int', 1)}, {self._expression('float', 1)})"
        returns = "tuple[int, float, bool, State, Item]"
        item = f"Item(weight={self._expression('float', 1)}, size={self._expression('int', 1)})"
        made = "\n".join(body)
        last = f"    return {result}, {state}, {item}\n"
        return f"{HEAD}def step({PARAMETERS}) -> {returns}:\n{made}\n{last}"

    # ------------------------------------------------------------ expressions

    def _expression(self, kind: str, depth: int) -> str:
        if depth == 0 or self._pick((True, False, False)):
            return self._atom(kind)
        return str(getattr(self, f"_{kind}")(depth - 1))

    def _atom(self, kind: str) -> str:
        if self._pick((True, True, False)):
            return str(self._pick(self._variables[kind]))
        if kind == "int":
            return self._pick((repr(self._pick(INTS)), "LIMIT", "len(many)", "s.n", "TABLE[-2]"))
        if kind == "float":
            return self._pick((repr(self._pick(FLOATS)), "RATE", "s.v", "math.pi"))
        return str(self._pick(("True", "False", "s.on")))

    def _int(self, depth: int) -> str:
        def one() -> str:
            return self._expression("int", depth)

        def real() -> str:
            return self._expression("float", depth)

        match self._pick(range(22)):
            case 0 | 1 | 2:
                return f"({one()} {self._pick('+-*')} {one()})"
            case 3 | 4:
                return f"({one()} {self._pick(('//', '%'))} {one()})"
            case 5:
                return f"({one()} {self._pick(('<<', '>>'))} {one()})"
            case 6:
                return f"({one()} {self._pick(('<<', '>>'))} {self._pick(range(60))})"
            case 7 | 8:
                return f"({one()} {self._pick('&|^')} {one()})"
            case 9:
                return f"({self._pick(('-', '~', '+'))}{one()})"
            case 10:
                return f"{self._pick(('abs', 'int', 'round'))}({one()})"
            case 11:
                return f"{self._pick(('min', 'max'))}({one()}, {one()}, {one()})"
            case 12 | 13:
                return f"{self._pick(('round', 'int', 'math.floor', 'math.ceil'))}({real()})"
            case 14:
                return f"int({self._expression('bool', depth)})"
            case 15:
                return f"math.isqrt({one()})"
            case 16:
                return f"({one()} if {self._condition(depth)} else {one()})"
            case 17:
                return f"({one()} {self._pick(('and', 'or'))} {one()})"
            case 18:
                return f"{self._pick(('many', 'TABLE'))}[{one()} % 4]"
            case 19:
                return f"({one()} ** {self._pick(range(5))})"
            case 20:
                return f"helper({one()}, {real()})[0]"
        return f"s._replace(n={one()}).n"

    def _float(self, depth: int) -> str:
        def one() -> str:
            return self._expression("float", depth)

        def other() -> str:
            return self._expression(self._pick(("float", "int")), depth)

        match self._pick(range(12)):
            case 0 | 1 | 2:
                return f"({one()} {self._pick('+-*')} {other()})"
            case 3:
                return f"({other()} / {other()})"
            case 4 | 5:
                return f"({other()} {self._pick(('//', '%'))} {one()})"
            case 6:
                return f"({self._pick('-+')}{one()})"
            case 7:
                return f"{self._pick(('min', 'max'))}({one()}, {one()})"
            case 8:
                return f"{self._pick(('abs', 'float', 'math.sqrt'))}({one()})"
            case 9:
                return f"float({self._expression(self._pick(('int', 'bool')), depth)})"
            case 10:
                return f"({one()} if {self._condition(depth)} else {one()})"
        return f"({one()} {self._pick(('and', 'or'))} {one()} {self._pick(('and', 'or'))} {one()})"

    def _bool(self, depth: int) -> str:
        def number() -> str:
            return self._expression(self._pick(("float", "int")), depth)

        match self._pick(range(6)):
            case 0 | 1:
                sign = self._pick(("<", "<=", ">", ">=", "==", "!="))
                return f"({number()} {sign} {number()})"
            case 2:
                return f"({number()} < {number()} <= {number()})"
            case 3:
                return f"(not {self._condition(depth)})"
            case 4:
                return f"bool({number()})"
        word = self._pick(("and", "or"))
        return f"({self._expression('bool', depth)} {word} {self._expression('bool', depth)})"

    def _condition(self, depth: int) -> str:
        kind = self._pick(("bool", "int", "float"))
        if self._pick((True, False)):
            return self._expression(kind, depth)
        other = self._expression(self._pick(("bool", "int", "float")), depth)
        word = self._pick(("and", "or"))
        return f"({self._expression(kind, depth)} {word} {other})"

    # ------------------------------------------------------------ statements

    def _statements(self, depth: int, indent: str) -> list[str]:
        lines: list[str] = []
        for _ in range(self._pick(range(1, 4))):
            lines += [f"{indent}{line}" for line in self._statement(depth)]
        return lines

    def _new(self, kind: str) -> str:
        self._count += 1
        name = f"{kind[0]}{self._count}"
        self._variables[kind].append(name)
        return name

    def _kind(self) -> str:
        return str(self._pick(("int", "float", "bool", "int")))

    def _changeable(self, kind: str) -> str:
        names = [name for name in self._variables[kind] if name not in self._kept]
        return str(self._pick(names))

    def _inner(self, depth: int) -> list[str]:
        """Return a block; what it declares is not known behind it."""
        known = {kind: list(names) for kind, names in self._variables.items()}
        lines = self._statements(depth - 1, "    ")
        self._variables = known
        return lines

    def _statement(self, depth: int) -> list[str]:
        kind = self._kind()
        match self._pick(range(11 if depth else 6)):
            case 0 | 1:
                value = self._expression(kind, 3)
                return [f"{self._new(kind)} = {value}"]
            case 2:
                return [f"{self._changeable(kind)} = {self._expression(kind, 3)}"]
            case 3:
                sign = self._pick(("+=", "-=", "*=", "//=", "%="))
                kind = self._pick(("int", "float"))
                return [f"{self._changeable(kind)} {sign} {self._expression(kind, 2)}"]
            case 4:
                one, other = self._changeable("int"), self._changeable("int")
                if one == other:
                    return [f"{one} = {self._expression('int', 2)}"]
                return [f"{one}, {other} = {other}, {self._expression('int', 2)}"]
            case 5:
                value = f"helper({self._expression('int', 2)})"
                return [f"{self._new('int')}, {self._new('float')} = {value}"]
            case 6 | 7:
                return self._if(depth)
            case 8:
                return self._counting(depth)
            case 9:
                head = f"for {self._new('int')} in {self._pick(('many', 'TABLE'))}:"
                return self._looped(head, depth)
        return self._while(depth)

    def _if(self, depth: int) -> list[str]:
        lines = [f"if {self._condition(2)}:", *self._inner(depth)]
        if self._pick((True, False)):
            lines += [f"elif {self._condition(2)}:", *self._inner(depth)]
        if self._pick((True, False)):
            lines += ["else:", *self._inner(depth)]
        return lines

    def _counting(self, depth: int) -> list[str]:
        name = self._new("int")
        if self._pick((True, False)):
            self._kept.add(name)
        bounds = self._pick(("LIMIT", "-2, 3", "3, -2, -2", "len(many)", "abs(s.n) % 4, 6"))
        return self._looped(f"for {name} in range({bounds}):", depth)

    def _looped(self, head: str, depth: int) -> list[str]:
        lines = [head, *self._inner(depth)]
        if self._pick((True, False)):
            lines += [
                f"    if {self._condition(1)}:",
                f"        {self._pick(('break', 'continue'))}",
            ]
        for names in self._variables.values():  # a loop may have no turn
            name = head.split()[1]
            if name in names:
                names.remove(name)
        return lines

    def _while(self, depth: int) -> list[str]:
        name = self._new("int")
        self._kept.add(name)
        lines = [f"{name} = 0", f"while {name} < LIMIT and {self._condition(1)}:"]
        return [*lines, *self._inner(depth), f"    {name} += 1"]


def inputs(rng: random.Random, count: int) -> list[list[Any]]:
    """Return arguments for ``step``, among them the odd ones."""
    rows = []
    for _ in range(count):
        ints = [rng.choice((*INTS, rng.randrange(-100, 100))) for _ in range(3)]
        floats = [rng.choice((*FLOATS, float("inf"), float("nan"), rng.gauss(0, 10)))
                  for _ in range(3)]  # fmt: skip
        many = [rng.randrange(-9, 9) for _ in range(rng.randrange(6))]
        on = rng.random() < 0.5
        state = {"n": ints[2], "v": floats[2], "on": on}
        rows.append([ints[0], ints[1], floats[0], floats[1], not on, tuple(many), state])
    return rows
