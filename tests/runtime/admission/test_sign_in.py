"""Signing in with whole sessions: required tokens, identities for rooms, and a second sign-in."""

from __future__ import annotations

import pathlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import structlog
import trio
from trio.testing import MockClock

from gameserver import ConfigError, Joining, JoinRefused, Player, Room, Settings, Verified
from gameserver.identity import UsedTokens
from gameserver.ops.metrics import Counters
from gameserver.protocol.messages import Delta
from gameserver.runtime.admission.connection_limits import ConnectionLimits, Peer
from gameserver.runtime.admission.sign_in import SignIn
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.sessions.session import Session
from gameserver.tokens import Fault, Tokens
from tests.support.small_game import Field, RawClient, connected

SECRET = "a secret of the tests, long enough".replace(" ", "-")
SETTINGS = Settings(secret=SECRET, empty_room_s=1000, reading="tasks")


class Club(Field):
    """Members only."""

    requires_token = True
    max_players = 2

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.log.append(f"{player.identity} in seat {player.seat}")

    async def on_auth(self, joining: Joining) -> str | None:
        if joining.name == "banned":
            raise JoinRefused(4007, "you are banned")
        return await super(Field, self).on_auth(joining)


class Strict(Club):
    second_sign_in = "refuse"


KINDS = {"field": Field, "club": Club, "strict": Strict}


@attrs.frozen
class House:
    """A lobby, and clients of it over memory streams."""

    lobby: Lobby
    connection_limits: ConnectionLimits
    settings: Settings
    nursery: trio.Nursery

    def token(self, identity: str = "account-17") -> str:
        return Tokens([SECRET]).issue(identity)

    def room(self, label: str) -> Field:
        room = next(task.room for _, task in self.lobby.rooms if task.label == label)
        assert isinstance(room, Field)
        return room

    @asynccontextmanager
    async def client(self, *, is_bot: bool = False) -> AsyncIterator[RawClient]:
        async with connected() as (ws, _, client, _):
            peer = self.connection_limits.admit("peer", 0, trio.current_time())
            assert isinstance(peer, Peer)
            peer.is_bot = is_bot
            session = Session(ws, peer, self.lobby, self.settings, Counters())
            self.nursery.start_soon(session.run)
            yield client

    async def refused(self, *, is_bot: bool = False, **hello: Any) -> tuple[int, str | None]:
        async with self.client(is_bot=is_bot) as client:
            await client.hello(**hello)
            return await client.closed()


@asynccontextmanager
async def house(**changes: Any) -> AsyncIterator[House]:
    settings = attrs.evolve(SETTINGS, **changes)
    async with trio.open_nursery() as nursery:
        lobby = Lobby(KINDS, settings)
        lobby.start(nursery)
        yield House(lobby, ConnectionLimits(settings), settings, nursery)
        nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- tokens


async def test_a_room_that_requires_tokens_gets_the_verified_identity(
    autojump_clock: MockClock,
) -> None:
    async with house() as h, h.client() as client:
        await client.joined(room="club", token=h.token())
        assert h.room("club/1").players[1].identity == "account-17"
        assert h.lobby.sign_in.refused == {}


async def test_a_room_that_requires_none_is_given_the_text_as_it_came(
    autojump_clock: MockClock,
) -> None:
    async with house() as h, h.client() as client:
        token = h.token()
        await client.joined(room="field", token=token)
        assert h.room("field/1").players[1].identity == token


@pytest.mark.parametrize(
    ("token", "fault", "said"),
    [
        (None, Fault.MISSING, "a token is needed here"),
        ("account-17", Fault.FORGED, "the token is not one of ours"),
        (Tokens(["x" * 32]).issue("account-17"), Fault.FORGED, "the token is not one of ours"),
        (
            Tokens([SECRET], clock=lambda: 1e9).issue("account-17"),
            Fault.EXPIRED,
            "the token has expired",
        ),
    ],
    ids=["none", "a name", "another's", "old"],
)
async def test_what_is_no_good_token(
    autojump_clock: MockClock, token: str | None, fault: Fault, said: str
) -> None:
    async with house() as h, h.client() as honest:
        await honest.joined(room="club", token=h.token("honest"))
        assert await h.refused(room="club", token=token) == (4007, said)
        assert h.lobby.sign_in.refused == {fault: 1}
        assert len(h.lobby.rooms) == 1
        await honest.next_of(Delta)


