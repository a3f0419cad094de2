"""Names and habits in a room class that are probably mistakes, with what to write instead.

Owns the names that other engines have for hooks, and guesses the meaning of misspelt settings.
``room_check.py`` finds classes that cannot work; these work, but probably not as intended.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final

from gameserver.room import Room
from gameserver.simulation.handlers import complaints
from gameserver.simulation.room_check import HOOKS

#: A name that resembles that of a hook or setting so much is taken for a misspelling (``difflib``'s
#: ratio).
LIKENESS: Final = 0.8
SETTING_LIKENESS: Final = 0.85
#: A shorter name, such as hold, may be a game's own word.
_MIN_LENGTH: Final = 7

_COMMAND: Final = "a method with @handles for each command class"

#: Hooks of other engines, squashed → the hooks here: Colyseus, Nakama, Unity, Godot, Unreal.  A
#: name is a mistake only where no method of the room uses it.
_FOREIGN: Final = {
    **dict.fromkeys(("onconnect", "onplayerjoin", "onplayerjoined", "onclientconnect"), "on_join"),
    **dict.fromkeys(("matchjoin", "playerjoin", "playerjoined", "onenter"), "on_join"),
    **dict.fromkeys(("ondisconnect", "onconnectionlost", "onplayerdisconnected"), "on_drop"),
    **dict.fromkeys(("onplayerleave", "onplayerleft", "matchleave", "playerleft"), "on_leave"),
    **dict.fromkeys(("onexit", "onclose"), "on_leave"),
    **dict.fromkeys(("onreconnect", "onreconnected"), "on_resume"),
    **dict.fromkeys(("onmessage", "onreceive", "ondata", "oninput", "handlemessage"), _COMMAND),
    **dict.fromkeys(("oninit", "onsetup", "matchinit"), "on_create"),
    **dict.fromkeys(("ondispose", "ondestroy", "onshutdown", "matchterminate"), "on_stop"),
    **dict.fromkeys(("onupdate", "fixedupdate", "ontick", "onframe", "matchloop"), "tick"),
    **dict.fromkeys(("physicsprocess", "gameloop"), "tick"),
    "onchat": "on_say",
}
#: Names that a game may use for something else: mistakes only if the hook is missing.
_GENERAL: Final = {
    **dict.fromkeys(("update", "step", "process", "loop"), "tick"),
    **dict.fromkeys(("setup", "initialize", "init", "start", "ready", "awake"), "on_create"),
}
#: Settings of other engines, and former ones of this server, squashed.
_FOREIGN_SETTINGS: Final = {
    **dict.fromkeys(("maxclients", "maxclient", "capacity"), "max_players"),
    **dict.fromkeys(("tickspersecond", "tps", "fps", "patchrate", "hz"), "tick_rate"),
    **dict.fromkeys(("viewradius", "viewdistance"), "view = Near(radius)"),
}
#: Near misses of a former name.
_FORMER_SETTINGS: Final = {"view_radius": "view = Near(radius)"}
_CONTAINERS: Final = (list, dict, set)


def suspicions(room: type[Room]) -> Iterator[str]:
    """Yield a sentence for each declaration that is probably a mistake."""
    games = room.__mro__[: room.__mro__.index(Room)]
    own = {name: value for cls in reversed(games) for name, value in vars(cls).items()}
    used = {name for value in own.values() for name in _names_in(value)}
    for name, value in own.items():
        if name.startswith("__") or hasattr(Room, name) or name == "_schema":
            continue
        if (meant := _meant(room, name, value, used)) is not None:
            yield f"{room.__name__}.{name}: the server knows no such thing; is {meant} meant?"
        elif isinstance(value, _CONTAINERS) and not name.isupper():
            yield (
                f"{room.__name__}.{name}: all rooms share this {type(value).__name__}; annotate it "
                f"in the class and set self.{name} = {type(value)()!r} in on_create"
            )
    for name, value in own.items():
        if _sleeps(value):
            yield (
                f"{room.__name__}.{name} calls time.sleep, which holds up every room of the "
                "server: use self.after(seconds, method)"
            )
    yield from complaints(room)


def _meant(room: type[Room], name: str, value: Any, used: set[str]) -> str | None:
    """Return the hook or setting for which ``name`` may be a slip."""
    if name in used:
        return None  # the game uses it itself
    squashed = _squashed(name)
    if not isinstance(value, types.FunctionType):
        return None if isinstance(value, property) else _setting_meant(squashed)
    if (hook := _GENERAL.get(squashed)) is not None:
        return hook if getattr(room, hook) is getattr(Room, hook) else None
    if squashed in _FOREIGN:
        return _FOREIGN[squashed]
    return _closest(squashed, HOOKS, LIKENESS) if squashed.startswith("on") else None


def _setting_meant(squashed: str) -> str | None:
    if squashed in _FOREIGN_SETTINGS:
        return _FOREIGN_SETTINGS[squashed]
    if len(squashed) < _MIN_LENGTH:
        return None
    former = _closest(squashed, _FORMER_SETTINGS, SETTING_LIKENESS)
    if former is not None:
        return _FORMER_SETTINGS[former]
    return _closest(squashed, Room.__annotations__, SETTING_LIKENESS)


def _closest(squashed: str, names: Iterable[str], cutoff: float) -> str | None:
    known = {_squashed(name): name for name in names}
    close = get_close_matches(squashed, known, n=1, cutoff=cutoff)
    return known[close[0]] if close else None


def _squashed(name: str) -> str:
    """Return ``name`` in lower case and without underscores, so that onJoin equals on_join."""
    return name.replace("_", "").lower()


# ---------------------------------------------------------------- what methods do


def _functions_in(value: Any) -> Iterator[types.CodeType]:
    """Yield the code of a method, and of the functions inside it."""
    value = value.fget if isinstance(value, property) else value
    code = value if isinstance(value, types.CodeType) else getattr(value, "__code__", None)
    if isinstance(code, types.CodeType):
        yield code
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from _functions_in(constant)


def _names_in(value: Any) -> Iterator[str]:
    """Yield the names of attributes and globals that a method uses."""
    for code in _functions_in(value):
        yield from code.co_names


def _sleeps(value: Any) -> bool:
    """Whether a method calls ``time.sleep``."""
    scope = getattr(value, "__globals__", {})
    for code in _functions_in(value):
        for first, second in pairwise(dis.get_instructions(code)):
            loaded = scope.get(first.argval) if isinstance(first.argval, str) else None
            name = getattr(loaded, "__name__", None)
            if name == "time" and second.argval == "sleep":
                return True
            if name == "sleep" and getattr(loaded, "__module__", None) == "time":
                return True
    return False
