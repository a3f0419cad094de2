"""The admin port: nothing without a token; actions over HTTP and in the monitor room, audited."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from clients import GameClient, open_game
from gameserver import Settings, open_server
from gameserver.admin.listener import run_alone
from gameserver.admin.monitor_room import Act, Watch
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Delta, Report, Said, Say
from gameserver.runtime.server import Server
from gameserver.storage.opening import open_storage
from tests.support.admin_client import TOKEN, ask_admin
from tests.support.small_game import Field, RawClient, join, open_url
from tests.support.sockets import reset, until

SETTINGS = Settings(port=0, admin_port=0, admin_token=f"ann:{TOKEN}")


@attrs.frozen
class Opened:
    server: Server
    port: int

    async def ask(
        self, action: str, token: str | None = TOKEN, **arguments: Any
    ) -> tuple[int, Any]:
        """Post an action; return status and answer."""
        return await ask_admin(self.port, action, token, **arguments)

    async def does(self, action: str, **arguments: Any) -> Any:
        status, told = await self.ask(action, **arguments)
        assert status == 200, told
        return told["result"]

    async def refuses(self, action: str, **arguments: Any) -> str:
        status, told = await self.ask(action, **arguments)
        assert status == 400, told
        error: str = told["error"]
        return error


class Holding(Field):
    hold_s = 60.0


@asynccontextmanager
async def opened(settings: Settings = SETTINGS, room: type[Field] = Field) -> AsyncIterator[Opened]:
    async with open_server({"field": room}, settings) as server, trio.open_nursery() as nursery:
        port = await nursery.start(run_alone, server)
        yield Opened(server, port)
        nursery.cancel_scope.cancel()


async def test_without_a_token_there_is_no_port() -> None:
    async with opened(Settings(port=0, admin_port=0)) as admin:
        assert admin.port == 0


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x"])
async def test_a_wrong_token_does_nothing(token: str | None) -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined()
        status, told = await admin.ask("kick", token, room="field/1", seat=1)
        assert status == 401
        assert "Bearer" in told["error"]
        assert admin.server.players == 1
        assert await admin.does("audit") == []
        assert admin.server.counters.admin_refusals == 1


async def test_rooms_and_players_are_listed() -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined("bob")
        [room] = await admin.does("rooms")
        assert (room["room"], room["players"], room["locked"]) == ("field/1", 1, False)
        [player] = await admin.does("players", room="field/1")
        assert (player["seat"], player["name"], player["address"]) == (1, "bob", "127.0.0.1")
        inspected = await admin.does("inspect", room="field/1")
        assert inspected["count"] == len(inspected["entities"])
        assert await admin.refuses("inspect", room="field/9") == "there is no room field/9"
        assert await admin.does("nodes") == [""]


async def test_a_kick_ends_the_session_and_is_audited() -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined("bob")
        told = await admin.does("kick", room="field/1", seat=1, reason="rude")
        assert told == "bob (seat 1) is out of field/1"
        assert await closed(client) == (CloseCode.KICKED, "rude")
        error = await admin.refuses("kick", room="field/1", seat=1)
        assert error == "nobody is in seat 1 of field/1"
        failed, done = await admin.does("audit")
        assert (done["operator"], done["action"], done["came_from"]) == (
            "ann",
            "kick",
            "http 127.0.0.1",
        )
        assert done["arguments"] == {"room": "field/1", "seat": 1, "reason": "rude"}
        assert done["result"] == told
        assert failed["result"] == f"refused: {error}"


async def closed(client: RawClient) -> tuple[int, str]:
    """Return the close code and reason once the server has ended the connection."""
    return await client.closed()


async def test_a_ban_by_address_ends_sessions_and_refuses_joins() -> None:
    async with opened() as admin:
        async with join(admin.server) as client:
            await client.joined()
            told = await admin.does("ban", room="field/1", seat=1, for_s=3600, reason="cheating")
            assert told.startswith("127.0.0.1/32 is banned; 1 sessions have ended until this")
            code, reason = await closed(client)
            assert code == CloseCode.BANNED
            assert reason.startswith("you are banned until 20")
            assert reason.endswith("UTC: cheating")
        async with join(admin.server) as client:
            await client.hello()
            assert (await closed(client))[0] == CloseCode.BANNED
        [ban] = await admin.does("penalties")
        assert (ban["kind"], ban["subject"], ban["operator"]) == ("ban", "127.0.0.1/32", "ann")
        await admin.does("unban", address="127.0.0.1")
        async with join(admin.server) as client:
            await client.joined()
        assert await admin.refuses("unban", address="127.0.0.1") == (
            "there is no ban of address 127.0.0.1/32"
        )


async def test_a_ban_reaches_a_player_whose_connection_is_lost() -> None:
    async with opened(room=Holding) as admin, join(admin.server) as client:
        await client.joined("bob")
        [session] = admin.server.sessions
        assert session.member is not None
        player, resuming = session.member.player, session.member.resume_state
        await client.next_of(Delta)
        await client.step(1)
        await until(lambda: resuming.welcomed)
        reset(client.ws._stream)
        await until(lambda: not player.connected)
        [held] = await admin.does("players")
        assert (held["name"], held["connected"], held["address"]) == ("bob", False, "127.0.0.1")
        told = await admin.does("ban", room="field/1", seat=1)
        assert told.startswith("127.0.0.1/32 is banned; 1 sessions have ended")
        assert await admin.does("players") == []


async def test_bans_and_the_audit_log_outlive_the_server(tmp_path: Any) -> None:
    kept = attrs.evolve(SETTINGS, storage=f"sqlite:{tmp_path / 'storage.db'}")
    async with opened(kept) as admin:
        await admin.does("ban", address="127.0.0.0/8")
    async with opened(kept) as admin, join(admin.server) as client:
        await client.hello()
        assert (await closed(client))[0] == CloseCode.BANNED
        [entry] = await admin.does("audit")
        assert entry["action"] == "ban"
    storage = await open_storage(str(kept.storage))
    assert [one.subject for one in await storage.penalties()] == ["127.0.0.0/8"]
    await storage.aclose()


async def test_a_locked_room_lets_nobody_in_until_it_is_unlocked() -> None:
    async with opened() as admin, join(admin.server) as first:
        await first.joined()
        assert await admin.does("lock", room="field/1") == "field/1 is locked"
        async with join(admin.server) as second:
            await second.hello(room="field/1")
            assert (await closed(second))[0] == CloseCode.REFUSED
        assert (await admin.does("rooms"))[0]["locked"] is True
        assert await admin.does("unlock", room="field/1") == "field/1 is open"
        async with join(admin.server) as second:
            await second.joined(room="field/1")


async def test_an_announcement_reaches_every_player() -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined()
        await client.next_of(Delta)
        assert await admin.does("announce", text="restart in 5 minutes") == "told to 1 rooms"
        said = await client.next_of(Said)
        assert (said.seat, said.name, said.text) == (0, "", "restart in 5 minutes")


async def test_a_muted_player_is_told_so_and_the_game_hears_nothing() -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined()
        await client.next_of(Delta)
        await admin.does("mute", room="field/1", seat=1, reason="spam")
        await client.send(Say("hello"))
        said = await client.next_of(Said)
        assert (said.seat, said.text) == (0, "you are muted: spam")
        await admin.does("unmute", address="127.0.0.1")
        await client.send(Say("hello"))
        assert (await client.next_of(Said)).text == "hello"
        assert admin.server.counters.texts_muted == 1


async def test_a_report_is_kept_with_the_texts_and_the_journal(tmp_path: Any) -> None:
    kept = attrs.evolve(
        SETTINGS, storage=f"sqlite:{tmp_path / 'storage.db'}", journal=tmp_path / "journals"
    )
    async with opened(kept) as admin, join(admin.server) as ann, join(admin.server) as bob:
        await ann.joined("ann")
        await bob.joined("bob", room="field/1")
        await bob.send(Say("boo"))
        assert (await ann.next_of(Said)).text == "boo"
        await ann.send(Report(2, "rude"))
        assert (await ann.next_of(Said)).text == "your report about bob was received"
        await ann.send(Report(1, "myself"))
        assert (await ann.next_of(Said)).text == "nobody else is in seat 1"
        reports: list[Any] = []
        with trio.fail_after(60):
            while not reports:
                reports = await admin.does("reports")
        [report] = reports
        assert (report["room"], report["reason"], report["closed_by"]) == ("field/1", "rude", "")
        assert report["by"] == [1, "ann", None, "127.0.0.1"]
        assert report["about"] == [2, "bob", None, "127.0.0.1"]
        assert [text[1:] for text in report["texts"]] == [["bob", "boo"]]
        assert report["journal"].endswith(".journal")
        assert await admin.does("close-report", report=report["id"]) == "report 1 is closed"
        assert (await admin.does("reports"))[0]["closed_by"] == "ann"
        assert admin.server.counters.reports == 1
    assert [path.suffix for path in sorted((tmp_path / "journals").iterdir())] == [
        ".journal",
        ".keep",
    ]


async def test_too_many_reports_end_the_session() -> None:
    async with opened() as admin, join(admin.server) as ann:
        await ann.joined("ann")
        for _ in range(4):
            await ann.send(Report(2, "rude"))
        assert await ann.closed() == (CloseCode.RATE, "too many reports")


async def test_the_monitor_needs_a_token() -> None:
    async with opened() as admin, open_url(f"ws://127.0.0.1:{admin.port}/") as operator:
        await operator.hello(room="monitor", token="x" * 40)
        assert await operator.closed() == (CloseCode.REFUSED, "the admin token is wrong")


async def test_the_monitor_shows_rooms_and_carries_out_actions() -> None:
    async with opened() as admin, join(admin.server) as client:
        await client.joined("bob")
        url = f"ws://127.0.0.1:{admin.port}/"
        async with open_game(url, name="ann", room="monitor", token=TOKEN) as operator:
            replica = operator.replica
            await operator.send(Watch("field/1"))
            with trio.fail_after(60):
                while not replica.of_kind("PlayerFigures"):
                    await operator.next_delta()
            [node] = replica.of_kind("NodeFigures")
            [room] = replica.of_kind("RoomFigures")
            [player] = replica.of_kind("PlayerFigures")
            assert (node.players, node.counts["joins"]) == (1, 1)
            assert (room.label, room.players) == ("field/1", 1)
            assert (player.name, player.address) == ("bob", "127.0.0.1")
            await operator.send(Act(7, "kick", json.dumps({"room": "field/1", "seat": 1})))
            assert (await client.closed())[0] == CloseCode.KICKED
            told = await answer(operator, 7)
            assert told == {"ok": "bob (seat 1) is out of field/1"}
            await operator.send(Act(8, "kick", "[]"))
            assert await answer(operator, 8) == {"error": "the arguments must be an object"}
        [entry] = await admin.does("audit")
        assert (entry["operator"], entry["came_from"], entry["action"]) == (
            "ann",
            "monitor",
            "kick",
        )


async def answer(operator: GameClient, number: int) -> Any:
    """Return the answer to an action in the monitor."""
    data = b""
    with trio.fail_after(60):
        async with aclosing(operator.events()) as events:
            async for event in events:
                if event.kind == "Part" and event.number == number:
                    data += event.data
                    if event.index == event.count - 1:
                        return json.loads(data)
    raise AssertionError("the connection is over")


@pytest.mark.parametrize(
    ("action", "arguments", "why"),
    [
        ("kick", {"room": "field/1"}, "seat is missing"),
        ("kick", {"room": "field/1", "seat": "1"}, "seat must be a whole number"),
        ("kick", {"room": "field/1", "seat": True}, "seat must be a whole number"),
        ("kick", {"room": "field/1", "seat": -1}, "seat must be from 0 to 2**53"),
        ("lock", {"room": "field/1", "x": 1}, "there is no argument 'x'; there are room"),
        ("announce", {"text": "a\nb"}, "text must be 1 to 256 printable characters"),
        ("ban", {}, "give either identity or address, or room and seat of a player"),
        ("ban", {"address": "nowhere"}, "'nowhere' is no address"),
        ("ban", {"identity": "x", "for_s": 0}, "for_s must be more than 0"),
        ("drain", {"node": "n9"}, "there is no node 'n9'"),
        ("close-report", {"report": 1}, "there is no report 1"),
    ],
)
async def test_wrong_arguments(action: str, arguments: dict[str, Any], why: str) -> None:
    async with opened() as admin:
        assert why in await admin.refuses(action, **arguments)
