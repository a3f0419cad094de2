"""A room, its snapshot, and the room made of that."""

from __future__ import annotations

import collections
import dataclasses
import functools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from gameserver import LocalProtocolError, Room, entity, synced
from gameserver.simulation.stepper import Stepper
from gameserver.state.restore import load
from gameserver.state.snapshot import capture
from tests.support import kept_game
from tests.support.frame_sinks import FakeSink
from tests.support.kept_game import (
    Beast,
    Lead,
    Mood,
    Recipe,
    Sign,
    Spot,
    Stack,
    Trait,
    Zoo,
    odd_values,
)
from tests.support.matched_game import Booth, Listing, Mode, Options
from tests.support.zoo_stage import Stage, copy_of, played

# ---------------------------------------------------------------- an equal room


def test_a_loaded_room_has_the_same_snapshot() -> None:
    stage = played()
    assert copy_of(stage).bytes() == stage.bytes()


@pytest.mark.parametrize("publish", [True, False])
def test_a_loaded_room_plays_on_and_sends_the_same_bytes(publish: bool) -> None:
    stage = played()
    stage.sinks[2].clear = False  # behind: it lapses
    stage.play(random.Random(5), publish=publish)  # or something waits for its publish
    copy = copy_of(stage)
    copy.sinks[2].clear = False
    stage.frames()
    one, other = random.Random(7), random.Random(7)
    for number in range(40):
        if number == 20:
            stage.sinks[2].clear = copy.sinks[2].clear = True
        stage.play(one)
        copy.play(other)
        assert copy.frames() == stage.frames()
        assert copy.bytes() == stage.bytes()


def test_loading_calls_no_hook_but_load() -> None:
    stage = Stage.new()
    stage.room.spare = 9
    room = load(Zoo, stage.bytes()).room
    assert room.log == ["created"]
    assert room.spare == 9
    assert not hasattr(room, "loaded_late")


def test_what_the_shell_knows_comes_back() -> None:
    assert load(Zoo, played(1).bytes()).shell == {"held": {2: 1.5}}


def test_players_come_back_in_their_seats() -> None:
    stage = played()
    ann = stage.room.players[1]
    ann.focus = (4.0, 5.0)
    stage.stepper.drop(stage.room.players[2])
    stage.room.players[3].kick("enough")
    copy = load(Zoo, stage.bytes())
    players = copy.room.players
    assert [(p.seat, p.name, p.identity) for p in players.values()] == [
        (1, "ann", "id-ann"),
        (2, "bob", "id-bob"),
        (3, "cat", "id-cat"),
    ]
    assert [p.connected for p in players.values()] == [True, False, True]
    assert players[1].latency == ann.latency
    assert players[1].focus == (4.0, 5.0)
    assert players[1].entity is copy.room.beasts[1]
    assert players[1].data["beast"] is players[1].entity
    assert [p.name for p in copy.stepper.kicked] == ["cat"]


def test_inputs_that_wait_are_applied_at_their_ticks() -> None:
    stage = played(3)
    now = stage.room.tick_number
    for ahead in (1, 3):
        stage.give(1, Lead(1), now + ahead)
    stage.stepper.hear(stage.room.players[1], "hello")
    copy = copy_of(stage)
    for _ in range(4):
        stage.step()
        copy.step()
        assert copy.bytes() == stage.bytes()
    assert [t.text for t in copy.stepper.take_texts()] == ["hello"]


def test_a_client_that_resumes_gets_a_delta() -> None:
    stage = played()
    known = set(stage.publisher.world.records)
    since = stage.room.tick_number
    loaded = load(Zoo, stage.bytes())
    copy = Stage.of(loaded)
    seated = copy.stepper.seated[1]
    copy.stepper.drop(seated.player)
    seated.seat.resume(copy.sinks[1], known, since)
    copy.stepper.resume(seated.player)
    copy.step()
    (delta,) = copy.sinks[1].take_messages()
    assert copy.publisher.statistics.catch_up_deltas == 1
    assert delta.leaves == []  # None would say that it is a full state
    assert delta.enters == []
    assert delta.sets


