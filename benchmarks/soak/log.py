"""Lines of a server's log: those that a soak explains, and those that nothing explains.  Pure.

Owns the list of what is expected there, each with the reason; all else is unexplained.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gameserver.protocol.closing import CONNECTION_LOST, NO_STATUS, CloseCode

#: Event of a line at level "info" → why it is there.
EXPECTED: Final[Mapping[str, str]] = {
    "certificate": "the server has started",
    "joined": "a player, or an attacker, came in",
    "room opened": "the first one asked for it",
    "room ended": "nobody was in it any more",
    "stopping": "the soak is over",
    "dropped": "a connection was cut; the seat is held",
    "resumed": "the player of a held seat came back",
    "full garbage collection": "there were twice as many objects as the one before had left",
    "not resumed": "nobody came back in time, or an attacker tried",
}
#: Beginning of an event at level "warning" → why it is there.
WARNINGS: Final[Mapping[str, str]] = {
    "overload": "the room had too much to do; these steps are counted in the soak's table",
    "a request was refused, for its host is not in hosts": "an attacker named another host",
    "a trusted address forwards requests but is not in proxies": "an attacker sent forged forwards",
}
#: Code of a "session ended" → why sessions end so here.
ENDS: Final[Mapping[int, str]] = {
    CloseCode.NORMAL: "a player left",
    CloseCode.GOING_AWAY: "a player left, or the soak is over",
    1002: "an attacker broke the protocol of WebSocket",
    CloseCode.UNSUPPORTED_DATA: "an attacker sent texts",
    NO_STATUS: "an attacker closed without a code",
    CONNECTION_LOST: "a player was cut, or an attacker reset the connection",
    1007: "an attacker sent a text that is none",
    CloseCode.TOO_BIG: "an attacker sent too much at a time",
    CloseCode.PROTOCOL_ERROR: "an attacker broke the game's protocol",
    CloseCode.TOO_SLOW: "an attacker, or a frozen player, took too long",
    CloseCode.ROOM_FULL: "an attacker, or a player beside it, came while too many wanted to join",
    CloseCode.REFUSED: "an attacker's token was forged",
    CloseCode.RATE: "an attacker sent too much",
    CloseCode.PING_TIMEOUT: "a frozen player, or an attacker, did not answer",
    CloseCode.TAKEN_OVER: "a player came back before the server knew that it had been cut",
    CloseCode.RESUMING: "a player's line broke in its welcome, or an attacker came twice at once",
}


def explanation(line: str) -> str | None:
    """Return why a line of the log, in JSON, is there; None if nobody can say."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "exception" in entry:
        return None
    event = str(entry.get("event"))
    if entry.get("level") == "warning":
        return next((why for told, why in WARNINGS.items() if event.startswith(told)), None)
    if entry.get("level") != "info":
        return None
    if event == "session ended":
        return ENDS.get(entry.get("code", 0))
    return EXPECTED.get(event)


def unexplained(lines: Iterable[str]) -> list[str]:
    """Return the lines that nobody can explain."""
    return [line for line in lines if line and explanation(line) is None]


def about(names: set[str], lines: Iterable[str]) -> list[str]:
    """Return the lines that name one of these players."""
    marks = [json.dumps(name) for name in names]
    return [line for line in lines if any(mark in line for mark in marks)]
