"""The answer of ``/rooms``: pages, cursors and totals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given

from gameserver.runtime.rooms.room_list import ROOMS_PER_PAGE, TOTALS_LIFE_S, RoomList


@attrs.frozen
class Listed:
    serial: int
    kind: str = "duel"
    players: int = 2
    private: bool = False

    def listing(self) -> dict[str, Any]:
        return {"name": f"{self.kind}/{self.serial}"}


@attrs.define
class Rooms:
    """Some rooms; counts how often they were all looked at."""

    open: list[Listed]
    kinds: list[str] = attrs.field(factory=lambda: ["duel", "match"])
    looked_at: int = 0

    def listed(self) -> Iterator[Listed]:
        for room in self.open:
            self.looked_at += 1
            yield room


def ask(rooms: RoomList, query: str = "", now_s: float = 0.0) -> dict[str, Any]:
    response = rooms.respond(query, now_s)
    assert response.status == 200
    answer: dict[str, Any] = json.loads(response.body)
    return answer


def serials(answer: dict[str, Any]) -> list[int]:
    return [int(room["name"].partition("/")[2]) for room in answer["rooms"]]


def test_few_rooms_are_one_page() -> None:
    answer = ask(RoomList(Rooms([Listed(1), Listed(2, "match", 7)])))
    assert answer == {
        "rooms": [{"name": "duel/1"}, {"name": "match/2"}],
        "kinds": {"duel": {"rooms": 1, "players": 2}, "match": {"rooms": 1, "players": 7}},
        "next": None,
    }


@given(st.integers(0, 3 * ROOMS_PER_PAGE), st.sets(st.integers(1, 3 * ROOMS_PER_PAGE)))
def test_a_room_that_stays_is_on_one_page_whichever_close_meanwhile(
    count: int, closing: set[int]
) -> None:
    rooms = Rooms([Listed(number) for number in range(1, count + 1)])
    listed, seen, query = RoomList(rooms), list[int](), ""
    while True:
        answer = ask(listed, query)
        assert len(answer["rooms"]) <= ROOMS_PER_PAGE
        seen += serials(answer)
        if answer["next"] is None:
            break
        query = f"after={answer['next']}"
        rooms.open = [room for room in rooms.open if room.serial not in closing]
    assert seen == sorted(set(seen))
    assert {*range(1, count + 1)} - closing <= set(seen)


def test_with_thousands_of_rooms_the_answer_stays_small_and_totals_are_kept() -> None:
    rooms = Rooms([Listed(number) for number in range(1, 5001)])
    listed = RoomList(rooms)
    response = listed.respond("", 0.0)
    assert len(response.body) < 100 * ROOMS_PER_PAGE
    rooms.looked_at = 0
    answer = ask(listed, now_s=TOTALS_LIFE_S / 2)
    assert answer["kinds"]["duel"] == {"rooms": 5000, "players": 10_000}
    assert rooms.looked_at == ROOMS_PER_PAGE + 1
    rooms.open.pop()
    assert ask(listed, now_s=TOTALS_LIFE_S)["kinds"]["duel"]["rooms"] == 4999


@pytest.mark.parametrize(
    "query",
    ["after=", "after=-1", "after=x", "after=1.5", "after=%D9%A1", "after=" + "9" * 19, "&a" * 9],
)
def test_what_is_no_cursor_is_refused(query: str) -> None:
    assert RoomList(Rooms([])).respond(query, 0.0).status == 400


@given(st.text(max_size=40))
def test_any_query_is_answered(query: str) -> None:
    assert RoomList(Rooms([Listed(1)])).respond(query, 0.0).status in (200, 400)
