"""The task of one room: start it, have it ticked, end it.

Owns the order of a tick (step → failures → kicks → texts → publish) and what ends the room: a hook
that blocks too often, a failed publish, a bug.  Carries out the steps of the overload ladder
(``overload.py``).  Never decides when a tick is due (``scheduler.py``), never awaits inside a tick,
never touches a socket; players and their sessions are the roster's (``roster.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Any, Final

import structlog
import trio

from gameserver.errors import JoinRefused, LocalProtocolError
from gameserver.ops.logging import escaped
from gameserver.ops.metrics import RoomTally
from gameserver.outbox import Move
from gameserver.protocol.frames import binary_frame
from gameserver.protocol.messages import HeldEntity, Pace, Said
from gameserver.replication.disagreement import ShownView
from gameserver.replication.publisher import Publisher
from gameserver.room import Room
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.net.heartbeat import Heartbeat
from gameserver.runtime.net.link import Link
from gameserver.runtime.rooms.background import BackgroundCalls
from gameserver.runtime.rooms.handed_over import HandedOver, Shell, pack_shell
from gameserver.runtime.rooms.hook_watch import BLOCK_S, HookWatch
from gameserver.runtime.rooms.journal_rows import JournalRows
from gameserver.runtime.rooms.journals import Journals
from gameserver.runtime.rooms.kept_rooms import KeptRooms
from gameserver.runtime.rooms.latency_budget import InputStages, stages_of
from gameserver.runtime.rooms.overload import OverloadLadder, steps_for
from gameserver.runtime.rooms.pace import RoomPace
from gameserver.runtime.rooms.recovery import Recovered
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.room_journal import SUSPENDED, RoomJournal
from gameserver.runtime.rooms.room_loop import RoomLoop
from gameserver.runtime.rooms.roster import Member, Roster
from gameserver.runtime.rooms.schedule import TickStatistics, TickTimes
from gameserver.runtime.rooms.scheduler import ScheduledRoom
from gameserver.runtime.rooms.slow_ticks import longest
from gameserver.simulation.seeing import seeing
from gameserver.simulation.stepper import HookFailure, Seated, Stepper
from gameserver.state.journal.records import Disagreed
from gameserver.state.restore import Loaded, load
from gameserver.state.snapshot import Captured, capture
from gameserver.storage.errors import StorageError
from gameserver.storage.player_reports import AddReport
from gameserver.storage.room_storage import RoomStorage

log = structlog.get_logger(__name__)

#: How often every seat gets the checksum of what it should know.
CHECK_EVERY_S: Final = 5.0
#: The texts that go with a report of a player.
LAST_TEXTS: Final = 20
#: How long ``on_stop`` may take.
STOP_TIMEOUT_S: Final = 3.0


class RoomTask:
    """Runs ``room``, which is called ``label`` (``kind/name``) on the wire and in the log.

    ``loop`` ticks it, reads its links and pings its players.  ``ready`` is set when the first tick
    may come, or when the room ended before it.  ``recovered`` is set if a journal restored it, or
    if it comes from another process.  ``kept`` claims a room that is kept in the storage, before
    its ``on_start``; ``storage`` is the room's own, whose writes then carry the claim.
    """

    __slots__ = (
        "_background",
        "_begun_s",
        "_blocked",
        "_clock",
        "_fence",
        "_frozen",
        "_journals",
        "_kept",
        "_level",
        "_life",
        "_log",
        "_loop",
        "_published_tick",
        "_recovered",
        "_scheduled",
        "_stages",
        "_storage",
        "_times",
        "hooks",
        "journal",
        "label",
        "ladder",
        "last_texts",
        "on_move",
        "pace",
        "publisher",
        "ready",
        "room",
        "roster",
        "seeing",
        "stepper",
        "was_recovered",
    )

    def __init__(
        self,
        room: Room,
        label: str,
        loop: RoomLoop,
        resumption: Resumption[Member],
        hold_quota: HoldQuota,
        journals: Journals | None = None,
        recovered: Recovered | HandedOver | None = None,
        *,
        kept: KeptRooms | None = None,
        storage: RoomStorage | None = None,
    ) -> None:
        self.room = room
        self.stepper = Stepper(room) if recovered is None else recovered.stepper
        self.label = label
        #: Whether clients may have seen later ticks, which a crash has undone.
        self.was_recovered: Final = isinstance(recovered, Recovered) and not recovered.in_place
        #: Replaces ``on_start`` when such a room begins; None for a new room, and afterwards.
        self._recovered = recovered
        self.ready = trio.Event()
        #: Called with each move of players to another room, at the end of a tick.
        self.on_move: Callable[[Move], None] = lambda _: None
        #: The last texts that were said: tick, name and text of each.
        self.last_texts: deque[tuple[int, str, str]] = deque(maxlen=LAST_TEXTS)
        self._log = log.bind(room=label)
        self.hooks = HookWatch(room, self._log)
        self.pace = RoomPace(room.tick_rate, room.publish_every)
        #: Asks ``Room.sees``; None if the game does not override it.
        self.seeing = seeing(room, trio.current_time)
        self.publisher = Publisher(
            room.world,
            check_every_ticks=round(CHECK_EVERY_S * room.tick_rate),
            quiet_ticks=self.pace.quiet_ticks,
            window_ticks=self.pace.window_ticks,
            asker=self.seeing,
        )
        if recovered is not None:
            self.publisher.go_on_after(recovered.published_tick)
        self.roster = Roster(
            label,
            self.stepper,
            self.publisher,
            self.hooks,
            resumption,
            hold_quota,
            "" if recovered is None else recovered.incarnation,
            same_schema=recovered is None or recovered.same_schema,
        )
        if isinstance(recovered, HandedOver):
            recovered.loaded.continue_publishing(self.publisher)
        self.ladder = OverloadLadder(room.tick_rate, steps_for(has_view=room.view is not None))
        self._loop = loop
        self._journals = journals
        self._kept = kept
        self._storage = storage
        #: The claim to a room that is kept in the storage; None before it is made.
        self._fence = None if recovered is None else recovered.fence
        #: None before the first tick, and for a room that is not journaled.
        self.journal: RoomJournal | None = None
        self._life = trio.CancelScope()
        #: None before the room has started, as is its place in the scheduler.
        self._background: BackgroundCalls | None = None
        self._scheduled: ScheduledRoom | None = None
        self._times = TickTimes()
        self._clock = trio.current_time
        self._published_tick = 0
        #: Whether no tick may come because the room is on its way to another process.
        self._frozen = False
        #: When the work of this tick began; whether the step of the last one blocked the server.
        self._begun_s = 0.0
        self._blocked = False
        #: The hooks of this tick, and when each ended.
        self._stages: list[tuple[str, float]] = []
        #: The level of the overload ladder that the game was last told.
        self._level = 0

    # ------------------------------------------------------------ what it is doing

    @property
    def ended(self) -> str | None:
        """Why the room ended; None while it lives."""
        return self.roster.closed

    @property
    def now_ticks(self) -> float:
        """The room's time in ticks, with its fraction; 0.0 before it has started."""
        scheduled = self._scheduled
        return 0.0 if scheduled is None else scheduled.schedule.now_ticks(trio.current_time())

    @property
    def last_work_s(self) -> float | None:
        """How long the last tick took, its publish included; None before there was one."""
        return self._times.last_work_s

    @property
    def last_simulate_s(self) -> float | None:
        """How long the last tick took until its publish; None before there was one."""
        return self._times.last_simulate_s

    def input_stages(self, seated: Seated | None = None) -> InputStages:
        """Return the latency budget of the inputs of one player, or of all; sorts windows."""
        if seated is None:
            times, players = self.stepper.input_times.times, list(self.room.players.values())
        else:
            times, players = seated.commands.times.times, [seated.player]
        return stages_of(times, self._times.simulate_s, [player.latency for player in players])

    def statistics(self) -> TickStatistics | None:
        """Return how the ticks did; None before the room has started."""
        scheduled = self._scheduled
        return None if scheduled is None else self._times.statistics(scheduled.schedule)

    def mean_work_s(self) -> float:
        """Return how long its ticks take on average, without reading; 0.0 before it has started."""
        return 0.0 if self._scheduled is None else self._scheduled.work_s

    def tally(self) -> RoomTally:
        """Return what this room has counted so far."""
        ticks = None if self._scheduled is None else self._scheduled.schedule
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
            sees_asked=0 if self.seeing is None else self.seeing.asked,
            sees_seconds=0.0 if self.seeing is None else self.seeing.asked_s,
            **self._tally_of_journal(),
        )

    def _tally_of_journal(self) -> dict[str, int]:
        if (journal := self.journal) is None:
            return {}
        return {
            "journal_bytes": journal.bytes_written,
            "journal_lost": journal.recorder.lost,
            "journals_stopped": int(journal.stopped),
        }

    @property
    def heartbeat(self) -> Heartbeat:
        """Pings the players of this room and of all others."""
        return self._loop.heartbeat

    def read(self, link: Link) -> None:
        """Read this link, whose fast path is open, before ticks; ``stop_reading`` must follow."""
        if self._loop.poller is not None and self.ended is None:
            self._loop.poller.add(link)

    def stop_reading(self, link: Link) -> None:
        """Leave reading this link to its own task again; harmless if that is so already."""
        if self._loop.poller is not None:
            self._loop.poller.remove(link)

    def start_beside(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Run a function that raises nothing beside the ticks, until the room ends."""
        if self._background is not None and self.ended is None:
            self._background.run_beside(function, *arguments)

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
                started = self._recovered is not None or (
                    await self._claimed() and await self._guarded("on_start")
                )
                if isinstance(self._recovered, HandedOver):
                    await self._adopted(self._recovered)
                if started:
                    async with trio.open_nursery() as nursery:
                        self._background = BackgroundCalls(self.stepper, nursery, self._log)
                        self._start_ticking()
                        await trio.sleep_forever()
        except Exception:  # noqa: BLE001 - a bug of ours; the other rooms play on
            self._log.exception("the room crashed")
            self.roster.fail("the room crashed")
        finally:
            self.stop_ticking()
            self.ready.set()
            self.roster.close("the room is closed")
            if self.journal is not None:
                self.journal.end(self.roster.closed or "")
        if started and not self.roster.suspended:
            with trio.move_on_after(STOP_TIMEOUT_S) as patience:
                await self._guarded("on_stop")
            if patience.cancelled_caught:
                self._log.error("on_stop took too long", timeout_s=STOP_TIMEOUT_S)

        await self._finish_journal()

    async def _claimed(self) -> bool:
        """Claim a room that is kept in the storage; whether that went well."""
        if self._kept is None:
            return True
        try:
            self._fence = await self._kept.claim_new(self.label)
        except (JoinRefused, StorageError) as error:
            self._log.warning("the room cannot be claimed", reason=str(error))
            self.roster.fail("the room cannot be claimed")
            return False
        if self._storage is not None:
            self._storage.fence = self._fence
        return True

    async def _adopted(self, handed_over: HandedOver) -> None:
        """Claim a room that was handed over; without the claim it plays on, no longer durable.

        The claim of a whole server holds: it goes on under the same name.
        """
        if handed_over.same_owner:
            return
        fence, self._fence = handed_over.fence, None
        if self._kept is None or fence is None:
            return
        try:
            self._fence = await self._kept.adopt(fence)
        except StorageError as error:
            self._log.exception("the room is no longer durable", reason=str(error))
        if self._storage is not None:
            self._storage.fence = self._fence

    def _fenced_off(self) -> None:
        """End at once, without hooks: the room goes on elsewhere, and its players return there."""
        if self.roster.suspended:
            return  # it was handed over
        self._log.error("another server has taken over the room")
        self.roster.suspended = True
        self.stop_ticking()
        self.roster.fail("the room is on another server")
        self._life.cancel()

    def _start_ticking(self) -> None:
        recovered, self._recovered = self._recovered, None
        if self._journals is not None:
            self.journal = self._journals.begin(
                self.stepper,
                self.publisher,
                self.label,
                shell={"incarnation": self.roster.incarnation},
                fence=self._fence,
                fenced_off=self._fenced_off,
            )
        if self._storage is not None and isinstance(self.journal, JournalRows):
            self._storage.tick_queue = self.journal
            self.journal.on_finished = self._submit_without_journal
        self._published_tick = self.room.tick_number
        self.stepper.interrupt_calls()
        # The same as ``trio.current_time``, which looks for the clock at each call.
        self._clock = trio.lowlevel.current_clock().current_time
        deadline_s = None
        if isinstance(recovered, HandedOver):
            deadline_s = recovered.began_s + recovered.shell.deadline_in_s
            self._continue(recovered.shell)
        self._schedule(deadline_s)
        self._begun_s = trio.current_time()
        if isinstance(recovered, HandedOver):
            self.roster.hold_disconnected()
        elif recovered is not None:
            self._go_on(recovered)
        self.ready.set()

    def _schedule(self, deadline_s: float | None) -> ScheduledRoom:
        """Have ticks come, the next one at ``deadline_s`` (None: at the slot's next time)."""
        scheduled = self._scheduled = self._loop.scheduler.add(
            self.room.tick_rate,
            self._tick,
            self.stepper.expect,
            self.pace.tempo,
            self.room.tick_number,
            deadline_s,
        )
        self._loop.overload.add(self)
        return scheduled

    def _go_on(self, recovered: Recovered) -> None:
        """Begin as a recovered room: the load is not known, and who is connected has to be told."""
        room = self.room
        if (room.pace, room.publish_interval) != (1.0, room.publish_every):
            # Clients that come back reckon with the pace of a room that was overloaded.
            pace = Pace(room.tick_number, 1.0, room.publish_every)
            self.publisher.catch_up_notice = binary_frame(pace.encode())
        self.stepper.change_pace(1.0, room.publish_every, 1.0)
        if not recovered.in_place:
            self.roster.hold_recovered()

    @property
    def has_begun(self) -> bool:
        """Whether it ticks; False while ``on_start`` runs, and after the end."""
        return self.ready.is_set() and self.ended is None

    def renewed(self, cls: type[Room]) -> tuple[Loaded[Room], Recovered]:
        """Return this room, between two ticks, as one of another version of its class.

        ``SnapshotError`` or ``LocalProtocolError`` says why that cannot be.
        """
        loaded: Loaded[Room] = load(cls, capture(self.stepper, self.publisher).encode())
        return loaded, Recovered(
            self.label,
            loaded.stepper,
            self.publisher.published_tick,
            self.roster.incarnation,
            same_schema=cls.schema().hash == type(self.room).schema().hash,
            in_place=True,
            fence=self._fence,
        )

    def leave_off(self) -> None:
        """End without a hook: the room goes on in another task or process, with its players."""
        self.stop_ticking()
        self.roster.suspended = True
        if self.journal is not None:
            self.journal.end(SUSPENDED)
        self.roster.close("the room goes on elsewhere")  # at once: nobody finds it here any more
        self._life.cancel()

    def leave_all(self) -> None:
        """End as by ``leave_off``: another process has the room, its claim and its journal."""
        if isinstance(self.journal, JournalRows):
            self.journal.abandon()
        self.leave_off()

    def _submit_without_journal(self) -> None:
        if self._storage is not None:
            self._storage.tick_queue = None

    # ------------------------------------------------------------ from process to process

    def freeze(self, now_s: float, maker: str | None) -> Captured:
        """Stop ticking between two ticks, and return the room for another process.

        ``thaw`` or ``leave_off`` must follow.  ``LocalProtocolError`` for a room that cannot be
        saved; it then ticks on.  ``maker`` is the client whose quota counts the room.
        """
        captured = self.capture(now_s, maker)
        self.stop_ticking()
        self._frozen = True
        return captured

    def capture(self, now_s: float, maker: str | None) -> Captured:
        """Return the room for another process, as ``freeze`` does, and tick on."""
        scheduled = self._scheduled
        assert scheduled is not None, "the room has not started"
        shell = Shell(
            incarnation=self.roster.incarnation,
            fence=None if self._fence is None else self._fence.number,
            deadline_in_s=scheduled.schedule.deadline_s(self.room.tick_number + 1) - now_s,
            published_tick=self._published_tick,
            pace=self.pace.to_plain(),
            step=self.ladder.index,
            level=self._level,
            maker=maker,
            joins=self.roster.joins,
            arrivals=self.roster.arrivals,
            members=self.roster.freeze(now_s),
        )
        return capture(self.stepper, self.publisher, pack_shell(shell))

    def thaw(self) -> None:
        """Tick on after ``freeze``: no other process has the room."""
        if not self._frozen:
            return
        self._frozen = False
        before = self._scheduled
        assert before is not None
        if self.ended is None:
            now = self._schedule(before.schedule.deadline_s(self.room.tick_number + 1))
            now.schedule.count_on(before.schedule)

    def _continue(self, shell: Shell) -> None:
        """Take over what the shell of the other process knew, before the first tick."""
        self._published_tick, self._level = shell.published_tick, shell.level
        self.pace.go_on(shell.pace)
        self.ladder.go_on(shell.step, self.room.tick_number, shell.arrivals)
        self.roster.joins, self.roster.arrivals = shell.joins, shell.arrivals
        self.publisher.quiet_ticks = self.pace.quiet_ticks
        self.publisher.window_ticks = self.pace.window_ticks

    async def suspend(self) -> None:
        """Stop ticking, and keep the journal: the next server resumes the room.

        No hook is called from now on: nobody leaves, and the room is not over.  A room whose
        journal has stopped is no longer durable, and ends like any other.
        """
        self.stop_ticking()
        journal = self.journal
        if journal is None or self._journals is None:
            return
        if self.ended is None:
            journal.end(SUSPENDED)
            self.roster.suspended = not journal.stopped
        await self._journals.finish(journal)

    async def _finish_journal(self) -> None:
        """Wait for the journal; keep the next server from recovering a room that is over."""
        journal, journals = self.journal, self._journals
        if journal is None or journals is None:
            return
        await journals.finish(journal)
        if journal.durable and journal.stopped and not self.roster.suspended:
            await journals.note_over(journal)

    def stop_ticking(self) -> None:
        """Stop ticking; harmless if it does not tick."""
        if self._scheduled is not None:
            self._loop.scheduler.remove(self._scheduled)
            self._loop.overload.remove(self)

    async def _guarded(self, hook: str) -> bool:
        """Await a hook; whether it went well.  If not, the room is over."""
        try:
            await getattr(self.room, hook)()
        except Exception as error:  # noqa: BLE001 - a game's bug must not take the server down
            self.hooks.note_failure(HookFailure(hook, None, error))
            self.roster.fail(f"the room failed in {hook}")
            return False
        return True

    # ------------------------------------------------------------ one tick

    def _tick(self, tick_number: int, begun_s: float, lateness_s: float) -> float:
        """Tick, at the call of the scheduler; if the room is over then, have ``run`` end."""
        try:
            ended_s = self._play(tick_number, begun_s, lateness_s)
        except Exception:  # noqa: BLE001 - a bug of ours; the other rooms play on
            self._log.exception("the room crashed")
            self.roster.fail("the room crashed")
            ended_s = trio.current_time()
        if self.roster.closed is not None:
            self.stop_ticking()
            self._life.cancel()
        return ended_s

    def _play(self, tick_number: int, begun_s: float, lateness_s: float) -> float:
        scheduled, roster = self._scheduled, self.roster
        assert scheduled is not None
        before_s, self._begun_s = self._begun_s, begun_s
        if lateness_s > BLOCK_S:
            self._note_missed(begun_s - before_s - self.pace.tick_s)
        if roster.held:
            roster.release_expired(begun_s)
        simulate_s = self._simulate(tick_number, begun_s)
        if (
            tick_number - self._published_tick >= self.room.publish_interval
            and roster.closed is None
        ):
            self._published_tick = tick_number
            self._publish(tick_number, simulate_s)
        clock = self._clock
        ended_s = clock()
        publish_s = ended_s - begun_s - simulate_s
        if publish_s >= BLOCK_S:
            self.hooks.note_duration("publish", publish_s)
        work_s = scheduled.reading_s + simulate_s + publish_s
        self._times.note(lateness_s, simulate_s, work_s)
        players, arrivals = len(self.room.players), roster.arrivals
        if work_s > self.pace.tick_s:
            self._loop.slow_ticks.note(
                self.label,
                tick_number,
                begun_s=begun_s,
                budget_s=self.pace.tick_s,
                lateness_s=lateness_s,
                players=players,
                reading_s=scheduled.reading_s,
                stages=self._stages,
                publish_s=publish_s,
            )
        own_part = self._loop.own_part
        if self.ladder.ticked(tick_number, work_s, publish_s, players, arrivals, own_part):
            self._take_step(tick_number)
        if self.journal is not None:
            self.journal.after_tick()
        return ended_s

    def _note_missed(self, missed_s: float) -> None:
        """Note that this tick began ``missed_s`` later after the one before than it should have."""
        if missed_s > BLOCK_S:
            self.roster.note_blocked(missed_s)

    def _simulate(self, tick_number: int, begun_s: float) -> float:
        """Step the room and deal with what its hooks left behind; return how long the step took."""
        stepper = self.stepper
        if stepper.takes_inputs:
            stepper.input_times.begin_tick(begun_s)
        self._stages = stages = stepper.stages(tick_number, self._clock)
        simulate_s = stages[-1][1] - begun_s
        if simulate_s >= BLOCK_S or self._blocked:
            self._blocked = simulate_s >= BLOCK_S
            if (
                blocking := self.hooks.note_step(simulate_s, *longest(begun_s, stages))
            ) is not None:
                self.roster.fail(f"the room failed: {blocking} blocked the server")
        if stepper.failures:
            self.roster.deal_with_failures()
        if stepper.outbox.kicked:
            self.roster.end_kicked()
        if stepper.calls.requests and self._background is not None:
            self._background.start()
        if stepper.outbox.moves:
            for move in stepper.take_moves():
                self.on_move(move)
        return simulate_s

    def _publish(self, tick_number: int, simulate_s: float) -> None:
        stepper = self.stepper
        outbox = stepper.outbox
        emissions = stepper.take_emissions() if outbox.emissions else ()
        texts = stepper.take_texts() if outbox.texts else ()
        try:
            for said in texts:
                frame = binary_frame(Said(said.seat, said.name, said.text).encode())
                self.last_texts.append((tick_number, said.name, said.text))
                self._pass_on(frame, said.to)
            self.publisher.publish(tick_number, emissions)
            stepper.published(tick_number)
            if stepper.takes_inputs:
                stepper.input_times.note_sent(tick_number, self._clock(), simulate_s)
        except LocalProtocolError as error:
            self.hooks.note_failure(HookFailure("publish", None, error))
            self.roster.fail("the room failed: a value that cannot be sent")
        except Exception as error:  # noqa: BLE001 - a property of the game's entities, or our bug
            self.hooks.note_failure(HookFailure("publish", None, error))
            self.roster.fail("the room failed while publishing")

    def announce(self, text: str) -> None:
        """Tell all players a text of the server's operator, which the game does not see."""
        self._pass_on(binary_frame(Said(0, "", text).encode()), None)

    def _pass_on(self, frame: bytes, to: Container[int] | None) -> None:
        for number, seated in self.stepper.seated.items():
            if seated.player.connected and (to is None or number in to):
                seated.seat.notify(frame)

    # ------------------------------------------------------------ wrong checksums

    def note_disagreements(self, seat: int, shown: ShownView, held: Sequence[HeldEntity]) -> None:
        """Log the differences that a client reported, and keep the journal."""
        for one in shown.compare(held):
            self._log.error(
                "desync",
                tick=shown.tick,
                seat=seat,
                entity=f"{one.entity} {one.entity_id}",
                field=one.field,
                of_room=escaped(repr(one.of_room)),
                of_client=escaped(repr(one.of_client)),
                changed_ticks=one.changed_ticks,
            )
            if (journal := self.journal) is not None:
                journal.disagreed(
                    Disagreed(
                        shown.tick,
                        seat,
                        f"{one.entity} {one.entity_id}",
                        one.field,
                        escaped(repr(one.of_room)),
                        escaped(repr(one.of_client)),
                    )
                )

    # ------------------------------------------------------------ reports of players

    def report(self, by: Member, about: Member, reason: str) -> None:
        """Keep a report of a player about another one, and the journal; the game sees nothing."""
        kept = ""
        if (journal := self.journal) is not None:
            journal.keep(f"tick {self.room.tick_number}: seat {about.player.seat} was reported")
            kept = journal.place
        self._log.warning(
            "a player was reported",
            by=escaped(by.player.name),
            about=escaped(about.player.name),
            about_seat=about.player.seat,
            reason=escaped(reason),
        )
        if self._storage is not None:
            self._storage.submit(
                AddReport(
                    room=self.label,
                    tick=self.room.tick_number,
                    by=by.named(),
                    about=about.named(),
                    reason=reason,
                    texts=[list(text) for text in self.last_texts],
                    journal=kept,
                )
            )

    # ------------------------------------------------------------ overload

    @property
    def given_up(self) -> int:
        """How many steps of its ladder the room stands at."""
        return self.ladder.index

    @property
    def can_give(self) -> bool:
        """Whether there is another step."""
        return self.ladder.index + 1 < len(self.ladder.steps)

    @property
    def demanded(self) -> int:
        """At which step the server wants the room to stand, at least."""
        return self.ladder.demanded

    @property
    def own_steps(self) -> int:
        """How many steps up the room has ever taken by itself."""
        return self.ladder.ups

    @property
    def load(self) -> float:
        """How long its ticks take, as a share of the time at full pace."""
        return self.mean_work_s() * self.room.tick_rate

    def demand(self, steps: int) -> None:
        """Stand at this step of the ladder at least; for between two ticks."""
        before = self.ladder.index
        self.ladder.demanded = steps
        if self.ladder.index != before:
            self._take_step(self.room.tick_number)

    def _take_step(self, tick_number: int) -> None:
        """Carry out the present step of the ladder."""
        step, room = self.ladder.step, self.room
        self._log.warning(
            "overload",
            level=int(step.level),
            load=round(self.ladder.load, 2),
            computed=round(self._loop.core.computed, 2),
            waited_for_core=round(self._loop.core.waited, 2),
            does=step.does,
            tick=tick_number,
        )
        publish_interval = room.publish_every * step.publish_factor
        announcement = self.pace.change(tick_number, step.pace, publish_interval)
        self.stepper.change_pace(self.pace.share, self.pace.publish_interval, step.view_share)
        self.publisher.view_share = step.view_share
        self.publisher.quiet_ticks = self.pace.quiet_ticks
        self.publisher.window_ticks = self.pace.window_ticks
        assert self._scheduled is not None
        self._loop.scheduler.pace_changed(self._scheduled)
        self._loop.overload.note_refusing(self, refuses=step.refuses_joins)
        if announcement is not None:
            self.publisher.catch_up_notice = announcement
            self._pass_on(announcement, None)
        level_before, self._level = self._level, int(step.level)
        if self._level != level_before:
            self.stepper.overloaded(self._level)
            self.roster.deal_with_failures()
