"""The directory on each kind of address, with real servers: TLS, Sentinel, Cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trustme

from gameserver.cluster.directory.addresses import read_address
from gameserver.cluster.directory.errors import DirectoryError, DirectoryUnavailable
from gameserver.cluster.directory.redis import open_redis_directory
from tests.cluster.directory.conftest import LONG_LEASE_S, PATIENCE_S
from tests.support.listings import node
from tests.support.redis_server import RedisServer, redis_server


async def works_at(url: str, server: RedisServer) -> None:
    """Check the server at ``url``, renew and claim there."""
    address = read_address(url)
    async with open_redis_directory(
        address, lease_s=LONG_LEASE_S, call_timeout_s=PATIENCE_S
    ) as directory:
        with trio.fail_after(PATIENCE_S):
            while True:
                try:
                    await directory.check()
                    await directory.renew(node("a"), [])
                except DirectoryUnavailable:
                    await trio.sleep(0.05)  # a sentinel or cluster that is still starting
                    continue
                break
        server.settle(address.base)
        await directory.renew(node("a"), [])
        assert (await directory.claim("a", "arena/x")).won
        found = await directory.find("arena/x")
        assert found is not None
        assert found.owner == node("a")


@pytest.mark.long
async def test_a_cluster() -> None:
    with redis_server(["cluster-enabled yes"]) as server:
        server.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        await works_at(f"redis+cluster://127.0.0.1:{server.port}", server)


@pytest.mark.long
async def test_sentinels() -> None:
    with redis_server() as server:
        monitor = [
            f"sentinel monitor games 127.0.0.1 {server.port} 1",
            "sentinel resolve-hostnames no",
        ]
        with redis_server(monitor, sentinel=True) as sentinel:
            place = f"127.0.0.1:{sentinel.port}"
            await works_at(f"redis+sentinel://{place}/games", server)
            wrong = read_address(f"redis+sentinel://{place}/nobody")
            async with open_redis_directory(wrong, call_timeout_s=PATIENCE_S) as directory:
                with pytest.raises(
                    DirectoryError, match=r"directory: redis[+]sentinel://.*/nobody"
                ):
                    await directory.check()


@pytest.mark.long
async def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    options = [
        f"tls-cert-file {tmp_path}/server.pem",
        f"tls-key-file {tmp_path}/server.pem",
        f"tls-ca-cert-file {tmp_path}/ca.pem",
        "tls-auth-clients no",
    ]
    with redis_server(options, tls=tmp_path / "ca.pem") as server:
        at = f"rediss://127.0.0.1:{server.port}"
        await works_at(f"{at}?ca={tmp_path}/ca.pem", server)
        async with open_redis_directory(read_address(at), call_timeout_s=PATIENCE_S) as stranger:
            with pytest.raises(DirectoryUnavailable, match="certificate verify failed"):
                await stranger.check()
    missing = read_address(f"{at}?ca={tmp_path}/none.pem")
    async with open_redis_directory(missing, call_timeout_s=PATIENCE_S) as directory:
        with pytest.raises(DirectoryError, match="TLS files cannot be used: No such file"):
            await directory.check()
