"""Warnings that clients cause: each one now and then, and few of them."""

from __future__ import annotations

import math

import structlog

from gameserver.runtime.http.rare_warning import MAX_REMEMBERED, QUIET_S, RareWarning


def logged(warning: RareWarning, key: str, now_s: float) -> list[str]:
    with structlog.testing.capture_logs() as lines:
        warning.log(key, now_s, key=key)
    return [line["key"] for line in lines]


def test_the_line_has_the_fields() -> None:
    with structlog.testing.capture_logs() as lines:
        RareWarning("something odd").log("a", 0.0, origin="http://a", host="b")
    assert lines == [
        {"event": "something odd", "log_level": "warning", "origin": "http://a", "host": "b"}
    ]


def test_one_key_is_logged_once_a_minute() -> None:
    warning = RareWarning("w")
    assert logged(warning, "a", 5.0) == ["a"]
    assert logged(warning, "b", 30.0) == ["b"]
    assert logged(warning, "a", 4.9 + QUIET_S) == []
    assert logged(warning, "a", 5.0 + QUIET_S) == ["a"]
    assert logged(warning, "b", 6.0 + QUIET_S) == []


def test_many_keys_are_neither_kept_nor_logged() -> None:
    warning = RareWarning("w")
    lines = [line for n in range(1000) for line in logged(warning, str(n), n * 0.01)]
    assert lines == [str(n) for n in range(MAX_REMEMBERED)]
    assert len(warning._logged) == MAX_REMEMBERED
    assert logged(warning, "later", QUIET_S + 10) == ["later"]
    assert list(warning._logged) == ["later"]


def test_some_are_logged_once_and_never_again() -> None:
    warning = RareWarning("w", quiet_s=math.inf)
    assert [logged(warning, "a", 10.0**n) for n in range(5)] == [["a"], [], [], [], []]
