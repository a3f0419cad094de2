"""The replica: each section of a delta, every way in which one can be wrong, the checksum."""

from __future__ import annotations

import enum
import gc
import json
import zlib
from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import remote
from clients.remote import RemoteEvent
from clients.replica import Replica
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.schema import Schema, entity, event, synced
from gameserver.protocol.messages import Check, Delta, Welcome, decode_from_server
from tests.support import scripted_server
from tests.support.paths import VECTORS
from tests.support.vector_form import form_bytes, form_value


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@entity(at=("x", "y"))
class Ship:
    x: float = synced(0.0, step=0.5)
    y: int = synced(0)
    name: str = synced("")
    kind: Colour = synced(Colour.RED)
    energy: int = synced(0, to="owner")
    heat: float = synced(0.0, step=0.25, to="owner")


@entity
class Zone:
    id: int = synced(0)
    corners: tuple[int, ...] = synced(())
    mood: float = synced(0.0)


@event
class Boom:
    x: float = synced(0.0, step=0.5)
    colour: Colour = synced(Colour.RED)


SCHEMA = Schema.of([Ship, Zone, Boom])
SHIP, ZONE, BOOM = (SCHEMA.kinds[c] for c in (Ship, Zone, Boom))


def delta(tick: int, **sections: Any) -> Delta:
    """As it would arrive."""
    decoded = decode_from_server(scripted_server.delta(tick, **sections).encode())
    assert isinstance(decoded, Delta)
    return decoded


def started(schema: Schema = SCHEMA) -> Replica:
    """Return a replica with the own ship 1, ship 2 and zone 3."""
    replica = Replica(schema)
    replica.apply(
        delta(
            10,
            leaves=None,
            enters=[1, SHIP, 4, 7, "me", 0, 2, SHIP, 6, -1, "it", 1, 3, ZONE, 9, [1, 2], 0.5],
            own=[1, 1, 3, 50, 3],
        )
    )
    return replica


def test_enters_give_entities_with_converted_fields() -> None:
    replica = started()
    ship = replica.entities[1]
    assert (ship.x, ship.y, ship.name) == (2.0, 7, "me")
    assert (ship.energy, ship.heat) == (50, 0.75)
    assert replica.entities[2].energy is None
    assert replica.own is ship
    assert {e.id for e in replica.of_kind("Ship")} == {1, 2}
    assert [e.corners for e in replica.of_kind("Zone")] == [(1, 2)]


def test_a_field_with_a_name_of_entities_has_an_underscore_behind_it() -> None:
    replica = started()
    ship, zone = replica.entities[2], replica.entities[3]
    assert (ship.kind, ship.kind_, ship["kind"]) == ("Ship", Colour.BLUE, Colour.BLUE)
    assert (zone.kind, zone.id, zone.id_, zone["id"]) == ("Zone", 3, 9, 9)


def test_python_and_the_page_make_the_same_json() -> None:
    forms = json.loads((VECTORS / "plain_values.json").read_text())
    schema = Schema.from_description(form_value(forms["schema"]))
    message = decode_from_server(form_bytes(forms["delta"]))
    assert isinstance(message, Delta)
    replica = Replica(schema)
    events = replica.apply(message)
    assert [entity.to_json() for entity in replica.entities.values()] == forms["entities"]
    assert [event.to_json() for event in events] == forms["events"]
    assert [list(each) for each in forms["entities"]] == [
        list(entity.to_json()) for entity in replica.entities.values()
    ]


def test_members_of_enums_are_names_in_json() -> None:
    ship = started().entities[2]
    names = ["id", "kind", "x", "y", "name", "kind_", "energy", "heat"]
    values = [2, "Ship", 3.0, -1, "it", "BLUE", None, None]
    assert ship.to_json() == dict(zip(names, values, strict=True))


def test_private_fields_that_are_not_held_are_null_in_json() -> None:
    replica = started()
    replica.apply(delta(11, own=[1, 2, 0b01, 8]))
    copy = replica.entities[2].to_json()
    assert (copy["energy"], copy["heat"]) == (8, None)


def test_a_described_schema_gives_names_of_enum_members() -> None:
    replica = started(Schema.from_description(SCHEMA.describe()))
    assert replica.entities[2].kind_ == "BLUE"


