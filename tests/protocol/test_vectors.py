"""The vectors of tests/vectors: bytes and messages agree, by an encoder and a replica of their own.

This file is written from README.md of the protocol alone and shares no code with what it
checks: ``form_bytes`` packs with struct, ``Holding`` applies deltas in the plainest way.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import attrs
import pytest

from gameserver.errors import RemoteProtocolError
from gameserver.model.described_types import from_description
from gameserver.model.edits import applier
from gameserver.model.schema import Schema
from gameserver.protocol import messages
from gameserver.protocol.messages import Kind, decode_from_client, decode_from_server
from tests.support.paths import VECTORS
from tests.support.vector_form import form_bytes, form_value

ALL = json.loads((VECTORS / "messages.json").read_text())
VALID = [v for v in ALL if "message" in v]
OURS = [v for v in VALID if not v["name"].endswith("appended")]
REFUSED = [v for v in ALL if v.get("error")]
CHANGES = json.loads((VECTORS / "changes.json").read_text())
STREAM = json.loads((VECTORS / "delta_stream.json").read_text())
DECODE = {"client": decode_from_client, "server": decode_from_server}
CLASSES = {
    kind: getattr(messages, "CommandMessage" if kind is Kind.COMMAND else kind.name.capitalize())
    for kind in Kind
}


# ---------------------------------------------------------------- single messages


def test_names_are_unique_and_every_kind_is_there() -> None:
    names = [v["name"] for v in ALL]
    assert len(set(names)) == len(names)
    assert {v["message"][0] for v in VALID} == {int(k) for k in Kind}
    assert {v["from"] for v in REFUSED} == {"client"}
    for vector in VALID:
        assert vector["from"] == ("client" if vector["message"][0] < 17 else "server")


@pytest.mark.parametrize("vector", VALID, ids=lambda v: v["name"])
def test_hex_is_the_message(vector: dict[str, Any]) -> None:
    assert form_bytes(vector["message"]).hex() == vector["hex"]


@pytest.mark.parametrize("vector", VALID, ids=lambda v: v["name"])
def test_decodes_to_the_message(vector: dict[str, Any]) -> None:
    decoded = DECODE[vector["from"]](bytes.fromhex(vector["hex"]))
    kind, *fields = form_value(vector["message"])
    assert type(decoded) is CLASSES[kind]
    found = list(attrs.astuple(decoded, recurse=False))
    if kind == Kind.COMMAND:
        found[5:] = found[5]
    if kind == Kind.DESYNC and found[1] is not None:
        found[1] = [list(held.to_wire()) for held in found[1]]
    assert repr(found) == repr(fields[: len(found)])  # repr: 1 is not 1.0, nor True
    assert len(found) == len(fields) or vector["name"].endswith("appended")


@pytest.mark.parametrize("vector", OURS, ids=lambda v: v["name"])
def test_encodes_to_the_hex(vector: dict[str, Any]) -> None:
    kind, *fields = form_value(vector["message"])
    if kind == Kind.COMMAND:
        fields[5:] = [fields[5:]]
    if kind == Kind.DESYNC and fields[1] is not None:
        fields[1] = [messages.HeldEntity(*held) for held in fields[1]]
    assert CLASSES[kind](*fields).encode().hex() == vector["hex"]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda v: v["name"])
def test_malformed_messages_are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_from_client(bytes.fromhex(vector["hex"]))


# ---------------------------------------------------------------- a stream of deltas


@attrs.define
class Holding:
    """A client's replica, as JSON."""

    entities: dict[int, tuple[int, list[Any]]] = attrs.field(factory=dict)
    owned: dict[int, list[Any]] = attrs.field(factory=dict)
    #: Which of its owner fields each entity in ``owned`` has.
    masks: dict[int, int] = attrs.field(factory=dict)
    own_entity: int = 0
    tick: int = 0
    events: list[Any] = attrs.field(factory=list)

    def apply(self, message: list[Any]) -> None:
        if message[0] == Kind.WELCOME:
            self.own_entity, self.tick = message[3], message[4]
        if message[0] == Kind.DELTA:
            self._apply_delta(*message[1:10])

    def _apply_delta(
        self,
        tick: int,
        ack: int,
        margin: int | None,
        leaves: list[int] | None,
        enters: list[Any],
        sets: list[Any],
        adds: list[Any],
        own: list[Any],
        events: list[Any],
    ) -> None:
        assert tick > self.tick
        self.tick, self.events = tick, events
        if leaves is None:
            self.entities.clear()
            self.owned.clear()
            self.masks.clear()
        for gone in leaves or ():
            del self.entities[gone]
            self._forget_private(gone)
        rest = list(enters)
        while rest:
            new, kind = rest.pop(0), rest.pop(0)
            assert new not in self.entities
            count = len(fields_of(kind))
            self.entities[new] = (kind, rest[:count])
            del rest[:count]
        self._masked(sets, adding=False)
        self._masked(adds, adding=True)
        self._apply_own(list(own))

    def _masked(self, section: list[Any], *, adding: bool) -> None:
        rest = list(section)
        while rest:
            kind, values = self.entities[rest.pop(0)]
            mask = rest.pop(0)
            for i, (_, field_type) in enumerate(fields_of(kind)):
                if mask >> i & 1:
                    told = rest.pop(0)
                    if adding and field_type[0] in ("int", "steps"):
                        told += values[i]
                    elif adding:
                        told = changed(field_type, values[i], told)
                    values[i] = told

    def _apply_own(self, rest: list[Any]) -> None:
        if rest:
            self.own_entity = rest.pop(0)
        while rest:
            owned, mask = rest.pop(0), rest.pop(0)
            if not mask:
                self._forget_private(owned)
                continue
            count = len(fields_of(self.entities[owned][0], owner=True))
            values = self.owned.setdefault(owned, [None] * count)
            self.masks[owned] = self.masks.get(owned, 0) | mask
            for i in range(count):
                if mask >> i & 1:
                    _, field_type = fields_of(self.entities[owned][0], owner=True)[i]
                    values[i] = changed(field_type, values[i], rest.pop(0))

    def _forget_private(self, entity: int) -> None:
        self.owned.pop(entity, None)
        self.masks.pop(entity, None)

    def checksum(self) -> int:
        total = 0
        for held, (kind, values) in self.entities.items():
            total += zlib.crc32(b"".join(map(form_bytes, [held, kind, *values])))
        for held, values in self.owned.items():
            mask = self.masks[held]
            of_mask = [value for i, value in enumerate(values) if mask >> i & 1]
            total += zlib.crc32(b"".join(map(form_bytes, [held, mask, *of_mask])))
        return total % 2**32

    def as_json(self) -> dict[str, Any]:
        """Return the ``after`` of a step."""
        return {
            "tick": self.tick,
            "own_entity": self.own_entity,
            "entities": {
                str(i): {"kind": STREAM["schema"][0][kind][0], "values": values}
                for i, (kind, values) in sorted(self.entities.items())
            },
            "owned": {str(i): values for i, values in sorted(self.owned.items())},
            "events": self.events,
            "checksum": self.checksum(),
        }


