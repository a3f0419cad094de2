"""``POST /api/reservations`` over real sockets: one server, the nodes of a host, several hosts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from clients import open_game
from clients.errors import Refused
from gameserver import Joining, Player, Room, Settings, number, open_server
from gameserver.runtime import reservation_api
from gameserver.runtime.reservation_api import PATH
from gameserver.runtime.server import Server
from tests.support.clusters import (
    labels,
    membership_of,
    memory_directory,
    open_nodes,
    owned_by,
    url_of,
)
from tests.support.node_host import node_host
from tests.support.small_game import Pawn, open_url

TOKEN = "the-token-of-the-back-end-of-this-game"
SECRET = "a-secret-that-signs-tokens-of-players"
SETTINGS = Settings(port=0, backend_token=TOKEN, secret=SECRET)
ADMITTED: list[tuple[str, str | None, Any]] = []


@attrs.frozen
class Options:
    size: int = number(0, 9, default=4)
    team: int = number(0, 9)


class Duel(Room):
    max_players = 4
    options = Options
    classes = (Pawn,)

    async def on_auth(self, joining: Joining) -> str | None:
        assert joining.moved_from is None
        ADMITTED.append((joining.name, joining.identity, joining.options))
        return joining.identity

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Pawn(0.0, 0.0), owner=player)


class Guarded(Duel):
    requires_token = True


class Closed(Duel):
    def on_create(self) -> None:
        self.locked = True


KINDS: Mapping[str, type[Room]] = {"duel": Duel, "guarded": Guarded, "closed": Closed}


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    content: dict[str, Any]

    @property
    def tickets(self) -> list[str]:
        return [player["ticket"] for player in self.content["players"]]


async def post(
    server: Server, body: Any, *, token: str | None = TOKEN, path: str = PATH, method: str = "POST"
) -> Answer:
    """Send a request as a back end does, and return the answer."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost:1",
        f"Content-Length: {len(sent)}",
        "Connection: close",
    ]
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        await stream.send_all("\r\n".join([*head, "", ""]).encode() + sent)
        answer = b"".join([chunk async for chunk in stream])
    first, _, content = answer.partition(b"\r\n\r\n")
    status, *lines = first.decode().splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    is_json = headers["content-type"] == "application/json"
    return Answer(int(status.split()[1]), headers, json.loads(content) if is_json else {})


def party(*identities: str | None, room: str = "duel", **fields: Any) -> dict[str, Any]:
    return {"room": room, "players": [{"identity": one} for one in identities], **fields}


async def test_each_player_gets_url_and_ticket_and_joins_as_who_it_is() -> None:
    ADMITTED.clear()
    async with open_server(KINDS, SETTINGS) as server:
        asked = party("ann-1", "bob-2", room="guarded", options={"size": 2})
        asked["players"][1]["options"] = {"team": 7}
        answer = await post(server, asked)
        assert answer.status == 201
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.content["room"], answer.content["valid_s"]) == ("guarded/1", 30.0)
        players = answer.content["players"]
        assert [each["identity"] for each in players] == ["ann-1", "bob-2"]
        assert {each["url"] for each in players} == {"ws://localhost:1/"}
        [(_, task)] = server.lobby.rooms
        assert task.room.made_with == Options(size=2)
        assert task.roster.seats_taken == 2
        url, (ann_ticket, bob_ticket) = url_of(server), answer.tickets
        lied = {"team": 1}
        async with (
            open_game(url, room="guarded", name="ann", ticket=ann_ticket, options=lied) as ann,
            open_game(url, room="guarded/1", name="bob", ticket=bob_ticket, options=lied) as bob,
        ):
            assert (ann.room, bob.room) == ("guarded/1", "guarded/1")
            assert task.roster.seats_taken == 2
            assert [("ann", "ann-1", Options(4, 1)), ("bob", "bob-2", Options(4, 7))] == ADMITTED
            for ticket in (ann_ticket, bob_ticket + "x"):
                with pytest.raises(Refused):
                    async with open_game(url, room="guarded", name="eve", ticket=ticket):
                        pass


async def test_players_without_identity_bring_their_own() -> None:
    ADMITTED.clear()
    async with open_server(KINDS, SETTINGS) as server:
        (ticket,) = (await post(server, party(None, room="duel/x"))).tickets
        async with open_game(url_of(server), room="duel/x", name="ann", ticket=ticket):
            assert [("ann", None, Options())] == ADMITTED


