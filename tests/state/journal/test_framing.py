from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import JournalError
from gameserver.state.journal.framing import (
    HEAD_BYTES,
    FrameReader,
    FrameWriter,
    Position,
    Tail,
)

ID = b"12345678"
PAYLOADS = [b"one", b"two and more", b"3" * 300, b"four", b"five"]


def framed(payloads: list[bytes], journal_id: bytes = ID) -> list[bytes]:
    writer = FrameWriter(journal_id)
    return [writer.head(), *(writer.frame(payload) for payload in payloads)]


def read(data: bytes) -> tuple[list[bytes], Tail | None]:
    reader = FrameReader()
    reader.feed(data)
    return list(reader.payloads()), reader.tail()


def test_what_was_written_is_read() -> None:
    assert read(b"".join(framed(PAYLOADS))) == (PAYLOADS, None)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
def test_however_the_bytes_are_divided(payloads: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(framed(payloads))
    reader, found, at = FrameReader(), [], 0
    while at < len(whole):
        size = data.draw(st.integers(1, 30))
        reader.feed(whole[at : at + size])
        found += reader.payloads()
        at += size
    assert found == payloads
    assert reader.tail() is None
    assert reader.position == Position(len(payloads), len(whole))


def test_a_write_torn_at_any_byte_leaves_the_records_before_it() -> None:
    pieces = framed(PAYLOADS)
    whole = b"".join(pieces)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    for cut in range(HEAD_BYTES, len(whole)):
        found, tail = read(whole[:cut])
        count = sum(end <= cut for end in ends) - 1
        assert found == PAYLOADS[:count]
        assert (tail is None) == (cut in ends)
        if tail is not None:
            assert tail.position == Position(count, ends[count])
            assert not tail.damaged


def test_a_torn_head_is_told_by_its_end() -> None:
    head = framed([])[0]
    for cut in range(HEAD_BYTES):
        with pytest.raises(JournalError, match=rf"byte {cut}: the head ends here"):
            read(head[:cut])


def test_a_torn_end_of_zeros_is_no_damage() -> None:
    # After a power loss a file may have its new length, and nothing in it yet.
    whole = b"".join(framed(PAYLOADS[:2]))
    found, tail = read(whole + bytes(500))
    assert found == PAYLOADS[:2]
    assert tail is not None
    assert not tail.damaged
    assert tail.position.offset == len(whole)


@given(st.data())
def test_a_changed_byte_before_the_last_record_is_damage(data: st.DataObject) -> None:
    pieces = framed(PAYLOADS)
    whole = bytearray(b"".join(pieces))
    at = data.draw(st.integers(HEAD_BYTES, len(whole) - len(pieces[-1]) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found, tail = read(bytes(whole))
    assert tail is not None
    assert tail.damaged
    start = tail.position.offset
    assert found == PAYLOADS[: len(found)]
    assert start <= at < start + len(pieces[len(found) + 1])


@pytest.mark.parametrize(
    "order",
    [[0, 2, 1, 3, 4], [0, 1, 1, 2, 3], [0, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 2, 3, 4]],
    ids=["swapped", "repeated", "missing", "first missing", "repeated later"],
)
def test_records_in_another_order_are_refused(order: list[int]) -> None:
    head, *records = framed(PAYLOADS)
    found, tail = read(head + b"".join(records[number] for number in order))
    assert tail is not None
    assert tail.damaged
    wrong = next(n for n, number in enumerate(order) if n != number)
    assert found == PAYLOADS[:wrong]


def test_records_of_another_journal_are_refused() -> None:
    ours, theirs = framed(PAYLOADS), framed(PAYLOADS, b"87654321")
    found, tail = read(b"".join([*ours[:3], *theirs[3:]]))
    assert found == PAYLOADS[:2]
    assert tail is not None
    assert tail.reason.startswith("the checksum of record 2 is wrong")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "byte 0: the head ends here"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "byte 0: this is no journal"),
        (b"gsroom\r\n" + bytes(30), "byte 0: this is no journal"),
        (b"gsjrnl\n" + bytes(30), "byte 0: this is no journal"),
        (b"gsjrnl\r\n\x00\x07" + bytes(30), "byte 8: the format has version 7"),
        (b"gsjrnl\r\n\x00\x01" + bytes(30), "byte 8: the head is damaged"),
    ],
)
def test_what_is_no_journal_is_refused_with_the_offset(data: bytes, why: str) -> None:
    with pytest.raises(JournalError, match=why):
        read(data)


def test_writing_goes_on_where_reading_ended() -> None:
    pieces = framed(PAYLOADS[:3])
    reader = FrameReader()
    reader.feed(b"".join(pieces))
    assert list(reader.payloads()) == PAYLOADS[:3]
    writer = FrameWriter(reader.journal_id, reader.position)
    rest = [writer.frame(payload) for payload in PAYLOADS[3:]]
    assert read(b"".join([*pieces, *rest])) == (PAYLOADS, None)


@pytest.mark.parametrize("payload", [b""])
def test_an_empty_record_is_not_written(payload: bytes) -> None:
    with pytest.raises(ValueError, match="a record of 0 bytes"):
        FrameWriter(ID).frame(payload)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    head = framed([])[0]
    found, tail = read(head + data)
    assert tail is not None or found or not data
    with pytest.raises(JournalError, match=r"^byte \d+: "):
        read(data)
