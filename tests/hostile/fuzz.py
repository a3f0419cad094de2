"""Looks for bytes that break a promise of ``fuzz_targets.py``, guided by what code they reach.

    python -m tests.hostile.fuzz --seconds 600            every target, one after another
    python -m tests.hostile.fuzz --seconds 60 fast path        one of them

Each round changes bytes of the corpus a little.  An input that takes a step from line to
line that no other entry takes is kept in ``corpus/<target>/``, under its hash, for ``test_fuzz.py``
to replay.  An input that breaks a promise is kept too, as ``broken-<hash>``, and ends the run: mend
the code, rename the file.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.hostile.fuzz_targets import TARGETS, Target
from tests.hostile.msgpack_mutation import reshape

CORPUS: Final = Path(__file__).parent / "corpus"
MOST_BYTES: Final = 20_000
#: Files of whose lines the steps are looked at.
WATCHED: Final = ("/gameserver/", "/clients/", "/wsproto/", "/h11/")

Step = tuple[str, int, int]


def corpus_of(name: str) -> list[bytes]:
    """Return the entries kept for a target, in the order of their names."""
    return [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]


def steps_of(target: Target, data: bytes) -> set[Step]:
    """Return which steps from line to line ``target`` takes with ``data``."""
    steps: set[Step] = set()

    def enter(frame: FrameType, _event: str, _arg: object) -> Any:
        file = frame.f_code.co_filename
        if not any(part in file for part in WATCHED):
            return None
        last = 0

        def walk(frame: FrameType, event: str, _arg: object) -> Any:
            nonlocal last
            if event == "line":
                steps.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return walk

        return walk

    sys.settrace(enter)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps


# ---------------------------------------------------------------- changing bytes

Change = Callable[[bytearray, random.Random, list[bytes]], None]

TELLING: Final = (0, 1, 4, 0x0A, 0x0D, 0x20, 0x7D, 0x7E, 0x7F, 0x80, 0x82, 0x8A, 0xC0, 0xDC, 0xFF)


def _flip(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(TELLING)


def _insert(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = bytes(chance.choices(TELLING, k=chance.randint(1, 4)))


def _remove(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.randint(1, 8)]


def _repeat(data: bytearray, chance: random.Random, _others: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = data[at : at + chance.randint(1, 64)] * chance.choice((1, 2, 16))


def _splice(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    other = chance.choice(others)
    begin = chance.randrange(len(other) + 1)
    at = chance.randrange(len(data) + 1)
    data[at:at] = other[begin : begin + chance.randint(1, len(other) + 1)]


CHANGES: Final[tuple[Change, ...]] = (_flip, _set, _insert, _remove, _repeat, _splice, reshape)


def changed(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Return ``data`` with a few changes; ``others`` are what pieces are taken from."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        chance.choice(CHANGES)(made, chance, others)
    return bytes(made[:MOST_BYTES])


# ---------------------------------------------------------------- searching


def search(name: str, seconds: float, seed: int) -> tuple[int, int]:
    """Search for so long; return how many entries were added, and how many were tried."""
    target, chance = TARGETS[name], random.Random(seed)
    entries = corpus_of(name)
    known: set[Step] = set()
    for entry in entries:
        known |= steps_of(target, entry)
    end_s = time.monotonic() + seconds
    added = tried = 0
    while time.monotonic() < end_s:
        data = changed(chance.choice(entries), chance, entries)
        tried += 1
        try:
            steps = steps_of(target, data)
        except BaseException:
            _say(f"{name}: broken by {keep(name, data, 'broken-')}")
            raise
        if not steps <= known:
            known |= steps
            entries.append(data)
            keep(name, data)
            added += 1
    return added, tried


def keep(name: str, data: bytes, prefix: str = "") -> Path:
    """Add ``data`` to the corpus of a target; return its file."""
    file = CORPUS / name / f"{prefix}{hashlib.sha256(data).hexdigest()[:16]}"
    file.write_bytes(data)
    return file


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz")
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    _say(f"seed {seed}")
    names = [given.target] if given.target else list(TARGETS)
    for name in names:
        added, tried = search(name, given.seconds / len(names), seed)
        _say(f"{name}: tried {tried}, kept {added}; {len(corpus_of(name))} in all")


if __name__ == "__main__":
    main()
