"""Signatures: the first secret signs, all of them verify, and uses are kept apart."""

from __future__ import annotations

import pytest
from itsdangerous import base64_encode

from gameserver.signing import NotSigned, Signing, TimedSigning

PAYLOAD = ["arena/1", 3, "é"]


def test_a_payload_is_read_with_any_of_the_secrets_and_signed_with_the_first() -> None:
    both = Signing(["new", "old"], "use")
    assert both.read(Signing(["old"], "use").sign(PAYLOAD)) == PAYLOAD
    assert Signing(["new"], "use").read(both.sign(PAYLOAD)) == PAYLOAD
    with pytest.raises(NotSigned):
        Signing(["old"], "use").read(both.sign(PAYLOAD))


def test_a_text_of_another_use_is_not_signed() -> None:
    with pytest.raises(NotSigned):
        Signing(["secret"], "use").read(Signing(["secret"], "another use").sign(PAYLOAD))


def test_a_timed_text_has_the_time_of_its_signature() -> None:
    timed = TimedSigning(["secret"], "use", lambda: 1_800_000_000.9)
    assert timed.read(timed.sign(PAYLOAD)) == (PAYLOAD, 1_800_000_000.0)


@pytest.mark.parametrize("text", ["", ".", "a.b", "\ud800", "é", ".." * 500, "=" * 100])
def test_any_other_text_is_not_signed(text: str) -> None:
    for signing in (Signing(["secret"], "use"), TimedSigning(["secret"], "use", lambda: 0.0)):
        with pytest.raises(NotSigned):
            signing.read(text)


def test_a_signed_payload_that_cannot_be_decoded_is_not_signed() -> None:
    signing = Signing(["secret"], "use")
    deep = base64_encode(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(NotSigned):
        signing.read(signing._serializer.make_signer("use").sign(deep).decode())
