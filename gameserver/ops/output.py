"""Standard output and standard error of a process that serves: writing neither fails nor waits.

Owns the rule for text that cannot be written: it is dropped and counted, and at most
``MAX_WAITING_BYTES`` wait for a reader.  A server must not end or stop its rooms because a disk is
full, because ``head`` has read enough, or because nobody reads a pipe.  Never decides what is
printed.

Commands that print an answer and end do not use this: for them a failed write is an error.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final, TextIO

import structlog
import trio

log = structlog.get_logger(__name__)

#: A pipe or socket that is ready for writing accepts this many bytes without blocking (POSIX: at
#: least 512; Linux: a page).
PIECE_BYTES: Final = min(4096, getattr(select, "PIPE_BUF", 512))
#: Text that waits for a slow reader.  Overflow policy ``drop-newest``: the oldest lines usually
#: explain the rest.
MAX_WAITING_BYTES: Final = 64 * 1024
#: How often the log reports dropped lines.
LOSSES_TOLD_EVERY_S: Final = 1.0


class UnfailingStream(io.TextIOBase):
    """A text stream over ``stream`` whose methods never wait, and never raise without a reader.

    Text is written at the end of each line and by ``flush``, directly to the file descriptor if
    there is one.  ``stream`` may be None: Python has no stream for a descriptor that was closed
    before Python started.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._lock = threading.RLock()
        self._line: list[str] = []
        self._waiting = bytearray()
        self._within_line = False
        self._lost = 0
        #: Why the latest text was dropped; None if it was not.
        self.trouble: str | None = None

    def __getattr__(self, name: str) -> Any:
        # A game may use other attributes of real streams: ``buffer``, ``reconfigure``.
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the underlying stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether a terminal shows what is written."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # it is closed
            return False

    def fileno(self) -> int:
        """Return the underlying descriptor; ``UnsupportedOperation`` if there is none."""
        if self._descriptor is None:
            raise io.UnsupportedOperation("fileno")
        return self._descriptor

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Accept ``text``, and write all waiting text if ``text`` holds the end of a line."""
        with self._lock:
            self._line.append(text)
            if "\n" in text:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Write the waiting text, or drop it and count its lines."""
        with self._lock:
            text = "".join(self._line)
            self._line.clear()
            if not (text or self._waiting):
                return
            if self._descriptor is None:
                self._write_to_stream(text)
            else:
                self._write_to_descriptor(self._descriptor, text)

    def close(self) -> None:
        """Do nothing: the underlying stream belongs to the process."""

    def take_lost(self) -> int:
        """Return how many lines were dropped since the last call; 0 while dropping goes on."""
        with self._lock:
            if self.trouble is not None:
                return 0
            lost, self._lost = self._lost, 0
            return lost

    def _write_to_stream(self, text: str) -> None:
        """Write to a stream without a descriptor, such as a test's, which cannot block."""
        try:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self._lose(text, str(error))
        else:
            self.trouble = None

    def _write_to_descriptor(self, descriptor: int, text: str) -> None:
        data = text.encode(self.encoding, "backslashreplace")
        try:
            self._write_what_waits(descriptor)
            if len(self._waiting) + len(data) > MAX_WAITING_BYTES:
                self._lose(text, "nobody reads it")
                return
            self._waiting += data
            self._write_what_waits(descriptor)
        except OSError as error:
            # Nothing of it is written later: the reader may be gone for good.
            lost = self._waiting.decode(self.encoding, "replace")
            self._waiting.clear()
            if self._within_line:
                self._waiting += b"\n"  # later text starts on a new line
            self._lose(lost, os.strerror(error.errno or errno.EIO))
            return
        if not self._waiting:
            self.trouble = None

    def _write_what_waits(self, descriptor: int) -> None:
        while self._waiting and _takes_more(descriptor):
            try:
                count = os.write(descriptor, self._waiting[: self._piece_bytes()])
            except BlockingIOError:  # another process made it non-blocking
                return
            self._within_line = self._waiting[count - 1 : count] != b"\n"
            del self._waiting[:count]

    def _piece_bytes(self) -> int:
        """Return how much to write at once: whole lines, if the first of them fits.

        A pipe takes such a write as a whole (POSIX), so the lines of processes that share it, as
        the nodes of a host do, never mix.
        """
        return self._waiting.rfind(b"\n", 0, PIECE_BYTES) + 1 or PIECE_BYTES

    def _lose(self, text: str, trouble: str) -> None:
        self._lost += text.count("\n") + (bool(text) and not text.endswith("\n"))
        self.trouble = trouble


class LossReport:
    """Logs when lines of standard output begin to be dropped, and how many were dropped.

    The stream does not log this itself: its caller may hold a lock that the logger needs.
    """

    def __init__(self, out: UnfailingStream) -> None:
        self._out = out
        self._dropping = False

    async def run(self) -> None:
        """Report until cancelled, and once more at the end."""
        try:
            while True:
                await trio.sleep(LOSSES_TOLD_EVERY_S)
                self.tell()
        finally:
            self.tell()

    def tell(self) -> None:
        """Log what changed since the last call."""
        trouble = self._out.trouble
        if trouble is not None and not self._dropping:
            log.warning("lines of standard output are dropped", reason=trouble)
        self._dropping = trouble is not None
        if lost := self._out.take_lost():
            log.warning("lines of standard output were dropped", count=lost)


def _descriptor_of(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):  # not a file of the system, or closed
        return None


def _takes_more(descriptor: int) -> bool:
    """Whether a write of ``PIECE_BYTES`` does not block.

    The descriptor itself stays blocking: other processes, such as the shell, share it.
    """
    if not hasattr(select, "poll"):  # Windows, which cannot tell this of pipes
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def unfailing(stream: TextIO | UnfailingStream | None) -> UnfailingStream:
    """Return ``stream`` as one that neither fails nor waits; itself if it is one already."""
    return stream if isinstance(stream, UnfailingStream) else UnfailingStream(stream)


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Make standard output and standard error unfailing in this block, for all code that prints."""
    _occupy_standard_descriptors()
    with (
        contextlib.redirect_stdout(unfailing(sys.stdout)) as out,
        contextlib.redirect_stderr(unfailing(sys.stderr)) as err,
    ):
        try:
            yield
        finally:
            out.flush()
            err.flush()


def _occupy_standard_descriptors() -> None:
    """Open the null device as each of the descriptors 0, 1 and 2 that is closed.

    Otherwise the next socket would get that number, and would receive the output of a child process
    or a library.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            spare = os.dup(null)
            os.dup2(spare, descriptor)  # child processes inherit this one, unlike ``spare``
            os.close(spare)
            if null != descriptor:
                os.close(null)
