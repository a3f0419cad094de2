"""Bans and mutes in force: whom they hit, and when they end."""

from __future__ import annotations

import ipaddress
from typing import Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from gameserver.errors import JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.moderation import (
    FOLLOW_EVERY_S,
    Moderation,
    WrongAddress,
    network_of,
)
from gameserver.storage.errors import StorageUnavailable
from gameserver.storage.penalties import AddPenalty, Penalty
from gameserver.storage.store import Storage


def penalty(of: str, subject: str, until_s: float | None = None, kind: str = "ban") -> Penalty:
    return Penalty(kind, of, subject, until_s, "cheating", "ann", 0.0)


def moderation(*penalties: Penalty, now_s: float = 100.0) -> Moderation:
    made = Moderation(lambda: now_s)
    for one in penalties:
        made.enforce(one)
    return made


def test_a_ban_hits_its_identity_only() -> None:
    banned = moderation(penalty("identity", "bob"))
    with pytest.raises(JoinRefused) as refused:
        banned.check("bob", None)
    assert (refused.value.code, refused.value.reason) == (
        CloseCode.BANNED,
        "you are banned: cheating",
    )
    banned.check("ann", ipaddress.ip_address("192.0.2.1"))
    assert banned.muted("bob", None) is None


@given(
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.integers(0, 128),
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
)
def test_a_ban_hits_the_addresses_of_its_network(base: Any, bits: int, other: Any) -> None:
    network = ipaddress.ip_network((base, min(bits, base.max_prefixlen)), strict=False)
    banned = moderation(penalty("address", str(network)))
    assert banned.find("ban", None, base) is not None
    assert (banned.find("ban", None, other) is not None) == (other in network)
    assert banned.lift("ban", "address", str(network))
    assert banned.find("ban", None, base) is None


def test_a_penalty_ends_by_itself() -> None:
    now_s = 100.0
    made = Moderation(lambda: now_s)
    made.enforce(penalty("identity", "bob", until_s=150.0, kind="mute"))
    assert made.muted("bob", None) == "you are muted until 1970-01-01 00:02 UTC: cheating"
    assert made.counts() == {"ban": 0, "mute": 1}
    now_s = 150.0
    assert made.muted("bob", None) is None
    assert made.penalties == []
    made.enforce(penalty("identity", "bob", until_s=150.0))
    assert made.find("ban", "bob", None) is None


async def test_without_storage_they_are_in_memory() -> None:
    made = Moderation(lambda: 100.0)
    added = AddPenalty(
        kind="ban", of="address", subject="10.0.0.0/8", until_s=None, reason="", operator="ann"
    )
    await made.add(added)
    await made.load()
    assert [one.subject for one in made.penalties] == ["10.0.0.0/8"]
    assert await made.end("ban", "address", "10.0.0.0/8")
    assert not await made.end("ban", "address", "10.0.0.0/8")


class SlowStorage:
    """Answers from the second time on."""

    def __init__(self) -> None:
        self.asked = 0

    async def penalties(self) -> list[Penalty]:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        if self.asked == 1:
            raise StorageUnavailable("away")
        return [penalty("identity", "bob")]


async def test_penalties_of_other_hosts_are_followed(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    made = moderation(penalty("identity", "ann"))
    made.storage = cast(Storage, SlowStorage())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.follow)
        await trio.sleep(1.5 * FOLLOW_EVERY_S)
        assert made.find("ban", "ann", None) is not None
        assert "bans and mutes stay as they were known" in capsys.readouterr().out
        await trio.sleep(FOLLOW_EVERY_S)
        assert made.find("ban", "ann", None) is None
        assert made.find("ban", "bob", None) is not None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 192.0.2.7/24 ", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_networks(text: str, network: str) -> None:
    assert str(network_of(text)) == network


@pytest.mark.parametrize("text", ["", "nowhere", "192.0.2.256", "192.0.2.1/33", "1.2.3"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(WrongAddress, match="is no address"):
        network_of(text)
