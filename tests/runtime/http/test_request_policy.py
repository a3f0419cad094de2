"""Requests that go on: by origin, by token, and from readers of the metrics."""

from __future__ import annotations

import ipaddress
from typing import Any

import h11
import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st

from gameserver.config import ANY_HOST, LOOPBACK, HostName, Settings, load_settings
from gameserver.ops.logging import MAX_LOGGED_CHARACTERS
from gameserver.runtime.admission.connection_limits import (
    REQUEST_COST,
    ConnectionLimits,
    Peer,
    Reason,
)
from gameserver.runtime.http.messages import Response
from gameserver.runtime.http.request_policy import (
    FOREIGN_HOST,
    FORWARDING_HEADERS,
    MALFORMED_HOST,
    RequestPolicy,
)
from tests.support.sockets import open_acceptor

#: On a busy machine an example may take long.
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def request(
    path: str = "/", *headers: tuple[str, Any], host: str | bytes = "localhost"
) -> h11.Request:
    return h11.Request(method="GET", target=path, headers=[("Host", host), *headers])


def asked(
    settings: Settings, asking: h11.Request, host: str = "127.0.0.1"
) -> tuple[Response | None, Peer, ConnectionLimits]:
    """Put one request of a new connection to a policy."""
    connection_limits = ConnectionLimits(settings)
    peer = connection_limits.admit(host, 1234, 0.0)
    assert isinstance(peer, Peer)
    policy = RequestPolicy(settings, connection_limits, ["/echo", "/chat"])
    return policy.question(peer, asking, 0.0), peer, connection_limits


def status(response: Response | None) -> int | None:
    return None if response is None else response.status


# ---------------------------------------------------------------- origins


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://play.example", "play.example", True),
        ("https://play.example", "play.example", True),  # TLS may end at a proxy
        ("https://play.example", "Play.Example:443", True),
        ("http://play.example:8000", "play.example:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://play.example:8000", "play.example:8001", False),
        ("https://play.example", "play.example:80", False),
        ("https://play.example.evil", "play.example", False),
        ("https://evil.play.example", "play.example", False),
        ("ftp://play.example", "play.example", False),
        ("null", "play.example", False),
        ("self", "play.example", False),
        ("", "play.example", False),
        ("http://", "", False),
        ("http://\xe9", "play.example", False),
        ("play.example", "play.example", False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/arena", "/echo", "/chat"])
def test_by_default_the_servers_own_pages_may_connect(
    origin: str, host: str, allowed: bool, path: str
) -> None:
    header = ("Origin", origin.encode("latin-1"))
    asking = request(path, *UPGRADE, header, host=host)
    response, peer, connection_limits = asked(Settings(), asking, "192.0.2.1")
    assert status(response) == (None if allowed else 403)
    assert connection_limits.turned_away == ({} if allowed else {Reason.ORIGIN: 1})
    assert not peer.is_bot


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://localhost:8443", "localhost:8445", True),
        ("https://[::1]:8443", "[::1]:8445", True),
        ("https://localhost:8444", "localhost:8445", False),  # the page of another node's port
        ("https://localhost:8443", "localhost:8444", False),
        ("https://localhost", "localhost:8445", False),
        ("https://evil.example:8443", "localhost:8445", False),
        ("https://localhost:8443", "localhost", False),
    ],
)
def test_pages_of_the_shared_port_may_connect_to_that_of_a_node(
    origin: str, host: str, allowed: bool
) -> None:
    connection_limits = ConnectionLimits(Settings())
    peer = connection_limits.admit("127.0.0.1", 1234, 0.0)
    assert isinstance(peer, Peer)
    policy = RequestPolicy(Settings(), connection_limits)
    asking = request("/", *UPGRADE, ("Origin", origin), host=host)
    assert status(policy.question(peer, asking, 0.0)) == 403
    policy.accept_pages_of(8443, 8445)
    assert (status(policy.question(peer, asking, 0.0)) != 403) is allowed


