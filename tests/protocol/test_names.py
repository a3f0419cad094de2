"""gameserver/protocol/names.py: what rooms may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.names import parse_room_request

room_words = st.text("abcxyz0189-_", min_size=1, max_size=32)


@given(room_words, st.none() | room_words)
def test_room_requests(kind: str, name: str | None) -> None:
    request = kind if name is None else f"{kind}/{name}"
    assert parse_room_request(request) == (kind, name)


def test_no_room_request_means_the_first_kind() -> None:
    assert parse_room_request("") == ("", None)


@pytest.mark.parametrize(
    "request_text",
    [
        *["/", "a/", "/a", "a//b", "a/b/c", "A", "é", "a b", " a", "a\n", "a/b\n", "a\x00", "."],
        *["a" * 33, "a/" + "b" * 33, "\u0661", "a\\b", "a/b "],
    ],
)
def test_bad_room_requests(request_text: str) -> None:
    with pytest.raises(JoinRefused) as caught:
        parse_room_request(request_text)
    assert caught.value.code == CloseCode.NO_SUCH_ROOM
