"""Declarations of fields, as a game writes them: ``synced() number() text() elements()``.

Owns their arguments, which the metadata of an attribute keeps until its class is created.  Never
looks at the type of a field: ``schema.py`` checks that the arguments fit it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar, overload

import attrs

from gameserver.errors import LocalProtocolError

T = TypeVar("T")
#: Recipients of a field.
Audience = Literal["all", "owner", "group"]

#: The key of a ``Declared`` in the metadata of an attribute.
METADATA: Final = "gameserver"


@attrs.frozen
class Declared:
    """The arguments of ``synced() number() text()`` or ``elements()`` for one field."""

    made_by: str
    step: float | None = None
    to: str = "all"
    low: float | None = None
    high: float | None = None
    max_length: int | None = None


def _field(default: Any, declared: Declared) -> Any:
    return attrs.field(default=default, metadata={METADATA: declared})


@overload
def synced(default: T, *, step: float | None = None, to: Audience = "all") -> T: ...
@overload
def synced(*, factory: Callable[[], T], step: float | None = None, to: Audience = "all") -> T: ...
def synced(
    default: Any = attrs.NOTHING,
    *,
    factory: Callable[[], Any] | None = None,
    step: float | None = None,
    to: Audience = "all",
) -> Any:
    """Declare a field that clients receive, of an entity, event or value.

    With ``step`` a float is sent as an integer count of steps, and a change of less than a step is
    not sent.  Without it a float is sent as float 32.  With ``to="owner"`` only the seat that owns
    the entity receives the field, with ``to="group"`` only the members of its group.  ``factory``
    makes a default that can change in place, as in ``synced(factory=list)``.
    """
    if factory is not None:
        if default is not attrs.NOTHING:
            raise LocalProtocolError("synced() takes a default or a factory=, not both")
        if not callable(factory):
            raise LocalProtocolError(
                "synced(factory=…) takes what makes the default, such as list or lambda: [1], "
                f"not {factory!r}"
            )
        default = attrs.Factory(factory)
    return _field(default, Declared("synced", step=step, to=to))


@overload
def number(
    low: int, high: int, *, default: int | None = None, step: float | None = None
) -> int: ...
@overload
def number(
    low: float, high: float, *, default: float | None = None, step: float | None = None
) -> float: ...
def number(
    low: float, high: float, *, default: float | None = None, step: float | None = None
) -> float:
    """Declare a command field whose value, or each element of it, lies in ``low … high``.

    The default is 0 if that is allowed, otherwise ``low``.  ``step`` is as in ``synced``.
    """
    if default is None:
        default = type(low)(0) if low <= 0 <= high else low
    result: float = _field(default, Declared("number", step=step, low=low, high=high))
    return result


def text(max_length: int, *, default: str = "") -> str:
    """Declare a str command field of at most ``max_length`` characters."""
    result: str = _field(default, Declared("text", max_length=max_length))
    return result


def elements(
    max_length: int,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
) -> list[Any]:
    """Declare a list command field of at most ``max_length`` elements; the default is empty.

    ``low`` and ``high`` limit each number in it.  ``step`` is as in ``synced``.
    """
    declared = Declared("elements", step=step, low=low, high=high, max_length=max_length)
    result: list[Any] = _field(attrs.Factory(list), declared)
    return result


def declared_for(cls: type, attribute: Any, *allowed: str) -> Declared | None:
    """Return the declaration of an attribute, or None; raise unless it is one of ``allowed``."""
    declared: Declared | None = attribute.metadata.get(METADATA)
    if declared is not None and declared.made_by not in allowed:
        raise LocalProtocolError(
            f"{cls.__name__}.{attribute.name}: {declared.made_by}() does not belong here, "
            f"use {' or '.join(f'{a}()' for a in allowed)} or a plain default"
        )
    return declared
