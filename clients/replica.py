"""The replica: a client's copy of the entities in its view.

Owns applying deltas, exactly as ``gameserver/protocol/README.md`` says, and the checksum.  Pure: no
sockets, no clock, no Trio.  Never decides what to do about a malformed delta (``game_client.py``
asks for a full state), and never predicts or smooths.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from clients.remote import RemoteEntity, RemoteEvent, classes_of
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.model.schema import Schema
from gameserver.protocol.messages import Delta


class Replica:
    """The entities of one view, kept up to date by ``apply``.

    ``schema`` is the room's own, or ``Schema.from_description(welcome.schema)``; with the latter,
    enum fields give the names of their members.  Invariant: unless ``needs_full_state``, the
    entities are exactly what the server's deltas up to ``tick`` say.
    """

    def __init__(self, schema: Schema, *, own_entity: int = 0) -> None:
        #: The entities in view, by id.
        self.entities: dict[int, RemoteEntity] = {}
        #: The id of the entity that the player steers, 0 for none; it may be out of view.
        self.own_entity = own_entity
        #: Tick of the newest delta applied, -1 before the first.
        self.tick = -1
        #: Seq of the last command that the server applied, 0 for none.
        self.ack = 0
        #: Margin of the newest timed input: ticks that it was early (late if negative), or None.
        self.margin: int | None = None
        #: Set after a malformed delta: the replica is empty, and ignores deltas until the next full
        #: state.
        self.needs_full_state = False
        #: Deltas ignored because a full state was needed.
        self.ignored = 0
        self._take_schema(schema)

    def _take_schema(self, schema: Schema) -> None:
        self.schema = schema
        self._classes, self._event_classes = classes_of(schema)
        self._by_kind: list[dict[int, RemoteEntity]] = [{} for _ in schema.entities]
        self._kind_by_name = {spec.name: kind for kind, spec in enumerate(schema.entities)}

    @property
    def own(self) -> RemoteEntity | None:
        """The entity that the player steers, None if there is none or it is out of view."""
        return self.entities.get(self.own_entity)

    def of_kind(self, name: str) -> Collection[RemoteEntity]:
        """Return a live view of the entities of the class called ``name``."""
        kind = self._kind_by_name.get(name)
        if kind is None:
            raise LocalProtocolError(
                f"the room has no entity class {name}; it has {', '.join(self._kind_by_name)}"
            )
        return self._by_kind[kind].values()

    def checksum(self) -> int:
        """Return the checksum of everything held (protocol README, "check")."""
        return sum([entity.checksum() for entity in self.entities.values()]) & 0xFFFFFFFF

    @property
    def can_resume(self) -> bool:
        """Whether a hello can resume with ``tick`` and the ids of the entities."""
        return self.tick >= 0 and not self.needs_full_state

    def begin_anew(self, own_entity: int, schema: Schema | None = None) -> None:
        """Forget everything: later deltas are for another seat, perhaps of another ``schema``."""
        self._forget_all()
        if schema is not None and schema.hash != self.schema.hash:
            self._take_schema(schema)
        self.own_entity = own_entity
        self.tick = -1
        self.ack = 0
        self.margin = None
        self.needs_full_state = False

    def go_back(self) -> None:
        """Expect a full state, perhaps of an earlier tick: a crash has undone the newest ticks."""
        self.tick = -1

    def apply(self, delta: Delta) -> list[RemoteEvent]:
        """Apply ``delta`` and return its events, in the order in which they happened.

        Raises ``RemoteProtocolError`` for a malformed delta, or one that does not fit the entities.
        The replica is then empty, and ignores deltas until a full state comes (``leaves`` None).
        """
        if self.needs_full_state and delta.leaves is not None:
            self.ignored += 1
            return []
        try:
            events = self._apply(delta)
        except IndexError:
            self._abandon()
            raise RemoteProtocolError("a section of a delta ends in the middle") from None
        except RemoteProtocolError:
            self._abandon()
            raise
        self.needs_full_state = False
        return events

    def _apply(self, delta: Delta) -> list[RemoteEvent]:
        if delta.tick <= self.tick:
            raise RemoteProtocolError(f"a delta of tick {delta.tick} after one of {self.tick}")
        if delta.leaves is None:
            self._forget_all()
        else:
            self._leave(delta.leaves)
        if delta.enters:
            self._enter(delta.enters, delta.tick)
        if delta.sets:
            self._change(delta.sets, delta.tick, additive=False)
        if delta.adds:
            self._change(delta.adds, delta.tick, additive=True)
        if delta.own:
            self._own(delta.own, delta.tick)
        events = [self._event(event) for event in delta.events]
        self.tick = delta.tick
        self.ack = delta.ack
        self.margin = delta.margin
        return events

    def _abandon(self) -> None:
        self.needs_full_state = True
        self._forget_all()

    def _forget_all(self) -> None:
        self.entities.clear()
        for held in self._by_kind:
            held.clear()

    def _leave(self, leaves: list[Any]) -> None:
        for entity_id in leaves:
            entity = self._held(entity_id)
            del self.entities[entity_id]
            del self._by_kind[entity.layout.kind][entity_id]

    def _enter(self, enters: list[Any], tick: int) -> None:
        at, end = 0, len(enters)
        while at < end:
            entity_id, kind = enters[at], enters[at + 1]
            if type(entity_id) is not int or not 1 <= entity_id <= INT_LIMIT:
                raise RemoteProtocolError(f"{_excerpt(entity_id)} is no entity id")
            if entity_id in self.entities:
                raise RemoteProtocolError(f"entity {entity_id} enters, but is in view already")
            if type(kind) is not int or not 0 <= kind < len(self._classes):
                raise RemoteProtocolError(f"{_excerpt(kind)} is no kind of entity")
            cls = self._classes[kind]
            layout = cls.layout
            values = [None] * len(layout.spec.fields)
            at = layout.write(values, layout.full_mask, enters, at + 2)
            entity = cls(entity_id, values, tick)
            self.entities[entity_id] = self._by_kind[kind][entity_id] = entity

    def _change(self, section: list[Any], tick: int, *, additive: bool) -> None:
        held = self.entities
        at, end = 0, len(section)
        while at < end:
            entity = self._held(section[at])
            change = entity.add_changes if additive else entity.set_changes
            at = change(held, section, at, tick)

    def _own(self, own: list[Any], tick: int) -> None:
        own_entity = own[0]
        if type(own_entity) is not int or not 0 <= own_entity <= INT_LIMIT:
            raise RemoteProtocolError(f"{_excerpt(own_entity)} is no entity id")
        self.own_entity = own_entity
        at, end = 1, len(own)
        while at < end:
            entity_id, mask = own[at], own[at + 1]
            at += 2
            if type(mask) is int and mask == 0:
                self._disown(entity_id)
                continue
            entity = self._held(entity_id)
            at = _write_owner(entity, mask, own, at)
            entity.changed_tick = tick

    def _disown(self, entity_id: Any) -> None:
        # An entity that left has lost its owner fields too, so the id may be unknown here.
        if type(entity_id) is not int or not 1 <= entity_id <= INT_LIMIT:
            raise RemoteProtocolError(f"{_excerpt(entity_id)} is no entity id")
        entity = self.entities.get(entity_id)
        if entity is not None:
            entity.owner_values = entity.owner_crc = None
            entity.owner_mask = 0

    def _event(self, event: list[Any]) -> RemoteEvent:
        kind = event[0]
        if type(kind) is not int or not 0 <= kind < len(self._event_classes):
            raise RemoteProtocolError(f"{_excerpt(kind)} is no kind of event")
        return self._event_classes[kind].from_wire(event[1:])

    def _held(self, entity_id: Any) -> RemoteEntity:
        entity = self.entities.get(entity_id) if type(entity_id) is int else None
        if entity is None:
            raise RemoteProtocolError(f"no entity {_excerpt(entity_id)} is here")
        return entity


def _write_owner(entity: RemoteEntity, mask: Any, own: list[Any], at: int) -> int:
    """Write the owner fields of ``mask`` from ``own[at:]``; return the index after them."""
    layout = entity.layout
    if type(mask) is not int or not 0 < mask <= layout.full_owner_mask:
        raise RemoteProtocolError(f"{_excerpt(mask)} is no owner mask of {layout.spec.name}")
    if entity.owner_values is None:
        entity.owner_values = [None] * len(layout.spec.owner_fields)
    entity.owner_mask |= mask
    entity.owner_crc = None
    return layout.write_owner(entity.owner_values, mask, own, at)


def _excerpt(value: Any) -> str:
    return repr(value)[:40]
