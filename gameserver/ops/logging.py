"""The log: readable lines on a terminal, one JSON object a line elsewhere.

Owns how structlog is set up, and ``shown``, through which everything goes that a
client chose itself.  Never decides what is worth logging.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import Processor

#: The most of a client's own characters that one value in the log may hold.
MAX_SHOWN_CHARACTERS: Final = 128

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "text", "json"]


def shown(text: str) -> str:
    """Return what a client sent, fit for a log: cut, and without control characters.

    Whatever cannot be printed appears as a Python escape, so that nobody can forge a line or
    send commands to a terminal; quotes and backslashes are left alone.
    """
    cut = text[:MAX_SHOWN_CHARACTERS]
    clean = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
    return clean + "…" if len(text) > MAX_SHOWN_CHARACTERS else clean


def configure_logging(
    level: LogLevel = "info", log_format: LogFormat = "auto", stream: TextIO | None = None
) -> None:
    """Set structlog up for the whole process.

    ``auto`` is ``text`` if ``stream`` (default: standard error) is a terminal, else ``json``.
    """
    out = sys.stderr if stream is None else stream
    as_text = log_format == "text" or (log_format == "auto" and out.isatty())
    structlog.configure(
        processors=[*_common_processors(), *(_text(out) if as_text else _json()), _encodable],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def _common_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _text(out: TextIO) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]


def _encodable(_logger: object, _method: str, line: Any) -> str:
    """Escape lone surrogates, which a traceback may quote and no stream could write."""
    return str(line).encode("utf-8", "backslashreplace").decode()
