"""Tokens: identity, lifetime, single use, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from gameserver.errors import LocalProtocolError
from gameserver.identity import UsedTokens
from gameserver.protocol.messages import Hello, decode_from_client
from gameserver.tokens import CLOCK_SKEW_S, Fault, TokenRefused, Tokens

#: On a busy machine an example may take long.
SECRET = "a secret of the tests, long enough".replace(" ", "-")
OLDER = SECRET[::-1]
NOW_S = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


def made(clock: Clock | None = None, *secrets: str, **options: Any) -> Tokens:
    return Tokens(secrets or (SECRET,), clock=clock or Clock(), **options)


def fault_of(tokens: Tokens, token: str) -> Fault:
    with pytest.raises(TokenRefused) as refused:
        tokens.verify(token)
    assert len(token) < 20 or token not in str(refused.value)
    return refused.value.fault


def test_a_token_stands_for_its_identity() -> None:
    tokens = made(valid_s=60)
    verified = tokens.verify(tokens.issue("account-17"))
    assert verified.identity == "account-17"
    assert verified.expires_s == NOW_S + 60
    assert tokens.verify(tokens.issue("account-17")).token_id != verified.token_id


@given(st.text(min_size=1, max_size=256).filter(lambda t: 0 < len(t.encode()) <= 256))
def test_any_identity_survives_and_fits_in_a_hello(identity: str) -> None:
    tokens = made()
    token = tokens.issue(identity)
    assert tokens.verify(token).identity == identity
    hello = Hello(2, None, "", "ann", token, None)
    assert decode_from_client(hello.encode()) == hello


@pytest.mark.parametrize("identity", ["", "x" * 257, "é" * 129])
def test_what_can_be_no_identity(identity: str) -> None:
    with pytest.raises(LocalProtocolError):
        made().issue(identity)


def test_a_token_grows_old() -> None:
    clock = Clock()
    tokens = made(clock, valid_s=60)
    token = tokens.issue("ann")
    clock.now_s += 60
    assert tokens.verify(token).identity == "ann"
    clock.now_s += 1
    assert fault_of(tokens, token) is Fault.EXPIRED


def test_the_login_services_clock_may_be_a_little_ahead() -> None:
    clock, theirs = Clock(), Clock()
    theirs.now_s += CLOCK_SKEW_S
    assert made(clock).verify(made(theirs).issue("ann")).identity == "ann"
    theirs.now_s += 1
    assert fault_of(made(clock), made(theirs).issue("ann")) is Fault.FUTURE


def test_secrets_are_changed_without_breaking_tokens_on_their_way() -> None:
    before, during, after = made(None, OLDER), made(None, SECRET, OLDER), made(None, SECRET)
    assert during.verify(before.issue("ann")).identity == "ann"
    assert after.verify(during.issue("ann")).identity == "ann"  # the first one signs
    assert fault_of(after, before.issue("ann")) is Fault.FORGED
    assert fault_of(before, during.issue("ann")) is Fault.FORGED


@given(st.text(max_size=300))
def test_any_other_text_is_forged(text: str) -> None:
    assert fault_of(made(), text) is Fault.FORGED


@given(st.data())
def test_no_change_of_a_token_makes_another(data: st.DataObject) -> None:
    tokens = made()
    token = tokens.issue("ann")
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(codec="ascii")) + token[at + 1 :]
    try:
        verified = tokens.verify(changed)
    except TokenRefused as refused:
        assert refused.fault is Fault.FORGED  # noqa: PT017 - both ways are right
    else:  # unused bits at the end of the signature's base64: still the same token
        assert verified == tokens.verify(token)


@pytest.mark.parametrize(
    "payload", ["ann", ["ann"], ["ann", 5], [5, "x"], ["", "x"], ["ann", ""], {"ann": "x"}, None]
)
def test_what_was_signed_for_another_use(payload: object) -> None:
    tokens = made()
    signed = tokens._signing.sign(payload)
    assert fault_of(tokens, str(signed)) is Fault.FORGED
    other = URLSafeTimedSerializer(SECRET, salt="another use").dumps(["ann", "x"])
    assert fault_of(tokens, str(other)) is Fault.FORGED


def test_without_a_secret_there_are_no_tokens() -> None:
    with pytest.raises(LocalProtocolError):
        Tokens([])


# ---------------------------------------------------------------- once


def test_a_token_is_used_once() -> None:
    used = UsedTokens()
    assert used.use("1", 10.0)
    assert not used.use("1", 10.0)
    assert used.use("2", 10.0)


def test_the_memory_ends_with_the_token_and_is_bounded() -> None:
    used = UsedTokens(most=3)
    for number, expires_s in enumerate([30.0, 10.0, 20.0]):
        assert not used.is_full(0.0)
        assert used.use(str(number), expires_s)
    assert used.is_full(10.0)  # a token is still good in its last moment
    assert not used.is_full(10.1)
    assert len(used) == 2
    assert not used.use("0", 30.0)
    assert used.use("3", 40.0)
    assert used.is_full(10.2)
    assert not used.is_full(50.0)
    assert len(used) == 0
