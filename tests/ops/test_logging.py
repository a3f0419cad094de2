"""The form of the log, and its protection from the texts of clients."""

from __future__ import annotations

import errno
import io
import json

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gameserver.ops.logging import (
    MAX_LOGGED_CHARACTERS,
    configure_logging,
    escaped,
    traceback_text,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _structlog_as_before() -> object:
    yield
    structlog.reset_defaults()


@given(st.text(alphabet=st.characters(), max_size=300))
def test_escaped_text_is_printable_and_bounded(text: str) -> None:
    result = escaped(text)
    assert result.isprintable()
    assert len(result) <= MAX_LOGGED_CHARACTERS * len("\\U0010ffff") + 1
    result.encode()


def test_escaping_leaves_plain_text_alone_and_escapes_the_rest() -> None:
    assert escaped("Änne 'the' \\o/ ☃") == "Änne 'the' \\o/ ☃"
    assert escaped("a\nb\x1b[2J\u202e\ud800") == "a\\nb\\x1b[2J\\u202e\\ud800"
    assert escaped("x" * 128) == "x" * 128
    assert escaped("x" * 129) == "x" * 128 + "…"


def test_json_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    configure_logging("info", "auto", out)
    structlog.get_logger("test").info("joined", seat=3)
    entry = json.loads(out.getvalue())
    assert entry.pop("timestamp")
    assert entry == {"event": "joined", "level": "info", "seat": 3}


class Disk(io.StringIO):
    """A stream that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else() -> None:
    """Otherwise the task that logs would end: a session that has just joined, or a room."""
    disk = Disk()
    configure_logging("info", "json", disk)
    log = structlog.get_logger("test")
    disk.full = True
    log.info("joined")
    log.warning("left")
    disk.full = False
    log.info("joined again")
    log.info("left again")
    entries = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [entry["event"] for entry in entries] == [
        "joined again",
        "log lines were lost",
        "left again",
    ]
    assert entries[1]["count"] == 2


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


# ---------------------------------------------------------------- tracebacks


def raised(make: object) -> BaseException:
    try:
        make()  # type: ignore[operator]
    except ValueError as error:
        return error
    raise AssertionError("nothing was raised")


def nested() -> None:
    try:
        {}["the cause"]
    except KeyError as error:
        raise ValueError("the error") from error


def in_passing() -> None:
    try:
        {}["the first"]
    except KeyError:
        raise ValueError("the second")  # noqa: B904 - the implicit chain is what is tested


def test_a_traceback_tells_where_and_what_and_why() -> None:
    text = traceback_text(raised(nested))
    assert text.index("KeyError: 'the cause'") < text.index("which led to")
    assert text.index("which led to") < text.index("ValueError: the error")
    assert text.count("in nested") == 2
    assert "KeyError: 'the first'" in traceback_text(raised(in_passing))


def test_a_group_tells_its_parts_and_a_circle_ends() -> None:
    one, other = raised(nested), ValueError("other")
    other.__cause__ = one
    one.__cause__.__context__ = other  # type: ignore[union-attr]
    text = traceback_text(ExceptionGroup("many", [one, other]))
    assert "ExceptionGroup: many (2 sub-exceptions)" in text
    assert text.count("ValueError: the error") == 1
    assert text.count("ValueError: other") == 1


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_messages_are_cut_and_escaped_and_may_fail() -> None:
    text = traceback_text(ValueError("\x1b[2J\n" + "x" * 500))
    assert text.splitlines()[-1] == "ValueError: \\x1b[2J\\n" + "x" * 123 + "…"
    assert "Unspeakable: (ZeroDivisionError in its __str__)" in traceback_text(Unspeakable())


@given(st.text(max_size=300))
def test_any_message_is_one_printable_line(message: str) -> None:
    lines = traceback_text(ValueError(message)).split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_somebody_forgot_to_show_cannot_be_seen_either(log_format: str) -> None:
    out = io.StringIO()
    configure_logging("info", log_format, out)  # type: ignore[arg-type]
    structlog.get_logger("test").info("joined", name="\x1b[2J\nforged")
    assert out.getvalue().removesuffix("\n").isprintable()
