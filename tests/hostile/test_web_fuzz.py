"""The page's decoders keep the promise of ``fuzz_targets.from_server``, and judge as Python's do.

``tests/node/judge.mjs`` holds the page's side; a longer search for bytes that the two think
differently of: ``python -m tests.hostile.client_verdicts --seconds 600``.
"""

from __future__ import annotations

import random

import pytest

from tests.hostile.client_verdicts import (
    REFUSED,
    disagreements,
    seeds,
    verdict,
    verdicts_of_the_page,
)
from tests.hostile.fuzz import changed, corpus_of
from tests.support import node_tools

pytestmark = [pytest.mark.node, pytest.mark.long]

MUTATIONS = 1500


@pytest.fixture(scope="module")
def node() -> list[str]:
    return node_tools.require_node()


def test_python_and_the_page_agree_on_all_kept_bytes(node: list[str]) -> None:
    assert disagreements(node, corpus_of("from_server") + corpus_of("from_client") + seeds()) == []


def test_python_and_the_page_agree_on_bytes_like_the_kept_ones(node: list[str]) -> None:
    chance, entries = random.Random(25), corpus_of("from_server") + seeds()
    # Kept inputs, and inputs made of them, are mostly refused: that alone would tell little.
    good = [entry for entry in entries if verdict(entry) != REFUSED]
    made = [
        changed(chance.choice(chance.choice((good, entries))), chance, entries)
        for _ in range(MUTATIONS)
    ]
    assert sum(verdict(entry) != REFUSED for entry in made) > MUTATIONS / 20
    assert disagreements(node, made) == []


BOMBS = {
    "arrays within arrays": b"\x91" * 500_000,
    "maps within maps": b"\x81\xa0" * 250_000,
    "a count beyond the data": b"\xdd\xff\xff\xff\xff\x18",
    "counts within counts": b"\xdd\x00\x03\x00\x00" * 1000,
    "a str beyond the data": b"\x94\x15\x01\xdb\xff\xff\xff\xff",
    "too many elements": b"\x9b\x12\x01\x00\xc0\xdd\x00\x04\x00\x01"
    + bytes(2**18 + 1)
    + b"\x90" * 6,
    "too many bytes": b"\x93\x17\xa0\xdb\x00\x10\x00\x00" + bytes(2**20),
    "entities without end": b"\x9b\x11\xa0\x01\x00\x00\x01\x93\xdd\x00\x02\x00\x00"
    + b"\x94\xa0\x90\x90\x90" * 2**17
    + b"\x90\x90\xa0\x80\xc2\x00",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(node: list[str], name: str) -> None:
    assert verdict(BOMBS[name]) == REFUSED
    assert verdicts_of_the_page(node, [BOMBS[name]]) == [REFUSED]


def test_a_broken_promise_of_the_page_would_be_seen(node: list[str]) -> None:
    broken = [*node, "--import", "data:text/javascript,Uint8Array.prototype.subarray = null"]
    with pytest.raises(AssertionError, match="TypeError"):
        verdicts_of_the_page(broken, [bytes.fromhex("941501a141a142")])
