"""Real HAProxy, Caddy and nginx in front of real servers, with the files of ``gameserver deploy``.

Each test plays through one of them: over wss, with pings, seen by the server under its own
address, and going on while the proxy is reloaded.
"""

from __future__ import annotations

import ipaddress
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio

from clients import GameClient, open_game
from gameserver import Server, Settings, open_server
from gameserver.config import LOOPBACK
from tests.support import proxies
from tests.support.clusters import KINDS, SECRET, Walk, memory_directory
from tests.support.deployed_game import NAME
from tests.support.redis_server import free_port
from tests.support.sockets import client_tls

pytestmark = pytest.mark.long

Run = Callable[..., AbstractContextManager[proxies.Proxy]]
RUNS: dict[str, Run] = {
    "haproxy": proxies.haproxy,
    "caddy": proxies.caddy,
    "nginx": proxies.nginx,
}
#: The deadline of a step that takes no time.
PATIENCE_S = 60.0


def settings(**given: object) -> Settings:
    return Settings(
        port=free_port(),
        proxies=LOOPBACK,
        hosts=("*",),
        ping_interval_s=0.1,
        secret=SECRET,
        **given,
    )


def address_of(server: Server) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    [session] = server.sessions
    return session.peer.address


async def play(game: GameClient) -> None:
    """Move until a move is in a delta."""
    with trio.fail_after(PATIENCE_S):
        before = None
        while True:
            await game.send(Walk(dx=1))
            await game.next_delta()
            if (pawn := game.replica.own) is not None:
                before = pawn.x if before is None else before
                if pawn.x != before:
                    return


@asynccontextmanager
async def joined(proxy: proxies.Proxy, host: str = "127.0.0.1") -> AsyncIterator[GameClient]:
    async with open_game(
        proxy.url(host), room="plain/x", name="ann", ssl_context=client_tls()
    ) as game:
        yield game


@pytest.mark.parametrize("name", RUNS)
async def test_a_player_behind_a_proxy(tmp_path: Path, name: str) -> None:
    own = proxies.own_address()
    async with open_server(KINDS, settings()) as server:
        with RUNS[name](tmp_path, f"127.0.0.1:{server.port}") as proxy:
            async with joined(proxy, own) as game:
                await play(game)
                with trio.fail_after(PATIENCE_S):
                    while game.latency.rtt_s is None:
                        await play(game)
                seen = address_of(server)
    assert seen == (None if own == "127.0.0.1" else ipaddress.ip_address(own))


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
async def test_a_reload_of_the_proxy_cuts_nobody(tmp_path: Path, name: str) -> None:
    how = {"haproxy": signal.SIGUSR2, "nginx": signal.SIGHUP}[name]
    async with open_server(KINDS, settings()) as server:
        with RUNS[name](tmp_path, f"127.0.0.1:{server.port}") as proxy:
            async with joined(proxy) as game:
                await play(game)
                workers = workers_of(proxy)
                proxy.process.send_signal(how)
                with trio.fail_after(PATIENCE_S):
                    while not workers_of(proxy) - workers:
                        await play(game)
                async with joined(proxy) as other:  # by the new worker, once it listens
                    await play(other)
                    await play(game)
                assert game.rejoins == 0


def workers_of(proxy: proxies.Proxy) -> set[int]:
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text()
    return set(map(int, children.split()))


async def test_a_reload_of_an_old_caddy_brings_players_back_to_their_seats(tmp_path: Path) -> None:
    async with open_server(KINDS, settings()) as server:
        with proxies.caddy(tmp_path, f"127.0.0.1:{server.port}") as proxy:
            async with joined(proxy) as game:
                await play(game)
                seat = game.seat
                await trio.to_thread.run_sync(proxies.reload_caddy, proxy)
                await play(game)
                assert game.seat == seat


