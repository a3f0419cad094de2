"""The acceptor: HTTP on a connection, connection_limits, sessions, and stopping."""

from __future__ import annotations

import errno
import socket
from itertools import pairwise

import attrs
import h11
import pytest
import trio
import trio.testing
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from gameserver.config import Settings
from gameserver.protocol.frames import binary_frame
from gameserver.runtime.admission.join_throttle import PER_TURN
from gameserver.runtime.http.acceptor import (
    Acceptor,
    AcceptorSettings,
    Endpoint,
)
from gameserver.runtime.http.assets import Assets
from gameserver.runtime.http.messages import Site, text_response
from gameserver.runtime.net.listening import open_listeners
from gameserver.runtime.plain import echo
from tests.support.sockets import (
    PATIENCE_S,
    SUBPROTOCOL,
    WirePeer,
    client_tls,
    open_acceptor,
    rest_of,
    until,
    upgrade,
)

both = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


def broken_page(_query):
    raise ZeroDivisionError("a bug of the page")


SITE = Site({"/healthz": lambda _query: text_response(200, "ok"), "/broken": broken_page})


@attrs.frozen
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def parse(data: bytes, *methods: str) -> list[Answer]:
    """The answers to requests of these methods; nothing may follow them."""
    answers = []
    for method in methods:
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(data)
        body = b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            else:
                assert isinstance(event, h11.Data), event
                body += event.data
        answers.append(Answer(head.status_code, dict(head.headers), body))
        data = reader.trailing_data[0]
    assert data == b""
    return answers


