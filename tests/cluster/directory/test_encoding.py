"""Listings as bytes: nothing that somebody else wrote is trusted."""

from __future__ import annotations

import contextlib
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.cluster.directory import encoding
from gameserver.cluster.directory.encoding import node_as_bytes, page_of, read_node, read_page
from gameserver.cluster.directory.errors import DirectoryError
from gameserver.cluster.directory.listings import NodeLoad, RoomListing
from tests.support.listings import node


def test_a_node_is_read_as_it_was_written() -> None:
    one = node("a", load=NodeLoad(busy=0.25, players=3, no_new_rooms=True), protocol=7)
    assert read_node(node_as_bytes(one)) == one


def test_rooms_are_read_as_they_were_written() -> None:
    rooms = [
        RoomListing(label=f"arena/{n}", fence=1, serial=n, players=n, shown={"n": n})
        for n in range(7, 50)
    ]
    first, size, data = page_of(rooms)
    assert (first, size) == (7, 43)
    read = read_page("a", data)
    assert [serial for serial, _ in read] == list(range(7, 50))
    assert (read[0][1].label, read[0][1].node, read[0][1].shown) == ("arena/7", "a", {"n": 7})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 5000,
        b'{"node": 1, "host": "h"}',
        b'{"node": "a", "host": "h", "protocol": true}',
        b'{"node": "a", "host": "h", "load": {"busy": "1"}}',
        b'{"node": "a", "host": "h", "kinds": [1]}',
        b" " * (1 << 17),
        None,
        "text",
    ],
)
def test_a_listing_in_a_wrong_form_is_refused(data: object) -> None:
    with pytest.raises(DirectoryError, match="in a wrong form"):
        read_node(data)


@pytest.mark.parametrize(
    "rows",
    [{}, 1, [1], [[1, "a", 2]], [["1", "a", 2, {}]], [[1, "a", 2, []]], [[True, "a", 2, {}]]],
)
def test_a_page_in_a_wrong_form_is_refused(rows: object) -> None:
    with pytest.raises(DirectoryError, match="in a wrong form"):
        read_page("a", zlib.compress(json.dumps(rows).encode()))


def test_a_page_that_would_fill_the_memory_is_refused() -> None:
    bomb = zlib.compress(b" " * (encoding.MAX_PAGE_BYTES + 1))
    with pytest.raises(DirectoryError, match="in a wrong form"):
        read_page("a", bomb)


@given(st.binary(max_size=64))
def test_any_bytes_are_listings_or_refused(data: bytes) -> None:
    for read in (read_node, lambda given: read_page("a", given)):
        with contextlib.suppress(DirectoryError):
            read(data)
