"""Objects: values by collection, owner and key, with versions.

Owns their table and statements.  ``declared.py`` has the classes whose values they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import attrs

from gameserver.storage.database import Transaction, only
from gameserver.storage.declared import Collection, Encoded, decode, encode
from gameserver.storage.errors import Conflict, StorageError
from gameserver.storage.names import checked_limit, is_name, is_text

C = TypeVar("C", bound=Collection)

_KEY: Final = "collection = :collection AND owner = :owner AND key = :key"


@attrs.frozen
class Stored(Generic[C]):
    """One object as it was read.  ``version``: 1 when it was made, one more with each write."""

    owner: str
    key: str
    value: C
    version: int


@attrs.frozen
class WriteObject:
    """Write an object.  Returns its new version.

    ``value`` is encoded at once, so changing it afterwards changes nothing.  ``owner``: an
    identity, or empty if the object belongs to nobody.  ``key`` tells several objects of an owner
    apart; it is empty where each has one.  ``version``: None writes in any case, 0 only if there is
    no object yet, and another number only if the object has this version; else ``Conflict`` is
    raised.
    """

    value: Encoded = attrs.field(converter=encode)
    owner: str = attrs.field(default="", validator=is_text("owner", or_empty=True), kw_only=True)
    key: str = attrs.field(default="", validator=is_name("key", or_empty=True), kw_only=True)
    version: int | None = attrs.field(default=None, kw_only=True)

    def apply(self, transaction: Transaction, _now_s: float) -> int:
        """Write it in this transaction."""
        version = only(
            transaction.rows(
                _WRITES[None if self.version is None else min(self.version, 1)],
                collection=self.value.collection,
                owner=self.owner,
                key=self.key,
                value=self.value.data,
                **({"version": self.version} if self.version else {}),
            )
        )
        if version is None:
            assert self.version is not None
            raise _conflict(transaction, self.value.collection, self.owner, self.key, self.version)
        return int(version)


_INSERT: Final = "INSERT INTO gameserver_objects VALUES (:collection, :owner, :key, :value, 1) "
#: The statement by expectation: any state, no object, or the object in one version.
_WRITES: Final = {
    None: _INSERT + "ON CONFLICT (collection, owner, key) DO UPDATE SET value = excluded.value, "
    "version = gameserver_objects.version + 1 RETURNING version",
    0: _INSERT + "ON CONFLICT (collection, owner, key) DO NOTHING RETURNING version",
    1: "UPDATE gameserver_objects SET value = :value, version = version + 1 "
    f"WHERE {_KEY} AND version = :version RETURNING version",
}


@attrs.frozen
class ChangeObject(Generic[C]):
    """Compute the new value of an object from its present one.  Returns its new version.

    ``change`` is called with the value, or None if there is no object yet, and returns the new one.
    Writers side by side lose nothing, so a room may count with it from its tick.  It is called in
    another thread and perhaps several times, so it must use only its argument.
    """

    collection: type[C]
    change: Callable[[C | None], C]
    owner: str = attrs.field(default="", validator=is_text("owner", or_empty=True), kw_only=True)
    key: str = attrs.field(default="", validator=is_name("key", or_empty=True), kw_only=True)

    def apply(self, transaction: Transaction, _now_s: float) -> int:
        """Change it in this transaction."""
        where = {"collection": self.collection.name, "owner": self.owner, "key": self.key}
        while True:
            # The lock is on the object, so another writer of one that is not there may be first.
            rows = transaction.rows(
                f"SELECT value FROM gameserver_objects WHERE {_KEY} FOR UPDATE", **where
            )
            value = self._changed(decode(self.collection, bytes(rows[0][0])) if rows else None)
            version = only(
                transaction.rows(_WRITES[None if rows else 0], **where, value=value.data)
            )
            if version is not None:
                return int(version)

    def _changed(self, value: C | None) -> Encoded:
        try:
            return encode(self.change(value))
        except Exception as error:
            where = f"{self.collection.__name__} of {self.owner!r}"
            raise StorageError(f"{where} cannot be changed: {error!r}") from error


@attrs.frozen
class DeleteObject:
    """Delete an object.  Returns whether it was there; the fields are those of ``WriteObject``."""

    collection: type[Collection]
    owner: str = attrs.field(default="", validator=is_text("owner", or_empty=True), kw_only=True)
    key: str = attrs.field(default="", validator=is_name("key", or_empty=True), kw_only=True)
    version: int | None = attrs.field(default=None, kw_only=True)

    def apply(self, transaction: Transaction, _now_s: float) -> bool:
        """Delete it in this transaction."""
        name = self.collection.name
        condition = _KEY if self.version is None else f"{_KEY} AND version = :version"
        gone = transaction.rows(
            f"DELETE FROM gameserver_objects WHERE {condition} RETURNING version",
            collection=name,
            owner=self.owner,
            key=self.key,
            **({} if self.version is None else {"version": self.version}),
        )
        if not gone and self.version is not None:
            raise _conflict(transaction, name, self.owner, self.key, self.version)
        return bool(gone)


def read(transaction: Transaction, collection: type[C], owner: str, key: str) -> Stored[C] | None:
    """Return an object, or None."""
    rows = transaction.rows(
        f"SELECT owner, key, value, version FROM gameserver_objects WHERE {_KEY}",
        collection=collection.name,
        owner=owner,
        key=key,
    )
    return _stored(collection, rows[0]) if rows else None


def of_owner(
    transaction: Transaction, collection: type[C], owner: str, after: str, limit: int
) -> list[Stored[C]]:
    """Return the objects of ``owner`` whose keys come after ``after``, by key."""
    rows = transaction.rows(
        "SELECT owner, key, value, version FROM gameserver_objects WHERE collection = :collection "
        "AND owner = :owner AND key > :after ORDER BY key LIMIT :limit",
        collection=collection.name,
        owner=owner,
        after=after,
        limit=checked_limit(limit),
    )
    return [_stored(collection, row) for row in rows]


def _stored(collection: type[C], row: tuple[Any, ...]) -> Stored[C]:
    owner, key, data, version = row
    return Stored(owner, key, decode(collection, bytes(data)), version)


def _conflict(
    transaction: Transaction, collection: str, owner: str, key: str, expected: int
) -> Conflict:
    there = only(
        transaction.rows(
            f"SELECT version FROM gameserver_objects WHERE {_KEY}",
            collection=collection,
            owner=owner,
            key=key,
        )
    )
    found = "does not exist" if there is None else f"has version {there}"
    return Conflict(f"object {collection}/{key} of {owner!r} {found}, not {expected}")
