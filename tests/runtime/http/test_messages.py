"""Answers to request heads: sites, assets and upgrades, without a socket."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request

from gameserver.runtime.http.assets import Assets, web_client
from gameserver.runtime.http.messages import JSON, Response, Site, path_of, text_response
from gameserver.runtime.http.upgrade import Upgrade, read_upgrade, wants_upgrade

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


@pytest.fixture
def web(tmp_path):
    root = tmp_path / "web"
    (root / "art").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html>")
    (root / "main.js").write_text("export {};")
    (root / "art" / "ship.svg").write_text("<svg/>")
    (root / "art" / "index.html").write_text("art")
    (root / "odd name.bin").write_bytes(b"\0")
    (root / ".secret").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    return root


def request(target: str = "/", *, method: str = "GET", version: str = "1.1", **headers: str):
    fields = {"host": "localhost"} | {name.replace("_", "-"): v for name, v in headers.items()}
    return h11.Request(
        method=method,
        target=target,
        headers=list(fields.items()),
        http_version=version,
    )


# The site


def test_a_route_is_made_anew_for_every_request():
    calls = iter((b"1", b"2"))
    site = Site({"/n": lambda _query: Response(200, JSON, next(calls), (("X-Own", "yes"),))})
    assert site.answer(request("/n")).body == b"1"
    answer = site.answer(request("/n?query=1"))
    assert (answer.status, answer.content_type, answer.body) == (200, JSON, b"2")
    assert dict(answer.headers) == {"Cache-Control": "no-store", "X-Own": "yes"}


def test_a_route_goes_before_a_file(web):
    site = Site({"/main.js": lambda _query: text_response(200, "route")}, Assets(web))
    assert site.answer(request("/main.js")).body == b"route\n"


@pytest.mark.parametrize(
    ("method", "target", "version", "status"),
    [
        ("GET", "/", "1.1", 200),
        ("HEAD", "/", "1.1", 200),
        ("GET", "/", "1.0", 200),
        ("GET", "/", "2.0", 505),
        ("GET", "/", "1.2", 505),
        ("GET", "/nothing", "1.1", 404),
        ("POST", "/nothing", "1.1", 404),
        ("POST", "/", "1.1", 405),
        ("OPTIONS", "/healthz", "1.1", 405),
        ("OPTIONS", "*", "1.1", 400),
        ("CONNECT", "localhost:80", "1.1", 400),
        ("GET", "http://localhost/healthz", "1.1", 200),
        ("GET", "http://localhost", "1.1", 200),
        ("GET", "http://[/", "1.1", 400),
        ("GET", "ftp://localhost/", "1.1", 400),
    ],
)
def test_status(web, method, target, version, status):
    site = Site({"/healthz": lambda _query: text_response(200, "ok")}, Assets(web))
    answer = site.answer(request(target, method=method, version=version))
    assert answer.status == status
    if status == 405:
        assert ("Allow", "GET, HEAD") in answer.headers


def test_a_site_without_files():
    assert Site().answer(request("/")).status == 404


# Files


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/main.js?v=2", "text/javascript; charset=utf-8"),
        ("/art/ship.svg", "image/svg+xml"),
        ("/art/", "text/html; charset=utf-8"),
        ("/odd%20name.bin", "application/octet-stream"),
    ],
)
def test_files_and_their_types(web, target, content_type):
    answer = Site(assets=Assets(web)).answer(request(target))
    assert (answer.status, answer.content_type) == (200, content_type)
    assert ("Cache-Control", "no-cache") in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "/../outside.txt",
        "/art/../../outside.txt",
        "/%2e%2e/outside.txt",
        "/%2E%2E%2Foutside.txt",
        "/..%5Coutside.txt",
        "/..\\outside.txt",
        "/main.js%00",
        "/main.js%00.txt",
        "//main.js",
        "/./main.js",
        "/art",
        "/.secret",
        "/%252e%252e/outside.txt",
        "/%ff",
        "/C:/outside.txt",
    ],
)
def test_nothing_else_is_a_file(web, target):
    assert Site(assets=Assets(web)).answer(request(target)).status == 404
    absolute = f"/{web.parent}/outside.txt"
    assert Site(assets=Assets(web)).answer(request(absolute)).status == 404


@given(path=st.text(st.sampled_from("/.%25ecC\\\0 mainjsot"), max_size=30))
def test_any_path_finds_a_file_of_the_index_or_nothing(path):
    assets = Assets(web_client())
    found = assets.find("/" + path)
    assert found is None or any(found is asset for asset in assets._files.values())


def test_only_files_for_browsers_are_served(web):
    for name in ("key.pem", "game.toml", "mygame.py", "LICENSE", "notes"):
        (web / name).write_text("not for everyone")
        assert Site(assets=Assets(web)).answer(request(f"/{name}")).status == 404


def test_what_the_browser_has_is_not_sent_again(web):
    site = Site(assets=Assets(web))
    etag = dict(site.answer(request("/main.js")).headers)["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = site.answer(request("/main.js", if_none_match=known))
        assert (answer.status, answer.body) == (304, b"")
        assert ("ETag", etag) in answer.headers
    assert site.answer(request("/main.js", if_none_match='"other"')).status == 200
    assert dict(site.answer(request("/")).headers)["ETag"] != etag


def test_files_are_loaded_once(web):
    assets = Assets(web)
    (web / "main.js").write_text("changed")
    (web / "new.js").write_text("new")
    assert assets.find("/main.js").body == b"export {};"
    assert assets.find("/new.js") is None


def test_a_file_of_the_page_hides_one_of_the_client(web, tmp_path):
    own = tmp_path / "own.html"
    own.write_text("<p>mine")
    assets = Assets(web, {"/index.html": own})
    assert assets.find("/").body == b"<p>mine"
    assert assets.find("/main.js").body == b"export {};"


def test_a_missing_directory_is_an_empty_site(tmp_path):
    assert Assets(tmp_path / "none").find("/") is None


# Upgrades


def upgrade_request(**changes: str | None) -> h11.Request:
    headers = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec_websocket_version": "13",
        "sec_websocket_key": KEY.decode(),
    } | changes
    return request("/arena?x=1", **{name: v for name, v in headers.items() if v is not None})


def test_a_good_upgrade_is_written_anew():
    upgrade = read_upgrade(
        upgrade_request(
            sec_websocket_protocol="a, b", sec_websocket_extensions="permessage-deflate", cookie="c"
        )
    )
    assert isinstance(upgrade, Upgrade)
    assert upgrade.path == "/arena"
    assert upgrade.subprotocols == ("a", "b")
    assert upgrade.head == (
        b"GET /arena?x=1 HTTP/1.1\r\n"
        b"Host: localhost\r\n"
        b"Connection: Upgrade\r\n"
        b"Upgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + KEY + b"\r\n"
        b"Sec-WebSocket-Protocol: a, b\r\n"
        b"\r\n"
    )


def test_other_upgrades_are_no_upgrades():
    assert wants_upgrade(upgrade_request(upgrade="WebSocket"))
    assert wants_upgrade(upgrade_request(upgrade="h2c, websocket"))
    assert not wants_upgrade(upgrade_request(upgrade="h2c"))
    assert not wants_upgrade(request("/"))


values = st.one_of(
    st.none(),
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"),
        max_size=40,
    ),
)


@given(host=values, connection=values, upgrade=values, version=values, key=values, protocol=values)
def test_any_upgrade_is_refused_or_fit_for_wsproto(
    host, connection, upgrade, version, key, protocol
):
    """No header value makes it raise, here or in wsproto."""
    given_values = {
        "host": host,
        "connection": connection,
        "upgrade": upgrade,
        "sec-websocket-version": version,
        "sec-websocket-key": key,
        "sec-websocket-protocol": protocol,
    }
    good = {
        "host": "localhost",
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY.decode(),
        "sec-websocket-protocol": "a",
    }
    for changed, value in given_values.items():
        headers = [
            (name, (value or "") if name == changed else kept) for name, kept in good.items()
        ]
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers]
        upgrade_or_not = read_upgrade(h11.Request(method="GET", target="/", headers=encoded))
        if isinstance(upgrade_or_not, Upgrade):
            wire = WSConnection(ConnectionType.SERVER)
            wire.receive_data(upgrade_or_not.head)
            assert isinstance(next(iter(wire.events())), Request)
        else:
            assert upgrade_or_not.status in (400, 426)


def test_path_of_keeps_the_encoding():
    assert path_of(request("/a%2Fb?c#d")) == "/a%2Fb"
