"""The request of a client, in the form of a hello."""

from __future__ import annotations

from typing import Any

import pytest

from clients.asking import asked
from gameserver import LocalProtocolError
from tests.support.matched_game import Mode, Options


@pytest.mark.parametrize(
    ("room", "filter_", "name", "wanted"),
    [
        ("arena", None, "arena", None),
        ("arena?", {}, "arena", None),
        ("arena?mode=RANKED&level=3", None, "arena", {"mode": "RANKED", "level": "3"}),
        ("arena?mode=RANKED", {"mode": Mode.CASUAL}, "arena", {"mode": "CASUAL"}),
        ("?mode=a%20b", {"rated": True}, "", {"mode": "a b", "rated": True}),
        ("arena?password=&new", None, "arena", {"password": "", "new": ""}),
    ],
)
def test_a_query_is_a_filter(
    room: str, filter_: Any, name: str, wanted: dict[str, Any] | None
) -> None:
    made = asked(room, None, filter_)
    assert (made.room, made.options, made.filter) == (name, None, wanted)


def test_options_are_written_by_name() -> None:
    given = Options(mode=Mode.RANKED, colours=(Mode.CASUAL,))
    by_name = {
        "mode": "RANKED",
        "size": 4,
        "gravity": 1.0,
        "password": "",
        "spectator": False,
        "colours": ["CASUAL"],
    }
    assert asked("", given, None).options == by_name
    assert asked("", {"mode": Mode.RANKED}, None).options == {"mode": "RANKED"}


def test_no_more_than_a_hello_holds() -> None:
    with pytest.raises(LocalProtocolError):
        asked("", {f"o{i}": 1 for i in range(33)}, None)
    with pytest.raises(LocalProtocolError):
        asked("?" + "&".join(f"f{i}=1" for i in range(9)), None, None)
