"""The limits of a whole server, each with an honest client beside it; and certificates renewed."""

from __future__ import annotations

import os
import pathlib
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import structlog
import trio
import trio_websocket
import trustme
from cryptography import x509
from trio.testing import MockClock

from gameserver import ConfigError, Joining, Room, Settings, open_server
from gameserver.protocol.messages import SUBPROTOCOL, Delta, Ping, Pong, Welcome
from gameserver.runtime.admission.connection_limits import LONGEST_WAIT_S, Reason
from gameserver.runtime.server import Server
from gameserver.tokens import Tokens
from tests.support.paths import ROOT
from tests.support.small_game import Field, RawClient, join, open_url
from tests.support.sockets import until


class Hall(Field):
    max_players = 100


class Club(Field):
    requires_token = True

    async def on_auth(self, joining: Joining) -> str | None:
        return await Room.on_auth(self, joining)


def limits(**changes: Any) -> Settings:
    return Settings(port=0, trusted=(), connects_per_s=1000.0, **changes)


@asynccontextmanager
async def from_address(server: Server, source: str) -> AsyncIterator[RawClient]:
    """A client whose address is ``source``."""
    stream = await trio.open_tcp_stream("127.0.0.1", server.port, local_address=source)
    async with trio.open_nursery() as nursery:
        ws = await trio_websocket.wrap_client_stream(
            nursery, stream, f"127.0.0.1:{server.port}", "/", subprotocols=[SUBPROTOCOL]
        )
        yield RawClient(ws)
        await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()


async def still_playing(client: RawClient) -> None:
    """The server answers, and goes on sending deltas."""
    await client.send(Ping(1, 0.0))
    await client.next_of(Pong)
    await client.next_of(Delta)


async def get(server: Server, path: str, *headers: str) -> bytes:
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        await stream.send_all("\r\n".join(lines).encode())
        return b"".join([chunk async for chunk in stream])


# ---------------------------------------------------------------- joining


async def test_joins_a_second() -> None:
    """Some wait for their turn; others are told when to try again, by bye and close."""
    async with (
        open_server({"hall": Hall}, limits(joins_per_s=2.0)) as server,
        join(server) as honest,
    ):
        await honest.joined()
        welcomed = 0

        async def storm() -> None:
            nonlocal welcomed
            async with join(server) as client:
                await client.hello("storm")
                if isinstance(await client.receive(), Welcome):
                    welcomed += 1
                    return
                assert client.bye is not None
                assert client.bye.code == 4005
                assert client.bye.retry_after_s is not None
                assert 1 <= client.bye.retry_after_s <= LONGEST_WAIT_S + 1
                assert (await client.closed())[0] == 4005

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(storm)
        # One more may have become free while they all came.
        assert server.connection_limits.turned_away[Reason.JOINS] == 20 - welcomed
        assert 1 <= welcomed <= 10
        await still_playing(honest)
        assert b'gameserver_turned_away_total{reason="joins"} 0.0' not in await get(
            server, "/metrics"
        )


async def test_one_address_opens_only_so_many_rooms() -> None:
    settings = limits(max_rooms_per_address=3, rooms_per_s=100.0)
    async with (
        open_server({"hall": Hall}, settings) as server,
        join(server) as honest,
        AsyncExitStack() as attack,
    ):
        await honest.joined()
        codes = []
        for number in range(6):
            client = await attack.enter_async_context(from_address(server, "127.0.0.2"))
            await client.hello(room=f"hall/x{number}")
            await client.receive()
            codes.append(client.bye and client.bye.code)
        assert codes == [None] * 3 + [4005] * 3
        assert len(server.lobby.rooms) == 4
        assert server.lobby.quota.refused == {Reason.ROOMS: 3}
        async with from_address(server, "127.0.0.3") as another:
            await another.joined(room="hall/mine")
        await still_playing(honest)


