"""The task of one connection: hello, join, play, leave, and every way in which that can end.

Owns the conversation of one connection and its deadlines.  Touches the game only through the room's
task and roster.  Nothing that one client sends reaches another session.

A session that reads from a client never waits until that client reads.  Answers of the play loop
are posted, or go with the next delta, so a client with a slow link can always answer pings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.config import Settings
from gameserver.errors import JoinRefused, RemoteProtocolError
from gameserver.ops.logging import escaped
from gameserver.ops.metrics import Counters, Tally, less, total
from gameserver.protocol.closing import (
    CONNECTION_LOST,
    NO_STATUS,
    ClientAction,
    CloseCode,
    action_for,
    close_reason,
)
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.latency import Latency
from gameserver.protocol.messages import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_SAY_LENGTH,
    Bye,
    Moved,
    Welcome,
    decode_from_client,
)
from gameserver.runtime.admission.connection_limits import Peer
from gameserver.runtime.http.acceptor import FLOOD
from gameserver.runtime.http.frozen_connection import FrozenConnection
from gameserver.runtime.net.heartbeat import Beat
from gameserver.runtime.net.websocket import State, WebSocket, WebSocketClosed
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.sessions.entrance import Entered, Entrance, MovedOn, PassedOn
from gameserver.runtime.sessions.frozen_session import FrozenPlay
from gameserver.runtime.sessions.player_tally import tally_of
from gameserver.runtime.sessions.reception import (
    MessageCount,
    Reception,
    SessionOver,
    message_path,
    next_bytes,
)
from gameserver.runtime.sessions.routing import Routed, Router
from gameserver.simulation.inputs import LENGTH_TICKS
from gameserver.simulation.stepper import Seated

log = structlog.get_logger(__name__)

#: Deadlines of the peer to take a welcome that could not be posted, and to take a bye.
WELCOME_TIMEOUT_S: Final = 10.0
BYE_TIMEOUT_S: Final = 2.0
#: The reason that game and log get where neither side gave one.
LOST: Final = "connection lost"
#: A connection that no other node has passed on.
FROM_CLIENT: Final = Routed()


@attrs.frozen
class Ending:
    """Why a session ended.  ``by_peer``: its peer sent a close frame, with any code it likes."""

    code: int
    reason: str
    by_peer: bool = False
    retry_after_s: float | None = None


class Session:
    """One game connection, from its WebSocket to its close frame."""

    def __init__(
        self,
        ws: WebSocket,
        peer: Peer,
        lobby: Lobby,
        settings: Settings,
        counters: Counters,
        router: Router | None = None,
        routed: Routed = FROM_CLIENT,
    ) -> None:
        self._ws = ws
        self._lobby = lobby
        self._counters = counters
        #: Whether another process goes on with the connection.
        self._abandoned = False
        self._seated: Seated | None = None
        #: The player, once it plays, and what takes its messages; both change with the room's code.
        self._member: Member | None = None
        self._reception: Reception | None = None
        self._beat: Beat | None = None
        #: The room that the player moves to; its client is told at the end.
        self._moved: Moved | None = None
        #: The counts of the player that earlier sessions have reported already.
        self._counted_before = Tally()
        #: The counts of the player when this session ended; another session may continue them.
        self._played: Tally | None = None
        self._scope = trio.CancelScope()
        self._ending: Ending | None = None
        self._count_of_messages = MessageCount(counters)
        ws.on_flood(self._end_flood)
        self._peer = peer
        self._log = log.bind(peer=peer.name)
        #: None once the client has a seat.
        self._entrance: Entrance | None = Entrance(
            ws,
            peer,
            lobby,
            settings,
            counters,
            router,
            routed,
            self._count_of_messages,
            self.end,
            self._log,
        )

    def end(self, code: int, reason: str) -> None:
        """End this session now, from any task; the first call decides code and reason."""
        if self._ending is None:
            self._ending = Ending(code, reason)
            # At once: the player may continue over another connection before this task runs again.
            self._ws.off_message()
            self._scope.cancel()

    def _end_flood(self) -> None:
        self.end(CloseCode.RATE, FLOOD)

    @property
    def member(self) -> Member | None:
        """The player, while it plays over this connection."""
        return self._member

    @property
    def peer(self) -> Peer:
        """The other end of the connection."""
        return self._peer

    @property
    def bytes_in(self) -> int:
        """The bytes that were received over the connection."""
        return self._ws.link.bytes_in

    @property
    def bytes_out(self) -> int:
        """The bytes that were sent over the connection."""
        return self._ws.link.bytes_out

    def tally(self) -> Tally:
        """Return what this session has counted so far."""
        link = self._ws.link
        of_link = Tally(link.bytes_in, link.bytes_out, link.posts_refused)
        if self._seated is None:
            return of_link
        played = self._played or less(tally_of(self._seated), self._counted_before)
        return total(of_link, [played])

    async def run(self) -> None:
        """Run the session to its end, then send bye and close, each with a deadline."""
        await self._run(self._enter_and_play())

    async def _run(self, work: Coroutine[Any, Any, Ending]) -> None:
        ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
        with self._scope:
            try:
                ending = await self._until_closed(work)
            except PassedOn as passed_on:
                self._counters.passed_on += 1
                self._log.debug("passed on", room=passed_on.label)
                return
        if self._abandoned:
            return
        ending = self._ending or ending
        self._count(ending)
        self._log.info(
            "session ended",
            code=int(ending.code),
            reason=escaped(ending.reason),
            by_peer=ending.by_peer,
        )
        if self._ws.state is State.OPEN:
            await self._say_bye(ending)

    def _count(self, ending: Ending) -> None:
        """Count an end by our close code; those of peers are counted as normal or lost only."""
        code = ending.code
        if ending.by_peer:
            code = (
                CloseCode.NORMAL
                if code in (CloseCode.NORMAL, CloseCode.GOING_AWAY)
                else CONNECTION_LOST
            )
        joined = self._seated is not None
        (self._counters.endings if joined else self._counters.refusals)[code] += 1

    # ------------------------------------------------------------ from process to process

    def freeze(self) -> tuple[FrozenConnection, FrozenPlay | None] | None:
        """Stop reading and writing, and return the session for another process.

        Without a ``FrozenPlay`` the client has no seat yet: its hello is among the received bytes,
        so the other process lets it join from the beginning.  None if the session must stay here
        because it ends, or because its connection cannot be frozen.  ``thaw`` undoes it.
        """
        if self._ending is not None:
            return None
        member, reception, beat = self._member, self._reception, self._beat
        if self._seated is not None and (member is None or reception is None or beat is None):
            return None  # it has played, or the welcome is not sent yet
        entrance = self._entrance
        frozen = self._ws.freeze([] if entrance is None else entrance.received)
        if frozen is None:
            return None
        now_s = trio.current_time()
        if entrance is not None:
            entrance.give_back_token()
        connection = FrozenConnection(frozen, self._peer.freeze(now_s))
        if member is None or reception is None or beat is None:
            return connection, None
        return connection, FrozenPlay(
            member.label,
            member.player.seat,
            beat.freeze(now_s),
            reception.allowances_left(now_s),
            reception.reads_in_flight,
        )

    def thaw(self) -> None:
        """Go on here after all."""
        if self._entrance is not None:
            self._entrance.take_token()
        self._ws.thaw()
        if self._member is not None and self._beat is not None:
            self._read(self._lobby.task_of(self._member), self._beat)

    def thaw_to_move(self, reason: str, secure_port: int | None) -> None:
        """Go on here only to send the player to another process, where its seat is held.

        That process listens at the same address; over TLS at ``secure_port``, if it is given.
        """
        self._ws.thaw()
        if self._member is None:
            self.end(CloseCode.GOING_AWAY, reason)
        elif self._ending is None:
            there = secure_port if self._ws.link.encrypted else None
            url = "" if there is None else self._ws.url_at(there)
            self._moved = Moved(url, self._member.label, "", again=1)
            self.end(CloseCode.MOVED, reason)

    @property
    def plays_in(self) -> str | None:
        """The label of the room that it plays in; None before and after it plays."""
        return None if self._member is None else self._member.label

    @property
    def descriptor(self) -> int:
        """The descriptor of the socket."""
        return self._ws.link.fileno()

    def abandon(self) -> None:
        """End without a word: another process goes on with the connection."""
        self._abandoned = True
        self._ws.drop()
        self._scope.cancel()

    def go_on(self, task: RoomTask, member: Member, frozen: FrozenPlay, began_s: float) -> None:
        """Play on with a player of another process; ``run_on`` must follow."""
        self._entrance = None
        self._seated = member.seated
        self._counted_before = tally_of(member.seated)
        self._log = self._log.bind(room=task.label, player=escaped(member.player.name))
        member.roster.continue_over(member, self._ws.link, self.end)
        self._member = member
        self._note_address(member)
        self._begin_play(task, member, frozen, began_s)

    async def run_on(self) -> None:
        """Run a session that plays on to its end, as ``run`` does."""
        assert self._member is not None, "go_on comes first"
        # The fast path works already.  The first ticks are late, so they come before the slow one.
        await self._lobby.task_of(self._member).ready.wait()
        await self._lobby.join_throttle.wait_turn()
        await self._ws.begin()
        await self._run(self._play_on())

    async def _play_on(self) -> Ending:
        member = self._member
        assert member is not None, "go_on comes first"
        return await self._until_over(member, self._until_played(self._lobby.task_of(member)))

    # ------------------------------------------------------------ how it ends

    async def _until_closed(self, work: Awaitable[Ending]) -> Ending:
        """Await ``work``, and return how it ended: by its result or by an exception."""
        try:
            return await work
        except MovedOn as over:
            self._moved = over.moved
            return Ending(over.code, over.reason)
        except SessionOver as over:
            return Ending(over.code, over.reason)
        except RemoteProtocolError as error:
            return Ending(CloseCode.PROTOCOL_ERROR, str(error))
        except JoinRefused as refusal:
            return Ending(refusal.code, refusal.reason, retry_after_s=refusal.retry_after_s)
        except WebSocketClosed as closed:
            return self._found_closed(closed)

    @staticmethod
    def _found_closed(closed: WebSocketClosed) -> Ending:
        """Return the ending of a WebSocket closed by the peer, by us, or by neither (1006)."""
        if closed.by_peer:
            return Ending(closed.code, "left" if closed.code < 1002 else LOST, by_peer=True)
        return Ending(closed.code, closed.reason or LOST)

    # ------------------------------------------------------------ joining

    async def _enter_and_play(self) -> Ending:
        """Play, once the client has a seat, until it leaves or the connection is lost."""
        assert self._entrance is not None, "the client has a seat"
        entered = await self._entrance.enter()
        self._note_playing(entered)
        work = self._welcome_and_play(entered.task, entered.member, resumed=entered.resumed)
        return await self._until_over(entered.member, work)

    def _note_playing(self, entered: Entered) -> None:
        task, member, player = entered.task, entered.member, entered.member.player
        self._entrance = None
        self._seated, self._counted_before = member.seated, entered.counted_before
        self._peer.joined()
        self._note_address(member)
        self._log = self._log.bind(room=task.label, player=escaped(player.name))
        more = {"behind_ticks": entered.behind_ticks} if entered.how == "resumed" else {}
        self._log.info(entered.how, seat=player.seat, **more)

    def _note_address(self, member: Member) -> None:
        member.address = None if self._peer.address is None else str(self._peer.address)

    async def _until_over(self, member: Member, work: Coroutine[Any, Any, Ending]) -> Ending:
        ending = Ending(CloseCode.INTERNAL_ERROR, "internal error")
        self._member, member.on_replaced = member, self._go_on_as
        try:
            ending = await self._until_closed(work)
            # Many connections may break at one moment; their players leave a few at a time.
            await self._lobby.join_throttle.wait_turn()
        finally:
            member, self._member = self._member, None
            member.on_replaced = None  # it refers to this session, in a circle
            self._disconnect(member, self._ending or ending)
            self._played = less(tally_of(member.seated), self._counted_before)
        return ending

    def _go_on_as(self, member: Member) -> None:
        """Play on as the member that has taken the place of this one, over the same connection."""
        assert self._member is not None
        played = less(tally_of(self._member.seated), self._counted_before)
        self._counted_before = less(tally_of(member.seated), played)
        self._member, member.on_replaced = member, self._go_on_as
        self._note_address(member)
        self._seated = member.seated
        if self._reception is not None:
            self._reception.close()
            self._take_messages(self._lobby.task_of(member), member)

    def _disconnect(self, member: Member, ending: Ending) -> None:
        may_return = action_for(ending.code) is ClientAction.RESUME
        if ending.by_peer and ending.code == NO_STATUS:
            may_return = False  # closed on purpose, though without a code
        member.roster.disconnect(
            member,
            self._ws.link,
            ending.reason,
            may_return=may_return,
            address=self._peer.counted_as,
        )
        self._moved = self._moved or member.moved

    async def _welcome_and_play(self, task: RoomTask, member: Member, *, resumed: bool) -> Ending:
        await self._welcome(task, member, resumed=resumed)
        return await self._play(task, member)

    async def _welcome(self, task: RoomTask, member: Member, *, resumed: bool) -> None:
        """Send the welcome, and only then have deltas sent."""
        room, player = task.room, member.player
        welcome = Welcome(
            room=task.label,
            seat=player.seat,
            own_entity=room.id_of(player.entity),
            tick=room.tick_number,
            tick_rate=room.tick_rate,
            schema=room.schema().describe(),
            resume=self._lobby.resumption.token_of(member),
            limits={
                "message_bytes": MAX_CLIENT_MESSAGE_BYTES,
                "say_length": MAX_SAY_LENGTH,
                "publish_every": room.publish_every,
                **({} if room.input is None else {"input_buffer_ticks": LENGTH_TICKS}),
                **({"max_rewind_ms": room.max_rewind_ms} if room.rewinds else {}),
            },
            resumed=resumed,
            ack=member.seated.seat.command_seq,
        )
        data = welcome.encode()
        if not self._ws.post(binary_frame(data)):
            with trio.move_on_after(WELCOME_TIMEOUT_S) as patience:
                await self._ws.send(data)
            if patience.cancelled_caught:
                raise SessionOver(CloseCode.TOO_SLOW, "the welcome was not taken")
        if self._ending is None:  # otherwise deltas may have to wait for another session's welcome
            member.roster.start_deltas(member)

    # ------------------------------------------------------------ playing

    async def _play(self, task: RoomTask, member: Member) -> Ending:
        """Take messages from both paths: the fast path, and trio-websocket."""
        self._begin_play(task, member)
        return await self._until_played(task)

    def _begin_play(
        self,
        task: RoomTask,
        member: Member,
        frozen: FrozenPlay | None = None,
        began_s: float = 0.0,
    ) -> None:
        """Open the fast path, and have the connection read and pinged; ``_until_played`` follows.

        ``frozen`` is what another process had begun, which froze it at ``began_s``.
        """
        beat = self._beat = task.heartbeat.add(
            self._ws.link, self._newest_seq, self._answered, self._end_silent
        )
        reception = self._take_messages(task, member)
        if frozen is not None:
            task.heartbeat.go_on(beat, frozen.beat, began_s)
            reception.go_on(frozen.allowances, frozen.reads)
        self._read(task, beat)

    def _read(self, task: RoomTask, beat: Beat) -> None:
        """Have the connection read before ticks, and at once where a pong is awaited."""
        task.read(self._ws.link)
        beat.watch()

    async def _until_played(self, task: RoomTask) -> Ending:
        beat = self._beat
        assert beat is not None
        try:
            return await self._until_closed(self._listen())
        finally:
            if self._reception is not None:
                self._reception.close()
            self._ws.off_message()
            task.stop_reading(self._ws.link)
            task.heartbeat.remove(beat)
            self._reception = self._beat = None  # they refer to this session, in circles

    def _take_messages(self, task: RoomTask, member: Member) -> Reception:
        """Take messages for ``member`` from now on, on both paths."""
        assert self._beat is not None
        reception = self._reception = Reception(
            member.seated,
            task,
            self._ws,
            self._count_of_messages,
            self._counters,
            self.end,
            self._log,
            self._muted,
            self._report,
        )
        self._ws.on_message(message_path(reception), self._beat.pong)
        return reception

    def _muted(self) -> str | None:
        """Return what the player is told if it is muted, else None."""
        identity = None if self._member is None else self._member.player.identity
        return self._lobby.moderation.muted(identity, self._peer.address)

    def _report(self, seat: int, reason: str) -> str:
        """Take a report of this player about the one in ``seat``; return the answer."""
        by = self._member
        about = None if by is None else by.roster.find_seat(seat)
        if by is None or about is None or about is by:
            return f"nobody else is in seat {seat}"
        self._counters.reports += 1
        self._lobby.task_of(by).report(by, about, reason)
        return f"your report about {about.player.name} was received"

    def _newest_seq(self) -> int:
        assert self._member is not None
        return self._member.seated.commands.newest_seq

    def _answered(self, latency: Latency) -> None:
        """Note the latency that an answered ping has measured."""
        member, reception = self._member, self._reception
        assert member is not None
        assert reception is not None
        # The ping was sent after the welcome, so the client has that too.
        member.roster.confirm_welcome(member)
        reception.take_latency(latency)

    def _end_silent(self) -> None:
        self.end(CloseCode.PING_TIMEOUT, "three pings in a row went unanswered")

    async def _listen(self) -> Ending:
        while True:
            data, now_s = await next_bytes(self._ws, self._count_of_messages)
            message = decode_from_client(data)
            reception = self._reception
            # Once the session is ending, the player may be on another connection.
            if self._ending is None and reception is not None:
                reception.take(message, now_s)

    # ------------------------------------------------------------ the end

    async def _say_bye(self, ending: Ending) -> None:
        reason = close_reason(ending.reason)
        if self._entrance is None or self._entrance.greeted:
            with trio.move_on_after(BYE_TIMEOUT_S):
                try:
                    if self._moved is not None and ending.code == CloseCode.MOVED:
                        await self._ws.send(self._moved.encode())
                    await self._ws.send(Bye(ending.code, reason, ending.retry_after_s).encode())
                except WebSocketClosed:
                    return
        await self._ws.close(ending.code, reason)