def test_sets_are_absolute_and_adds_are_differences_where_the_type_has_them() -> None:
    replica = started()
    replica.apply(
        delta(11, sets=[1, 0b1001, 8, 1], adds=[2, 0b0111, -2, 5, "new"], ack=3, margin=-1)
    )
    assert replica.entities[1].values == [8, 7, "me", 1]
    assert replica.entities[2].values == [4, 4, "new", 1]
    assert (replica.tick, replica.ack, replica.margin) == (11, 3, -1)
    assert replica.entities[1].changed_tick == 11
    assert replica.entities[3].changed_tick == 10


def test_leaves_come_before_enters_so_an_id_can_be_used_again() -> None:
    replica = started()
    replica.apply(delta(11, leaves=[1], enters=[1, ZONE, 0, [], 0.0]))
    assert replica.entities[1].kind == "Zone"
    assert [e.id for e in replica.of_kind("Ship")] == [2]
    assert replica.entities[1].owner_values is None


def test_own_parts_and_losing_what_was_owned() -> None:
    replica = started()
    replica.apply(delta(11, own=[2, 1, 0b10, 8, 2, 3, 1, 1]))
    assert replica.own is replica.entities[2]
    assert replica.entities[1].owner_values == [50, 8]
    replica.apply(delta(12, own=[77, 1, 0]))
    assert replica.entities[1].owner_values is None
    assert replica.own is None
    assert replica.own_entity == 77
    replica.apply(delta(13, leaves=[1], own=[0, 1, 0]))  # gone, and said so twice
    assert replica.own_entity == 0


def test_events_come_back_in_order() -> None:
    events = started().apply(delta(11, events=[[BOOM, 3, 1], [BOOM, -1, 0]]))
    assert [(e.kind, e.x, e.colour) for e in events] == [
        ("Boom", 1.5, Colour.BLUE),
        ("Boom", -0.5, Colour.RED),
    ]
    assert events[0]["x"] == 1.5
    with pytest.raises(KeyError):
        events[0]["y"]


def test_a_full_state_forgets_everything() -> None:
    replica = started()
    replica.apply(delta(12, leaves=None, enters=[9, ZONE, 1, [], 0.0]))
    assert list(replica.entities) == [9]
    assert not replica.of_kind("Ship")


def test_the_checksum_is_the_one_of_the_readme() -> None:
    replica = started()

    def crc(*values: Any) -> int:
        return zlib.crc32(b"".join(msgpack.packb(v, use_single_float=True) for v in values))

    expected = (
        crc(1, SHIP, 4, 7, "me", 0)
        + crc(2, SHIP, 6, -1, "it", 1)
        + crc(3, ZONE, 9, [1, 2], 0.5)
        + crc(1, 3, 50, 3)
    )
    assert replica.checksum() == expected % 2**32
    replica.apply(delta(11, adds=[3, 1, 1], own=[1, 1, 1, 51]))
    expected += crc(3, ZONE, 10, [1, 2], 0.5) - crc(3, ZONE, 9, [1, 2], 0.5)
    expected += crc(1, 3, 51, 3) - crc(1, 3, 50, 3)
    assert replica.checksum() == expected % 2**32
    replica.apply(delta(12, sets=[2, 1, 5], own=[1, 1, 0], leaves=[3]))
    assert (
        replica.checksum() == (crc(1, SHIP, 4, 7, "me", 0) + crc(2, SHIP, 5, -1, "it", 1)) % 2**32
    )


@pytest.mark.parametrize("count", [12, 13, 14, 15, 31])
def test_the_checksum_of_entities_with_many_fields(count: int) -> None:
    description = [[["Wide", [], [[f"f{i}", ["int"]] for i in range(count)], []]], [], []]
    replica = Replica(Schema.from_description(description))
    replica.apply(delta(1, leaves=None, enters=[5, 0, *range(count)]))
    assert replica.checksum() == zlib.crc32(b"".join(map(msgpack.packb, [5, 0, *range(count)])))


