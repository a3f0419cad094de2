"""Names that players choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.games.names import cleaned, unique_name
from gameserver.protocol.texts import valid_name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Ann", "Ann"),
        ("  Ann \t of\nArc ", "Ann of Arc"),
        ("a\u202eb\u200bc", "abc"),
        ("e\u0301", "é"),
        ("", ""),
        ("\x00\ud800", ""),
        ("x" * 40, "x" * 24),
        ("x" * 23 + " y", "x" * 23),
        ("Ω ✦ 船", "Ω ✦ 船"),
    ],
)
def test_cleaning(name, clean):
    assert cleaned(name) == clean


def test_a_taken_name_gets_a_number():
    assert unique_name("Ann", [], fallback="-") == "Ann"
    assert unique_name("Ann", ["ANN"], fallback="-") == "Ann 2"
    assert unique_name("Ann", ["ann", "ann 2"], fallback="-") == "Ann 3"
    assert unique_name(" ", ["Pilot 1"], fallback="Pilot 1") == "Pilot 1 2"
    assert unique_name("🚀", ["🚀\ufe0f"], fallback="-") == "🚀 2"
    assert unique_name("x" * 24, ["x" * 24], fallback="-") == "x" * 22 + " 2"


@given(st.text(max_size=40), st.lists(st.text(max_size=24), max_size=20))
def test_every_name_can_be_shown_and_told_apart(name, others):
    taken = []
    for other in [*others, name, name]:
        taken.append(unique_name(other, taken, fallback="Pilot"))
        assert valid_name(taken[-1])
    assert len({other.casefold().replace("\ufe0f", "") for other in taken}) == len(taken)