def changed(field_type: list[Any], held: Any, told: Any) -> Any:
    """Return what ``adds`` or ``own`` make of a value of any type but int and steps."""
    if field_type[0] == "optional":
        return changed(field_type[1], held, told)
    if field_type[0] not in ("list", "dict", "value"):
        return told
    if type(told[0]) is not int:
        assert len(told) == 1
        return told[0]
    made, rest = list(held), list(told)
    if field_type[0] == "value":
        mask = rest.pop(0)
        for i, (_, type_of_field, *_) in enumerate(field_type[2]):
            if mask >> i & 1:
                made[i] = changed(type_of_field, made[i], rest.pop(0))
    at = 0
    parts = 2 if field_type[0] == "dict" else 1
    while rest and field_type[0] != "value":
        skip, code = divmod(rest.pop(0), 4)
        at += skip * parts
        last = at + parts - 1
        if code == 1:
            made[at:at] = [rest.pop(0) for _ in range(parts)]
        elif code == 2:
            del made[at : last + 1]
        elif code == 0:
            made[last] = rest.pop(0)
        else:
            made[last] = changed(field_type[-1], made[last], rest.pop(0))
        at += parts if code != 2 else 0
    return made


def fields_of(kind: int, *, owner: bool = False) -> list[Any]:
    fields: list[Any] = STREAM["schema"][0][kind][3 if owner else 2]
    return fields


def test_schema_of_the_stream() -> None:
    description = form_value(STREAM["schema"])
    schema = Schema.from_description(description)
    assert schema.describe() == description
    packed = form_bytes(STREAM["schema"])
    assert hashlib.sha256(packed).hexdigest()[:16] == STREAM["schema_hash"] == schema.hash
    text = json.dumps(description[0], default=str)
    words = (
        *("bool", "int", "steps", "float32", "str", "bytes"),
        *("enum", "tuple", "list", "optional", "dict", "value", "entity"),
    )
    assert [word for word in words if f'["{word}"' not in text] == []


def test_stream_leads_to_what_it_says() -> None:
    holding = Holding()
    for step in STREAM["steps"]:
        raw = bytes.fromhex(step["hex"])
        assert form_bytes(step["message"]) == raw, step["note"]
        decode_from_server(raw)
        holding.apply(step["message"])
        assert holding.as_json() == step["after"], step["note"]
        if step["message"][0] == Kind.CHECK:
            assert step["message"][1:] == [holding.tick, holding.checksum()]
        holding.events = []


def test_checksum_by_hand() -> None:
    """The first state of the stream, its bytes spelt out."""
    first = next(s for s in STREAM["steps"] if s["message"][0] == Kind.DELTA)
    ship = bytes.fromhex("01 01 cd0c80 e0 64 ca3fc00000")
    crate = bytes.fromhex(
        "02 00 c2 a3626f78 c4020001 01 92 07 ca3e800000 93 00 20 d1ff00 c0",
    )
    owner = bytes.fromhex("01 07 0a ca00000000 c0")
    total = sum(map(zlib.crc32, (ship, crate, owner))) % 2**32
    assert first["after"]["checksum"] == total


# ---------------------------------------------------------------- changes


@pytest.mark.parametrize("vector", CHANGES, ids=lambda v: v["name"])
def test_a_change_makes_what_it_says(vector: dict[str, Any]) -> None:
    field_type = from_description(form_value(vector["type"]))
    held, change = form_value(vector["held"]), form_value(vector["change"])
    apply = applier(field_type)
    if vector.get("error"):
        with pytest.raises(RemoteProtocolError):
            apply(held, change)
    else:
        assert changed(vector["type"], vector["held"], vector["change"]) == vector["after"]
        assert repr(apply(held, change)) == repr(form_value(vector["after"]))
    assert held == form_value(vector["held"])
