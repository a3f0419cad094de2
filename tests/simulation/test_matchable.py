"""How options, listing and filters of a room class belong together."""

from __future__ import annotations

import enum
import re
from typing import Any

import attrs
import pytest

from gameserver import LocalProtocolError, RemoteProtocolError, Room
from gameserver.simulation.matchable import filters_of, listed, options_of
from gameserver.simulation.room_check import check_room
from tests.support.matched_game import Listing, Match, Mode, Options


class Other(enum.Enum):
    CASUAL = 1


@attrs.define
class Texts:
    name: str = "x"
    data: bytes = b""


@attrs.define
class Needy:
    mode: Mode


@attrs.define
class Foreign:
    mode: Other = Other.CASUAL


@attrs.define
class Measured:
    weight: float = 1.0


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        (
            {"listing": Listing, "filter_by": "mode"},
            "Den.filter_by is a tuple of names: write ('mode',)",
        ),
        ({"filter_by": ("mode",)}, "Den.filter_by names 'mode', which is no field of its listing"),
        (
            {"listing": Listing, "filter_by": ("size",), "options": Options},
            "Den.filter_by names 'size', which is no field of its listing",
        ),
        (
            {"listing": Foreign, "filter_by": ("mode",), "options": Options},
            "Den.filter_by names 'mode', which has one type in its options and another",
        ),
        ({"listing": Needy}, "Needy.mode: needs a default, for a room begins with it"),
        ({"listing": Texts}, "Texts.data: JSON has no bytes; use a str"),
        (
            {"listing": Measured, "filter_by": ("weight",)},
            "Den.filter_by names 'weight': rooms are filtered by str, int, bool and enums",
        ),
        ({"options": 3}, "options = 3: this must be an attrs class; write @attrs.define above it"),
        ({"locked": 1}, "Den.locked must be True or False, not 1"),
        ({"made_with": None}, "Den.made_with hides Room.made_with, a part of the server: "),
    ],
)
def test_a_declaration_that_cannot_work(declared: dict[str, Any], why: str) -> None:
    room = type("Den", (Room,), declared)
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(why)}"):
        check_room(room)


def test_a_room_begins_with_its_listing_and_its_options() -> None:
    check_room(Match)
    room = Match()
    assert (room.listing, room.made_with) == (Listing(), Options())
    other = Match(made_with=Options(size=8), listed={"mode": Mode.RANKED})
    assert (other.listing, other.log) == (Listing(mode=Mode.RANKED), ["size 8"])
    assert listed(other) == {"mode": "RANKED", "title": "", "level": 0, "rated": False}
    assert listed(Room()) == {}


def test_a_room_without_options_takes_none() -> None:
    assert options_of(Room, {}) is None
    with pytest.raises(RemoteProtocolError, match=r"^options\.mode: this room has no options$"):
        options_of(Room, {"mode": 1})


@pytest.mark.parametrize(
    ("options", "given", "wanted"),
    [
        (Options(), {}, {}),
        (Options(mode=Mode.RANKED), {}, {"mode": Mode.RANKED}),
        (Options(mode=Mode.RANKED), {"mode": "CASUAL"}, {"mode": Mode.CASUAL}),
        (Options(), {"level": 3, "rated": True}, {"level": 3, "rated": True}),
        (Options(), {"level": "-3", "rated": "true"}, {"level": -3, "rated": True}),
        (Options(), {"rated": "false"}, {"rated": False}),
    ],
)
def test_filters_come_from_options_and_from_the_request(
    options: Options, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert filters_of(Match, options, given) == wanted


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"title": "x"}, "filter.title: no such filter; there are: mode, level, rated"),
        ({"__proto__": "x"}, "filter.__proto__: no such filter; there are: mode, level, rated"),
        ({"x" * 2000: "x"}, "filter." + "x" * 32 + ": no such filter"),
        ({"mode": "FAST"}, "filter.mode: 'FAST' is none of CASUAL, RANKED"),
        ({"level": "3.5"}, "filter.level: '3.5' is not a value of type int"),
        ({"level": "9" * 99}, "filter.level: '9999999"),
        ({"rated": "yes"}, "filter.rated: 'yes' is not a value of type bool"),
        ({"rated": 1}, "filter.rated: 1 is not a value of type bool"),
    ],
)
def test_a_wrong_filter_is_named(given: dict[str, Any], why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^{re.escape(why)}"):
        filters_of(Match, Options(), given)