def get(path: str = "/healthz", method: str = "GET", *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


LAST = "Connection: close"
CHUNKED = "Transfer-Encoding: chunked"
#: A chunked body that is over at once.
EMPTY_BODY = b"0\r\n\r\n"


# HTTP


@both
async def test_an_answer_and_its_headers(tls):
    async with open_acceptor(tls=tls, site=SITE) as opened:
        [answer] = parse(await opened.ask(get("/healthz", "GET", LAST)), "GET")
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers[b"content-length"] == b"3"
    assert answer.headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert answer.headers[b"content-security-policy"] == (
        b"default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
        b"style-src 'self' 'unsafe-inline'"
    )
    assert answer.headers[b"date"].endswith(b" GMT")
    assert answer.headers[b"connection"] == b"close"


@both
async def test_pipelined_requests_are_answered_in_order(tls):
    async with open_acceptor(tls=tls, site=SITE) as opened:
        asked = get() + get("/none") + get("/healthz", "HEAD") + get("/healthz", "GET", LAST)
        answers = parse(await opened.ask(asked + get()), "GET", "GET", "HEAD", "GET")
        assert [answer.status for answer in answers] == [200, 404, 200, 200]
        assert [answer.body for answer in answers[2:]] == [b"", b"ok\n"]
        assert answers[2].headers[b"content-length"] == b"3"
        assert opened.acceptor.statistics().requests == 4
        assert opened.acceptor.statistics().rejected == 1


async def test_nonsense_after_a_head_request_is_answered_with_a_body():
    async with open_acceptor(site=SITE) as opened:
        asked = get("/healthz", "HEAD") + b"nonsense\r\n\r\n"
        answers = parse(await opened.ask(asked), "HEAD", "GET")
    assert [answer.status for answer in answers] == [200, 400]
    assert answers[1].body == b"This is no request in HTTP/1.1.\n"


async def test_an_answer_that_the_peer_does_not_read_is_given_up(tmp_path):
    (tmp_path / "big.wasm").write_bytes(bytes(16_000_000))
    settings = AcceptorSettings(answer_timeout_s=0.05)
    async with open_acceptor(site=Site(assets=Assets(tmp_path)), settings=settings) as opened:
        stream = await opened.connect()
        await stream.send_all(get("/big.wasm"))
        await until(lambda: opened.acceptor.statistics().failed == 1)
        await until(lambda: opened.open_connections == 0)
        assert b"408" not in (await rest_of(stream))[:100]
        assert opened.acceptor.statistics().rejected == 0
        await stream.aclose()


async def test_requests_may_come_in_any_pieces():
    async with open_acceptor(site=SITE) as opened:
        stream = await opened.connect()
        for byte in get() + get("/healthz", "GET", LAST):
            await stream.send_all(bytes([byte]))
        assert [a.status for a in parse(await rest_of(stream), "GET", "GET")] == [200, 200]
        await stream.aclose()


async def test_http_1_0_is_answered_once():
    async with open_acceptor(site=SITE) as opened:
        [answer] = parse(await opened.ask(b"GET /healthz HTTP/1.0\r\n\r\n"), "GET")
        assert answer.status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (get("/healthz", "GET", "X: " + "y" * 9000), 431),
        (get("/healthz", "GET", LAST, "X: " + "y" * (8192 - 66)), 200),
        (get("/healthz", "GET", LAST, "X: " + "y" * (8192 - 65)), 431),
        (b"GET /" + b"x" * 9000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 128 + b"\r\n", 431),
        (get("/healthz", "DELETE", LAST), 405),
        (get("/healthz", "POST", LAST, "Transfer-Encoding: chunked") + b"no chunk\r\n", 405),
        (get("/broken", "GET", LAST), 500),
        # Framing that two readers could understand in two ways (RFC 9112, 6.1 and 6.3).
        (get("/healthz", "GET", CHUNKED, "Content-Length: 5") + EMPTY_BODY, 400),
        (get("/healthz", "GET", "Content-Length: 0", CHUNKED) + EMPTY_BODY, 400),
        (get("/healthz", "GET", CHUNKED, CHUNKED) + EMPTY_BODY, 501),
        (get("/healthz", "GET", "Transfer-Encoding: chunked, identity") + EMPTY_BODY, 501),
        (get("/healthz", "GET", "Transfer-Encoding:\r\n chunked", "Content-Length: 5"), 400),
        (b"GET /healthz HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (get("/healthz", "GET", "Content-Length: 1", "Content-Length: 2"), 400),
        (get("/healthz", "GET", "Content-Length: 1, 2"), 400),
        (get("/healthz", "GET", "Content-Length: +5"), 400),
        (get("/healthz", "GET", "Content-Length : 5"), 400),
        (get("/healthz", "GET", "X: a\rContent-Length: 5"), 400),
        (get("/healthz", "GET", "X: a\0b"), 400),
        (b"GET /healthz HTTP/1.1\r\n folded: at the start\r\nHost: localhost\r\n\r\n", 400),
        (get("localhost:80", "CONNECT"), 400),
    ],
)
async def test_refusals(sent, status, capsys):
    async with open_acceptor(site=SITE) as opened:
        [answer] = parse(await opened.ask(sent), "POST")
        assert answer.status == status
        assert opened.acceptor.statistics().rejected == (1 if status >= 400 else 0)
        assert opened.acceptor.statistics().crashed == (1 if status == 500 else 0)
    assert ("a bug of the page" in capsys.readouterr().out) is (status == 500)


@both
@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
async def test_a_body_is_not_read_and_the_answer_still_arrives(tls, expect):
    """Bytes after a body are not taken for a request either."""
    async with open_acceptor(tls=tls, site=SITE) as opened:
        stream = await opened.connect()
        await stream.send_all(get("/healthz", "POST", "Content-Length: 200000", *expect))
        await stream.send_all(get() * 1000)
        data = b""
        while part := await stream.receive_some():  # to an end, not to a reset
            data += part
        [answer] = parse(data, "POST")
        assert answer.status == 405
        assert answer.headers[b"connection"] == b"close"
        assert opened.acceptor.statistics().requests == 1
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize(
    "framing",
    [
        [CHUNKED],
        [CHUNKED, "Content-Length: 5"],
        ["Content-Length: 5", CHUNKED],
        ["Content-Length: 0", CHUNKED],
        [CHUNKED, "Expect: 100-continue"],
    ],
)
@pytest.mark.parametrize(
    "body", [EMPTY_BODY, b"0;x=1\r\n\r\n", b"0;\nx\r\n\r\n", b"0\r\nX: y\r\n\r\n"]
)
async def test_a_request_smuggled_behind_a_body_is_never_answered(framing, body):
    async with open_acceptor(site=SITE) as opened:
        smuggling = get("/healthz", "GET", *framing) + body
        [answer] = parse(await opened.ask(smuggling + get("/smuggled")), "GET")
        assert answer.headers[b"connection"] == b"close"
        assert opened.acceptor.statistics().requests <= 1


