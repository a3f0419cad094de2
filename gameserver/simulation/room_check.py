"""Checks of a room class before anybody plays in it.

Owns the rules for the declarations of a game: ``check_room`` raises for a class that cannot work,
and ``check_attributes`` checks a room that has been made.  ``slips.py`` finds code that works, but
is probably a mistake.  Calls no hook of a game.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any, Final

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec, EntitySpec
from gameserver.model.view import View
from gameserver.room import Room
from gameserver.simulation.handlers import handlers_of
from gameserver.simulation.matchable import check_matchable
from gameserver.storage.client_reads import check_stored

ASYNC_HOOKS: Final = ("on_start", "on_load", "on_stop", "on_auth")
HOOKS: Final = (
    *("on_create", "on_join", "on_leave", "on_drop", "on_resume", "on_command", "on_idle"),
    *("on_say", "on_overload", "on_move_refused", "sees", "tick", "save", "load", *ASYNC_HOOKS),
)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_length(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


#: Setting → what it must be, in words, and whether a value is.
_SETTINGS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "tick_rate": ("a whole number of at least 1", _is_count),
    "max_players": ("a whole number of at least 1", _is_count),
    "publish_every": ("a whole number of at least 1", _is_count),
    "view": ("Near(radius), Exact(radius) or None", lambda v: v is None or isinstance(v, View)),
    "hold_s": ("a number of seconds, or 0", lambda v: v == 0 or _is_length(v)),
    "idle": ('"repeat" or "neutral"', lambda v: v in ("repeat", "neutral")),
    "locked": ("True or False", lambda v: type(v) is bool),
    "private": ("True or False", lambda v: type(v) is bool),
    "second_sign_in": ('"take over" or "refuse"', lambda v: v in ("take over", "refuse")),
}


def check_room(room: type[Room]) -> None:
    """Raise ``LocalProtocolError``, naming class and attribute, for what cannot work."""
    _check_tools(room)
    _check_view(room)
    for name, (wanted, fits) in _SETTINGS.items():
        value = getattr(room, name)
        if not fits(value):
            raise LocalProtocolError(f"{room.__name__}.{name} must be {wanted}, not {value!r}")
    for name in HOOKS:
        if not callable(getattr(room, name)):
            raise LocalProtocolError(f"{room.__name__}.{name} is a hook: it must be a method")
        is_async = inspect.iscoroutinefunction(getattr(room, name))
        if is_async and name not in ASYNC_HOOKS:
            raise LocalProtocolError(
                f"{room.__name__}.{name} must be a plain def: nothing waits inside a tick; "
                f"async are only {', '.join(ASYNC_HOOKS)}"
            )
        if not is_async and name in ASYNC_HOOKS:
            raise LocalProtocolError(f"{room.__name__}.{name} must be an async def")
        _check_parameters(room, name)
    if room.__init__ is not Room.__init__:
        raise LocalProtocolError(
            f"{room.__name__}.__init__: a room is made by the server; build its world in on_create"
        )
    _check_classes(room)
    room.schema()  # raises by itself
    check_matchable(room)  # raises by itself
    check_stored(room.__name__, room.stored)  # raises by itself
    _check_input(room)
    _check_rewinds(room)
    handlers_of(room)  # raises by itself
    if room.rewinds and room.max_rewind_ms > 1000 * room.history_s:
        raise LocalProtocolError(f"{room.__name__}.history_s is shorter than max_rewind_ms")


def _check_view(room: type[Room]) -> None:
    """Raise for a radius in the place of a view, with what to write instead."""
    name, radius = "view", room.view
    if hasattr(room, "view_radius"):
        name, radius = "view_radius", room.view_radius
        if radius is None:
            raise LocalProtocolError(f"{room.__name__}.view_radius is now view: write view = None")
    if _is_length(radius):
        raise LocalProtocolError(
            f"{room.__name__}.{name} = {radius!r}: write view = Near({radius!r}), whole cells "
            f"that reach at least that far, or view = Exact({radius!r}), a circle"
        )
    if name != "view":
        raise LocalProtocolError(f"{room.__name__}.{name} is now view: write view = Near(400)")


def check_attributes(room: Room) -> None:
    """Raise ``LocalProtocolError`` if an attribute of ``room`` hides a hook or a tool."""
    # Not by ``vars``: once it has been asked for, all attributes of the room are slower to reach.
    for name in (*HOOKS, *_methods()):
        defined = getattr(type(room), name)
        if isinstance(defined, property):
            continue  # which nothing can be assigned to
        found = getattr(room, name)
        if getattr(found, "__func__", found) is not getattr(defined, "__func__", defined):
            raise LocalProtocolError(_hides(type(room), name, f"self.{name} = …"))


@functools.cache
def _methods() -> frozenset[str]:
    """Return the methods and properties of ``Room`` that are not hooks."""
    kinds = (classmethod, property)
    return frozenset(
        name
        for name, value in vars(Room).items()
        if (inspect.isfunction(value) or isinstance(value, kinds))
        and name not in HOOKS
        and not name.startswith("__")
    )


@functools.cache
def _tools() -> frozenset[str]:
    """Return the names that a ``Room`` gives to a game: methods, properties and own attributes.

    Settings are left out, since a game's class sets its own.
    """
    return _methods() | frozenset(vars(Room()).keys() - vars(Room).keys())


def _check_tools(room: type[Room]) -> None:
    games = room.__mro__[: room.__mro__.index(Room)]
    for name in dict.fromkeys(name for cls in games for name in vars(cls)):
        if name in _tools():
            raise LocalProtocolError(_hides(room, name, f"{room.__name__}.{name}"))


def _hides(room: type[Room], name: str, what: str) -> str:
    """Return the error message about ``what``, which is in the way of ``Room.name``."""
    other = f"{_snake(room.__name__)}_{name.lstrip('_')}"
    return f"{what} hides Room.{name}, a part of the server: give it another name, such as {other}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _check_parameters(room: type[Room], name: str) -> None:
    """Raise if the server could not call a hook with its arguments."""
    hook, ours = getattr(room, name), getattr(Room, name)
    if hook is not ours and not _takes_the_same(hook, ours):
        signature = inspect.signature(ours)
        sort = "async def" if name in ASYNC_HOOKS else "def"
        right = re.sub(r"'|\[EntityT\]", "", f"{sort} {name}{signature}")
        raise LocalProtocolError(f"{room.__name__}.{name} has the wrong parameters: write {right}")


@functools.lru_cache(maxsize=1024)
def _takes_the_same(hook: Callable[..., Any], ours: Callable[..., Any]) -> bool:
    try:
        inspect.signature(hook).bind(*inspect.signature(ours).parameters)
    except TypeError:
        return False
    return True


def _check_classes(room: type[Room]) -> None:
    """Raise unless ``classes`` is a sequence of declared classes."""
    classes: Any = room.classes
    if classes is None:
        return
    if isinstance(classes, type):
        raise LocalProtocolError(
            f"{room.__name__}.classes is a tuple of classes: write classes = ({classes.__name__},)"
        )
    for cls in classes:
        if not isinstance(cls, type) or spec_of(cls) is None:
            shown = cls.__name__ if isinstance(cls, type) else repr(cls)
            raise LocalProtocolError(
                f"{room.__name__}.classes names {shown}: declare it with @entity, @command or "
                "@event, or leave it out"
            )


def _check_input(room: type[Room]) -> None:
    given: Any = room.input
    if given is None:
        return
    if not isinstance(given, type):
        raise LocalProtocolError(
            f"{room.__name__}.input is a command class, such as input = Steer, not {given!r}"
        )
    if not isinstance(spec_of(given), CommandSpec):
        raise LocalProtocolError(
            f"{room.__name__}.input = {given.__name__}: write @command above class {given.__name__}"
        )
    if given not in room.schema().kinds:
        raise LocalProtocolError(
            f"{room.__name__}.input = {given.__name__}: add {given.__name__} to "
            f"{room.__name__}.classes"
        )


def _check_rewinds(room: type[Room]) -> None:
    """Raise unless ``rewinds`` is a sequence of entity classes with a position."""
    rewinds: Any = room.rewinds
    if isinstance(rewinds, type):
        raise LocalProtocolError(
            f"{room.__name__}.rewinds is a tuple of classes: write rewinds = ({rewinds.__name__},)"
        )
    for cls in rewinds:
        spec = spec_of(cls) if isinstance(cls, type) else None
        name = cls.__name__ if isinstance(cls, type) else repr(cls)
        if not isinstance(spec, EntitySpec):
            raise LocalProtocolError(
                f"{room.__name__}.rewinds names {name}, which is no @entity class"
            )
        if not spec.at:
            raise LocalProtocolError(
                f"{room.__name__}.rewinds names {name}, which has no position: write "
                f'@entity(at=("x", "y")) above class {name}'
            )