def test_two_origins_are_none() -> None:
    origin = ("Origin", "http://localhost")
    assert asked(Settings(), request("/", *UPGRADE, origin))[0] is None
    assert status(asked(Settings(), request("/", *UPGRADE, origin, origin))[0]) == 403


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ("https://play.example", "https://play.example", True),
        ("https://play.example", "http://play.example", False),
        ("https://play.example", "https://localhost", False),  # the own host is not listed
        ("https://play.example", "http://localhost", False),
        ("https://play.example, self", "http://localhost", True),
        ("https://a.example, https://b.example:8443", "https://b.example:8443", True),
        ("https://a.example, https://b.example:8443", "https://b.example", False),
        ("https://play.example", "https://play.example/", False),
        ("null", "null", True),
        ("", "http://localhost", False),
    ],
)
def test_a_list_of_origins_is_exact(origins: str, origin: str, allowed: bool) -> None:
    settings = load_settings(environment={}, flags={"origins": origins})
    response, _, _ = asked(settings, request("/", *UPGRADE, ("Origin", origin)))
    assert (response is None) is allowed


def test_requests_for_pages_may_come_from_any_page() -> None:
    assert asked(Settings(), request("/", ("Origin", "https://evil.example")))[0] is None


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_get_an_answer(origin: bytes, host: bytes) -> None:
    headers = [(b"origin", origin), (b"host", host), (b"upgrade", b"websocket")]
    try:
        asking = h11.Request(method="GET", target="/", headers=headers)
    except h11.LocalProtocolError:
        return
    asked(Settings(), asking)


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("path", ["/arena", "/echo", "/chat"])
async def test_a_strange_page_is_answered_403_and_the_server_goes_on(tls: bool, path: str) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: gameserver.v2.msgpack\r\nOrigin: https://%s\r\n\r\n"
    )
    async with open_acceptor(tls=tls) as opened, opened.websocket("/echo") as honest:
        assert (await opened.ask((head % "evil.example").encode())).startswith(b"HTTP/1.1 403 ")
        stream = await opened.connect()
        await stream.send_all((head % "localhost").encode())
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await trio.aclose_forcefully(stream)
        await honest.send_message("still")
        assert await honest.get_message() == "still"


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize("path", ["/echo", "/chat"])
def test_programs_that_need_a_token_cannot_show_one_there(path: str) -> None:
    settings = Settings(bots_need_token=True)
    response, peer, connection_limits = asked(settings, request(path, *UPGRADE))
    assert status(response) == 403
    assert peer.is_bot
    assert connection_limits.turned_away == {Reason.BOT: 1}
    assert asked(settings, request(path, *UPGRADE, ("Origin", "http://localhost")))[0] is None
    assert asked(settings, request("/", *UPGRADE))[0] is None  # its hello will tell
    assert asked(Settings(), request(path, *UPGRADE))[0] is None


# ---------------------------------------------------------------- haste


@pytest.mark.parametrize("headers", [[], UPGRADE], ids=["page", "websocket"])
def test_a_client_that_asks_too_fast_gets_retry_after(headers: list[tuple[str, str]]) -> None:
    settings = Settings(max_connections_per_address=2, connects_per_s=0.001)
    connection_limits = ConnectionLimits(settings)
    policy = RequestPolicy(settings, connection_limits)
    peer = connection_limits.admit("192.0.2.1", 1234, 0.0)
    assert isinstance(peer, Peer)
    for _ in range(1 + round(1 / REQUEST_COST)):
        assert policy.question(peer, request(), 0.0) is None
    response = policy.question(peer, request("/", *headers), 0.0)
    assert response is not None
    assert response.status == 503
    assert ("Retry-After", "5") in response.headers
    assert connection_limits.turned_away == {Reason.HASTE: 1}


# ---------------------------------------------------------------- metrics

TOKEN = "a token of at least 32 characters".replace(" ", "-")
PROXY = ipaddress.ip_network("10.0.0.0/8")


