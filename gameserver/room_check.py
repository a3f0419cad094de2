"""What can be said of a room class before anybody plays in it.

Owns the checks of the settings and hooks that a game declares: ``check_room`` raises for what
cannot work, ``suspicions`` tells what can, but is hardly meant.  Makes no room, calls no hook.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from gameserver.errors import LocalProtocolError
from gameserver.room import Room

ASYNC_HOOKS: Final = ("on_start", "on_stop", "on_auth")
HOOKS: Final = (
    *("on_create", "on_join", "on_leave", "on_drop", "on_resume", "on_command", "on_idle"),
    *("on_say", "on_overload", "tick", *ASYNC_HOOKS),
)
#: How much a name must be like a hook's to be taken for a slip (``difflib``'s ratio).
LIKENESS: Final = 0.8


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_length(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


#: Setting → what it must be, in words, and whether a value is.
_SETTINGS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "tick_rate": ("a whole number of at least 1", _is_count),
    "max_players": ("a whole number of at least 1", _is_count),
    "publish_every": ("a whole number of at least 1", _is_count),
    "view_radius": ("a number above 0, or None", lambda v: v is None or _is_length(v)),
    "hold_s": ("a number of seconds, or 0", lambda v: v == 0 or _is_length(v)),
    "idle": ('"repeat" or "neutral"', lambda v: v in ("repeat", "neutral")),
    "second_sign_in": ('"take over" or "refuse"', lambda v: v in ("take over", "refuse")),
}


def check_room(room: type[Room]) -> None:
    """Raise ``LocalProtocolError``, naming class and attribute, for what cannot work."""
    for name, (wanted, fits) in _SETTINGS.items():
        value = getattr(room, name)
        if not fits(value):
            raise LocalProtocolError(f"{room.__name__}.{name} must be {wanted}, not {value!r}")
    for name in HOOKS:
        is_async = inspect.iscoroutinefunction(getattr(room, name))
        if is_async and name not in ASYNC_HOOKS:
            raise LocalProtocolError(
                f"{room.__name__}.{name} must be a plain def: nothing waits inside a tick; "
                f"async are only {', '.join(ASYNC_HOOKS)}"
            )
        if not is_async and name in ASYNC_HOOKS:
            raise LocalProtocolError(f"{room.__name__}.{name} must be an async def")
    if room.__init__ is not Room.__init__:
        raise LocalProtocolError(
            f"{room.__name__}.__init__: a room is made by the server; build its world in on_create"
        )
    room.schema()  # raises by itself


def suspicions(room: type[Room]) -> Iterator[str]:
    """Yield a sentence for each thing that is hardly meant so."""
    for name in dict.fromkeys(name for cls in room.__mro__ for name in vars(cls)):
        if not hasattr(Room, name) and (meant := _meant(room, name)) is not None:
            yield f"{room.__name__}.{name}: the server knows no such thing; is {meant} meant?"
    commands = room.schema().commands
    if commands and room.on_command is Room.on_command:
        names = ", ".join(spec.name for spec in commands)
        yield f"{room.__name__} takes no commands ({names}): it has no on_command"


def _meant(room: type[Room], name: str) -> str | None:
    """Return the hook or setting for which ``name`` may be a slip."""
    squashed = _squashed(name)
    for setting in _SETTINGS:
        if squashed == _squashed(setting):
            return setting
    if not (squashed.startswith("on") and callable(getattr(room, name))):
        return None
    hooks = {_squashed(hook): hook for hook in HOOKS}
    close = get_close_matches(squashed, hooks, n=1, cutoff=LIKENESS)
    return hooks[close[0]] if close else None


def _squashed(name: str) -> str:
    """Return ``name`` without what tells onJoin from on_join."""
    return name.replace("_", "").lower()
