"""Changes msgpack as the values that it holds, for the fuzzer: what flipped bits seldom reach.

Owns taking bytes apart, putting another value in the place of one of them, and packing them again,
now and then in longer forms than needed.  Never judges anything.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any, Final

import msgpack

Place = tuple[Any, Any]

#: Values at the borders of what the protocol allows, and just beyond them.
EDGES: Final[tuple[Any, ...]] = (
    *(None, False, True, 0, 1, -1, 2, 31, 32, 127, 128, 255, 256, 999, 1000, 4999, 5000),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**52, 2**52 + 1, -(2**52), -(2**52) - 1),
    *(2**53, 2**53 + 1, -(2**53), 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 0.5, 1 / 16, 1e-9, -1.5, 3.4e38, 1e39, 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", "kind", "kind_", "__proto__", "constructor", "toString", "\ufeffx", "🚀", "int"),
    *(b"", b"\xff", [], [[]], [0], {}, {"__proto__": {"x": 1}}, {b"x": 1}, {1: 2}),
    *(["bool"], ["int"], ["steps", 1], ["float32"], ["str"], ["bytes"], ["enum", "E", ["A"]]),
    *(["optional", ["int"]], ["list", ["int"]], ["tuple", []], ["tuple", [["int"]]]),
    *(msgpack.ExtType(5, b""), msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 0)),
)
DEEPEST: Final = 40


def reshape(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    """Change one value somewhere in ``data``; leave it as it is if it is no msgpack."""
    try:
        value = msgpack.unpackb(bytes(data), strict_map_key=False)
        places = list(_places(value))
        if places:
            inside, key = chance.choice(places)
            chance.choice(SHAPES)(inside, key, chance)
        data[:] = packed(value, chance)
    except (ValueError, RecursionError, TypeError, OverflowError):
        return


def _places(value: Any) -> list[Place]:
    found: list[Place] = []
    todo = [value]
    while todo:
        inside = todo.pop()
        if isinstance(inside, list):
            keys: Any = range(len(inside))
        elif isinstance(inside, dict):
            keys = list(inside)
        else:
            continue
        for key in keys:
            found.append((inside, key))
            todo.append(inside[key])
    return found


# ---------------------------------------------------------------- what is done to a place


def _edge(inside: Any, key: Any, chance: random.Random) -> None:
    inside[key] = chance.choice(EDGES)


def _near(inside: Any, key: Any, chance: random.Random) -> None:
    if type(inside[key]) in (int, float):
        inside[key] += chance.choice((-2, -1, 1, 2))


def _other_kind_of_number(inside: Any, key: Any, _chance: random.Random) -> None:
    value = inside[key]
    if type(value) is int:
        inside[key] = float(value)
    elif type(value) in (float, bool):
        inside[key] = int(value)


def _nest(inside: Any, key: Any, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 7, 8, 15, 16, 17, 30, 31, 32, 33, DEEPEST))):
        inside[key] = [inside[key]]


def _nest_type(inside: Any, key: Any, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 7, 8, 15, 16, 17, DEEPEST))):
        form = chance.choice(("list", "optional", "tuple"))
        inside[key] = [form, [inside[key]] if form == "tuple" else inside[key]]


def _double(inside: Any, key: Any, chance: random.Random) -> None:
    if isinstance(inside, list):
        inside[key:key] = inside[key : key + chance.choice((1, 2, 4))] * chance.choice((1, 2, 32))


def _drop(inside: Any, key: Any, _chance: random.Random) -> None:
    del inside[key]


def _swap(inside: Any, key: Any, chance: random.Random) -> None:
    other = chance.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
    inside[key], inside[other] = inside[other], inside[key]


def _append(inside: Any, _key: Any, chance: random.Random) -> None:
    if isinstance(inside, list):
        inside.append(chance.choice(EDGES))


SHAPES: Final[tuple[Callable[[Any, Any, random.Random], None], ...]] = (
    *(_edge, _edge, _near, _other_kind_of_number, _nest, _nest_type),
    *(_double, _drop, _swap, _append),
)


# ---------------------------------------------------------------- packing


def packed(value: Any, chance: random.Random) -> bytes:
    """Return bytes of ``value``: mostly the shortest forms, now and then longer ones."""
    if type(value) is int:
        return _packed_int(value, chance)
    if type(value) is float:
        return _packed_float(value, chance)
    if type(value) is str:
        raw = value.encode("utf-8", "surrogatepass")
        return _header(len(raw), 0xA0, 32, (0xD9, 0xDA, 0xDB), chance) + raw
    if type(value) is list:
        head = _header(len(value), 0x90, 16, (None, 0xDC, 0xDD), chance)
        return head + b"".join(packed(element, chance) for element in value)
    if type(value) is dict:
        head = _header(len(value), 0x80, 16, (None, 0xDE, 0xDF), chance)
        return head + b"".join(packed(k, chance) + packed(v, chance) for k, v in value.items())
    result: bytes = msgpack.packb(value)
    return result


def _lengthens(chance: random.Random) -> bool:
    return chance.randrange(24) == 0


def _packed_int(value: int, chance: random.Random) -> bytes:
    if -32 <= value < 128 and not _lengthens(chance):
        return struct.pack(">b", value)
    forms = (("B", 0xCC), ("H", 0xCD), ("I", 0xCE), ("Q", 0xCF))
    if value < 0 or _lengthens(chance):
        forms = (("b", 0xD0), ("h", 0xD1), ("i", 0xD2), ("q", 0xD3))
    fitting = []
    for form, code in forms:
        try:
            fitting.append(struct.pack(f">B{form}", code, value))
        except struct.error:
            continue
    if not fitting:
        result: bytes = msgpack.packb(value)
        return result
    return chance.choice(fitting) if _lengthens(chance) else fitting[0]


def _packed_float(value: float, chance: random.Random) -> bytes:
    if chance.randrange(2):
        try:
            return struct.pack(">Bf", 0xCA, value)
        except OverflowError:  # too large for a float 32
            pass
    return struct.pack(">Bd", 0xCB, value)


def _header(
    length: int,
    fixed: int,
    fixed_end: int,
    codes: tuple[int | None, int, int],
    chance: random.Random,
) -> bytes:
    if length < fixed_end and not _lengthens(chance):
        return bytes([fixed | length])
    forms = zip(codes, (">BB", ">BH", ">BI"), (2**8, 2**16, 2**32), strict=True)
    fitting = [
        struct.pack(form, code, length) for code, form, end in forms if code and length < end
    ]
    return chance.choice(fitting) if _lengthens(chance) else fitting[0]