async def test_a_connection_without_a_hello_is_closed_and_frees_its_place(
    mock_clock: MockClock,
) -> None:
    mock_clock.rate = 1.0
    settings = limits(max_joining=1)
    async with open_server({"hall": Hall}, settings) as server, join(server) as honest:
        await honest.joined()
        async with from_address(server, "127.0.0.2") as silent:
            mock_clock.jump(settings.hello_deadline_s)
            assert await silent.closed() == (4001, "no hello within 5 s")
        await until(lambda: not server.connection_limits.joining)
        async with join(server) as next_one:
            await next_one.joined()
        mock_clock.jump(3)  # so often there is a delta, though nothing changes
        await still_playing(honest)


async def test_players_are_not_counted_among_those_who_join() -> None:
    async with (
        open_server({"hall": Hall}, limits(max_joining=1)) as server,
        join(server) as one,
        join_after(server, one) as other,
    ):
        await still_playing(one)
        await still_playing(other)
        assert (server.connection_limits.connections, server.connection_limits.joining) == (2, 0)


@asynccontextmanager
async def join_after(server: Server, one: RawClient) -> AsyncIterator[RawClient]:
    await one.joined("one")
    async with join(server) as other:
        await other.joined("other")
        yield other


# ---------------------------------------------------------------- metrics, tokens


async def test_the_metrics_are_not_for_everyone() -> None:
    token = "m" * 32
    async with open_server({"hall": Hall}, limits(metrics_token=token)) as server:
        assert (await get(server, "/metrics")).startswith(b"HTTP/1.1 200 ")
        refused = await get(server, "/metrics", "X-Forwarded-For: 192.0.2.1")
        assert refused.startswith(b"HTTP/1.1 403 ")
        assert b"gameserver_" not in refused
    settings = limits(metrics_from=(), metrics_token=token)
    async with open_server({"hall": Hall}, settings) as server, join(server) as honest:
        await honest.joined()
        assert (await get(server, "/metrics")).startswith(b"HTTP/1.1 403 ")
        assert (await get(server, "/healthz")).startswith(b"HTTP/1.1 200 ")
        told = await get(server, "/metrics", f"Authorization: Bearer {token}")
        assert b'gameserver_turned_away_total{reason="metrics"} 1.0' in told
        await still_playing(honest)


async def test_a_forged_token_and_a_good_one() -> None:
    secret = "s" * 32
    async with open_server({"club": Club}, limits(secret=secret)) as server, join(server) as ann:
        await ann.joined(token=Tokens([secret]).issue("ann"))
        async with join(server) as thief:
            await thief.hello(token=Tokens(["x" * 32]).issue("ann"))
            assert (await thief.closed())[0] == 4007
        await still_playing(ann)
        told = await get(server, "/metrics")
        assert b'gameserver_tokens_refused_total{fault="forged"} 1.0' in told


async def test_a_server_without_a_secret_does_not_start() -> None:
    with pytest.raises(ConfigError, match="the room club requires tokens"):
        async with open_server({"club": Club}, limits()):
            pass


# ---------------------------------------------------------------- certificates


def write_certificate(folder: pathlib.Path, authority: trustme.CA) -> None:
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))


def serial_in(folder: pathlib.Path) -> int:
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).serial_number


