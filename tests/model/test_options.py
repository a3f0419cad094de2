"""Options and listings: values by field name, checked; each error names the field."""

from __future__ import annotations

import re
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver import LocalProtocolError, RemoteProtocolError, number
from gameserver.model.options import MAX_OPTION_FIELDS, named_fields
from tests.support.matched_game import Listing, Mode, Needs, Options

OPTIONS = named_fields(Options, "options")


def test_values_by_name_make_an_instance() -> None:
    given = {
        "mode": "RANKED",
        "size": 8,
        "gravity": 2,
        "password": "pw",
        "spectator": True,
        "colours": ["CASUAL", "RANKED"],
    }
    read = OPTIONS.read(given)
    assert read == Options(Mode.RANKED, 8, 2.0, "pw", True, (Mode.CASUAL, Mode.RANKED))
    assert type(read.gravity) is float
    assert OPTIONS.named(read) == given


def test_what_is_left_out_has_its_default() -> None:
    assert OPTIONS.read({}) == OPTIONS.default() == Options()
    assert OPTIONS.read({"mode": None}) == Options()


def test_a_float_is_rounded_to_its_step() -> None:
    assert OPTIONS.read({"gravity": 1.3}).gravity == 1.25


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"modes": 1}, "options.modes: no such field; there are: mode, size, gravity, password"),
        ({"__class__": 1}, "options.__class__: no such field"),
        ({"mode": "FAST"}, "options.mode: 'FAST' is none of CASUAL, RANKED"),
        ({"mode": "__class__"}, "options.mode: '__class__' is none of CASUAL, RANKED"),
        ({"mode": 1}, "options.mode: 1 is none of CASUAL, RANKED"),
        ({"mode": ["RANKED"]}, "options.mode: ['RANKED'] is none of"),
        ({"size": 9}, "options.size: 9 is outside 2 … 8"),
        ({"size": 4.0}, "options.size: 4.0 is not a value of type int"),
        ({"size": True}, "options.size: True is not a value of type int"),
        ({"size": None}, "options.size: None is not a value of type int"),
        ({"gravity": "1"}, "options.gravity: '1' is not a value of type steps"),
        ({"gravity": 2.5}, "options.gravity: 2.5 is outside 0.5 … 2.0"),
        ({"gravity": 2**52}, "options.gravity: "),
        ({"password": "x" * 17}, "options.password: longer than 16"),
        ({"password": b"x"}, "options.password: b'x' is not a value of type str"),
        ({"spectator": 1}, "options.spectator: 1 is not a value of type bool"),
        ({"colours": "RANKED"}, "options.colours: 'RANKED' is not a value of type list"),
        ({"colours": ["RANKED", "X"]}, "options.colours: 'X' is none of CASUAL, RANKED"),
        ({"colours": ["RANKED"] * 65}, "options.colours: longer than 64"),
    ],
)
def test_a_wrong_field_is_named(given: dict[str, Any], why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^{re.escape(why)}"):
        OPTIONS.read(given)


def test_a_missing_field_is_named() -> None:
    needs = named_fields(Needs, "options")
    assert needs.default() is None
    assert needs.read({"team": "red"}) == Needs("red")
    with pytest.raises(RemoteProtocolError, match=r"^options\.team: is missing$"):
        needs.read({"rank": 1})


def test_a_validator_of_the_game_refuses_too() -> None:
    def is_even(_: Any, __: Any, value: int) -> None:
        if value % 2:
            raise ValueError(f"{value} is odd")

    @attrs.define
    class Pairs:
        _count: int = attrs.field(default=2, validator=is_even)

    pairs = named_fields(Pairs, "options")
    assert pairs.read({"_count": 4}) == Pairs(count=4)
    with pytest.raises(RemoteProtocolError, match=r"^options: 3 is odd$"):
        pairs.read({"_count": 3})


WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**52), 2**52)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(["RANKED", "CASUAL", "__proto__", "constructor"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(OPTIONS.fields)) | st.text(max_size=12), WILD))
def test_any_map_makes_options_or_is_refused(given: dict[str, Any]) -> None:
    try:
        read = OPTIONS.read(given)
    except RemoteProtocolError as error:
        told = str(error)
    else:
        told = "options."
        assert OPTIONS.read(OPTIONS.named(read)) == read
    assert told.startswith("options.")


# ---------------------------------------------------------------- what the game writes


def test_a_wrong_value_in_a_listing_is_named() -> None:
    listing = named_fields(Listing, "listing")
    assert listing.named(Listing(title="x")) == {
        "mode": "CASUAL",
        "title": "x",
        "level": 0,
        "rated": False,
    }
    with pytest.raises(LocalProtocolError, match=r"^Listing\.level: 'three' is not a value of"):
        listing.named(Listing(level="three"))  # type: ignore[arg-type]


def declare(cls: Any, what: str = "options") -> str:
    with pytest.raises(LocalProtocolError) as error:
        named_fields(cls, what)
    return str(error.value)


def test_a_class_that_is_no_attrs_class() -> None:
    class Plain:
        mode: int = 1

    assert declare(Plain) == (
        "options = Plain: this must be an attrs class; write @attrs.define above it"
    )
    assert declare({"mode": 1}).startswith("options = {'mode': 1}: this must be an attrs class")


def test_fields_that_cannot_travel() -> None:
    @attrs.define
    class Bad:
        when: complex = 1j

    @attrs.define
    class Hidden:
        seen: int = attrs.field(default=0, init=False)

    @attrs.define
    class Ranged:
        name: str = number(1, 2)  # type: ignore[assignment]

    assert declare(Bad).startswith("Bad.when: complex cannot be sent; use ")
    assert declare(Hidden).startswith("Hidden.seen: init=False does not belong here")
    assert declare(Ranged) == "Ranged.name: number() is for int and float"
    many = attrs.make_class(
        "Many", {f"f{i}": attrs.field(default=0, type=int) for i in range(MAX_OPTION_FIELDS + 1)}
    )
    assert declare(many) == "Many: more than 32 fields"
