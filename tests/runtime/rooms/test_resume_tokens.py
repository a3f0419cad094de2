"""Resume tokens: only what this server signs, in this version's form, is read."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver.runtime.rooms.resume_tokens import (
    MAX_NUMBER,
    SALT,
    ResumeToken,
    ResumeTokens,
)
from gameserver.signing import Signing

SECRET = "a secret of this test"
TOKENS = ResumeTokens(lambda: (SECRET,))


def signed(payload: Any) -> str:
    return Signing((SECRET,), SALT).sign(payload)


@pytest.mark.parametrize("number", [1, MAX_NUMBER])
def test_a_token_says_what_was_signed(number: int) -> None:
    token = ResumeToken("field/1", "life.1", number)
    assert TOKENS.read(TOKENS.sign(token)) == token


@pytest.mark.parametrize(
    "payload",
    [
        *(["field/1", "life.1", number] for number in (0, -1, 2**200, MAX_NUMBER + 1)),
        *(["field/1", "life.1", number] for number in (True, 1.5, "1", None, [], {}, float("inf"))),
        *(["field/1", life, 1] for life in (None, 1, [], {})),
        *([label, "life.1", 1] for label in (None, 1, [], {})),
        *([], None, 1, "abc", {}, {"a": 1, "b": 2, "c": 3}, ["field/1", "life.1"], [1, 2, 3, 4]),
    ],
)
def test_what_another_program_signed_with_the_secret_is_no_token(payload: object) -> None:
    assert TOKENS.read(signed(payload)) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "\ud800", "é", ".." * 500, "=" * 100])
def test_what_nobody_signed_is_no_token(text: str) -> None:
    assert TOKENS.read(text) is None
