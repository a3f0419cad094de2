"""Rooms are found, made, filled, closed and made anew; on a mock clock, without clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any, ClassVar

import pytest
import structlog
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gameserver import JoinRefused, LocalProtocolError, Room, Settings
from gameserver.protocol.closing import MAX_REASON_BYTES
from gameserver.runtime.admission.connection_limits import Reason
from gameserver.runtime.rooms.lobby import Lobby
from tests.support.frame_sinks import NoSink
from tests.support.small_game import Field


class Yard(Field):
    max_players = 2


class Unmakable(Field):
    def on_create(self) -> None:
        raise ZeroDivisionError("a bug in on_create")


class Stopped(Field):
    tick_rate = 0


class Misspelt(Field):
    def on_comand(self) -> None: ...


KINDS = {"field": Field, "yard": Yard, "unmakable": Unmakable}


@asynccontextmanager
async def lobby(**settings: Any) -> AsyncIterator[Lobby]:
    async with trio.open_nursery() as nursery:
        made = Lobby(KINDS, Settings(**settings))
        made.start(nursery)
        yield made
        nursery.cancel_scope.cancel()


def labels(made: Lobby) -> list[str]:
    return [task.label for _, task in made.rooms]


async def test_requests_find_or_make(autojump_clock: MockClock) -> None:
    async with lobby() as made:
        with ExitStack() as held:
            get = [
                held.enter_context(made.reserve(made.request(request))).task.label
                for request in ("", "yard", "yard", "yard", "field/mine", "field")
            ]
        assert get == ["field/1", "yard/1", "yard/1", "yard/2", "field/mine", "field/1"]
        assert labels(made) == ["field/1", "yard/1", "yard/2", "field/mine"]


async def test_seats_are_smallest_first_and_used_again(autojump_clock: MockClock) -> None:
    async with lobby() as made:
        with made.reserve(made.request("field")) as a, made.reserve(made.request("field")) as c:
            with made.reserve(made.request("field")) as b:
                assert (a.number, c.number, b.number) == (1, 2, 3)
            with made.reserve(made.request("field")) as again:
                assert again.number == 3


async def test_a_room_asked_for_by_name_may_be_full(autojump_clock: MockClock) -> None:
    async with lobby() as made:
        with made.reserve(made.request("yard/a")), made.reserve(made.request("yard/a")):
            with pytest.raises(JoinRefused) as refusal, made.reserve(made.request("yard/a")):
                pass
            assert refusal.value.code == 4005


@pytest.mark.parametrize("request_", ["attic", "Field", "field/", "field/A", "/x", "a" * 33])
async def test_unknown_and_malformed_requests_are_refused(
    autojump_clock: MockClock, request_: str
) -> None:
    async with lobby() as made:
        with pytest.raises(JoinRefused) as refusal, made.reserve(made.request(request_)):
            pass
        assert refusal.value.code == 4004
        with pytest.raises(JoinRefused):
            made.request(request_)
        assert made.rooms == []


@pytest.mark.parametrize(
    ("kind", "kinds", "told"),
    [
        ("x", ["b", "a"], "b, a"),
        ("x", list("abcde"), "a, b, c, d, e"),
        ("x", list("abcdef"), "a, b, c, d, e, …"),
        ("x" * 32, ["a" * 32], "a" * 32),
        ("x" * 32, ["a" * 32, "b" * 32], "a" * 32 + ", …"),
        ("x" * 26, ["a" * 32, "b" * 32, "c"], "a" * 32 + ", " + "b" * 32 + ", c"),
        ("x" * 27, ["a" * 32, "b" * 32, "c"], "a" * 32 + ", …"),
    ],
)
def test_the_refusal_of_an_unknown_kind_names_the_known_ones(
    kind: str, kinds: list[str], told: str
) -> None:
    made = Lobby(dict.fromkeys(kinds, Field), Settings())
    with pytest.raises(JoinRefused) as refusal:
        made.request(f"{kind}/{'y' * 32}")
    assert refusal.value.code == 4004
    assert refusal.value.reason == f"no such room: {kind}; rooms here: {told}"
    assert len(refusal.value.reason.encode()) <= MAX_REASON_BYTES


async def test_the_number_of_rooms_has_a_limit(autojump_clock: MockClock) -> None:
    async with lobby(max_rooms=2) as made:
        with made.reserve(made.request("field/a")), made.reserve(made.request("field/b")):
            with pytest.raises(JoinRefused) as refusal, made.reserve(made.request("field/c")):
                pass
            assert (refusal.value.code, refusal.value.reason) == (4005, "all rooms are taken")
            with made.reserve(made.request("field/b")) as there:
                assert there.number == 2


async def test_a_room_whose_on_create_raises_is_refused(autojump_clock: MockClock) -> None:
    async with lobby() as made:
        with pytest.raises(JoinRefused) as refusal, made.reserve(made.request("unmakable")):
            pass
        assert refusal.value.code == 1011
        assert made.rooms == []


async def test_an_empty_room_closes_after_a_while(autojump_clock: MockClock) -> None:
    async with lobby(empty_room_s=30) as made:
        with made.reserve(made.request("field/a")) as place:
            await trio.sleep(100)  # taken, though nobody plays: someone is joining
            assert labels(made) == ["field/a"]
        await trio.sleep(29)
        assert labels(made) == ["field/a"]
        with made.reserve(made.request("field/a")) as back:
            assert back.task is place.task
            await trio.sleep(100)
            assert labels(made) == ["field/a"]
        await trio.sleep(31)
        assert labels(made) == []
        assert place.task.ended == "the room is closed"
        assert isinstance(place.task.room, Field)
        assert place.task.room.log == ["start", "stop"]
        assert made.past["field"].ticks == place.task.tally().ticks > 0


async def test_a_room_that_failed_is_made_anew(autojump_clock: MockClock) -> None:
    async with lobby() as made:
        with made.reserve(made.request("field/a")) as place:
            await place.task.ready.wait()
            assert isinstance(place.task.room, Field)
            place.task.room.log.append("tick-bug")
            await trio.sleep(1)
            assert labels(made) == []
            with made.reserve(made.request("field/a")) as anew:
                assert anew.task is not place.task
                await anew.task.ready.wait()
                assert labels(made) == ["field/a"]
        await trio.sleep(1)
        assert labels(made) == ["field/a"]  # the end of the old one did not forget the new one


class Saving(Field):
    saved: ClassVar[list[str]] = []

    async def on_start(self) -> None:
        self.saved.append("load")

    async def on_stop(self) -> None:
        await trio.sleep(1)
        self.saved.append("save")


async def test_a_successor_starts_after_its_predecessor_has_saved(
    autojump_clock: MockClock,
) -> None:
    Saving.saved.clear()
    async with trio.open_nursery() as nursery:
        made = Lobby({"saving": Saving}, Settings(empty_room_s=5))
        made.start(nursery)
        with made.reserve(made.request("")) as first:
            await first.task.ready.wait()
        await trio.sleep(5.5)  # in the middle of on_stop
        with made.reserve(made.request("saving/1")) as second:
            await second.task.ready.wait()
            assert Saving.saved == ["load", "save", "load"]
        await made.close_all()
        assert Saving.saved == ["load", "save", "load", "save"]
        nursery.cancel_scope.cancel()


async def test_several_successors_of_a_room_that_saves_come_one_after_the_other(
    autojump_clock: MockClock,
) -> None:
    Saving.saved.clear()
    async with trio.open_nursery() as nursery:
        made = Lobby({"saving": Saving}, Settings(empty_room_s=0.2))
        made.start(nursery)
        for _ in range(4):  # each is gone again before the one before it has saved
            with made.reserve(made.request("saving/1")):
                await trio.sleep(0.05)
            await trio.sleep(0.3)
        await trio.sleep(30)
        assert made.rooms == []
        nursery.cancel_scope.cancel()
    assert Saving.saved[:4] == ["load", "save"] * 2
    assert Saving.saved.count("load") == Saving.saved.count("save")


async def test_a_room_that_crashes_takes_no_other_with_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trio.open_nursery() as nursery:
        made = Lobby(KINDS, Settings())
        made.start(nursery)
        with (
            made.reserve(made.request("field/a")) as doomed,
            made.reserve(made.request("field/b")) as other,
        ):
            await other.task.ready.wait()
            ended: list[int] = []
            doomed.task.roster.join(1, NoSink(), "ann", None, lambda code, _: ended.append(code))
            monkeypatch.setattr(doomed.task, "_times", None)
            await trio.sleep(1)
            assert doomed.task.ended == "the room crashed"
            assert ended == [1011]
            assert other.task.ended is None
        nursery.cancel_scope.cancel()


async def test_a_failed_room_that_still_saves_is_not_joined(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        made = Lobby({"saving": Saving}, Settings())
        made.start(nursery)
        with made.reserve(made.request("")) as failing:
            await failing.task.ready.wait()
            assert isinstance(failing.task.room, Field)
            failing.task.room.log.append("tick-bug")
            await trio.sleep(0.5)  # in the middle of on_stop
            with made.reserve(made.request("saving/1")) as anew:
                assert anew.task is not failing.task
        nursery.cancel_scope.cancel()


async def test_seeds_repeat_if_the_server_has_one(autojump_clock: MockClock) -> None:
    def numbers(made: Lobby) -> list[float]:
        with made.reserve(made.request("field/a")) as a, made.reserve(made.request("field/b")) as b:
            return [p.task.room.random.random() for p in (a, b)]

    async with lobby(seed=7) as one, lobby(seed=7) as same, lobby(seed=8) as other:
        assert numbers(one) == numbers(same)
        assert numbers(other) != numbers(one)
    async with lobby() as one, lobby() as other:
        assert numbers(one) != numbers(other)
        assert len(set(numbers(one))) == 2


async def test_a_closing_lobby_refuses_joins(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        made = Lobby(KINDS, Settings(empty_room_s=1000))
        made.start(nursery)
        with made.reserve(made.request("field")) as place:
            await place.task.ready.wait()
            made.stop_joining("closing time")
            with pytest.raises(JoinRefused) as refusal, made.reserve(made.request("field")):
                pass
            assert (refusal.value.code, refusal.value.reason) == (1001, "closing time")
            await made.close_all()
            assert place.task.ended is not None
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_close_all_of_nothing() -> None:
    async with lobby() as made:
        await made.close_all()


@pytest.mark.parametrize(
    ("kinds", "complaint"),
    [
        ({}, "at least one kind"),
        ({"Field": Field}, "'Field' is no room kind"),
        ({"field": Room.tick}, "is not a Room class"),
        ({"stopped": Stopped}, "Stopped.tick_rate must be"),
    ],
)
def test_wrong_kinds(kinds: Any, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        Lobby(kinds, Settings())


def test_a_hook_that_looks_misspelt_is_logged() -> None:
    with structlog.testing.capture_logs() as logged:
        Lobby({"field": Misspelt}, Settings())
    hint = "Misspelt.on_comand: the server knows no such thing; is on_command meant?"
    assert [(line["event"], line["hint"]) for line in logged] == [
        ("a room may be misdeclared", hint)
    ]


# ---------------------------------------------------------------- quotas


async def test_one_address_opens_only_so_many_rooms(autojump_clock: MockClock) -> None:
    async with lobby(max_rooms_per_address=2, empty_room_s=10) as made:
        for name in "ab":
            with made.reserve(made.request(f"field/{name}"), "192.0.2.1"):
                pass
        with (
            pytest.raises(JoinRefused) as refusal,
            made.reserve(made.request("field/c"), "192.0.2.1"),
        ):
            pass
        assert (refusal.value.code, refusal.value.retry_after_s) == (4005, 10)
        assert made.quota.refused == {Reason.ROOMS: 1}
        with (
            made.reserve(made.request("field/b"), "192.0.2.1"),
            made.reserve(made.request("field/c"), "192.0.2.2"),
        ):
            pass  # what is there may be joined, and another address is another
        with (
            made.reserve(made.request("field/d")),
            made.reserve(made.request("field/e")),
            made.reserve(made.request("field/f")),
        ):
            pass  # these are counted for no address
        await trio.sleep(11)
        with made.reserve(made.request("field/g"), "192.0.2.1"):
            assert labels(made) == ["field/g"]


async def test_a_room_that_could_not_be_made_takes_no_quota(autojump_clock: MockClock) -> None:
    async with lobby(max_rooms_per_address=1) as made:
        for _ in range(3):
            with (
                pytest.raises(JoinRefused) as refusal,
                made.reserve(made.request("unmakable"), "192.0.2.1"),
            ):
                pass
            assert refusal.value.code == 1011
        with made.reserve(made.request("field"), "192.0.2.1"):
            pass


async def test_the_rate_of_new_rooms_has_a_limit(autojump_clock: MockClock) -> None:
    async with lobby(rooms_per_s=0.5) as made:
        for number in range(5):  # ten seconds' worth
            with made.reserve(made.request(f"field/{number}"), f"192.0.2.{number}"):
                pass
        with (
            pytest.raises(JoinRefused) as refusal,
            made.reserve(made.request("field/x"), "192.0.2.9"),
        ):
            pass
        assert (refusal.value.code, refusal.value.retry_after_s) == (4005, 3.0)
        assert made.quota.refused == {Reason.ROOM_HASTE: 1}
        with made.reserve(made.request("field/0"), "192.0.2.9"):
            pass
        await trio.sleep(2.1)
        with made.reserve(made.request("field/x"), "192.0.2.9"):
            pass
