"""Whose requests go on: origins, programs without a token, and who reads the metrics."""

from __future__ import annotations

import ipaddress
from typing import Any

import h11
import pytest
import trio
from connections import open_door
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.config import Settings, load_settings
from gameserver.runtime.admission import REQUEST_COST, Admission, Peer, Reason
from gameserver.runtime.gate import Gate
from gameserver.runtime.http import Response

#: On a busy machine an example may take long.
calm = settings(deadline=None)

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


def request(path: str = "/", *headers: tuple[str, Any], host: str = "x") -> h11.Request:
    return h11.Request(method="GET", target=path, headers=[("Host", host), *headers])


def asked(
    settings: Settings, asking: h11.Request, host: str = "127.0.0.1"
) -> tuple[Response | None, Peer, Admission]:
    """Put one request of a new connection to a gate."""
    admission = Admission(settings)
    peer = admission.admit(host, 1234, 0.0)
    assert isinstance(peer, Peer)
    gate = Gate(settings, admission, ["/echo", "/chat"])
    return gate.question(peer, asking, 0.0), peer, admission


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
    response, peer, admission = asked(Settings(), request(path, *UPGRADE, header, host=host))
    assert status(response) == (None if allowed else 403)
    assert admission.turned_away == ({} if allowed else {Reason.ORIGIN: 1})
    assert not peer.is_bot


def test_two_origins_are_none() -> None:
    origin = ("Origin", "http://x")
    assert asked(Settings(), request("/", *UPGRADE, origin))[0] is None
    assert status(asked(Settings(), request("/", *UPGRADE, origin, origin))[0]) == 403


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ("https://play.example", "https://play.example", True),
        ("https://play.example", "http://play.example", False),
        ("https://play.example", "https://x", False),  # the own host is not listed
        ("https://play.example", "http://x", False),
        ("https://play.example, self", "http://x", True),
        ("https://a.example, https://b.example:8443", "https://b.example:8443", True),
        ("https://a.example, https://b.example:8443", "https://b.example", False),
        ("https://play.example", "https://play.example/", False),
        ("null", "null", True),
        ("", "http://x", False),
    ],
)
def test_a_list_of_origins_is_exact(origins: str, origin: str, allowed: bool) -> None:
    settings = load_settings(environment={}, flags={"origins": origins})
    response, _, _ = asked(settings, request("/", *UPGRADE, ("Origin", origin)))
    assert (response is None) is allowed


def test_requests_for_pages_may_come_from_any_page() -> None:
    assert asked(Settings(), request("/", ("Origin", "https://evil.example")))[0] is None


@calm
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
        "Sec-WebSocket-Protocol: gameserver.v1.msgpack\r\nOrigin: https://%s\r\n\r\n"
    )
    async with open_door(tls=tls) as opened, opened.websocket("/echo") as honest:
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
    response, peer, admission = asked(settings, request(path, *UPGRADE))
    assert status(response) == 403
    assert peer.is_bot
    assert admission.turned_away == {Reason.BOT: 1}
    assert asked(settings, request(path, *UPGRADE, ("Origin", "http://x")))[0] is None
    assert asked(settings, request("/", *UPGRADE))[0] is None  # its hello will tell
    assert asked(Settings(), request(path, *UPGRADE))[0] is None


# ---------------------------------------------------------------- haste


@pytest.mark.parametrize("headers", [[], UPGRADE], ids=["page", "websocket"])
def test_who_asks_too_fast_is_told_when_to_come_again(headers: list[tuple[str, str]]) -> None:
    settings = Settings(max_connections_per_address=2, connects_per_s=0.001)
    admission = Admission(settings)
    gate = Gate(settings, admission)
    peer = admission.admit("192.0.2.1", 1234, 0.0)
    assert isinstance(peer, Peer)
    for _ in range(1 + round(1 / REQUEST_COST)):
        assert gate.question(peer, request(), 0.0) is None
    response = gate.question(peer, request("/", *headers), 0.0)
    assert response is not None
    assert response.status == 503
    assert ("Retry-After", "5") in response.headers
    assert admission.turned_away == {Reason.HASTE: 1}


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
        ("127.0.0.1", [("Forwarded", "for=127.0.0.1")], False),
        ("10.0.0.1", [], False),
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1")], True),
        ("10.0.0.1", [("X-Forwarded-For", "192.0.2.1")], False),
        ("10.0.0.1", [("X-Forwarded-For", "127.0.0.1, 192.0.2.1")], False),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1", "http://x/metrics"])
def test_who_reads_the_metrics(
    host: str, headers: list[tuple[str, str]], allowed: bool, path: str
) -> None:
    settings = Settings(proxies=(PROXY,), metrics_token=TOKEN)
    response, _, admission = asked(settings, request(path, *headers), host)
    assert status(response) == (None if allowed else 403)
    assert admission.turned_away == ({} if allowed else {Reason.METRICS: 1})


def test_without_a_token_none_opens_the_metrics() -> None:
    for given_ in ("Bearer", "Bearer None", ""):
        asking = request("/metrics", ("Authorization", given_))
        assert status(asked(Settings(), asking, "192.0.2.1")[0]) == 403


# ---------------------------------------------------------------- proxies


def test_a_proxied_client_over_its_cap_is_told_when_to_come_again() -> None:
    settings = Settings(proxies=(PROXY,), max_connections_per_address=1)
    admission = Admission(settings)
    gate = Gate(settings, admission)
    answers = []
    for _ in range(2):
        peer = admission.admit("10.0.0.1", 1, 0.0)
        assert isinstance(peer, Peer)
        answers.append(gate.question(peer, request("/", ("X-Forwarded-For", "192.0.2.1")), 0.0))
    assert answers[0] is None
    assert answers[1] is not None
    assert answers[1].status == 503
    assert ("Retry-After", "5") in answers[1].headers
