"""A whole server goes on as another one: rooms, seats and open connections, over real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio_websocket import open_websocket_url

from clients.client_types import State
from clients.errors import ConnectionLost
from clients.game_client import GameClient
from clients.joining import open_game
from clients.lab.profiles import profiles_of
from clients.lab.proxy import Endpoint, open_proxy
from gameserver import Joining, Settings, entity
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Welcome
from gameserver.runtime.rooms.recovery import recover
from gameserver.runtime.server import Server
from tests.support.resumable_lobby import HoldingField, until_known
from tests.support.small_game import Pawn, RawClient, Step
from tests.support.sockets import PATIENCE_S, SUBPROTOCOL, authority, client_tls, until
from tests.support.two_servers import two_servers


def field_of(server: Server) -> HoldingField:
    room = server.lobby.rooms[0][1].room
    assert isinstance(room, HoldingField)
    return room


async def test_a_player_plays_on_in_the_new_server_over_its_connection() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            for _ in range(5):
                await game.send(Step(1))
            before = field_of(two.old)
            new = await two.next()
            after = field_of(new)
            for _ in range(5):
                await game.send(Step(1))
            while game.replica.ack < 10:
                await game.next_delta()
            statistics = game.statistics()
            while game.statistics().checks == statistics.checks:
                await game.next_delta()
            assert after.players[game.seat].entity.x == 10
            assert after.steps == [1] * 10
            assert before.tick_number < after.tick_number
            assert before.told == ["ann joins"]
            assert after.told == ["ann joins"]
            assert not two.old.sessions
            (session,) = new.sessions
            assert session.member is not None
            assert session.member.address == "127.0.0.1"
            statistics = game.statistics()
            assert (statistics.resumes, game.rejoins, statistics.checksum_failures) == (0, 0, 0)


async def test_thawing_undoes_freezing() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            room, task = field_of(two.old), two.old.lobby.rooms[0][1]
            ticks = task.tally().ticks
            frozen = two.freezing.freeze()
            assert (len(frozen.rooms), len(frozen.sessions)) == (1, 1)
            tick = room.tick_number
            await game.send(Step(1))
            await trio.sleep(0.2)
            assert room.tick_number == tick
            two.freezing.thaw()
            while game.replica.ack < 1:
                await game.next_delta()
            assert room.tick_number > tick
            assert room.steps == [1]
            assert task.tally().ticks > ticks
            checks = game.statistics().checks
            while game.statistics().checks == checks:
                await game.next_delta()
            statistics = game.statistics()
            assert (statistics.resumes, game.rejoins, statistics.checksum_failures) == (0, 0, 0)


async def deltas_until_the_end(game: GameClient) -> None:
    while True:
        await game.next_delta()


@entity
class Other(Pawn):
    """An entity that the new version of the game has besides."""


class NewerField(HoldingField):
    classes = (*HoldingField.classes, Other)


async def test_a_client_of_another_schema_has_to_be_loaded_anew_and_its_seat_is_held() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            kind = type("HoldingField", (NewerField,), {"__module__": __name__})
            new = await two.next({"field": kind})
            with pytest.raises(ConnectionLost) as ended:
                await deltas_until_the_end(game)
            assert ended.value.code == CloseCode.SCHEMA
            assert field_of(new).told == ["ann joins", "ann drops"]
            assert len(new.lobby.hold_quota) == 1


async def test_a_held_seat_goes_along_with_its_token() -> None:
    here = Endpoint("127.0.0.1", 0)
    (plain,) = profiles_of("0ms")
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_proxy(plain, listen=here, to=Endpoint("127.0.0.1", two.old.port), seed="cut") as (
                proxy,
                port,
            ),
            open_game(f"ws://127.0.0.1:{port}/", name="ann") as game,
        ):
            await until_known(game)
            roster = two.old.lobby.rooms[0][1].roster
            proxy.cut()
            await until(lambda: roster.held or game.statistics().resumes)
            new = await two.next()
            while not game.statistics().resumes:
                await game.next_delta()
            await game.send(Step(1))
            while game.replica.ack < 1:
                await game.next_delta()
            assert field_of(new).steps == [1]
            assert len(new.lobby.hold_quota) == 0
            assert game.rejoins == 0


async def test_who_has_not_joined_yet_joins_the_new_server_over_the_same_connection() -> None:
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": HoldingField}) as two,
            open_websocket_url(
                f"ws://127.0.0.1:{two.old.port}/", subprotocols=[SUBPROTOCOL]
            ) as first,
            open_websocket_url(
                f"ws://127.0.0.1:{two.old.port}/", subprotocols=[SUBPROTOCOL]
            ) as second,
        ):
            early, joining = RawClient(first), RawClient(second)
            await joining.hello(name="joining", token="slow")
            await until(lambda: two.old.lobby.rooms and two.old.lobby.rooms[0][1].ready.is_set())
            kind = type("HoldingField", (LetsIn,), {"__module__": __name__})
            new = await two.next({"field": kind})
            welcome = await joining.next_of(Welcome)
            await early.hello(name="early")
            assert {welcome.seat, (await early.next_of(Welcome)).seat} == {1, 2}
            assert len(field_of(new).players) == 2


class LetsIn(HoldingField):
    async def on_auth(self, joining: Joining) -> str | None:
        return None


async def test_a_reserved_seat_is_reserved_in_the_new_server() -> None:
    with trio.fail_after(PATIENCE_S):
        async with two_servers({"field": HoldingField}) as two:
            (ticket,) = two.old.reserve_seats("field")
            await two.old.lobby.rooms[0][1].ready.wait()
            new = await two.next()
            assert new.lobby.rooms[0][1].roster.seats_taken == 1
            async with open_game(
                f"ws://127.0.0.1:{two.old.port}/field", name="ann", ticket=ticket
            ) as game:
                assert game.seat == 1
            assert len(new.lobby.reservations) == 0


class Unheld(HoldingField):
    hold_s = 0.0


async def test_an_encrypted_client_is_moved_to_its_seat_and_resumes_with_a_delta(
    tmp_path: Path,
) -> None:
    issued = authority().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(tmp_path / "cert.pem", append=True)
    settings = Settings(
        port=0,
        tls_port=0,
        certificate=tmp_path / "cert.pem",
        key=tmp_path / "key.pem",
        ping_interval_s=0.1,
    )
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": Unheld}, settings) as two,
            open_game(
                f"wss://127.0.0.1:{two.old.tls_port}/", name="ann", ssl_context=client_tls()
            ) as game,
        ):
            await until_known(game)
            await game.send(Step(1))
            while game.replica.ack < 1:
                await game.next_delta()
            own = game.replica.own
            new = await two.next()
            change = await game.next_state()
            assert (change.state, change.code) == (State.RECONNECTING, CloseCode.MOVED)
            while game.state is not State.PLAYING:
                await game.next_state()
            await game.next_delta()
            assert game.statistics().resumes == 1
            assert game.replica.own is own  # a full state would have made another one
            await game.send(Step(1))
            while game.replica.ack < 2:
                await game.next_delta()
            assert field_of(new).players[game.seat].entity.x == 2
            assert game.rejoins == 0


class KeptField(HoldingField):
    durable = True


async def test_a_durable_room_is_recovered_from_the_journal_of_the_new_process(
    tmp_path: Path,
) -> None:
    settings = Settings(port=0, ping_interval_s=0.1, data=tmp_path)
    with trio.fail_after(PATIENCE_S):
        async with (
            two_servers({"field": KeptField}, settings) as two,
            open_game(f"ws://127.0.0.1:{two.old.port}/", name="ann") as game,
        ):
            await until_known(game)
            await game.send(Step(1))
            new = await two.next()
            ((_, task),) = new.lobby.rooms
            for _ in range(5):
                await game.send(Step(1))
            while game.replica.ack < 6:
                await game.next_delta()
            tick = task.room.tick_number
            await until(lambda: task.journal is not None and task.journal.written_tick >= tick)
            (recovered,) = await recover(tmp_path / "journals", {"field": KeptField})
            room = recovered.stepper.room
            assert isinstance(room, KeptField)
            assert room.steps == [1] * 6
            assert recovered.epoch == 2