def test_ids_go_on_where_they_were() -> None:
    stage = played()
    sign = stage.room.spawn(Sign("gone"))
    gone = stage.room.id_of(sign)
    stage.step()
    stage.room.despawn(sign)
    copy = copy_of(stage)
    for room in (stage.room, copy.room):
        new = [room.id_of(room.spawn(Sign())) for _ in range(3)]
        assert gone not in new
    assert set(copy.room.world.records) == set(stage.room.world.records)


def test_what_has_despawned_is_still_told_to_clients() -> None:
    stage = played()
    near = stage.room.beasts[1]
    wild = stage.room.spawn(Beast(near.x, near.y), owner=stage.room.players[1])
    stage.step()
    stage.frames()
    stage.room.despawn(wild)
    stage.room.spawn(Sign("never seen"))
    stage.room.despawn(stage.room.spawn(Sign("gone at once")))
    stage.room.world.set_owner(stage.room.beasts[3], 1)
    copy = copy_of(stage)
    stage.step()
    copy.step()
    assert copy.frames() == stage.frames()
    assert copy.bytes() == stage.bytes()


def test_a_setting_of_the_instance_is_kept() -> None:
    stage = Stage.new()
    stage.room.lag_compensation = False
    stage.room.pace, stage.room.publish_interval = 0.5, 4
    room = load(Zoo, stage.bytes()).room
    assert (room.lag_compensation, room.pace, room.publish_interval) == (False, 0.5, 4)


# ---------------------------------------------------------------- values


def test_values_of_all_sorts_come_back() -> None:
    stage = played()
    player = stage.room.players[1]
    stage.room.anything = odd_values(stage.room, player)
    copy = load(Zoo, stage.bytes()).room
    again = odd_values(copy, copy.players[1])
    for before, after in zip(again, copy.anything, strict=True):
        assert type(after) is type(before)
    same = (bool, int, float, str, tuple, frozenset, bytearray, collections.Counter)
    for before, after in zip(again, copy.anything, strict=True):
        if isinstance(before, same):
            assert after == before
    assert copy.anything[-1]["key"] is copy.players[1].entity


def test_one_object_stays_one_object() -> None:
    stage = played()
    shared: list[int] = [1]
    loop: list[Any] = []
    loop.append(loop)
    beast = stage.room.beasts[1]
    beast.prey = beast
    stage.room.anything = {"a": shared, "b": (shared, shared), "loop": loop}
    stage.room.on_alarm = stage.room.tick
    copy = load(Zoo, stage.bytes()).room
    kept = copy.anything
    assert kept["a"] is kept["b"][0] is kept["b"][1]
    assert kept["loop"][0] is kept["loop"]
    assert copy.beasts[1].prey is copy.beasts[1]
    assert copy.on_alarm == copy.tick


def test_an_entity_outside_the_world_is_kept() -> None:
    stage = played()
    stage.room.anything = lonely = Beast(5.0)
    lonely.prey = stage.room.beasts[1]
    copy = load(Zoo, stage.bytes()).room
    assert copy.anything.prey is copy.beasts[1]
    copy.spawn(copy.anything)
    assert copy.id_of(copy.anything)


def test_a_player_who_left_is_kept_while_the_game_refers_to_it() -> None:
    stage = played()
    player = stage.room.players[2]
    stage.stepper.leave(player, "left")
    stage.room.anything = player
    copy = load(Zoo, stage.bytes()).room
    assert (copy.anything.name, copy.anything.seat) == ("bob", 2)
    assert 2 not in copy.players


def test_keys_that_are_values_find_what_they_found() -> None:
    stage = played()
    beasts = set(stage.room.beasts.values())
    stage.room.pairs = {Spot(1, 2): beasts}
    copy = load(Zoo, stage.bytes()).room
    assert copy.pairs[Spot(1, 2)] == set(copy.beasts.values())


