"""The log: readable lines on a terminal, one JSON object a line elsewhere.

Owns the configuration of structlog, and ``escaped``.  Every text that a client chose is escaped
before it is logged, and so are the messages of exceptions, which may quote a client.  Never decides
what is worth logging.
"""

from __future__ import annotations

import logging
import sys
import textwrap
import traceback
from collections.abc import Iterator
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from gameserver.ops.output import UnfailingStream, unfailing

#: The most of a client's own characters that one value in the log may hold.
MAX_LOGGED_CHARACTERS: Final = 128

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "text", "json"]


def escaped(text: str) -> str:
    """Return ``text``, which a client sent, cut and without control characters.

    Unprintable characters become Python escapes, so that no client can forge a line of the log or
    send control sequences to a terminal.  Quotes and backslashes stay as they are.
    """
    clean = _escape_unprintable(text[:MAX_LOGGED_CHARACTERS])
    return clean + "…" if len(text) > MAX_LOGGED_CHARACTERS else clean


def _escape_unprintable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def traceback_text(error: BaseException) -> str:
    """Return the traceback of ``error``, with its causes before it and the parts of a group after.

    Like Python's own, except that messages are ``escaped``: they may quote a client.
    """
    return "".join(_traceback(error, set()))


def _traceback(error: BaseException, told: set[int]) -> Iterator[str]:
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _traceback(before, told)
        yield "\nwhich led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}: {escaped(_message(error))}\n"
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            if id(part) not in told:
                yield textwrap.indent("".join(_traceback(part, told)), "  | ")


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:  # noqa: BLE001 - an author's __str__ must not cost us the traceback
        return f"({type(worse).__qualname__} in its __str__)"


def configure_logging(
    level: LogLevel = "info", log_format: LogFormat = "auto", stream: TextIO | None = None
) -> None:
    """Configure structlog for the whole process.

    ``auto`` is ``text`` if ``stream`` (default: standard error) is a terminal, else ``json``.
    """
    out = unfailing(sys.stderr if stream is None else stream)
    as_text = log_format == "text" or (log_format == "auto" and out.isatty())
    lines = _Lines(out)
    structlog.configure(
        processors=[*_common_processors(), *(_text(out) if as_text else _json()), _encodable],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )


class _Lines(structlog.PrintLogger):
    """Prints lines; a line that cannot be written (a full disk, a closed pipe) is lost and counted.

    Writing never raises, since code that logs handles no errors of the log.
    """

    def __init__(self, out: UnfailingStream) -> None:
        super().__init__(cast("TextIO", out))
        self._out = out

    def msg(self, message: str) -> None:
        """Print ``message`` if possible, and then log how many lines were lost before."""
        self._out.write(message + "\n")
        if lost := self._out.take_lost():
            structlog.get_logger(__name__).warning("log lines were lost", count=lost)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _common_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _printable,
    ]


def _printable(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """Escape unprintable characters in every text, in case a caller forgot ``escaped``."""
    return {
        key: value
        if not isinstance(value, str) or value.isprintable()
        else _escape_unprintable(value)
        for key, value in entry.items()
    }


def _text(out: UnfailingStream) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_write_traceback)
    ]


def _json() -> list[Processor]:
    return [
        structlog.processors.ExceptionRenderer(lambda info: traceback_text(info[1])),
        structlog.processors.JSONRenderer(),
    ]


def _write_traceback(out: TextIO, info: ExcInfo) -> None:
    out.write("\n" + traceback_text(info[1]).rstrip("\n"))


def _encodable(_logger: object, _method: str, line: Any) -> str:
    """Escape lone surrogates: a traceback may quote them, and no stream can write them."""
    return str(line).encode("utf-8", "backslashreplace").decode()