async def told(posted):
    if posted.body == b"crash":
        raise ZeroDivisionError("a bug of the route")
    return text_response(200, f"{posted.bearer.decode()} {posted.body.decode()}")


POSTS = Site({}, posts={"/do": told})


@both
@pytest.mark.parametrize("expect", [[], ["Expect: 100-continue"]])
async def test_a_post_gets_its_body_and_its_bearer_token(tls, expect):
    async with open_acceptor(tls=tls, site=POSTS) as opened:
        head = get("/do", "POST", "Content-Length: 5", "Authorization: bearer abc", *expect)
        said = await opened.ask(head + b"hello" + get("/smuggled"))
        goes_on, _, rest = said.rpartition(b"HTTP/1.1 200")
        assert bool(goes_on) is bool(expect)
        [answer] = parse(b"HTTP/1.1 200" + rest, "POST")
        assert (answer.status, answer.body) == (200, b"abc hello\n")
        assert answer.headers[b"connection"] == b"close"


async def test_a_chunked_body_is_read_too():
    async with open_acceptor(site=POSTS) as opened:
        asked = get("/do", "POST", CHUNKED) + b"2\r\nab\r\n1\r\nc\r\n" + EMPTY_BODY
        [answer] = parse(await opened.ask(asked), "POST")
    assert answer.body == b" abc\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (get("/do"), 405),
        (get("/do", "PUT", "Content-Length: 1") + b"x", 405),
        (get("/do", "POST", "Content-Length: 70000") + bytes(70000), 413),
        (get("/do", "POST", "Content-Length: 5") + b"crash", 500),
        (get("/none", "POST", "Content-Length: 1") + b"x", 404),
    ],
)
async def test_posts_that_are_refused(sent, status, capsys):
    async with open_acceptor(site=POSTS) as opened:
        data = await opened.ask(sent)
    assert int(data.split(b" ")[1]) == status
    assert ("a bug of the route" in capsys.readouterr().out) is (status == 500)


async def test_a_body_that_does_not_come_is_not_waited_for(autojump_clock):
    async with open_acceptor(site=POSTS) as opened:
        [answer] = parse(await opened.ask(get("/do", "POST", "Content-Length: 5") + b"he"), "POST")
    assert answer.status == 408


@pytest.mark.parametrize("body", ["Content-Length: 4", CHUNKED])
@pytest.mark.parametrize("path", ["/echo", "/chat", "/arena"])
async def test_an_upgrade_with_a_body_is_refused(path, body):
    """Its body would be read as frames: by us, and not by the proxy that let it pass."""
    async with open_acceptor() as opened:
        asked = upgrade(path, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}", body)
        stream = await opened.connect()
        await stream.send_all(asked)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 400 ")
        assert opened.acceptor.statistics().websockets == 0
        await trio.aclose_forcefully(stream)