def test_attributes_that_a_game_gives_a_player_are_kept() -> None:
    stage = played()
    stage.room.players[1].team = "red"  # type: ignore[attr-defined]
    copy = load(Zoo, stage.bytes()).room
    assert copy.players[1].team == "red"  # type: ignore[attr-defined]


# ---------------------------------------------------------------- what cannot be saved


class Thing:
    pass


@attrs.define(eq=False)
class Crate:
    inside: Any = None


@entity
class Box:
    size: int = synced(1)
    content: Any = None
    weight: int = 1


class Store(Room):
    classes = (Box,)
    shelf: Any
    crates: list[Crate]

    def on_create(self) -> None:
        self.shelf = None
        self.crates = []
        self.box = None

    def save(self) -> Any:
        return {"box": self.box}

    def load(self, saved: Any) -> None:
        self.box = saved["box"]


def local() -> None:
    pass


def put_on_shelf(room: Store, value: Any) -> None:
    room.shelf = value


def put_in_list(room: Store, value: Any) -> None:
    room.shelf = [{"deep": ([value],)}]


def put_in_crate(room: Store, value: Any) -> None:
    room.crates = [Crate([value])]


def put_in_box(room: Store, value: Any) -> None:
    room.spawn(Box(content=value))


def put_in_saved(room: Store, value: Any) -> None:
    room.box = value


def put_in_player(room: Store, value: Any) -> None:
    room.players[1].data = [value]


@pytest.mark.parametrize(
    ("put", "named"),
    [
        (put_on_shelf, "Store.shelf"),
        (put_in_list, "Store.shelf"),
        (put_in_crate, "Crate.inside"),
        (put_in_box, "Box.content"),
        (put_in_saved, "Store.save()"),
        (put_in_player, "Player.data"),
    ],
)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Thing(), "is of no class that can be saved"),
        (local, "is of no class that can be saved"),
        (lambda: None, "is of no class that can be saved"),
        (Zoo("other"), "another Zoo"),
        (collections.defaultdict(lambda: 1), "a defaultdict that makes"),
        (kept_game.Plan([]), "Store does not know the class Plan"),
    ],
)
def test_what_cannot_be_saved_is_named(
    put: Callable[[Store, Any], None], named: str, value: Any, why: str
) -> None:
    stepper = Stepper(Store())
    stepper.join(1, FakeSink(), "ann")
    put(stepper.room, value)
    with pytest.raises(LocalProtocolError) as refused:
        capture(stepper)
    assert str(refused.value).startswith(f"{named} cannot be saved: ")
    assert why in str(refused.value)


def test_a_scalar_field_that_holds_something_else_is_named() -> None:
    stepper = Stepper(Store())
    stepper.room.spawn(Box(weight=[1]))  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match=r"Box.weight .* with int and holds a list"):
        capture(stepper).encode()


def test_a_field_that_was_never_set_is_named() -> None:
    stepper = Stepper(Store())
    box = stepper.room.spawn(Box())
    del box.weight
    with pytest.raises(LocalProtocolError, match=r"Box.weight cannot be saved: it has not been"):
        capture(stepper)


class Forgetful(Room):
    kept: int

    def on_create(self) -> None:
        self.kept = 1
        self.forgotten = 2


def test_an_attribute_that_nothing_saves_is_named() -> None:
    with pytest.raises(LocalProtocolError, match=r"Forgetful.forgotten is not saved: annotate it"):
        capture(Stepper(Forgetful()))


class Sharing(Room):
    members: dict[int, str] = {}  # noqa: RUF012 - the mistake


class Plain(Room):
    thing: Thing


class Nested(Room):
    things: dict[str, list[Thing] | None]