async def test_seats_are_free_again_once_their_tickets_have_expired(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The clock jumps, so nothing of this goes over sockets but the requests themselves."""
    async with open_server(KINDS, SETTINGS) as server:
        request = server.lobby.request("duel/x")
        server.lobby.reserve_seats(request, 3, 5.0)
        [(_, task)] = server.lobby.rooms
        assert task.roster.seats_taken == 3
        await trio.sleep(5.1)
        assert task.roster.seats_taken == 0


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"{", 400, "JSON"),
        (b"[" * 30_000, 400, "JSON"),
        ([], 400, "the body: an object"),
        ({"players": [{}]}, 400, "room"),
        ({"room": "duel", "players": []}, 400, "1 to 1000"),
        ({"room": "duel", "players": [{}] * 1001}, 400, "1 to 1000"),
        ({"room": "duel", "players": [3]}, 400, r"players\[0\]: an object"),
        ({"room": "duel", "players": [{"name": "x"}]}, 400, "no field 'name'"),
        ({"room": "duel", "players": [{}], "token": TOKEN}, 400, "no field 'token'"),
        (party(""), 400, r"players\[0\].identity"),
        (party("\ud800"), 400, r"players\[0\].identity"),
        (party("x" * 257), 400, r"players\[0\].identity"),
        (party("ann", "ann"), 400, "same identity"),
        (party("ann", valid_s=0), 400, "valid_s"),
        (party("ann", valid_s=601), 400, "valid_s"),
        (party("ann", valid_s=True), 400, "valid_s"),
        (party("ann", options=[]), 400, "options"),
        (b'{"room": "duel", "players": [{}], "valid_s": NaN}', 400, "valid_s"),
        (party("ann", room="chess"), 404, "no such room"),
        (party("ann", room="duel/" + "x" * 99), 404, ""),
        (party("ann", options={"size": 99}), 422, "options.size"),
        ({"room": "duel", "players": [{"options": {"size": 99}}]}, 422, "options.size"),
        (party("ann", room="duel?colour=red"), 422, "filter.colour"),
        (party(*"abcde"), 409, "fewer than 5 seats"),
        (party("ann", room="closed/1"), 409, "is locked"),
    ],
)
async def test_wrong_requests(body: Any, status: int, told: str) -> None:
    async with open_server(KINDS, SETTINGS) as server:
        server.lobby.reserve_seats(server.lobby.request("closed/1"), 1)
        answer = await post(server, body)
        assert answer.status == status
        assert re.search(told, answer.content["error"])
        rooms = [task.label for _, task in server.lobby.rooms]
        assert rooms == ["closed/1"], "nothing was made"


async def test_without_the_right_token_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_server(KINDS, SETTINGS) as server:
        for token in (None, "", "wrong", TOKEN[:-1], TOKEN + "x"):
            answer = await post(server, b"{", token=token)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await post(server, party("ann"), path=f"{PATH}?token={TOKEN}")).status == 400
        assert (await post(server, b"", method="GET")).status == 405
        right = await post(server, party("ann"))
        assert right.status == 201
        assert server.lobby.rooms
    log = capsys.readouterr().out
    assert "seats reserved for a party" in log
    assert TOKEN not in log
    assert right.tickets[0] not in log


async def test_any_of_several_tokens_is_right() -> None:
    settings = attrs.evolve(SETTINGS, backend_token=f"{'o' * 32} {TOKEN}")
    async with open_server(KINDS, settings) as server:
        for token in ("o" * 32, TOKEN):
            assert (await post(server, party("ann"), token=token)).status == 201


async def test_without_the_setting_there_is_nothing() -> None:
    async with open_server(KINDS, Settings(port=0, secret=SECRET)) as server:
        assert (await post(server, party("ann"))).status == 404


async def test_too_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_PER_S", "WRONG_PER_S"):
        monkeypatch.setattr(reservation_api, name, 1e-9)
    for name in ("REQUESTS_BURST", "WRONG_BURST"):
        monkeypatch.setattr(reservation_api, name, 2.0)
    async with open_server(KINDS, SETTINGS) as server:
        wrong = [(await post(server, b"{", token="wrong")).status for _ in range(3)]
        assert wrong == [401, 401, 429]
        answers = [await post(server, party("ann")) for _ in range(3)]
        assert [answer.status for answer in answers] == [201, 201, 429]
        assert answers[2].headers["retry-after"] == "1"


async def test_a_server_that_makes_no_more_rooms_says_when_to_come_back() -> None:
    async with open_server(KINDS, attrs.evolve(SETTINGS, max_rooms=1)) as server:
        assert (await post(server, party("ann", room="duel/a"))).status == 201
        answer = await post(server, party("ann", room="duel/b"))
        assert (answer.status, answer.content["code"]) == (503, 4005)
        assert answer.headers["retry-after"] == "5"


# ---------------------------------------------------------------- several nodes


async def test_any_node_of_a_host_reserves_seats_on_the_node_of_the_room(tmp_path: Path) -> None:
    ADMITTED.clear()
    async with node_host(tmp_path, kinds=KINDS, backend_token=TOKEN, secret=SECRET) as host:
        await host.give(1, "duel/x")
        answer = await post(host.servers[0], party("ann-1", "bob-2", room="duel/x"))
        assert answer.status == 201
        assert (list(host.rooms(0)), list(host.rooms(1))) == ([], ["duel/x"])
        for server, name, ticket in zip(host.servers, ("ann", "bob"), answer.tickets, strict=True):
            async with open_game(url_of(server), room="duel/x", name=name, ticket=ticket) as game:
                assert game.room == "duel/x"
        assert [entry[:2] for entry in ADMITTED] == [("ann", "ann-1"), ("bob", "bob-2")]
        answer = await post(host.servers[0], party(*"abcde", room="duel/x"))
        assert (answer.status, answer.content["code"]) == (409, 4005)


async def test_any_node_of_a_cluster_reserves_seats_on_the_node_of_the_room() -> None:
    ADMITTED.clear()
    async with open_nodes(2, memory_directory(), KINDS, backend_token=TOKEN) as (a, b):
        await owned_by(b, "duel/x")
        answer = await post(a, party("ann-1", room="duel/x", options={"size": 2}))
        assert answer.status == 201
        (player,) = answer.content["players"]
        assert player["url"] == membership_of(b).url
        assert (labels(a), labels(b)) == (set(), {"duel/x"})
        assert b.lobby.rooms[0][1].roster.seats_taken == 1
        ticket = player["ticket"]
        async with open_game(player["url"], room="duel/x", name="ann", ticket=ticket) as game:
            assert game.room == "duel/x"
        assert [("ann", "ann-1", Options(size=2))] == ADMITTED or ADMITTED[0][1] == "ann-1"
        with pytest.raises(Refused):
            async with open_game(player["url"], room="duel/x", name="eve", ticket=ticket):
                pass
        too_many = await post(a, party(*"abcde", room="duel/x"))
        assert (too_many.status, too_many.content["code"]) == (409, 4005)
        anywhere = await post(a, party("cid", room="duel"))
        assert anywhere.status == 201
        assert anywhere.content["players"][0]["url"] in {membership_of(n).url for n in (a, b)}


async def test_a_node_believes_only_nodes_of_its_cluster_and_each_request_once() -> None:
    async with open_nodes(2, memory_directory(), KINDS, backend_token=TOKEN) as (a, b):
        await owned_by(b, "duel/x")
        asking = reservation_api.RemoteSeats(membership_of(a), a.lobby)
        body = json.dumps(["duel/x", [["ann", None]], None, {}, 30.0, None]).encode()
        proof = asking._proof(membership_of(b).node, body)
        others = asking._proof(membership_of(a).node, body)
        here = reservation_api.NODE_PATH
        for wrong, sent in ((TOKEN, body), (others, body), (proof, body + b" ")):
            assert (await post(b, sent, token=wrong, path=here)).status == 401
        statuses = [(await post(b, body, token=proof, path=here)).status for _ in range(2)]
        assert statuses == [201, 401]
        for nonsense in (b"{", b"[1]", b"null"):
            proof = asking._proof(membership_of(b).node, nonsense)
            assert (await post(b, nonsense, token=proof, path=here)).status == 400
        old = reservation_api.RemoteSeats(membership_of(a), a.lobby, clock=lambda: 1e9)
        proof = old._proof(membership_of(b).node, body)
        assert (await post(b, body, token=proof, path=here)).status == 401


async def test_a_server_in_no_cluster_answers_no_nodes() -> None:
    async with open_server(KINDS, SETTINGS) as server:
        assert (await post(server, b"[]", path=reservation_api.NODE_PATH)).status == 404


async def test_a_node_that_is_gone_is_told() -> None:
    async with open_nodes(2, memory_directory(), KINDS, backend_token=TOKEN) as (a, b):
        gone = attrs.evolve(membership_of(b).listing(), url="ws://127.0.0.1:1")
        remote = reservation_api.RemoteSeats(membership_of(a), a.lobby)
        with pytest.raises(reservation_api.JoinRefused, match="does not answer"):
            await remote._ask(gone, reservation_api.Party("duel/x", ()))


async def test_a_ticket_of_a_room_that_has_ended_is_refused() -> None:
    async with open_server(KINDS, SETTINGS) as server:
        (ticket,) = (await post(server, party("ann", room="duel/x"))).tickets
        [(_, task)] = server.lobby.rooms
        task.stop()
        async with open_url(url_of(server)) as client:
            await client.hello(room="duel/x", ticket=ticket)
            assert (await client.closed())[0] == 4011
