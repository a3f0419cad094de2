"""Collections and leaderboards as an author declares them.

Owns their names, their settings, and the form of their values.  Pure: nothing here reads or writes
a database.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Literal, TypeVar, get_args

import attrs
import cattrs
from cattrs.preconf.msgpack import make_converter

from gameserver.errors import LocalProtocolError
from gameserver.storage.errors import StorageError
from gameserver.storage.names import checked_name, decoded, encoded

Keep = Literal["best", "sum", "last"]
Order = Literal["high", "low"]
Resets = Literal["never", "daily", "weekly"]

_CONVERTER: Final = make_converter()


class Collection:
    """Base of attrs classes whose instances the storage keeps as objects.

    The name of the collection is that of the class in snake_case, or ``name=``::

        @client_readable
        @attrs.frozen
        class Career(Collection, name="careers"):
            kills: int = 0

    A field that was added takes its default in older objects; a removed field is ignored.
    """

    name: ClassVar[str]
    client_readable: ClassVar[bool] = False

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # attrs makes a class with slots a second time, and then gives no arguments.
        if name is not None or "name" not in vars(cls):
            cls.name = _declared_name(cls, name)


class Leaderboard:
    """Base of declared leaderboards; a subclass needs no body but a docstring.

    ``keep``: whether the ``best``, the ``sum`` or the ``last`` score of an owner counts.
    ``order``: whether ``high`` or ``low`` scores are better.
    ``resets``: ``never``, ``daily`` (00:00 UTC) or ``weekly`` (Monday, 00:00 UTC); former periods
    stay readable.

    Of two equal scores the earlier one ranks first.
    """

    name: ClassVar[str]
    keep: ClassVar[Keep]
    order: ClassVar[Order]
    resets: ClassVar[Resets]
    client_readable: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        keep: Keep = "best",
        order: Order = "high",
        resets: Resets = "never",
    ) -> None:
        super().__init_subclass__()
        for setting, value, words in (
            ("keep", keep, get_args(Keep)),
            ("order", order, get_args(Order)),
            ("resets", resets, get_args(Resets)),
        ):
            if value not in words:
                raise LocalProtocolError(
                    f"{cls.__name__}: {setting} must be one of {', '.join(words)}, not {value!r}"
                )
        cls.name = _declared_name(cls, name)
        cls.keep, cls.order, cls.resets = keep, order, resets


Declared = TypeVar("Declared", bound=type[Collection] | type[Leaderboard])


def client_readable(declared: Declared) -> Declared:
    """Let clients read a collection (each its own objects) or a leaderboard.  Nothing else is."""
    declared.client_readable = True
    return declared


@attrs.frozen
class Encoded:
    """A value of a collection, as the database keeps it."""

    collection: str
    data: bytes


C = TypeVar("C", bound=Collection)


def encode(value: Collection) -> Encoded:
    """Return ``value`` as it is kept; raise ``LocalProtocolError`` for one that has no form."""
    if not isinstance(value, Collection) or not attrs.has(type(value)):
        raise LocalProtocolError(
            f"cannot store {type(value).__name__}: declare an attrs class that is a Collection"
        )
    try:
        return Encoded(type(value).name, encoded(_CONVERTER.unstructure(value)))
    except ValueError as error:
        raise LocalProtocolError(f"{type(value).__name__}: {error}") from error


def decode(collection: type[C], data: bytes) -> C:
    """Return the value that was kept as ``data``; raise ``StorageError`` if it does not fit."""
    try:
        return _CONVERTER.structure(decoded(data), collection)
    except Exception as error:
        reasons = "; ".join(cattrs.transform_error(error))
        raise StorageError(f"an object of {collection.__name__} does not fit: {reasons}") from error


def plain(value: Collection) -> Any:
    """Return ``value`` as it is kept, decoded: of maps, lists, texts and numbers only."""
    return decoded(encode(value).data)


def _declared_name(cls: type, name: str | None) -> str:
    if name is None:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    try:
        return checked_name("its name", name)
    except ValueError as error:
        raise LocalProtocolError(f"{cls.__name__}: {error}") from error
