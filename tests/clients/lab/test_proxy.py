"""The lab's proxy and its command: every byte passes, and so does every way to end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from clients.lab import proxy as proxy_module
from clients.lab.path import Path
from clients.lab.profiles import Profile, profile_of
from clients.lab.proxy import Endpoint, LabError, LabFigures, Proxy, open_proxy
from clients.lab.running import figure_line, opening_line
from gameserver import cli
from tests.support.sockets import PATIENCE_S, client_tls, server_tls

HERE = Endpoint("127.0.0.1", 0)
FAST = profile_of("0ms")


@asynccontextmanager
async def echo_server() -> AsyncIterator[Endpoint]:
    """Returns what it hears, and ends when the other side does."""

    async def echo(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            async for data in stream:
                await stream.send_all(data)
            await stream.send_eof()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, echo, listeners)
        yield Endpoint("127.0.0.1", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def everything(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


async def test_all_bytes_pass_and_so_do_half_closes() -> None:
    sent = bytes(i % 251 for i in range(300_000))
    with trio.fail_after(PATIENCE_S):
        async with (
            echo_server() as server,
            open_proxy(profile_of("1ms"), listen=HERE, to=server, seed="s") as (proxy, port),
        ):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            got = b""

            async def read() -> None:
                nonlocal got
                got = await everything(stream)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await stream.send_all(sent)
                await stream.send_eof()
            assert got == sent
            await stream.aclose()
            while proxy.figures().open:
                await trio.lowlevel.checkpoint()
            assert proxy.figures() == LabFigures(
                accepted=1, bytes_up=len(sent), bytes_down=len(sent)
            )


async def test_a_round_trip_through_the_proxy_takes_its_time() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            echo_server() as server,
            open_proxy(profile_of("80ms"), listen=HERE, to=server, seed="s") as (_, port),
        ):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            begin_s = trio.current_time()
            await stream.send_all(b"x")
            assert await stream.receive_some() == b"x"
            assert trio.current_time() - begin_s >= 0.08  # never less; how much more is the machine
            await stream.aclose()


async def test_many_connections_do_not_mix() -> None:
    with trio.fail_after(60):
        async with (
            echo_server() as server,
            open_proxy(profile_of("lan"), listen=HERE, to=server, seed="s") as (proxy, port),
        ):

            async def talk(number: int) -> None:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    for turn in range(3):
                        said = f"{number}/{turn}".encode()
                        await stream.send_all(said)
                        assert await stream.receive_some() == said
                    await stream.send_eof()
                    assert await everything(stream) == b""

            async with trio.open_nursery() as nursery:
                for number in range(60):
                    nursery.start_soon(talk, number)
            assert proxy.figures().accepted == 60
            assert proxy.figures().broken == 0


def resets_on_close(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, proxy_module._LINGER_RESETS)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[trio.SocketListener, Endpoint]]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        yield listener, Endpoint("127.0.0.1", listener.socket.getsockname()[1])


async def test_a_reset_is_passed_on_as_one() -> None:
    """Both ways: once the player resets, and once the server."""
    with trio.fail_after(PATIENCE_S):
        async with (
            listening() as (listener, server),
            open_proxy(FAST, listen=HERE, to=server, seed="s") as (proxy, port),
        ):
            for player_resets in (True, False):
                player = await trio.open_tcp_stream("127.0.0.1", port)
                at_server = await listener.accept()
                await player.send_all(b"x")
                assert await at_server.receive_some() == b"x"
                ends = (player, at_server) if player_resets else (at_server, player)
                resetting, waiting = ends
                resets_on_close(resetting)
                await resetting.aclose()
                with pytest.raises(trio.BrokenResourceError) as broken:
                    await waiting.receive_some()
                assert isinstance(broken.value.__cause__, ConnectionResetError)
                await waiting.aclose()
            while proxy.figures().open:
                await trio.lowlevel.checkpoint()
            assert proxy.figures().broken == 2


async def test_a_side_that_does_not_read_makes_the_other_wait() -> None:
    path = Path(delay_s=0, window_bytes=4096)
    profile = Profile(name="", up=path, down=path)
    with trio.fail_after(PATIENCE_S):
        async with (
            listening() as (listener, server),
            open_proxy(profile, listen=HERE, to=server, seed="s") as (proxy, port),
            await trio.open_tcp_stream("127.0.0.1", port) as player,
            await listener.accept(),
        ):
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    await player.send_all(bytes(1000))
                    sent += 1000

            async with trio.open_nursery() as nursery:
                nursery.start_soon(flood)
                held = False
                while not held:
                    before = sent
                    await trio.testing.wait_all_tasks_blocked(0.1)
                    held = sent == before > 0
                # The kernel's buffers, the window, a read: nothing that grows.
                assert sent < 8_000_000
                assert proxy.figures().waiting_bytes <= 2 * 4096
                nursery.cancel_scope.cancel()


async def test_a_server_that_is_not_there_resets_the_player() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        to = Endpoint("127.0.0.1", unused.getsockname()[1])
        with trio.fail_after(PATIENCE_S):
            async with open_proxy(FAST, listen=HERE, to=to, seed="s") as (proxy, port):
                player = await trio.open_tcp_stream("127.0.0.1", port)
                with pytest.raises(trio.BrokenResourceError):
                    await player.receive_some()
                await player.aclose()
                assert proxy.figures() == LabFigures(accepted=1, unreachable=1)


async def test_a_server_that_does_not_answer_resets_the_player_in_time(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def never(*_: object) -> trio.SocketStream:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(trio, "open_tcp_stream", never)
    ours, theirs = socket.socketpair()
    proxy = Proxy(FAST, Endpoint("example.invalid", 1), "s")
    begin_s = trio.current_time()
    await proxy.carry(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))
    assert trio.current_time() - begin_s == proxy_module.CONNECT_DEADLINE_S
    assert proxy.figures() == LabFigures(accepted=1, unreachable=1)
    theirs.close()


async def test_one_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "MAX_CONNECTIONS", 1)
    with trio.fail_after(PATIENCE_S):
        async with (
            echo_server() as server,
            open_proxy(FAST, listen=HERE, to=server, seed="s") as (proxy, port),
        ):
            first = await trio.open_tcp_stream("127.0.0.1", port)
            await first.send_all(b"x")
            assert await first.receive_some() == b"x"
            second = await trio.open_tcp_stream("127.0.0.1", port)
            with pytest.raises(trio.BrokenResourceError):
                await second.receive_some()
            await first.send_all(b"y")
            assert await first.receive_some() == b"y"
            assert proxy.figures().refused == 1
            await first.aclose()
            await second.aclose()


async def test_the_end_of_the_lab_resets_all() -> None:
    with trio.fail_after(PATIENCE_S):
        async with echo_server() as server:
            async with open_proxy(FAST, listen=HERE, to=server, seed="s") as (_, port):
                player = await trio.open_tcp_stream("127.0.0.1", port)
                await player.send_all(b"x")
                assert await player.receive_some() == b"x"
            with pytest.raises(trio.BrokenResourceError):
                await player.receive_some()
            await player.aclose()


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_proxy(FAST, listen=HERE, to=HERE, seed="s"):
            raise ZeroDivisionError


async def test_tls_passes_unchanged() -> None:

    async def echo_once(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.send_all(await stream.receive_some())

    with trio.fail_after(PATIENCE_S):
        listeners = await trio.open_ssl_over_tcp_listeners(0, server_tls(), host="127.0.0.1")
        tcp_listener = listeners[0].transport_listener
        assert isinstance(tcp_listener, trio.SocketListener)
        to = Endpoint("127.0.0.1", tcp_listener.socket.getsockname()[1])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, echo_once, listeners)
            async with open_proxy(profile_of("lan"), listen=HERE, to=to, seed="s") as (_, port):
                tcp = await trio.open_tcp_stream("127.0.0.1", port)
                tls = trio.SSLStream(tcp, client_tls(), server_hostname="localhost")
                await tls.send_all(b"secret")
                assert await tls.receive_some() == b"secret"
                await trio.aclose_forcefully(tls)
            nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- in a terminal


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("8000", Endpoint("127.0.0.1", 8000)),
        ("0", Endpoint("127.0.0.1", 0)),
        (":8000", Endpoint("127.0.0.1", 8000)),
        ("example.org:443", Endpoint("example.org", 443)),
        ("[::1]:80", Endpoint("::1", 80)),
    ],
)
def test_endpoints(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.from_text(text) == endpoint
    assert Endpoint.from_text(str(endpoint)) == endpoint


@pytest.mark.parametrize("text", ["", "http", "host:", "host:70000", "::1:80", "1:2:3", "host:٣"])
def test_an_invalid_endpoint_is_refused(text: str) -> None:
    with pytest.raises(LabError):
        Endpoint.from_text(text)


def test_the_lines_of_figures() -> None:
    proxy = Proxy(profile_of("mobile"), Endpoint("::1", 8000), "s")
    assert opening_line(proxy, Endpoint("127.0.0.1", 9000)) == (
        "127.0.0.1:9000 leads to [::1]:8000 by mobile: "
        "round trip 50 ms, a lost segment is sent again within 263 ms"
    )
    now = LabFigures(3, 5, 1, 2, 1, 3000, 14_000, 2500, 7)
    assert figure_line(LabFigures(bytes_up=1000), now, 2.0) == (
        "connections 3 of 5   up 1.0 KB/s   down 7.0 KB/s   on the way 2.5 KB   stalls 7"
        "   broken 1   unreachable 2   refused 1"
    )


async def test_gameserver_lab_until_a_signal() -> None:
    command = [sys.executable, "-m", "gameserver", "lab", "--profile", "30ms", "--to"]
    with trio.fail_after(60):
        async with echo_server() as server:
            process = await trio.lowlevel.open_process(
                [*command, str(server)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert process.stdout is not None
            assert process.stderr is not None
            said = b""
            while b"\n" not in said:
                part = await process.stdout.receive_some()
                assert part, "it ended without a word"
                said += part
            assert b"by 30ms: round trip 30 ms" in said
            lab = Endpoint.from_text(said.split()[0].decode())
            player = await trio.open_tcp_stream(lab.host, lab.port)
            await player.send_all(b"x")
            assert await player.receive_some() == b"x"
            os.kill(process.pid, signal.SIGINT)
            assert await process.wait() == 0
            assert await everything(process.stderr) == b""
            await player.aclose()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--profile", "moon", "--to", "8000"], "there is no profile 'moon'; there are lan"),
        (["--profile", "lan", "--to", "here"], "'here' is neither a port nor host:port"),
        (["--profile", "lan", "--to", "1", "--listen", "192.0.2.1:9000"], "cannot listen on"),
    ],
)
def test_expected_errors_are_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["lab", *arguments])
    assert exit_.value.code == 1
    printed = capsys.readouterr().err
    assert complaint in printed
    assert len(printed.splitlines()) == 1
