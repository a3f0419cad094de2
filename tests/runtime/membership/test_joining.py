"""Joining a cluster: each mistake is one line that names its setting, and nothing is repeated."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from clients import open_game
from gameserver import Room, Settings, open_server
from gameserver.cluster.directory import redis as redis_directory
from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.memory import MemoryDirectory
from gameserver.config import ConfigError, load_settings
from gameserver.runtime.membership import joining
from gameserver.runtime.membership.seals import sealed
from tests.support.clusters import (
    KINDS,
    SECRET,
    Guarded,
    Plain,
    labels,
    membership_of,
    memory_directory,
    open_nodes,
    url_of,
)
from tests.support.redis_server import RedisServer, free_port, redis_server
from tests.support.sockets import PATIENCE_S

URL = "ws://127.0.0.1:1"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server(["requirepass s3cret"], password="s3cret") as server:
        yield server


async def mistake(
    settings: Settings,
    directory: Directory | None = None,
    kinds: Mapping[str, type[Room]] = KINDS,
) -> str:
    with pytest.raises(ConfigError) as refused:
        async with open_server(kinds, settings, directory=directory):
            pass
    assert "s3cret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def settings(**values: Any) -> Settings:
    return Settings(**{"port": 0, "public_url": URL, "secret": SECRET, **values})


# ---------------------------------------------------------------- settings


def test_directory_and_public_url_come_together() -> None:
    for flags in ({"directory": "redis://a"}, {"public_url": "ws://a"}):
        with pytest.raises(ConfigError, match="directory and public_url must be given together"):
            load_settings(environment={}, flags=flags)


@pytest.mark.parametrize(
    "url", ["a", "http://a", "ws://", "wss://u:s3cret@a", "ws://a?x", "ws://a#x", "ws://a b"]
)
def test_a_wrong_public_url_is_told(url: str) -> None:
    flags = {"directory": "redis://a", "public_url": url}
    with pytest.raises(ConfigError, match="--public-url: public_url must be like wss://"):
        load_settings(environment={}, flags=flags)


@pytest.mark.parametrize("url", ["ws://a:8000", "wss://a.example.org/game/", "ws://[::1]:80"])
def test_a_public_url_is_that_of_a_websocket(url: str) -> None:
    flags = {"directory": "redis://a", "public_url": url}
    assert load_settings(environment={}, flags=flags).public_url == url


# ---------------------------------------------------------------- the directory


async def test_a_typo_in_the_address() -> None:
    assert await mistake(settings(directory="redsi://:s3cret@a")) == (
        "directory: the address must begin with redis://, rediss://, redis+sentinel:// or "
        "redis+cluster://"
    )


async def test_a_wrong_password(redis: RedisServer) -> None:
    place = f"127.0.0.1:{redis.port}"
    assert await mistake(settings(directory=f"redis://:s3cret2@{place}")) == (
        f"directory: redis://{place} refuses user or password"
    )


async def test_a_directory_that_is_away_at_the_start_stops_nothing() -> None:
    of_node = settings(directory=f"redis://127.0.0.1:{free_port()}")
    async with (
        open_server(KINDS, of_node) as server,
        open_game(url_of(server), room="plain", name="ann") as ann,
    ):
        assert labels(server) == {ann.room}
        assert not membership_of(server).is_listed


async def test_two_hosts_on_a_real_server(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = functools.partial(redis_directory.open_redis_directory, call_timeout_s=PATIENCE_S)
    monkeypatch.setattr(redis_directory, "open_redis_directory", patient)
    at = f"redis://:s3cret@127.0.0.1:{redis.port}?prefix=hosts"
    redis.settle("{hosts}")
    ports = free_port(), free_port()
    of_a, of_b = (
        settings(directory=at, port=port, public_url=f"ws://127.0.0.1:{port}") for port in ports
    )
    async with open_server(KINDS, of_a) as a, open_server(KINDS, of_b) as b:
        assert membership_of(a).is_listed
        async with (
            open_game(url_of(a), room="plain/x", name="ann") as ann,
            open_game(url_of(b), room="plain/x", name="bob") as bob,
        ):
            assert ann.room == bob.room == "plain/x"
            assert sorted([a.players, b.players]) == [0, 2]
    nodes = redis.call("HLEN", "{hosts}:nodes")
    assert nodes == "0", "a node that stops is gone at once"


# ---------------------------------------------------------------- the other nodes


async def test_a_cluster_needs_a_secret() -> None:
    directory = memory_directory()
    kinds = {"plain": Plain}
    assert "set GAMESERVER_SECRET" in await mistake(settings(secret=None), directory, kinds)


async def test_another_secret_is_told() -> None:
    directory = memory_directory()
    async with open_nodes(1, directory) as (a,):
        told = await mistake(settings(secret="s3cret" * 6), directory)
        name = membership_of(a).listing().name
        assert told == f"secret: the node {name} at {url_of(a)} has another secret"


async def test_an_address_that_another_node_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "FORMER_RUN_S", 0.01)
    directory = memory_directory()
    async with open_nodes(1, directory) as (a,):
        told = await mistake(settings(public_url=url_of(a)), directory)
        assert told == f"public_url: another node has {url_of(a)} already"


async def test_a_node_that_starts_again_waits_for_its_former_lease() -> None:
    directory = MemoryDirectory(settled=True, lease_s=0.2)
    async with open_nodes(1, directory) as (a,):
        former = attrs.evolve(membership_of(a).listing(), node="former", url=URL)
        await directory.renew(former, [])
        async with open_server(KINDS, settings(), directory=directory) as again:
            assert membership_of(again).url == URL
            assert await directory.node("former") is None


async def test_other_versions_and_schemas_are_told_and_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = memory_directory()
    async with open_nodes(1, directory) as (a,):
        listing = membership_of(a).listing()
        older = sealed(attrs.evolve(listing, node="older", url="", protocol=1), [SECRET])
        await directory.renew(older, [])
        kinds: dict[str, type[Room]] = {"plain": Guarded, "guarded": type("Other", (Room,), {})}
        async with open_server(kinds, settings(), directory=directory) as other:
            assert membership_of(other).is_listed
    lines = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert sum("another version of the protocol" in line for line in lines) == 1
    assert sum("another schema for this kind" in line and "guarded" in line for line in lines) == 1


def test_a_kind_with_too_many_filters_is_told() -> None:
    class Picky(Plain):
        filter_by = ("a", "b", "c", "d", "e")

    with pytest.raises(ConfigError, match="the room plain has 5 names in filter_by"):
        joining.check_kinds(_Lobby(Picky))  # type: ignore[arg-type]


@attrs.frozen
class _Lobby:
    room: type[Room]

    @property
    def kinds(self) -> list[str]:
        return ["plain"]

    @property
    def classes(self) -> list[type[Room]]:
        return [self.room]