WRONG: dict[str, dict[str, Any]] = {
    "leave of an unknown id": {"leaves": [99]},
    "leave twice": {"leaves": [1, 1]},
    "leave by a bool": {"leaves": [True]},
    "leave by a list": {"leaves": [[1]]},
    "enter of what is here": {"enters": [1, ZONE, 0, [], 0.0]},
    "enter of id 0": {"enters": [0, ZONE, 0, [], 0.0]},
    "enter by a float": {"enters": [9.0, ZONE, 0, [], 0.0]},
    "enter of an unknown kind": {"enters": [9, 2, 0, [], 0.0]},
    "enter of a negative kind": {"enters": [9, -1, 0, [], 0.0]},
    "enter of a bool kind": {"enters": [9, True, 0, [], 0.0]},
    "truncated enter": {"enters": [9, ZONE, 0, []]},
    "enter without kind": {"enters": [9]},
    "wrong int": {"enters": [9, ZONE, "0", [], 0.0]},
    "bool for int": {"enters": [9, ZONE, True, [], 0.0]},
    "wrong element": {"enters": [9, ZONE, 0, [1.5], 0.0]},
    "infinite float": {"enters": [9, ZONE, 0, [], float("inf")]},
    "set of an unknown id": {"sets": [99, 1, 1]},
    "set by a list": {"sets": [[], 1, 1]},
    "set by a bool": {"sets": [True, 1, 1]},
    "set without mask": {"sets": [1]},
    "set with a large mask": {"sets": [1, 16, 1]},
    "set with a negative mask": {"sets": [1, -1, 1, 1, "", 0]},
    "set with a text as mask": {"sets": [1, "1", 1]},
    "truncated set": {"sets": [1, 3, 1]},
    "set of a wrong type": {"sets": [1, 4, 1]},
    "enum out of range": {"sets": [1, 8, 2]},
    "add of a wrong type": {"adds": [1, 1, 0.5]},
    "add beyond the limit": {"adds": [1, 2, 2**52]},
    "truncated add": {"adds": [1, 1]},
    "own entity negative": {"own": [-1]},
    "own entity a text": {"own": ["1"]},
    "own of an unknown id": {"own": [1, 99, 3, 0, 0]},
    "own with a large mask": {"own": [1, 1, 4, 0]},
    "own without mask": {"own": [1, 1]},
    "truncated own": {"own": [1, 1, 3, 0]},
    "own for a class without owner fields": {"own": [1, 3, 1, 0]},
    "empty event": {"events": [[]]},
    "unknown event": {"events": [[1]]},
    "event too short": {"events": [[BOOM, 1]]},
    "event too long": {"events": [[BOOM, 1, 0, 0]]},
    "event of a wrong type": {"events": [[BOOM, 1, "RED"]]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_delta_that_does_not_fit_empties_the_replica(
    wrong: dict[str, Any],
) -> None:
    replica = started()
    with pytest.raises(RemoteProtocolError):
        replica.apply(delta(11, **wrong))
    assert replica.needs_full_state
    assert not replica.can_resume
    assert not replica.entities
    assert replica.tick == 10
    assert replica.apply(delta(12, adds=[99, 1, 1])) == []
    assert replica.ignored == 1
    replica.apply(delta(13, leaves=None, enters=[4, ZONE, 0, [], 0.0]))
    assert not replica.needs_full_state
    assert list(replica.entities) == [4]


def test_owner_fields_may_be_held_in_part() -> None:
    """Some are for the owner of the entity, others for its group."""
    replica = started()
    replica.apply(delta(11, own=[1, 2, 2, 7]))
    ship = replica.entities[2]
    names = [field.name for field in ship.spec.owner_fields]
    assert [ship[name] for name in names] == [None, 1.75]
    assert [getattr(ship, name) for name in names] == [None, 1.75]
    in_part = ship.checksum()
    replica.apply(delta(12, own=[1, 2, 1, 50]))
    assert ship.owner_values == [50, 7]
    assert ship.checksum() != in_part
    replica.apply(delta(13, own=[1, 2, 0, 2, 2, 7]))
    assert (ship.owner_values, ship.checksum()) == ([None, 7], in_part)


@pytest.mark.parametrize("tick", [9, 10])
def test_ticks_must_grow(tick: int) -> None:
    with pytest.raises(RemoteProtocolError, match="after one of 10"):
        started().apply(delta(tick))


def test_an_unknown_class_name_is_a_local_error() -> None:
    with pytest.raises(LocalProtocolError, match="has no entity class Shp; it has Ship, Zone"):
        started().of_kind("Shp")


def test_an_unknown_field_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Ship has no field 'hull'"):
        _ = started().entities[1].hull
    with pytest.raises(AttributeError):
        started().entities[1].x = 3.0


def test_hostile_names_do_no_harm() -> None:
    fields = [[n, ["int"]] for n in ("values", "__class__", "crc", "checksum", "a\0b", "layout")]
    replica = Replica(
        Schema.from_description([[["No\0Name", [], fields, []]], [], [["\0", fields]]])
    )
    events = replica.apply(
        delta(1, leaves=None, enters=[1, 0, 1, 2, 3, 4, 5, 6], events=[[0, *range(6)]])
    )
    entity_ = replica.entities[1]
    assert entity_.values == [1, 2, 3, 4, 5, 6]
    assert [entity_[n] for n, _ in fields] == [1, 2, 3, 4, 5, 6]
    assert replica.checksum() == replica.entities[1].checksum()
    assert events[0]["checksum"] == 3


# ---------------------------------------------------------------- any delta at all

wire = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 20) | st.floats() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
plausible = st.lists(st.integers(-1, 4) | wire, max_size=12)


@given(
    st.builds(
        Delta,
        tick=st.integers(0, 20),
        ack=st.just(0),
        margin=st.none(),
        leaves=st.none() | plausible,
        enters=plausible,
        sets=plausible,
        adds=plausible,
        own=plausible,
        events=st.lists(plausible, max_size=2),
    )
)
def test_any_delta_applies_or_raises_remote_protocol_error(arrived: Delta) -> None:
    replica = started()
    try:
        replica.apply(arrived)
    except RemoteProtocolError:
        assert replica.needs_full_state
    else:
        assert replica.tick == arrived.tick
    # After any delta, the next full state repairs the replica.
    replica.apply(attrs.evolve(delta(50, leaves=None), enters=[1, ZONE, 0, [], 1.0]))
    assert replica.checksum() == replica.entities[1].checksum()
    assert repr(replica.entities[1]) == "<Zone 1: id=0, corners=(), mood=1.0>"


# ---------------------------------------------------------------- the shared vectors

STREAM = json.loads((VECTORS / "delta_stream.json").read_text())


def wire_value(form: Any) -> Any:
    """Return the wire value of a JSON form (tests/vectors/README.md)."""
    if isinstance(form, list):
        return [wire_value(inner) for inner in form]
    if isinstance(form, dict):
        ((mark, inner),) = form.items()
        return bytes.fromhex(inner) if mark == "bin" else float(inner)
    return form


def test_the_stream_of_the_vectors_leaves_what_it_must() -> None:
    replica: Replica | None = None
    for step in STREAM["steps"]:
        message = decode_from_server(bytes.fromhex(step["hex"]))
        events: list[RemoteEvent] = []
        if isinstance(message, Welcome):
            schema = Schema.from_description(message.schema)
            assert schema.hash == STREAM["schema_hash"]
            replica = Replica(schema, own_entity=message.own_entity)
        assert replica is not None
        if isinstance(message, Delta):
            events = replica.apply(message)
        if isinstance(message, Check):
            assert replica.checksum() == message.checksum
        after = step["after"]
        note = step["note"]
        assert replica.own_entity == after["own_entity"], note
        assert isinstance(message, Welcome) or replica.tick == after["tick"], note
        assert {str(i): [e.spec.name, *e.values] for i, e in replica.entities.items()} == {
            i: [e["kind"], *wire_value(e["values"])] for i, e in after["entities"].items()
        }, note
        assert {str(i): e.owner_values for i, e in replica.entities.items() if e.owner_values} == {
            i: wire_value(v) for i, v in after["owned"].items()
        }, note
        assert [[replica.schema.events.index(e.spec), *e.values] for e in events] == wire_value(
            after["events"]
        ), note
        assert replica.checksum() == after["checksum"], note


def test_the_classes_of_a_schema_are_made_once_and_forgotten_with_it() -> None:
    described = Schema.from_description(SCHEMA.describe())
    one, other = Replica(described), Replica(described)
    assert one._classes is other._classes
    assert Replica(SCHEMA)._classes is not one._classes
    key = id(described)
    assert key in remote._made
    del one, other, described
    gc.collect()
    assert key not in remote._made
