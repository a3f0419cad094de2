"""Reads of clients from a storage: their own objects, and places in leaderboards.

Owns the rule of who may read what, and the form of the answers.  A client may read a collection or
leaderboard if the room class names it and it is ``client_readable``, and of objects only its own.
An answer never names another owner, because an owner is an identity, such as an account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import attrs

from gameserver.errors import GameServerError, LocalProtocolError
from gameserver.storage.declared import Collection, Leaderboard, plain
from gameserver.storage.leaderboards import Place
from gameserver.storage.names import checked_name
from gameserver.storage.store import Storage

#: Either class, as a room declares it.
Stored = type[Collection] | type[Leaderboard]
D = TypeVar("D", type[Collection], type[Leaderboard])


class ReadRefused(GameServerError):
    """A client may not read this; the text is for the client."""


def check_stored(room: str, stored: object) -> None:
    """Raise ``LocalProtocolError``, naming the room class, for a declaration that cannot work."""
    if not isinstance(stored, (tuple, list)):
        raise LocalProtocolError(
            f"{room}.stored must be a tuple of collections and leaderboards, not {stored!r:.60}"
        )
    names: dict[str, object] = {}
    for each in stored:
        if not isinstance(each, type) or not issubclass(each, (Collection, Leaderboard)):
            raise LocalProtocolError(
                f"{room}.stored holds {each!r:.60}, which is neither a Collection nor a Leaderboard"
            )
        name = each.name
        if issubclass(each, Collection) and not attrs.has(each):
            raise LocalProtocolError(f"{room}.stored: {each.__name__} must be an attrs class")
        if names.setdefault(name, each) is not each:
            raise LocalProtocolError(f"{room}.stored holds two that are named {name!r}")


class ClientReads:
    """Answers the reads of one client.

    ``stored`` are the classes that the room declares.  The client may read the objects of
    ``identity``; None: no objects.
    """

    def __init__(self, storage: Storage, stored: Sequence[Stored], identity: str | None) -> None:
        self._storage: Final = storage
        self._readable: Final = {each.name: each for each in stored if each.client_readable}
        self._identity: Final = identity

    async def answer(self, name: str, what: str, arguments: Sequence[Any]) -> Any:
        """Return the value of a ``Result``; the arguments are those of ``Read``, and checked.

        Raises ``ReadRefused``, and ``StorageError`` as the storage does.
        """
        answers: dict[str, Callable[..., Awaitable[Any]]] = {
            "own": self._own,
            "top": self._top,
            "rank": self._rank,
            "around": self._around,
        }
        return await answers[what](name, *arguments)

    async def _own(self, name: str, key: str) -> Any:
        collection = self._declared(name, Collection)
        if self._identity is None:
            raise ReadRefused("sign in to read objects of your own")
        if not _can_be_key(key):
            return None
        found = await self._storage.get(collection, owner=self._identity, key=key)
        return None if found is None else plain(found.value)

    async def _top(self, name: str, limit: int, offset: int, back: int) -> Any:
        board = self._declared(name, Leaderboard)
        places = await self._storage.top(board, limit, offset=offset, back=back)
        return [self._shown(place) for place in places]

    async def _rank(self, name: str, back: int) -> Any:
        board = self._declared(name, Leaderboard)
        if self._identity is None:
            return None
        place = await self._storage.rank(board, self._identity, back=back)
        return None if place is None else self._shown(place)

    async def _around(self, name: str, limit: int, back: int) -> Any:
        board = self._declared(name, Leaderboard)
        if self._identity is None:
            return []
        places = await self._storage.around(board, self._identity, limit, back=back)
        return [self._shown(place) for place in places]

    def _declared(self, name: str, base: D) -> D:
        declared = self._readable.get(name)
        if declared is None or not issubclass(declared, base):
            kind = "collection" if base is Collection else "leaderboard"
            raise ReadRefused(f"there is no {kind} {name!r} that clients may read here")
        return declared

    def _shown(self, place: Place) -> tuple[int, str, int, bool]:
        return place.rank, place.name, place.score, place.owner == self._identity


def _can_be_key(key: str) -> bool:
    try:
        return key == "" or bool(checked_name("key", key))
    except ValueError:
        return False
