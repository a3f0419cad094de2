"""gameserver/protocol/texts.py: what players say and what they are called."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import RemoteProtocolError
from gameserver.protocol.messages import Say, decode_from_client
from gameserver.protocol.texts import cleaned_name, cleaned_text, valid_name, valid_text
from tests.support.paths import VECTORS

#: Signs that stand before or around numbers, in Arabic, Syriac and Kaithi, and are shown.
NUMBER_SIGNS = {*range(0x600, 0x606), 0x6DD, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}

TEXTS: dict[str, Any] = json.loads((VECTORS / "texts.json").read_text())


@pytest.mark.parametrize("vector", TEXTS["texts"], ids=lambda v: ascii(v["text"])[:40])
def test_texts(vector: dict[str, Any]) -> None:
    text = vector["text"]
    assert valid_text(text) is vector["valid"]
    assert cleaned_text(text) == vector["cleaned"]


@pytest.mark.parametrize("vector", TEXTS["names"], ids=lambda v: ascii(v["name"])[:40])
def test_names(vector: dict[str, Any]) -> None:
    name = vector["name"]
    assert valid_name(name) is vector["valid"]
    assert cleaned_name(name) == vector["cleaned"]


@given(st.text(max_size=300))
def test_what_was_cleaned_may_be_said(text: str) -> None:
    clean = cleaned_text(text)[:256]
    assert not clean or valid_text(clean) or not cleaned_text(clean)
    assert cleaned_text(cleaned_text(text)) == cleaned_text(text)


@given(st.text(max_size=60) | st.text("👩🚀\u200d\ufe0f \u3164a\u202e", max_size=60))
def test_what_was_cleaned_is_a_name(name: str) -> None:
    clean = cleaned_name(name)
    assert not clean or valid_name(clean)
    assert cleaned_name(clean) == clean
    if valid_name(name):
        assert clean == " ".join(name.split(" ")).replace("  ", " ") or "  " in name


def test_everything_else_that_python_cannot_print_is_no_name() -> None:
    """The lists leave out nothing that nobody sees, but for what other versions may print."""
    unseen = [
        sign
        for sign in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") and not sign.isprintable()
    ]
    assert {ord(sign) for sign in unseen if valid_name(sign)} <= NUMBER_SIGNS


def test_a_client_that_says_something_else_breaks_the_protocol() -> None:
    for vector in TEXTS["texts"]:
        encoded = Say(vector["text"]).encode()
        if vector["valid"]:
            assert decode_from_client(encoded) == Say(vector["text"])
        else:
            with pytest.raises(RemoteProtocolError, match=r"say\.text"):
                decode_from_client(encoded)