@pytest.mark.parametrize(
    ("host", "headers", "allowed"),
    [
        ("127.0.0.1", [], True),
        ("127.9.9.9", [], True),
        ("::1", [], True),
        ("::ffff:127.0.0.1", [], True),
        ("192.0.2.1", [], False),
        ("192.0.2.1", [("Authorization", f"Bearer {TOKEN}")], True),
        ("192.0.2.1", [("Authorization", f"Bearer {TOKEN}x")], False),
        ("192.0.2.1", [("Authorization", TOKEN)], False),
        ("192.0.2.1", [("Authorization", b"Bearer \xff")], False),
        # A proxy on this machine that nobody listed speaks for the whole world.
        ("127.0.0.1", [("X-Forwarded-For", "127.0.0.1")], False),
        *[
            ("127.0.0.1", [(name.decode().title(), "127.0.0.1")], False)
            for name in FORWARDING_HEADERS
        ],
        ("10.0.0.1", [], False),
        # That is the proxy's own machine, which is not this one.
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1")], False),
        ("10.0.0.1", [("X-Forwarded-For", "192.0.2.1")], False),
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1, 192.0.2.1")], False),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1", "http://localhost/metrics"])
def test_which_clients_may_read_the_metrics(
    host: str, headers: list[tuple[str, str]], allowed: bool, path: str
) -> None:
    settings = Settings(proxies=(PROXY,), metrics_token=TOKEN)
    response, _, connection_limits = asked(settings, request(path, *headers), host)
    assert status(response) == (None if allowed else 403)
    assert connection_limits.turned_away == ({} if allowed else {Reason.METRICS: 1})


def test_without_a_token_none_opens_the_metrics() -> None:
    for given_ in ("Bearer", "Bearer None", ""):
        asking = request("/metrics", ("Authorization", given_))
        assert status(asked(Settings(), asking, "192.0.2.1")[0]) == 403


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("X-Forwarded-For", "unknown")],
        [("X-Forwarded-For", "")],
        [("X-Forwarded-For", "127.0.0.1")],
        [("X-Forwarded-For", "127.0.0.1, 127.0.0.9")],
        [("Forwarded", "for=127.0.0.1")],
        [("X-Real-IP", "127.0.0.1")],
    ],
)
def test_a_listed_proxy_on_this_machine_opens_the_metrics_to_nobody(
    headers: list[tuple[str, str]],
) -> None:
    settings = Settings(proxies=(LOOPBACK[0],), metrics_token=TOKEN)
    response, peer, _ = asked(settings, request("/metrics", *headers))
    assert (status(response), peer.address) == (403, None)
    bearer = ("Authorization", f"Bearer {TOKEN}")
    assert asked(settings, request("/metrics", bearer, *headers))[0] is None


@pytest.mark.parametrize("hosts", [(), (ANY_HOST,)])
def test_a_page_at_a_rebound_name_reads_no_metrics(hosts: tuple[HostName, ...]) -> None:
    """From whatever machine the browser runs on."""
    private = ipaddress.ip_network("10.0.0.0/8")
    settings = Settings(hosts=hosts, metrics_from=(private,), metrics_token=TOKEN)
    rebound = request("/metrics", host="evil.example:8000")
    response, _, _ = asked(settings, rebound, "10.0.0.1")
    assert status(response) == 403
    assert response is not None
    assert b"setting hosts" in response.body
    for host in ("10.0.0.9:8000", "[fd00::1]", "localhost"):
        assert asked(settings, request("/metrics", host=host), "10.0.0.1")[0] is None
    bearer = ("Authorization", f"Bearer {TOKEN}")
    assert asked(settings, request("/metrics", bearer, host="prod-7"), "10.0.0.1")[0] is None
    named = Settings(hosts=(HostName("prod-7"),), metrics_from=(private,))
    assert asked(named, request("/metrics", host="prod-7:80"), "10.0.0.1")[0] is None


# ---------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/rooms", "/metrics", "/echo", "/chat", "/arena"]
)
@pytest.mark.parametrize("headers", [[], UPGRADE], ids=["page", "websocket"])
def test_a_strange_host_is_refused_on_every_path(path: str, headers: list[tuple[str, str]]) -> None:
    origin = ("Origin", "http://evil.example:8000")  # which is the request's own host
    asking = request(path, *headers, origin, host="evil.example:8000")
    response, _, connection_limits = asked(Settings(), asking)
    assert response is FOREIGN_HOST
    assert response.status == 421
    assert b"GAMESERVER_HOSTS" in response.body
    assert connection_limits.turned_away == {Reason.HOST: 1}


@pytest.mark.parametrize("host", [b"loc\xe4lhost", b"xn--\x7f", b"a." * 200])
def test_an_impossible_host_header_is_malformed_not_foreign(host: bytes) -> None:
    response, _, connection_limits = asked(Settings(), request("/", host=host))
    assert response is MALFORMED_HOST
    assert connection_limits.turned_away == {}