@pytest.mark.parametrize(
    ("room", "why"),
    [
        (Sharing, r"Sharing.members: all rooms would share the \{\}"),
        (Plain, r"Plain.thing cannot be saved: Thing is no attrs class"),
        (Nested, r"Nested.things cannot be saved: Thing is no attrs class"),
    ],
)
def test_a_class_that_cannot_be_saved_is_refused(room: type[Room], why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        capture(Stepper(room()))


def test_a_snapshot_does_not_change_while_the_room_goes_on() -> None:
    stage = played()
    now = stage.bytes()
    captured = capture(stage.stepper, stage.publisher, {"held": {2: 1.5}})
    rng = random.Random(3)
    for _ in range(10):
        stage.play(rng)
    stage.stepper.leave(stage.room.players[2], "left")
    assert captured.encode() == now


def test_the_bytes_may_be_made_in_a_thread_while_the_room_goes_on() -> None:
    stage = played()
    now = stage.bytes()
    rng = random.Random(3)
    with ThreadPoolExecutor(1) as threads:
        for _ in range(20):
            expected = stage.bytes()
            captured = capture(stage.stepper, stage.publisher, {"held": {2: 1.5}})
            packed = threads.submit(captured.encode)
            for _ in range(3):
                stage.play(rng)
            assert packed.result() == expected
    assert stage.bytes() != now


@attrs.define(slots=False, eq=False)
class Open:
    size: int = 1

    @functools.cached_property
    def twice(self) -> int:
        return 2 * self.size


@dataclasses.dataclass
class Record:
    size: int = 1


class Opened(Room):
    classes = ()
    kept: Any


@pytest.mark.parametrize("thing", [Open(3), Record(3)])
def test_an_attribute_that_is_no_field_is_named(thing: Any) -> None:
    stepper = Stepper(Opened())
    stepper.room.kept = thing
    assert load(Opened, capture(stepper).encode()).room.kept.size == 3
    thing.more = 4
    with pytest.raises(LocalProtocolError, match=rf"^{type(thing).__name__}.more cannot be saved"):
        capture(stepper)


def test_a_cached_property_is_worked_out_again() -> None:
    stepper = Stepper(Opened())
    stepper.room.kept = Open(3)
    assert stepper.room.kept.twice == 6
    assert load(Opened, capture(stepper).encode()).room.kept.twice == 6


def test_what_the_shell_cannot_give_is_named() -> None:
    with pytest.raises(LocalProtocolError, match=r"^the shell of a snapshot: <object .* is no sca"):
        capture(Stepper(Opened()), None, {"held": object()}).encode()


# ---------------------------------------------------------------- any values

_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**30, 10**31)
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=20)
    | st.sampled_from([Mood.CALM, Trait.FAST, Spot(1, 2), Recipe("r", ("a",))])
    | st.datetimes()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.fractions()
)
_hashable = st.recursive(
    _leaves, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(_hashable, max_size=4)
        | st.dictionaries(_hashable, inner, max_size=4)
        | st.lists(inner, max_size=3).map(collections.deque)
        | st.builds(Stack, st.builds(Recipe, st.text()), st.integers())
    ),
    max_leaves=12,
)


@given(_values)
@example(10**5000)
@example(-0.0)
def test_any_value_comes_back(value: Any) -> None:
    stepper = Stepper(Zoo())
    stepper.room.anything = value
    data = capture(stepper).encode()
    loaded = load(Zoo, data)
    assert loaded.room.anything == value
    assert type(loaded.room.anything) is type(value)
    assert capture(loaded.stepper).encode() == data


def test_options_listing_and_what_a_room_was_made_with_are_saved() -> None:
    room = Booth(made_with=Options(size=8, mode=Mode.RANKED), listed={"mode": Mode.RANKED})
    room.listing.title, room.locked, room.private = "final", True, True
    stepper = Stepper(room)
    stepper.join(1, FakeSink(), "ann", options=Options(password="pw"))
    copy = load(Booth, capture(stepper).encode()).room
    assert copy.made_with == room.made_with
    assert copy.listing == Listing(mode=Mode.RANKED, title="final")
    assert copy.listing is not room.listing
    assert (copy.locked, copy.private) == (True, True)
    assert copy.players[1].options == Options(password="pw")
