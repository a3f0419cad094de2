"""Any bytes: what the fuzzer kept, replayed, and changed a little by hypothesis.

A longer search: ``python -m tests.hostile.fuzz --seconds 600``.
"""

from __future__ import annotations

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.hostile.fuzz import changed, corpus_of, steps_of
from tests.hostile.fuzz_targets import TARGETS
from tests.support.examples import examples

every_target = pytest.mark.parametrize("name", TARGETS)


@every_target
def test_no_kept_bytes_break_a_promise(name: str) -> None:
    entries = corpus_of(name)
    assert len(entries) > 10
    for entry in entries:
        TARGETS[name](entry)


@every_target
@settings(max_examples=examples(60))
@given(data=st.data())
def test_no_bytes_like_those_do(name: str, data: st.DataObject) -> None:
    entries = corpus_of(name)
    entry = data.draw(st.sampled_from(entries))
    TARGETS[name](changed(entry, random.Random(data.draw(st.integers(0, 2**32))), entries))


@every_target
@settings(max_examples=examples(60))
@given(any_bytes=st.binary(max_size=300))
def test_no_bytes_at_all_do(name: str, any_bytes: bytes) -> None:
    TARGETS[name](any_bytes)


def test_a_broken_promise_would_be_seen() -> None:
    with pytest.raises(ZeroDivisionError):
        steps_of(lambda data: 1 // len(data), b"")


def test_steps_tell_which_way_the_code_went() -> None:
    ping, nonsense = b"\x93\x04\x01\x00", b"\x93\x04\x01"
    assert steps_of(TARGETS["from_client"], ping) != steps_of(TARGETS["from_client"], nonsense)
