"""Templates: what is filled in, and what stays as it is."""

from __future__ import annotations

import pytest

from gameserver.deploying.templates import fill


def test_variables_of_other_programs_stay() -> None:
    text = "${A} $b {{ c }} @d me@example.org @not-a-name@"
    assert fill(text, {}) == text


def test_a_place_in_a_line() -> None:
    assert fill("a=@name@, b=@name@", {"name": "x"}) == "a=x, b=x"


def test_a_place_with_a_line_to_itself_keeps_its_indentation() -> None:
    assert fill("a\n  @lines@\nb\n", {"lines": "one\n\n  two"}) == "a\n  one\n\n    two\nb\n"
    assert fill("a\n\t@lines@\nb\n", {"lines": "one\ntwo\n"}) == "a\n\tone\n\ttwo\nb\n"


def test_an_empty_value_leaves_no_line() -> None:
    assert fill("a\n  @lines@\nb\n", {"lines": ""}) == "a\nb\n"


def test_a_place_without_a_value_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="name"):
        fill("@name@", {})
