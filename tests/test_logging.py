"""What the log looks like, and what a client cannot do to it."""

from __future__ import annotations

import io
import json

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gameserver.ops.logging import MAX_SHOWN_CHARACTERS, configure_logging, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _structlog_as_before() -> object:
    yield
    structlog.reset_defaults()


@given(st.text(alphabet=st.characters(), max_size=300))
def test_shown_is_printable_and_bounded(text: str) -> None:
    result = shown(text)
    assert result.isprintable()
    assert len(result) <= MAX_SHOWN_CHARACTERS * len("\\U0010ffff") + 1
    result.encode()


def test_shown_leaves_plain_text_alone_and_escapes_the_rest() -> None:
    assert shown("Änne 'the' \\o/ ☃") == "Änne 'the' \\o/ ☃"
    assert shown("a\nb\x1b[2J\u202e\ud800") == "a\\nb\\x1b[2J\\u202e\\ud800"
    assert shown("x" * 128) == "x" * 128
    assert shown("x" * 129) == "x" * 128 + "…"


def test_json_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    configure_logging("info", "auto", out)
    structlog.get_logger("test").info("joined", seat=3)
    entry = json.loads(out.getvalue())
    assert entry.pop("timestamp")
    assert entry == {"event": "joined", "level": "info", "seat": 3}


def test_text_on_a_terminal() -> None:
    out = Terminal()
    configure_logging("info", "auto", out)
    structlog.get_logger("test").info("joined", seat=3)
    assert "joined" in out.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_is_shown_and_cannot_break_the_stream(log_format: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    configure_logging("info", log_format, out)  # type: ignore[arg-type]
    error = ZeroDivisionError("half a character: \ud800")
    structlog.get_logger("test").error("hook failed", room="field/1", exc_info=error)
    written = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "ZeroDivisionError" in written
    assert "field/1" in written


def test_levels() -> None:
    out = io.StringIO()
    configure_logging("warning", "json", out)
    structlog.get_logger("test").info("quiet")
    structlog.get_logger("test").warning("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]
