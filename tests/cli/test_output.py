"""Output that never fails and never waits: full disks, and readers that are gone or asleep."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Iterator

import pytest
import structlog
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from gameserver.ops.logging import configure_logging
from gameserver.ops.output import (
    LOSSES_TOLD_EVERY_S,
    MAX_WAITING_BYTES,
    LossReport,
    UnfailingStream,
    unfailing,
    unfailing_output,
)


@pytest.fixture(autouse=True)
def _structlog_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class Pipe:
    """A pipe, its writing end as a text stream, as Python has it for standard output."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w", encoding="utf-8")

    def read(self) -> str:
        """Return the content of the pipe."""
        pieces = []
        while True:
            try:
                pieces.append(os.read(self.reader, 65536))
            except BlockingIOError:
                return b"".join(pieces).decode()

    def fill(self) -> int:
        """Write until a write would block; return how many bytes that were."""
        descriptor = self.stream.fileno()
        os.set_blocking(descriptor, False)
        count = 0
        try:
            while True:
                count += os.write(descriptor, b"." * 512)
        except BlockingIOError:
            os.set_blocking(descriptor, True)
            return count

    def stop_reading(self) -> None:
        os.close(self.reader)
        self.reader = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.stream.close()
    if pipe.reader >= 0:
        pipe.stop_reading()


class Disk(io.StringIO):
    """A stream without a descriptor whose writes may fail."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(text)


def test_a_line_is_written_when_it_ends(pipe: Pipe) -> None:
    out = UnfailingStream(pipe.stream)
    print("one", "two", file=out)
    assert pipe.read() == "one two\n"
    out.write("three")
    assert pipe.read() == ""
    out.flush()
    assert pipe.read() == "three"


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=2000), max_size=20))
def test_the_reader_gets_the_written_text(texts: list[str]) -> None:
    pipe = Pipe()
    out = UnfailingStream(pipe.stream)
    read = ""
    for text in texts:
        out.write(text)
        read += pipe.read()
    out.flush()
    assert read + pipe.read() == "".join(texts)
    pipe.stream.close()
    pipe.stop_reading()


def test_half_a_character_is_escaped(pipe: Pipe) -> None:
    print("\ud800", file=UnfailingStream(pipe.stream))
    assert pipe.read() == "\\ud800\n"


def test_a_pipe_without_a_reader_blocks_nothing(pipe: Pipe) -> None:
    out = UnfailingStream(pipe.stream)
    filled = pipe.fill()
    line = "x" * 1023 + "\n"
    kept = MAX_WAITING_BYTES // len(line)
    for _ in range(kept + 3):
        out.write(line)
    assert out.trouble == "nobody reads it"
    assert out.take_lost() == 0, "not told before there is anybody to tell"
    assert len(pipe.read()) == filled
    out.write("it reads again\n")
    read = pipe.read()
    out.flush()
    assert read + pipe.read() == line * kept + "it reads again\n"
    assert [out.take_lost(), out.take_lost()] == [3, 0]


def test_lines_of_two_processes_that_share_a_pipe_do_not_mix(pipe: Pipe) -> None:
    streams = [UnfailingStream(pipe.stream) for _ in range(2)]
    filled = pipe.fill()
    lines = [f"{number} {letter * 700}\n" for number in range(20) for letter in "ab"]
    for number, line in enumerate(lines):
        streams[number % 2].write(line)
    read = b""
    for out in streams * len(lines):  # one of them at a time finds a page free
        with contextlib.suppress(BlockingIOError):
            read += os.read(pipe.reader, 4096)
        out.flush()
    read += pipe.read().encode()
    assert sorted(read[filled:].decode().splitlines(keepends=True)) == sorted(lines)


def test_whatever_is_waiting_stays_in_order(pipe: Pipe) -> None:
    out = UnfailingStream(pipe.stream)
    filled = pipe.fill()
    numbers = [f"{number} {'x' * 700}\n" for number in range(20)]
    read = ""
    for number in numbers:
        out.write(number)
        read += os.read(pipe.reader, 900).decode()
    for _ in range(100):
        read += pipe.read()
        out.flush()
    assert read == "." * filled + "".join(numbers)


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: Pipe) -> None:
    out = UnfailingStream(pipe.stream)
    pipe.stop_reading()
    for number in range(3):
        print(number, file=out)
    assert (out.trouble, out.take_lost()) == ("Broken pipe", 0)


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with open("/dev/full", "w") as full:
        out = UnfailingStream(full)
        print("one\ntwo", file=out)
        assert out.trouble == "No space left on device"


def test_a_stream_without_a_descriptor() -> None:
    disk = Disk()
    out = UnfailingStream(disk)
    disk.full = True
    print("one", file=out)
    disk.full = False
    print("two", file=out)
    assert (disk.getvalue(), out.take_lost()) == ("two\n", 1)
    disk.close()
    print("three", file=out)
    assert out.trouble is not None


def test_a_stream_that_is_none() -> None:
    out = UnfailingStream(None)
    print("to nobody", file=out)
    assert (out.trouble, out.isatty(), out.encoding) == (None, False, "utf-8")
    with pytest.raises(OSError, match="fileno"):
        out.fileno()


def test_an_unfailing_stream_is_not_wrapped_again() -> None:
    out = UnfailingStream(None)
    assert unfailing(out) is out


def test_it_has_the_attributes_of_a_real_stream(pipe: Pipe) -> None:
    out = UnfailingStream(pipe.stream)
    assert out.buffer is pipe.stream.buffer
    assert (out.fileno(), out.isatty(), out.writable()) == (pipe.stream.fileno(), False, True)


async def test_the_log_tells_when_standard_output_is_lost_and_how_much(
    autojump_clock: trio.testing.MockClock,
) -> None:
    disk, lines = Disk(), io.StringIO()
    configure_logging("info", "json", lines)
    out = UnfailingStream(disk)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(LossReport(out).run)
        out.write("one\n")
        disk.full = True
        out.write("two\n")
        await trio.sleep(LOSSES_TOLD_EVERY_S * 2.5)
        out.write("three\n")
        await trio.sleep(LOSSES_TOLD_EVERY_S)
        disk.full = False
        out.write("four\n")
        nursery.cancel_scope.cancel()
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(each["event"], each.get("count")) for each in told] == [
        ("lines of standard output are dropped", None),
        ("lines of standard output were dropped", 2),
    ]
    assert told[0]["reason"] == "[Errno 28] no space left on device"


def test_printing_in_the_block_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    disk.full = True
    monkeypatch.setattr(sys, "stdout", disk)
    with unfailing_output():
        sys.stdout.write("one\n")
        structlog.get_logger().warning("printed there unless told otherwise")
        with unfailing_output():
            sys.stdout.write("two\n")
    assert sys.stdout is disk
