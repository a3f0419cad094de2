"""The records of a journal: their classes, and their form as msgpack.

Owns the number of each kind of record.  A record is the array ``[kind, field…]``, its fields in
the order of its class.  Never frames a record (``framing.py``), and never plays one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias
from zlib import compress, decompressobj

import attrs
import msgpack

from gameserver.errors import JournalError
from gameserver.simulation.recording import (
    Commanded,
    Dropped,
    Entry,
    Finished,
    Joined,
    Left,
    Measured,
    MoveRefused,
    Overloaded,
    Paced,
    Published,
    Resumed,
    Said,
    StartedOver,
    Stepped,
)
from gameserver.state.difference import Facts
from gameserver.state.values import pack, unpack_extension

#: Most bytes of a key frame, or of the changes of a check, when unpacked.
MAX_UNPACKED_BYTES: Final = 1 << 30


@attrs.frozen
class Header:
    """The first record of every journal: which game and room it is of."""

    #: The class of the room, as ``module:Class``.
    game: str
    #: Its class name, which snapshots name too.
    kind: str
    #: The label of the room, as ``arena/1``.
    label: str
    tick_rate: int
    #: Hash and description of the entities, commands and events, as in ``welcome``.
    schema_hash: str
    schema: Any
    #: Higher than in all earlier journals of a durable room: a clock that is set back does not
    #: make an old one the newest.
    epoch: int
    #: Which part of the room's journal this file is, from 1; each can be played by itself.
    part: int
    #: Seconds since 1970 when this part began.
    began_s: float
    #: The version of gameserver that wrote it.
    version: str


@attrs.frozen
class KeyFrame:
    """A snapshot of the whole room at this place.  A journal can be played from any of them."""

    tick: int
    snapshot: bytes


@attrs.frozen
class Check:
    """The hash of the room's state here, and the facts that changed since the last one.

    Facts are those of ``difference.describe``, as rows ``(where, field, value)``; ``gone`` lists
    the facts that no longer exist.  Together with the key frame before, they give every value, so
    both values of a difference can be named.
    """

    tick: int
    hash: bytes
    changed: Sequence[tuple[str, str, Any]]
    gone: Sequence[tuple[str, str]]


@attrs.frozen
class Ended:
    """The room ended, or its journal did; nothing follows."""

    tick: int
    reason: str


@attrs.frozen
class Disagreed:
    """The report of a client whose values differ from the room's; it changes nothing."""

    tick: int
    seat: int
    entity: str
    field: str
    of_room: str
    of_client: str


Record: TypeAlias = Header | KeyFrame | Check | Ended | Disagreed | Entry

#: Kind of a record → its class.  Numbers are never used again for another kind.
KINDS: Final[Mapping[int, type]] = {
    0: Header,
    1: KeyFrame,
    2: Check,
    3: Ended,
    4: Disagreed,
    16: Joined,
    17: Left,
    18: Dropped,
    19: Resumed,
    20: StartedOver,
    21: Measured,
    22: Commanded,
    23: Said,
    24: Paced,
    25: Overloaded,
    26: Stepped,
    27: Published,
    28: Finished,
    29: MoveRefused,
}


def _key_frame_row(record: KeyFrame) -> tuple[Any, ...]:
    return record.tick, compress(record.snapshot, 1)


def _check_row(record: Check) -> tuple[Any, ...]:
    return record.tick, record.hash, compress(pack((record.changed, record.gone)), 1)


def _row(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    names = [field.name for field in attrs.fields(cls)]
    if len(names) == 1:
        return lambda record: (getattr(record, names[0]),)
    row: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
    return row


_WRITERS: Final[dict[type, tuple[int, Callable[[Any], tuple[Any, ...]]]]] = {
    **{cls: (kind, _row(cls)) for kind, cls in KINDS.items()},
    KeyFrame: (1, _key_frame_row),
    Check: (2, _check_row),
}


def pack_record(record: Record) -> bytes:
    """Return a record as the payload of a frame."""
    return pack(record_row(record))


def record_row(record: Record) -> tuple[Any, ...]:
    """Return the array that is the payload of a record."""
    kind, row = _WRITERS[record.__class__]
    return (kind, *row(record))


def unpack_record(payload: bytes) -> Record:
    """Return the record of a payload; ``JournalError`` if it is none."""
    try:
        values = _unpack(payload)
        cls, fields = KINDS[values[0]], values[1:]
        if cls is KeyFrame:
            tick, packed = fields
            fields = (tick, _decompress(packed))
        elif cls is Check:
            tick, digest, packed = fields
            fields = (tick, digest, *_unpack(_decompress(packed)))
        return cls(*fields)  # type: ignore[no-any-return]
    except (
        *(ValueError, TypeError, LookupError, OverflowError, RecursionError, MemoryError),
        msgpack.exceptions.UnpackException,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise JournalError(f"no record of this version: {reason}") from error


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(
        data, ext_hook=unpack_extension, unicode_errors="surrogatepass", strict_map_key=False
    )


def _decompress(data: bytes) -> bytes:
    stream = decompressobj()
    unpacked = stream.decompress(data, MAX_UNPACKED_BYTES)
    if not stream.eof:
        raise ValueError("compressed bytes that do not end, or are too many")
    return unpacked


def changes_between(before: Facts, now: Facts) -> tuple[list[tuple[str, str, Any]], list[Any]]:
    """Return ``changed`` and ``gone`` of a check."""
    absent = object()
    changed = [
        (where, field, value)
        for (where, field), value in now.items()
        if (old := before.get((where, field), absent)) != value or type(old) is not type(value)
    ]
    return changed, [place for place in before if place not in now]


def apply_changes(facts: Facts, check: Check) -> None:
    """Bring ``facts`` from the last check, or key frame, to this one."""
    for where, field in check.gone:
        facts.pop((where, field), None)
    for where, field, value in check.changed:
        facts[where, field] = value
