"""The log, passed on to the pages of ``gameserver dev``, and hooks that raised as faults.

Owns a processor of structlog, which changes no entry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from gameserver.ops.whole_world import plain
from gameserver.workshop.channel import Message
from gameserver.workshop.faults import Fault, fault_of

#: After those that add to an entry, and before those that make text of it.
_PLACE: Final = 2
HOOK_FAILED: Final = "hook failed"


def tap_log(
    shown_level: str,
    tell: Callable[[Message], None],
    fault: Callable[[Fault], None],
    is_own: Callable[[str], bool],
) -> None:
    """Pass every log entry to ``tell``, and the exception of a hook to ``fault``.

    The terminal gets the entries of ``shown_level`` and above, as before; pages get the others too.
    """
    levels = logging.getLevelNamesMapping()
    shown = levels[shown_level.upper()]

    def tap(_logger: Any, method: str, entry: MutableMapping[str, Any]) -> Any:
        fields = {name: plain(value) for name, value in entry.items() if name != "exc_info"}
        text = str(fields.pop("event", ""))
        error = entry.get("exc_info")
        if isinstance(error, BaseException):
            fields["error"] = f"{type(error).__name__}: {error}"
        tell({"type": "log", "level": method, "text": text, "fields": fields})
        if text == HOOK_FAILED and isinstance(error, BaseException):
            title = f"{type(error).__name__} in {fields.get('hook', 'a hook')}"
            fault(fault_of(error, title, is_own))
        if levels.get(str(entry.get("level", "")).upper(), shown) < shown:
            raise structlog.DropEvent
        return entry

    processors = list(structlog.get_config()["processors"])
    structlog.configure(
        processors=[*processors[:_PLACE], tap, *processors[_PLACE:]],
        wrapper_class=structlog.make_filtering_bound_logger(min(shown, logging.INFO)),
    )