@pytest.mark.parametrize("name", RUNS)
async def test_players_find_rooms_of_other_nodes_through_the_proxy(
    tmp_path: Path, name: str
) -> None:
    """A room is on the second node; the proxy sends newcomers to either."""
    directory, ports, own = memory_directory(), [free_port(), free_port()], free_port()
    async with trio.open_nursery() as nursery:
        servers = []
        for number, port in enumerate(ports, 1):
            url = f"wss://127.0.0.1:{own}/node-{number}"
            servers.append(await nursery.start(run_node, port, url, directory))
        addresses = [f"127.0.0.1:{port}" for port in ports]
        with RUNS[name](tmp_path, *addresses, port=own) as proxy, trio.fail_after(PATIENCE_S):
            async with joined(proxy) as first:
                rooms = [{task.label for _, task in s.lobby.rooms} for s in servers]
                assert sorted(map(len, rooms)) == [0, 1]
                url = f"{proxy.url()}/node-{rooms.index(set()) + 1}"
                async with open_game(
                    url, room="plain/x", name="bob", ssl_context=client_tls()
                ) as second:
                    await play(second)
                await play(first)
            assert [{task.label for _, task in s.lobby.rooms} for s in servers] == rooms
        nursery.cancel_scope.cancel()


async def test_the_gateway_of_a_cluster_finds_pods_by_their_names(tmp_path: Path) -> None:
    directory, ports, own = memory_directory(), [free_port(), free_port()], free_port()
    urls = [f"ws://127.0.0.1:{own}/{NAME}-{port}" for port in ports]
    async with trio.open_nursery() as nursery:
        servers = [
            await nursery.start(run_node, port, url, directory)
            for port, url in zip(ports, urls, strict=True)
        ]
        with (
            proxies.gateway(tmp_path, own, f"127.0.0.1:{ports[0]}"),
            trio.fail_after(PATIENCE_S),
        ):
            async with open_game(urls[1] + "/", room="plain/x", name="ann") as first:
                [room] = [s.lobby.rooms for s in servers if s.lobby.rooms]
                async with open_game(f"ws://127.0.0.1:{own}", room="plain/x", name="b") as second:
                    await play(second)
                    await play(first)
                assert [s.lobby.rooms for s in servers if s.lobby.rooms] == [room]
        nursery.cancel_scope.cancel()


async def run_node(
    port: int, url: str, directory: object, task_status: trio.TaskStatus[Server]
) -> None:
    node = Settings(
        port=port, public_url=url, proxies=LOOPBACK, hosts=("*",), secret=SECRET, joins_per_s=1e6
    )
    async with open_server(KINDS, node, directory=directory) as server:
        task_status.started(server)
        await trio.sleep_forever()


@pytest.mark.parametrize("name", RUNS)
async def test_nobody_reads_the_metrics_through_a_proxy(tmp_path: Path, name: str) -> None:
    async with open_server(KINDS, settings()) as server:
        with RUNS[name](tmp_path, *[f"127.0.0.1:{server.port}"] * 2) as proxy:
            for path in ("/metrics", "/metrics/rooms", "/node-1/metrics"):
                url = f"https://127.0.0.1:{proxy.port}{path}"
                answer = await trio.run_process(
                    ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url],
                    capture_stdout=True,
                )
                assert (path, answer.stdout) == (path, b"404")
            page = await trio.run_process(
                ["curl", "-sk", f"https://127.0.0.1:{proxy.port}/healthz"], capture_stdout=True
            )
            assert page.stdout.strip() == b"ok"


# ------------------------------------------------------------ the programs' own checks


@pytest.mark.parametrize("servers", [("127.0.0.1:8000",), ("10.0.0.1:8000", "10.0.0.2:8000")])
@pytest.mark.parametrize("name", RUNS)
def test_the_program_finds_no_fault(tmp_path: Path, name: str, servers: tuple[str, ...]) -> None:
    program = proxies.needed(name)
    commands = {
        "haproxy": lambda: [program, "-c", "-f", proxies.haproxy_file(tmp_path, 8443, *servers)],
        "caddy": lambda: [
            *(program, "validate", "--adapter", "caddyfile", "--config"),
            proxies.caddy_file(tmp_path, 8443, *servers),
        ],
        "nginx": lambda: [program, "-t", "-c", proxies.nginx_file(tmp_path, 8443, *servers)],
    }
    run = subprocess.run(
        commands[name](), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert "warning" not in (run.stdout + run.stderr).lower(), run.stderr
