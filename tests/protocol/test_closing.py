"""gameserver/protocol/closing.py: the table of the README, and reasons that fit a frame."""

from __future__ import annotations

import pathlib
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

import gameserver.protocol
from gameserver.protocol.closing import (
    CONNECTION_LOST,
    MAX_REASON_BYTES,
    NO_STATUS,
    ClientAction,
    CloseCode,
    action_for,
    close_reason,
)

README = pathlib.Path(gameserver.protocol.__file__).with_name("README.md").read_text()


def documented() -> dict[int, tuple[str, str]]:
    """Return code → (name, action) of the table under "Close codes"."""
    section = README.partition("## Close codes\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d{4}) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n|") - 2, "a row of the table was not understood"
    return {int(code): (name, action) for code, name, action in rows}


def test_codes_are_those_of_the_readme() -> None:
    assert {int(c): c.name.lower().replace("_", " ") for c in CloseCode} == {
        code: name for code, (name, _) in documented().items()
    }


def test_actions_are_those_of_the_readme() -> None:
    assert {int(c): action_for(c).value for c in CloseCode} == {
        code: action for code, (_, action) in documented().items()
    }


@pytest.mark.parametrize("code", [NO_STATUS, CONNECTION_LOST, 1012, 1013, 1014])
def test_lost_connections_and_restarting_proxies_are_resumed(code: int) -> None:
    assert action_for(code) is ClientAction.RESUME


@given(st.integers().filter(lambda code: code not in documented()))
def test_unknown_codes_stop(code: int) -> None:
    expected = code in (NO_STATUS, CONNECTION_LOST, 1012, 1013, 1014)
    assert (action_for(code) is ClientAction.RESUME) is expected
    assert (action_for(code) is ClientAction.STOP) is not expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ""),
        ("no seat is free", "no seat is free"),
        ("two\r\nlines\x00\x7f\x85", "two  lines   "),
        ("lone \ud800 surrogate", "lone   surrogate"),
        ("a" * 123, "a" * 123),
        ("a" * 124, "a" * 123),
        ("é" * 62, "é" * 61),
        ("🚀" * 40, "🚀" * 30),
        ("a🚀" * 40, "a🚀" * 24 + "a"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert close_reason(text) == reason


@given(st.text(st.characters(), max_size=200))
def test_every_reason_fits_a_close_frame(text: str) -> None:
    reason = close_reason(text)
    assert len(reason.encode()) <= MAX_REASON_BYTES
    assert not any(unicodedata.category(c) == "Cc" for c in reason)
    assert close_reason(reason) == reason
    if text.isprintable() and len(text.encode()) <= MAX_REASON_BYTES:
        assert reason == text
    frame = FrameProtocol(client=False, extensions=[]).close(CloseCode.KICKED, reason)
    assert len(frame) == 4 + len(reason.encode())
