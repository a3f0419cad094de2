"""A single value of a game as bytes, for a journal: the result of a background call.

Owns the form of the bytes only; ``saver.py`` and ``loader.py`` walk over the value, as they do for
a snapshot.  An entity of the room, or another object of it, is a reference in the bytes.
"""

from __future__ import annotations

from typing import Any

import msgpack

from gameserver.room import Room
from gameserver.state.loader import Loader
from gameserver.state.saver import Saver
from gameserver.state.schema_change import RowReader
from gameserver.state.snapshot import classes_of
from gameserver.state.values import pack, unpack_extension


def pack_value(room: Room, what: str, value: Any) -> bytes:
    """Return ``value`` as bytes; ``LocalProtocolError`` names ``what`` if it cannot be saved."""
    saver = Saver(room, classes_of(type(room)))
    data = saver.save_attribute(room, what, value)
    saver.finish()
    plans = [saver.classes.plan(cls) for cls in saver.used]
    classes = [(plan.name, plan.fields, plan.types) for plan in plans if plan.fields]
    rows = [(saver.classes.plan(cls).name, rows) for cls, rows in saver.by_class.items()]
    return pack((data, classes, rows, saver.containers))


def unpack_value(room: Room, packed: bytes) -> Any:
    """Return the value that was packed; wrong data may raise any of the loader's errors."""
    data, classes, rows, containers = msgpack.unpackb(
        packed, ext_hook=unpack_extension, unicode_errors="surrogatepass", strict_map_key=False
    )
    reader = RowReader()
    for description in classes:
        reader.describe(*description)
    loader = Loader(room, classes_of(type(room)), reader)
    loader.entities.update((id_, record.entity) for id_, record in room.world.records.items())
    loader.players.extend(room.players.values())
    for name, of_class in rows:
        loader.make(name, of_class, spawned=False)
    for number, name, content in containers:
        loader.make_container(number, name, content)
    loader.fill()
    return loader.load(data)
