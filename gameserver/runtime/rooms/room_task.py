"""The task of one room: start it, step it at its rate, publish, end it.

Owns the order of a tick (read → step → failures → kicks → texts → publish) and what becomes of a
hook that raises: a failure about one player ends that player's session, one of ``tick`` or of a
publish ends the room.  Does what the overload ladder says (``overload.py``).  Never awaits inside
a tick, never touches a socket, never knows how a session ends: it calls the ``End`` that the
session gave it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs
import structlog
import trio

from gameserver.errors import JoinRefused, LocalProtocolError
from gameserver.ops.metrics import RoomTally
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import Said
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Sink
from gameserver.room import Player, Room
from gameserver.runtime.net.heartbeat import Heartbeat
from gameserver.runtime.net.link import Link
from gameserver.runtime.net.poller import Poller
from gameserver.runtime.rooms.hook_watch import BLOCK_S, HookWatch, StageEnd
from gameserver.runtime.rooms.latency_budget import InputStages, stages_of
from gameserver.runtime.rooms.overload import OverloadLadder, steps_for
from gameserver.runtime.rooms.pace import RoomPace
from gameserver.runtime.rooms.ticker import WINDOW_TICKS, Ticker, TickStatistics
from gameserver.simulation.stepper import HookFailure, Seated, Stepper

log = structlog.get_logger(__name__)

#: Ends a session, from anywhere and at once: close code and reason.
End: TypeAlias = Callable[[int, str], None]

#: How often every seat gets the checksum of what it should know.
CHECK_EVERY_S: Final = 5.0
#: How long ``on_stop`` may take.
STOP_TIMEOUT_S: Final = 3.0


@attrs.frozen
class Held:
    """A seat that is held: until when, and what to call once it is not held any more.

    ``until_s`` by the room's own time: without that for which the server was blocked.
    """

    until_s: float
    over: Callable[[], None]


class RoomTask:
    """Runs ``room``, which is called ``label`` (``kind/name``) on the wire and in the log.

    ``ready`` is set when the first tick may come, or when the room ended before it.
    ``polled``: commands are read at the tick (``poller.py``).
    """

    def __init__(self, room: Room, label: str, *, ping_interval_s: float, polled: bool) -> None:
        self.room = room
        self.stepper = Stepper(room)
        self.label = label
        self.ready = trio.Event()
        #: Why the room ended; None while it lives.
        self.ended: str | None = None
        self._log = log.bind(room=label)
        self.hooks = HookWatch(room, self._log)
        self.pace = RoomPace(room.tick_rate, room.publish_every)
        self.publisher = Publisher(
            room.world,
            check_every_ticks=round(CHECK_EVERY_S * room.tick_rate),
            quiet_ticks=self.pace.quiet_ticks,
            window_ticks=self.pace.window_ticks,
        )
        self.ladder = OverloadLadder(
            room.tick_rate, steps_for(has_view=room.view_radius is not None)
        )
        #: Reads the links of all players at the tick; None: each link's own task reads it.
        self.poller = Poller() if polled else None
        self.heartbeat = Heartbeat(ping_interval_s, self.poller)
        self._life = trio.CancelScope()
        self._ticker: Ticker | None = None
        self._ends: dict[Player, End] = {}
        #: Those who signed in as somebody; each plays once (``playing_already``).
        self._by_identity: dict[str, Player] = {}
        #: Players whose seats are held, the first to give up first: until when, and whom to tell.
        self._held: dict[Player, Held] = {}
        self._published_tick = 0
        #: When the work of this tick began.
        self._begun_s = 0.0
        #: For how long the server was blocked: nobody could come back meanwhile.
        self._blocked_s = 0.0
        #: The level of the overload ladder that the game was last told.
        self._level = 0
        #: How long the latest steps took, without their publishes.
        self._simulate_s: deque[float] = deque(maxlen=WINDOW_TICKS)

    # ------------------------------------------------------------ what it is doing

    @property
    def now_ticks(self) -> float:
        """The room's time in ticks, with its fraction; 0.0 before it has started."""
        return 0.0 if self._ticker is None else self._ticker.now_ticks

    @property
    def last_work_s(self) -> float | None:
        """How long the last tick took, its publish included; None before there was one."""
        return None if self._ticker is None else self._ticker.last_work_s

    @property
    def last_simulate_s(self) -> float | None:
        """How long the last tick took until its publish; None before there was one."""
        return self._simulate_s[-1] if self._simulate_s else None

    def input_stages(self, player: Player | None = None) -> InputStages:
        """Return the latency budget of the inputs of one player, or of all; sorts windows."""
        of = list(self.room.players.values()) if player is None else [player]
        seated = None if player is None else self.stepper.find(player)
        source = self.stepper.input_times if seated is None else seated.commands.times
        return stages_of(source.times, self._simulate_s, [p.latency for p in of])

    def statistics(self) -> TickStatistics | None:
        """Return how the ticks did; None before the first."""
        return None if self._ticker is None else self._ticker.statistics()

    def tally(self) -> RoomTally:
        """Return what this room has counted so far."""
        ticks = self.statistics()
        published = self.publisher.statistics
        return RoomTally(
            ticks=0 if ticks is None else ticks.ticks,
            ticks_dropped=0 if ticks is None else ticks.dropped,
            catch_ups=0 if ticks is None else ticks.catch_ups,
            deltas=published.deltas,
            delta_bytes=published.delta_bytes,
            catch_up_deltas=published.catch_up_deltas,
            texts_dropped=self.stepper.texts_dropped,
            hook_failures=self.hooks.failures,
            overload_ups=self.ladder.ups,
            overload_downs=self.ladder.downs,
            blocks=self.hooks.blocks,
        )

    # ------------------------------------------------------------ who is in it

    def join(self, number: int, sink: Sink, name: str, identity: str | None, end: End) -> Seated:
        """Seat a player; its deltas begin with ``publish_to``.

        Who plays already takes its own seat over (``playing_already``).  ``JoinRefused`` with 1011
        if the room has ended or ``on_join`` raised.
        """
        if self.ended is not None:
            raise JoinRefused(CloseCode.INTERNAL_ERROR, self.ended)
        if number in self.room.players:
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the seat is another's")
        begun_s = trio.current_time()
        seated = self.stepper.join(number, sink, name, identity)
        player = seated.player
        self.hooks.note_duration("on_join", trio.current_time() - begun_s, player)
        self._ends[player] = end
        if identity is not None:
            self._by_identity[identity] = player
        if any(failure.player is player for failure in self.stepper.failures):
            self.leave(player, "could not join")
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the game failed to let you in")
        return seated

    def plays(self, identity: str | None) -> Player | None:
        """Return the player who signed in as ``identity``."""
        return None if identity is None else self._by_identity.get(identity)

    def playing_already(self, identity: str | None) -> Player | None:
        """Return whose seat a new sign-in as ``identity`` takes over; None: it joins afresh.

        ``JoinRefused`` (4007) where the room wants that.
        """
        older = self.plays(identity)
        if older is None:
            return None
        if self.room.second_sign_in == "refuse" and older.connected:
            raise JoinRefused(CloseCode.REFUSED, "you play here already")
        if older.kicked is None:
            return older
        self._end(older, CloseCode.KICKED, older.kicked)
        self.leave(older, older.kicked)
        return None

    def drop(self, seated: Seated) -> None:
        """Let a player be without a connection; ``hold`` or ``resume`` must follow."""
        player, seat = seated.player, seated.seat
        self._ends.pop(player, None)
        self.publisher.remove(seat)
        seat.lose_sink()
        begun_s = trio.current_time()
        self.stepper.drop(player)
        self.hooks.note_duration("on_drop", trio.current_time() - begun_s, player)
        self._take_failures()

    def hold(self, player: Player, over: Callable[[], None]) -> None:
        """Hold the seat of a player who was dropped for ``Room.hold_s``.

        ``over`` is called once it is not held any more, because the player has come back or left.
        """
        now_s = trio.current_time() - self._blocked_s
        self._held[player] = Held(now_s + self.room.hold_s, over)
        if self.ended is not None:
            self.leave(player, self.ended)

    def take_over(self, seated: Seated, sink: Sink, end: End) -> None:
        """Give a player to a client that has signed in anew: it knows nothing of the old one."""
        self.stepper.start_over(seated)
        self.resume(seated, sink, None, 0, end, "signed in elsewhere")

    def resume(
        self,
        seated: Seated,
        sink: Sink,
        known: set[int] | None,
        since: int,
        end: End,
        reason: str = "resumed on another connection",
    ) -> None:
        """Let a player go on over another connection; its deltas begin with ``publish_to``.

        ``known`` and ``since`` as in ``Seat.resume``.  A connection that it still has ends with
        4012 and ``reason``.
        """
        player = seated.player
        if player.connected:
            self._end(player, CloseCode.TAKEN_OVER, reason)
            self.drop(seated)
        if (held := self._held.pop(player, None)) is not None:
            held.over()
        seated.seat.resume(sink, known, since)
        self._ends[player] = end
        begun_s = trio.current_time()
        self.stepper.resume(player)
        self.hooks.note_duration("on_resume", trio.current_time() - begun_s, player)
        self._take_failures()

    def publish_to(self, seated: Seated) -> None:
        """Send deltas to this player from the next publish on.

        Apart from ``join`` because the welcome must be on the wire before the first delta.
        """
        if self._ends.get(seated.player) is not None:
            self.publisher.add(seated.seat)

    def read(self, link: Link) -> None:
        """Read this link, whose fast path is open, from now on."""
        if self.poller is not None and self.ended is None:
            self.poller.add(link)

    def leave(self, player: Player, reason: str) -> None:
        """Unseat a player.  Harmless if it has left already."""
        self._ends.pop(player, None)
        if player.identity is not None and self.plays(player.identity) is player:
            del self._by_identity[player.identity]
        held = self._held.pop(player, None)
        if (seated := self.stepper.find(player)) is not None:
            self.publisher.remove(seated.seat)
        begun_s = trio.current_time()
        self.stepper.leave(player, reason)
        self.hooks.note_duration("on_leave", trio.current_time() - begun_s, player)
        if held is not None:
            held.over()
        self._take_failures()

    def _release_expired(self, now_s: float) -> None:
        """Unseat those whose seats were held for long enough."""
        for player, held in list(self._held.items()):
            if held.until_s > now_s:
                return
            self.leave(player, "did not come back")

    def _release_all(self, why: str) -> None:
        for player in list(self._held):
            self.leave(player, why)

    # ------------------------------------------------------------ its life

    def stop(self) -> None:
        """Have ``run`` end, by way of ``on_stop``."""
        self._life.cancel()

    async def run(self) -> None:
        """Live from ``on_start`` to ``on_stop``; returns when stopped, or when the room failed.

        Raises no ``Exception``, neither the game's nor ours.  Cancelled, it ends without
        ``on_stop``.
        """
        started = False
        try:
            with self._life:
                started = await self._guarded("on_start")
                if started:
                    await self._tick_until_it_fails()
        except Exception:  # noqa: BLE001 - a bug of ours; the other rooms play on
            self._log.exception("the room crashed")
            self._fail("the room crashed")
        finally:
            if self.ended is None:
                self.ended = "the room is closed"
            self.ready.set()
            if self.poller is not None:
                self.poller.close()
            self._release_all(self.ended)
        if started:
            with trio.move_on_after(STOP_TIMEOUT_S) as patience:
                await self._guarded("on_stop")
            if patience.cancelled_caught:
                self._log.error("on_stop took too long", timeout_s=STOP_TIMEOUT_S)

    async def _tick_until_it_fails(self) -> None:
        self._ticker = Ticker(self.room.tick_rate, self.pace.tempo)
        self._begun_s = trio.current_time()
        self.ready.set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.heartbeat.run)
            if self.poller is not None:
                nursery.start_soon(self.poller.run)
            async for tick_number in self._ticker:
                self._tick(tick_number)
                work_s = trio.current_time() - self._begun_s
                self.hooks.note_duration("publish", work_s - self._simulate_s[-1])
                if self.ladder.ticked(tick_number, work_s):
                    self._take_step(tick_number)
                if self.ended is not None:
                    break
            nursery.cancel_scope.cancel()

    async def _guarded(self, hook: str) -> bool:
        """Await a hook; whether it went well.  If not, the room is over."""
        try:
            await getattr(self.room, hook)()
        except Exception as error:  # noqa: BLE001 - a game's bug must not take the server down
            self.hooks.note_failure(HookFailure(hook, None, error))
            self._fail(f"the room failed in {hook}")
            return False
        return True

    # ------------------------------------------------------------ one tick

    def _tick(self, tick_number: int) -> None:
        room = self.room
        before_s, self._begun_s = self._begun_s, trio.current_time()
        missed_s = self._begun_s - before_s - self.pace.tick_s
        if missed_s > BLOCK_S:
            self._blocked_s += missed_s
        stepper = self.stepper
        stepper.expect(tick_number)
        if self.poller is not None:
            self.poller.read_ready()
        begun_s = trio.current_time()
        if self._held:
            self._release_expired(begun_s - self._blocked_s)
        stepper.input_times.begin_tick(begun_s)
        ends = [StageEnd(hook, trio.current_time()) for hook in stepper.stages(tick_number)]
        self._simulate_s.append(ends[-1].ended_s - begun_s)
        if (blocking := self.hooks.note_step(begun_s, ends)) is not None:
            self._fail(f"the room failed: {blocking} blocked the server")
        if stepper.failures:
            self._take_failures()
        for player in stepper.kicked:
            assert player.kicked is not None
            self._end(player, CloseCode.KICKED, player.kicked)
            if player in self._held:
                self.leave(player, player.kicked)
        if self.ended is None and tick_number - self._published_tick >= room.publish_interval:
            self._published_tick = tick_number
            self._publish(tick_number)

    def _publish(self, tick_number: int) -> None:
        stepper = self.stepper
        emissions, texts = stepper.take_emissions(), stepper.take_texts()
        try:
            for said in texts:
                frame = binary_frame(Said(said.seat, said.name, said.text).encode())
                self._pass_on(frame, said.to)
            self.publisher.publish(tick_number, emissions)
            stepper.published(tick_number)
            stepper.input_times.note_sent(tick_number, trio.current_time(), self._simulate_s[-1])
        except LocalProtocolError as error:
            self.hooks.note_failure(HookFailure("publish", None, error))
            self._fail("the room failed: a value that cannot be sent")
        except Exception as error:  # noqa: BLE001 - a property of the game's entities, or our bug
            self.hooks.note_failure(HookFailure("publish", None, error))
            self._fail("the room failed while publishing")

    def _pass_on(self, frame: bytes, to: int | None) -> None:
        for number, seated in self.stepper.seated.items():
            if seated.player.connected and (to is None or to == number):
                seated.seat.notify(frame)

    # ------------------------------------------------------------ overload

    def _take_step(self, tick_number: int) -> None:
        """Carry out the present step of the ladder."""
        step, room = self.ladder.step, self.room
        self._log.warning(
            "overload",
            level=int(step.level),
            load=round(self.ladder.load, 2),
            does=step.does,
            tick=tick_number,
        )
        publish_interval = room.publish_every * step.publish_factor
        announcement = self.pace.change(tick_number, step.pace, publish_interval)
        room.pace, room.publish_interval = self.pace.share, self.pace.publish_interval
        self.publisher.view_share = step.view_share
        self.publisher.quiet_ticks = self.pace.quiet_ticks
        self.publisher.window_ticks = self.pace.window_ticks
        if announcement is not None:
            self.publisher.catch_up_notice = announcement
            self._pass_on(announcement, None)
        level_before, self._level = self._level, int(step.level)
        if self._level != level_before:
            self.stepper.overloaded(self._level)
            self._take_failures()

    # ------------------------------------------------------------ failures

    def _take_failures(self) -> None:
        for failure in self.stepper.take_failures():
            self.hooks.note_failure(failure)
            if failure.player is not None:
                self._end(failure.player, CloseCode.INTERNAL_ERROR, "the game failed on you")
                if failure.player in self._held:  # else it may fail again at every tick of the hold
                    self.leave(failure.player, "the game failed on you")
            else:
                self._fail(f"the room failed in {failure.hook}")

    def _fail(self, why: str) -> None:
        """End the room, and with it every session in it."""
        if self.ended is not None:
            return
        self.ended = why
        for player in list(self._ends):
            self._end(player, CloseCode.INTERNAL_ERROR, why)
        self._release_all(why)

    def _end(self, player: Player, code: int, reason: str) -> None:
        end = self._ends.pop(player, None)
        if end is not None:
            end(code, reason)
