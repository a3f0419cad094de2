"""The address of a directory: what is read from it, and what each mistake is told as."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.cluster.directory.addresses import (
    RedisAddress,
    Topology,
    WrongAddress,
    read_address,
)

SECRET = "s3cret-p%40ss"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("redis://a", RedisAddress(topology=Topology.SINGLE, hosts=(("a", 6379),))),
        (
            "rediss://ann:p%40%3A@[::1]:7000/3?prefix=game.x&ca=/c.pem",
            RedisAddress(
                topology=Topology.SINGLE,
                hosts=(("::1", 7000),),
                database=3,
                user="ann",
                password="p@:",
                tls=True,
                ca=Path("/c.pem"),
                prefix="game.x",
            ),
        ),
        (
            "redis+sentinel://:pw@a,b:26380/games/2?sentinel_password=x%26y",
            RedisAddress(
                topology=Topology.SENTINEL,
                hosts=(("a", 26379), ("b", 26380)),
                service="games",
                database=2,
                password="pw",
                sentinel_password="x&y",
            ),
        ),
        (
            "rediss+cluster://a:7000,b:7001/?certificate=c&key=k",
            RedisAddress(
                topology=Topology.CLUSTER,
                hosts=(("a", 7000), ("b", 7001)),
                tls=True,
                certificate=Path("c"),
                key=Path("k"),
            ),
        ),
    ],
)
def test_an_address_is_read(text: str, address: RedisAddress) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "must begin with redis://"),
        ("redis:/a", "must begin with redis://"),
        (f"reddis://:{SECRET}@a", "must begin with redis://"),
        ("redis://", "names no host"),
        (f"redis://:{SECRET}@", "names no host"),
        (f"redis://:{SECRET}@a b", "has a wrong host"),
        (f"redis://:{SECRET}@[::1", "has a wrong host"),
        ("redis://a:70000", "has a wrong port"),
        ("redis://a:0", "has a wrong port"),
        ("redis://a:x", "has a wrong host"),
        ("redis://a,b", "has several hosts: write redis[+]sentinel://"),
        (f"redis://:{SECRET}#@a", 'has a "#"'),
        ("redis://a/first", "the database is a number"),
        ("redis://a/1/2", "the database is a number"),
        ("redis+sentinel://a", "must name the service"),
        ("redis+cluster://a/1", "a cluster has one database"),
        (f"redis://a?password={SECRET}", "has an unknown option; there are prefix, "),
        (f"redis://a?{SECRET}", "name=value"),
        ("redis://a?prefix=", "has a wrong prefix"),
        ("redis://a?prefix={x}", "has a wrong prefix"),
        ("redis://a?key=k", "certificate and key together"),
    ],
)
def test_a_mistake_is_told_without_the_address(text: str, mistake: str) -> None:
    with pytest.raises(WrongAddress, match=mistake) as refused:
        read_address(text)
    assert "s3cret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_mistake(rest: str) -> None:
    for scheme in ("redis", "redis+sentinel", "rediss+cluster"):
        with contextlib.suppress(WrongAddress):
            read_address(f"{scheme}://{rest}")


def test_an_address_in_a_log_has_no_secret() -> None:
    address = read_address("rediss+sentinel://u:s3cret@a,b/games?sentinel_password=s3cret")
    assert str(address) == "rediss+sentinel://a:26379,b:26379/games"
    assert "s3cret" not in repr(address)


def test_all_keys_of_a_directory_lie_in_one_slot_of_a_cluster() -> None:
    assert read_address("redis://a?prefix=x").base == "{x}"