async def test_nobody_opens_a_room_without_a_token(autojump_clock: MockClock) -> None:
    async with house() as h:
        assert (await h.refused(room="club/mine", token="forged"))[0] == 4007
        assert h.lobby.rooms == []


async def test_a_token_is_good_once(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as first:
        token = h.token()
        await first.joined(room="club", token=token)
        assert await h.refused(room="club", token=token) == (4007, "the token was used before")
        assert h.lobby.sign_in.refused == {Fault.USED: 1}
        await first.next_of(Delta)  # the thief has not taken the seat over


async def test_one_of_two_joins_at_once_with_one_token_succeeds(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as one, h.client() as other:
        token = h.token()
        await one.hello(room="club", token=token)
        await other.hello(room="club", token=token)
        async with trio.open_nursery() as nursery:
            codes: list[int] = []

            async def watch(client: RawClient) -> None:
                codes.append((await client.closed())[0])
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch, one)
            nursery.start_soon(watch, other)
        assert codes == [4007]
        assert len(h.room("club/1").players) == 1


async def test_a_full_room_does_not_use_the_token_up(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as a, h.client() as b, h.client() as late:
        await a.joined(room="club/x", token=h.token("a"))
        await b.joined(room="club/x", token=h.token("b"))
        token = h.token("c")
        assert (await h.refused(room="club/x", token=token))[0] == 4005
        await late.joined(room="club/y", token=token)


def test_a_clock_that_is_wrong_for_a_while_makes_no_token_good_twice() -> None:
    wall_s, steady_s = 1e9, 50.0
    sign_in = SignIn(KINDS, SETTINGS, lambda: wall_s, lambda: steady_s)
    tokens = Tokens([SECRET], clock=lambda: wall_s)

    def come(token: str) -> None:
        verified = sign_in.verify(token, Club, is_bot=False)
        assert verified is not None
        sign_in.use(verified)

    token = tokens.issue("ann")
    come(token)
    wall_s += 3600
    steady_s += 1
    come(tokens.issue("bob"))
    wall_s -= 3600
    with pytest.raises(JoinRefused, match="used before"):
        come(token)


async def test_no_token_is_taken_that_could_not_be_remembered(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as first:
        h.lobby.sign_in._used = UsedTokens(most=1)
        await first.joined(room="club", token=h.token("a"))
        refused = await h.refused(room="club", token=h.token("b"))
        assert refused == (4007, "too many sign-ins right now")
        assert h.lobby.sign_in.refused == {Fault.MEMORY: 1}


async def test_a_room_may_refuse_whom_the_server_believes(autojump_clock: MockClock) -> None:
    async with house() as h:
        refused = await h.refused(room="club", name="banned", token=h.token())
        assert refused == (4007, "you are banned")


async def test_the_rule_for_programs(autojump_clock: MockClock) -> None:
    async with (
        house(bots_need_token=True) as h,
        h.client() as browser,
        h.client(is_bot=True) as bot,
    ):
        refused = await h.refused(is_bot=True, room="field")
        assert refused == (4007, "a token is needed here")
        await browser.joined(room="field")
        await bot.joined(room="field", token=h.token())


async def test_tokens_and_secrets_are_in_no_log_and_no_message(autojump_clock: MockClock) -> None:
    with structlog.testing.capture_logs() as logged:
        async with house() as h, h.client() as client:
            tokens = [h.token("a"), h.token("b"), "forged-token"]
            await client.joined(room="club", token=tokens[0])
            told = [
                await h.refused(room="club", token=tokens[0]),
                await h.refused(room="club", token=tokens[2]),
                await h.refused(room="club", name="banned", token=tokens[1]),
            ]
    assert len(logged) >= 4
    for text in (repr(logged), repr(told)):
        assert SECRET not in text
        assert not any(token in text for token in tokens)


# ---------------------------------------------------------------- secrets


def test_without_a_secret_no_room_may_require_tokens() -> None:
    with pytest.raises(ConfigError, match=r"the room club requires tokens.*GAMESERVER_SECRET"):
        SignIn(KINDS, Settings())
    with pytest.raises(ConfigError, match="bots_need_token requires tokens"):
        SignIn({"field": Field}, Settings(bots_need_token=True))
    SignIn({"field": Field}, Settings())


def test_a_file_of_secrets_is_read_again(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET}\n")
    sign_in = SignIn(KINDS, Settings(secret_file=file))
    old, new = Tokens([SECRET]), Tokens(["n" * 32])

    def believed(tokens: Tokens) -> bool:
        try:
            return sign_in.verify(tokens.issue("ann"), Club, is_bot=False) is not None
        except JoinRefused:
            return False

    assert (believed(old), believed(new)) == (True, False)
    file.write_text(f"{'n' * 32}\n{SECRET}\n")
    assert (believed(old), believed(new)) == (True, False)
    sign_in.read_again()()
    assert (believed(old), believed(new)) == (True, True)
    for broken in ("", "too short"):
        file.write_text(broken)
        with structlog.testing.capture_logs() as logged:
            sign_in.read_again()()
        assert [entry["event"] for entry in logged] == ["the secrets stay as they were"]
        assert "too short" not in repr(logged)
        assert (believed(old), believed(new)) == (True, True)
    file.unlink()
    sign_in.read_again()()
    assert believed(new)


@pytest.mark.parametrize("text", ["", "too-short-to-be-one", b"\xff" * 40, None])
def test_a_file_that_holds_no_secrets(tmp_path: pathlib.Path, text: str | bytes | None) -> None:
    file = tmp_path / "secrets"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match="secrets") as error:
        SignIn(KINDS, Settings(secret_file=file))
    assert "too-short" not in str(error.value)


async def test_the_default_identity_is_the_verified_one() -> None:
    room = Room()
    verified = Verified("account-17", "1", 0.0)
    assert await room.on_auth(Joining(name="ann", verified=verified)) == "account-17"
    assert await room.on_auth(Joining(name="ann", token="account-17")) is None


# ---------------------------------------------------------------- a second sign-in


async def test_a_second_sign_in_takes_the_seat_over(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as other, h.client() as first, h.client() as second:
        await other.joined(room="club", token=h.token("other"))
        await first.joined(room="club", token=h.token())
        welcome = await second.joined(room="club", token=h.token())
        assert await first.closed() == (4012, "signed in elsewhere")
        assert first.bye is not None
        assert (first.bye.code, first.bye.retry_after_s) == (4012, None)
        # The room was full, and the seat is the same.
        assert (welcome.room, welcome.seat) == ("club/1", 2)
        room = h.room("club/1")
        assert (room.left, room.log[-1]) == ([], "account-17 in seat 2")
        await second.step(1)
        while (await second.next_of(Delta)).ack != 1:
            pass
        await other.next_of(Delta)
        # The seat is still taken when the first session is long over, and free after the second.
        assert (await h.refused(room="club/1", token=h.token("third")))[0] == 4005
        await second.ws.aclose(1000, "")
        async with h.client() as third:
            assert (await third.joined(room="club/1", token=h.token("third"))).seat == 2


async def test_a_room_may_refuse_a_second_sign_in(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as first, h.client() as elsewhere:
        await first.joined(room="strict", token=h.token())
        refused = await h.refused(room="strict", token=h.token())
        assert refused == (4007, "you play here already")
        await first.next_of(Delta)
        await elsewhere.joined(room="club", token=h.token())  # another kind of room
        await first.next_of(Delta)


async def test_identities_that_a_game_gives_itself_are_taken_over_too(
    autojump_clock: MockClock,
) -> None:
    async with house() as h, h.client() as first, h.client() as second:
        await first.joined(room="field", token="me")
        await second.joined(room="field", token="me")
        assert (await first.closed())[0] == 4012
        assert [p.identity for p in h.room("field/1").players.values()] == ["me"]


async def test_nobody_is_taken_for_nobody(autojump_clock: MockClock) -> None:
    async with house() as h, h.client() as first, h.client() as second:
        await first.joined(room="field")
        await second.joined(room="field")
        await first.next_of(Delta)
        assert len(h.room("field/1").players) == 2