def test_a_strange_host_is_told_of_in_the_log_now_and_then() -> None:
    settings = Settings()
    connection_limits = ConnectionLimits(settings)
    peer = connection_limits.admit("127.0.0.1", 1, 0.0)
    assert isinstance(peer, Peer)
    policy = RequestPolicy(settings, connection_limits)
    with structlog.testing.capture_logs() as logged:
        for host in ("evil.example", "EVIL.example:80", "a." * 126 + "a", "evil.example"):
            policy.question(peer, request(host=host), 0.0)
    assert logged == [
        {
            "event": "a request was refused, for its host is not in hosts",
            "log_level": "warning",
            "host": host,
        }
        for host in ("evil.example", ("a." * 126)[:MAX_LOGGED_CHARACTERS] + "…")
    ]


def test_a_strange_origin_is_told_of_in_the_log() -> None:
    origins = [("Origin", "http://\xe9".encode("latin-1")), ("Origin", b"http://b")]
    with structlog.testing.capture_logs() as logged:
        asked(Settings(), request("/arena", *UPGRADE, *origins))
        asked(Settings(), request("/arena", *UPGRADE))
        asked(Settings(), request("/arena", *origins))
    assert logged == [
        {
            "event": "a page was refused, for its origin is not in origins",
            "log_level": "warning",
            "origin": "http://\xe9, http://b",
            "host": "localhost",
        }
    ]


# ---------------------------------------------------------------- proxies


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
def test_all_clients_of_an_unlisted_proxy_on_this_machine_share_the_limits_of_one(
    header: bytes,
) -> None:
    settings = Settings(max_connections_per_address=2, connects_per_s=0.001)
    connection_limits = ConnectionLimits(settings)
    policy = RequestPolicy(settings, connection_limits)
    answers = []
    with structlog.testing.capture_logs() as logged:
        for client in range(3):
            peer = connection_limits.admit("127.0.0.1", 1, 0.0)
            assert isinstance(peer, Peer)
            asking = request("/", (header.decode(), f"192.0.2.{client}"))
            answers.append(status(policy.question(peer, asking, 0.0)))
    assert answers == [None, None, 503]
    [line] = logged
    assert line["event"].startswith("a trusted address forwards requests but is not in proxies")
    assert line["proxy"] == "127.0.0.1"
    # Programs of this machine that ask for themselves are not limited.
    for _ in range(10):
        peer = connection_limits.admit("127.0.0.1", 1, 0.0)
        assert isinstance(peer, Peer)
        assert policy.question(peer, request("/"), 0.0) is None
        assert peer.counted_as is None


def test_a_proxy_that_names_no_client_is_told_of_once() -> None:
    settings = Settings(proxies=(PROXY,))
    connection_limits = ConnectionLimits(settings)
    policy = RequestPolicy(settings, connection_limits)
    with structlog.testing.capture_logs() as logged:
        for headers in ([], UPGRADE, UPGRADE):  # the first may be its own health check
            peer = connection_limits.admit("10.0.0.1", 1, 0.0)
            assert isinstance(peer, Peer)
            assert policy.question(peer, request("/", *headers), 0.0) is None
            assert peer.counted_as == "unknown via 10.0.0.1"
            logged.append({"event": "asked"})
    assert [line["event"][:40] for line in logged] == [
        "asked",
        "a proxy sends no usable X-Forwarded-For: "[:40],
        "asked",
        "asked",
    ]


def test_whom_the_internet_says_it_forwards_for_is_ignored() -> None:
    settings = Settings()
    with structlog.testing.capture_logs() as logged:
        _, peer, _ = asked(settings, request("/", ("X-Forwarded-For", "127.0.0.1")), "192.0.2.1")
    assert (peer.counted_as, logged) == ("192.0.2.1", [])


def test_a_proxied_client_over_its_cap_is_told_when_to_come_again() -> None:
    settings = Settings(proxies=(PROXY,), max_connections_per_address=1)
    connection_limits = ConnectionLimits(settings)
    policy = RequestPolicy(settings, connection_limits)
    answers = []
    for _ in range(2):
        peer = connection_limits.admit("10.0.0.1", 1, 0.0)
        assert isinstance(peer, Peer)
        answers.append(policy.question(peer, request("/", ("X-Forwarded-For", "192.0.2.1")), 0.0))
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1].status == 503
    assert ("Retry-After", "5") in answers[1].headers