async def shown_at(port: int, trusting: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection is shown."""
    stream = await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=trusting)
    try:
        await stream.do_handshake()
        seen = stream.getpeercert(binary_form=True)
    finally:
        await trio.aclose_forcefully(stream)
    return x509.load_der_x509_certificate(seen).serial_number


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_new_certificate_drops_nobody(
    tmp_path: pathlib.Path, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    write_certificate(tmp_path, authority)
    settings = Settings(
        port=0, tls_port=0, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem"
    )
    async with open_server({"hall": Hall}, settings) as server:
        assert server.tls_port is not None
        async with open_url(f"wss://localhost:{server.tls_port}/", trusting) as old:
            await old.joined()
            first = await shown_at(server.tls_port, trusting)
            write_certificate(tmp_path, authority)
            await server.reload()
            assert await shown_at(server.tls_port, trusting) == serial_in(tmp_path) != first
            await still_playing(old)
            async with open_url(f"wss://localhost:{server.tls_port}/", trusting) as new:
                await new.joined("new")
                await still_playing(old)
            kept = serial_in(tmp_path)
            (tmp_path / "key.pem").write_text("half a ke")
            with structlog.testing.capture_logs() as logged:
                await server.reload()
            assert [entry["event"] for entry in logged] == ["the certificate stays as it was"]
            assert await shown_at(server.tls_port, trusting) == kept
            await still_playing(old)


async def test_tls_1_1_is_refused(
    tmp_path: pathlib.Path, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    write_certificate(tmp_path, authority)
    settings = Settings(
        port=0, tls_port=0, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem"
    )
    async with open_server({"hall": Hall}, settings) as server:
        assert server.tls_port is not None
        trusting.set_ciphers("ALL:@SECLEVEL=0")
        trusting.minimum_version = ssl.TLSVersion.TLSv1_2
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        await shown_at(server.tls_port, trusting)
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            trusting.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            trusting.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(trio.BrokenResourceError):
            await shown_at(server.tls_port, trusting)


SCRIPT = """
import trio, sys
sys.path.insert(0, {root!r})
from tests.runtime.test_server_limits import Hall
from gameserver import Settings, serve
from gameserver.ops.logging import configure_logging
from pathlib import Path
configure_logging("info", "json")
async def beside(server):
    print(server.tls_port, flush=True)
    await trio.sleep_forever()
here = Path({folder!r})
settings = Settings(port=0, tls_port=0, certificate=here / "cert.pem", key=here / "key.pem")
trio.run(serve, {{"hall": Hall}}, settings, beside)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
async def test_sighup_reads_the_certificate_again(
    tmp_path: pathlib.Path, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    write_certificate(tmp_path, authority)
    script = SCRIPT.format(root=str(ROOT), folder=str(tmp_path))
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    logged = b""

    async def logged_until(event: bytes) -> None:
        nonlocal logged
        assert process.stderr is not None
        while event not in logged:
            logged += await process.stderr.receive_some()

    with trio.fail_after(60):
        port = int(await process.stdout.receive_some())
        async with open_url(f"wss://localhost:{port}/", trusting) as old:
            await old.joined()
            first = await shown_at(port, trusting)
            write_certificate(tmp_path, authority)
            os.kill(process.pid, signal.SIGHUP)
            await logged_until(b"certificate replaced")
            assert await shown_at(port, trusting) == serial_in(tmp_path) != first
            await still_playing(old)
            (tmp_path / "cert.pem").write_text("broken")
            os.kill(process.pid, signal.SIGHUP)
            await logged_until(b"the certificate stays as it was")
            await still_playing(old)
            os.kill(process.pid, signal.SIGTERM)
            assert (await old.closed())[0] == 1001
        assert await process.wait() == 0
    assert b'"valid_until"' in logged


IN_VAIN = """
import trio, sys
sys.path.insert(0, {root!r})
from tests.runtime.test_server_limits import Hall
from gameserver import Settings, serve
from gameserver.ops.logging import configure_logging
configure_logging("info", "json")
async def beside(server):
    print(server.port, flush=True)
    await trio.sleep_forever()
trio.run(serve, {{"hall": Hall}}, Settings(port=0, **{settings}), beside)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
@pytest.mark.parametrize("blocked", [False, True], ids=["no file", "a file that blocks"])
async def test_sighup_ends_nothing_and_holds_up_nobody(
    tmp_path: pathlib.Path, blocked: bool
) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("s" * 32)
    settings = f'{{"secret_file": __import__("pathlib").Path({str(secrets)!r})}}'
    script = IN_VAIN.format(root=str(ROOT), settings=settings if blocked else "{}")
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with trio.fail_after(60):
        port = int(await process.stdout.receive_some())
        async with open_url(f"ws://localhost:{port}/") as client:
            await client.joined()
            secrets.unlink()
            os.mkfifo(secrets)  # nobody ever writes to it
            for _ in range(3):
                os.kill(process.pid, signal.SIGHUP)
                await still_playing(client)
            os.kill(process.pid, signal.SIGTERM)
            assert (await client.closed())[0] == 1001
        assert await process.wait() == 0
        logged = b""
        while part := await process.stderr.receive_some():
            logged += part
    assert (b"nothing to read again" in logged) is not blocked