async def test_an_upgrade_may_say_that_it_has_no_body():
    async with open_acceptor() as opened:
        stream = await opened.connect()
        await stream.send_all(upgrade("/echo", "Content-Length: 0"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await trio.aclose_forcefully(stream)


@both
async def test_a_large_file_arrives_whole(tls, tmp_path):
    (tmp_path / "big.wasm").write_bytes(bytes(range(256)) * 8192)
    async with open_acceptor(tls=tls, site=Site(assets=Assets(tmp_path))) as opened:
        asked = get("/big.wasm") + get("/big.wasm", "GET", LAST)
        answers = parse(await opened.ask(asked), "GET", "GET")
    assert [answer.body == bytes(range(256)) * 8192 for answer in answers] == [True, True]
    assert answers[0].headers[b"content-type"] == b"application/wasm"


async def test_a_304_has_no_body(tmp_path):
    (tmp_path / "a.js").write_text("a")
    async with open_acceptor(site=Site(assets=Assets(tmp_path))) as opened:
        asked = get("/a.js", "GET", "If-None-Match: *") + get("/a.js", "GET", LAST)
        answers = parse(await opened.ask(asked), "GET", "GET")
    assert [answer.status for answer in answers] == [304, 200]
    assert b"content-length" not in answers[0].headers
    assert answers[0].headers[b"etag"] == answers[1].headers[b"etag"]


async def test_an_idle_connection_is_ended():
    async with open_acceptor(site=SITE, settings=AcceptorSettings(idle_timeout_s=0.05)) as opened:
        assert [a.status for a in parse(await opened.ask(get()), "GET")] == [200]
        assert opened.acceptor.statistics().failed == 0


async def test_an_upgrade_after_a_request_on_one_connection():
    async with open_acceptor(site=SITE) as opened:
        stream = await opened.connect()
        await stream.send_all(get())
        while not (await stream.receive_some()).endswith(b"ok\n"):
            pass
        peer = WirePeer(stream)
        await peer.open("/echo")
        await peer.send(TextMessage(data="hi"))
        assert await peer.next_event() == TextMessage(data="hi")
        await stream.aclose()


# Sessions


@both
async def test_a_handler_gets_its_websocket_and_its_peer(tls):
    seen = []

    async def game(ws, peer):
        assert ws.post(binary_frame(b"posted"))
        seen.extend([peer.name, await ws.receive()])

    async with open_acceptor(tls=tls, game=game) as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/arena?room=1", "other", SUBPROTOCOL)
        assert await peer.next_event() == BytesMessage(data=b"posted")
        await peer.send(BytesMessage(data=b"command"))
        assert await peer.next_event() == CloseConnection(code=1000, reason="")
        await peer.send(CloseConnection(code=1000))
        assert await rest_of(peer.stream) == b""
        await trio.aclose_forcefully(peer.stream)
        assert opened.acceptor.statistics().websockets == 1
    address, message = seen
    assert message == b"command"
    assert address.startswith("127.0.0.1:")


async def test_without_the_subprotocol_there_is_no_game():
    async with open_acceptor() as opened:
        stream = await opened.connect()
        peer = WirePeer(stream)
        with pytest.raises(AssertionError):
            await peer.open("/arena", "other")
        await trio.aclose_forcefully(stream)


async def test_the_last_posted_frame_arrives_before_the_end():
    """It is still flushed when the handler has gone."""

    async def game(ws, peer):
        ws.post(binary_frame(bytes(3_000_000)))

    async with open_acceptor(game=game) as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/arena", SUBPROTOCOL)
        size = 0
        while not isinstance(event := await peer.next_event(), CloseConnection):
            size += len(event.data)
        assert size == 3_000_000
        await trio.aclose_forcefully(peer.stream)


async def test_closing_waits_only_so_long_for_the_peer():
    closed = trio.Event()

    async def game(ws, peer):
        await ws.close(4010, "kicked", timeout_s=0.05)
        assert not ws.link.clear
        await ws.close(4000, "again")
        closed.set()

    async with open_acceptor(game=game) as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/arena", SUBPROTOCOL)
        await closed.wait()
        assert await peer.next_event() == CloseConnection(code=4010, reason="kicked")
        assert await peer.next_event() is None
        await trio.aclose_forcefully(peer.stream)


# ConnectionLimits and stopping


async def test_more_connections_than_allowed_are_refused():
    async with open_acceptor(site=SITE, limits=Settings(max_connections=1)) as opened:
        async with opened.websocket("/echo") as ws:
            assert (await opened.ask(b"")).startswith(b"HTTP/1.1 503 ")
            assert opened.acceptor.statistics().refused == 1
            await ws.send_message("still")
            assert await ws.get_message() == "still"
        await until(lambda: opened.open_connections == 0)
        assert b" 200 OK" in await opened.ask(get("/healthz", "GET", LAST))
        assert opened.acceptor.statistics().accepted == 3


async def test_stopping_ends_idle_connections_and_keeps_sessions():
    acceptor = Acceptor(
        site=SITE,
        endpoints={"/echo": Endpoint(handler=echo)},
        game=Endpoint(handler=echo, subprotocol=SUBPROTOCOL),
        settings=AcceptorSettings(idle_timeout_s=600),
    )
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(acceptor.serve, listeners)
        playing = WirePeer(await trio.open_tcp_stream("127.0.0.1", port))
        await playing.open("/echo")
        idle = await trio.open_tcp_stream("127.0.0.1", port)
        await idle.send_all(get())
        await until(lambda: acceptor._idle)
        acceptor.stop_accepting()
        acceptor.stop_accepting()
        with trio.fail_after(PATIENCE_S):
            assert (await rest_of(idle)).endswith(b"ok\n")
        with pytest.raises(OSError, match="failed"):
            await trio.open_tcp_stream("127.0.0.1", port)
        await playing.send(TextMessage(data="still"))
        assert await playing.next_event() == TextMessage(data="still")
        await trio.aclose_forcefully(playing.stream)
        await idle.aclose()
    assert acceptor.statistics().open_connections == 0  # serve has returned by itself


async def test_cancelling_ends_everything():
    async with open_acceptor() as opened:
        peer = WirePeer(await opened.connect())
        await peer.open("/echo")
    assert await rest_of(peer.stream) == b""
    await trio.aclose_forcefully(peer.stream)
    assert opened.open_connections == 0
    assert opened.acceptor.statistics().crashed == 0


class FailingListener(socket.socket):
    """A listener whose next accepts fail with these errors."""

    errors: list[int]

    def accept(self):
        if self.errors:
            code = self.errors.pop(0)
            raise OSError(code, "made up")
        return super().accept()


@pytest.mark.parametrize(
    ("code", "wait_s"), [(errno.EMFILE, 0.5), (errno.ENFILE, 0.5), (errno.ECONNABORTED, 0)]
)
async def test_a_failing_accept_is_tried_again_later(code, wait_s, autojump_clock, capsys):
    """Late enough not to spin: each failure costs one wait, and one line is logged for all."""
    [plain] = await open_listeners("127.0.0.1", 0)
    listener = FailingListener(fileno=plain.detach())
    listener.settimeout(0)
    listener.errors = [code] * 5
    acceptor = Acceptor(
        site=SITE, endpoints={}, game=Endpoint(handler=echo, subprotocol=SUBPROTOCOL)
    )
    client = socket.create_connection(listener.getsockname())
    async with trio.open_nursery() as nursery:
        await nursery.start(acceptor.serve, [listener])
        if wait_s:
            await trio.sleep(wait_s - 0.05)
            assert acceptor.statistics().accepted == 0
        await trio.sleep(0.1)
        assert acceptor.statistics().accepted == 1
        assert acceptor.statistics().accept_errors == 5
        client.close()
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().out.count("cannot accept connections") == (1 if wait_s else 0)


async def test_a_storm_of_connections_leaves_the_others_their_turns():
    listeners = await open_listeners("127.0.0.1", 0)
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(20)]
    acceptor = Acceptor(
        site=SITE, endpoints={}, game=Endpoint(handler=echo, subprotocol=SUBPROTOCOL)
    )
    accepted = [0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(acceptor.serve, listeners)
        while accepted[-1] < len(clients):
            await trio.lowlevel.checkpoint()
            accepted.append(acceptor.statistics().accepted)
        for client in clients:
            client.close()
        nursery.cancel_scope.cancel()
    # Two turns of the acceptor may lie between two of ours: Trio shuffles each round.
    assert max(after - before for before, after in pairwise(accepted)) <= 8


async def test_requests_that_come_together_are_answered_a_few_a_turn():
    acceptor = Acceptor(
        site=SITE, endpoints={}, game=Endpoint(handler=echo, subprotocol=SUBPROTOCOL)
    )
    listeners = await open_listeners("127.0.0.1", 0)
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(20)]
    requests = [0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(acceptor.serve, listeners)
        await until(lambda: acceptor.statistics().open_connections == len(clients))
        await trio.testing.wait_all_tasks_blocked()
        for client in clients:
            client.sendall(get())
        while requests[-1] < len(clients):
            await trio.lowlevel.checkpoint()
            requests.append(acceptor.statistics().requests)
        for client in clients:
            client.close()
        nursery.cancel_scope.cancel()
    assert max(after - before for before, after in pairwise(requests)) <= 2 * PER_TURN


async def test_a_tls_client_by_ssl_alone():
    async with open_acceptor(tls=True, site=SITE) as opened:

        def ask() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", opened.port)) as raw,
                client_tls().wrap_socket(raw, server_hostname="127.0.0.1") as sock,
            ):
                sock.sendall(get("/healthz", "GET", LAST))
                data = b""
                while part := sock.recv(4096):
                    data += part
                return data

        [answer] = parse(await trio.to_thread.run_sync(ask), "GET")
        assert answer.body == b"ok\n"
