"""The roster of one room: its players, connected or held, and the seat number of each.

Owns the state of every player of the room, and every transition between states::

                 join                              resume, take_over: from every state but Left
    seat number ──────► Welcoming ◄──────────────────────────────────────────────────────
    is reserved             │  │
               start_deltas │  │ end
                            ▼  │        disconnect,            too late, kicked, failed,
                      Playing  │        may return             or the room ended
                         end │ │      ┌──────────────► Held ──────────────┐
                             ▼ ▼      │                                   ▼
                            Ending ───┴─────────────────────────────────► Left
                                        disconnect

``disconnect`` does not need ``end`` before it: a lost connection comes from any connected state.
Each transition runs, in this order:

join
    ``on_join``, resume token issued.  If the hook raised: leave.
start_deltas
    ``Publisher.add``.
end
    The session's ``End``, which is called once.
disconnect
    If the player may return: hold quota taken, *drop*, hold timer started.  Otherwise: leave.
    *Drop* is ``Publisher.remove``, sink removed, ``on_drop``.
resume
    Resume token used, *reconnect*.  *Reconnect* of a held player: timer stopped, quota given back;
    of a connected one: end with 4012, drop.  Then for both: new sink, ``on_resume``.
take_over
    Resume tokens replaced, commands start over, reconnect.
leave
    If held: timer stopped, quota given back.  ``Publisher.remove``, ``on_leave``, resume tokens
    voided, seat number released; then ``on_released``.

A hook that raises about one player ends that player's session, and a held player leaves; any other
hook that raises ends the room.  A transition deals with the failures of its hooks before it
returns.

Never awaits, never talks to a client, and never ticks: ``room_task.py`` does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import attrs
import trio

from gameserver.errors import JoinRefused
from gameserver.player import Player
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import Moved
from gameserver.replication.publisher import Publisher
from gameserver.replication.seat import Sink
from gameserver.room import Room
from gameserver.runtime.admission.hold_quota import HoldQuota
from gameserver.runtime.rooms.handed_over import FrozenHold, FrozenMember
from gameserver.runtime.rooms.hook_watch import HookWatch
from gameserver.runtime.rooms.identities import Identities
from gameserver.runtime.rooms.resumption import ELSEWHERE, ResumeState, Resumption
from gameserver.runtime.rooms.seats import Seats
from gameserver.simulation.stepper import Seated, Stepper

#: Random bytes in the name of an incarnation.
INCARNATION_BYTES: Final = 9

#: Ends a session, from anywhere and at once: close code and reason.
End: TypeAlias = Callable[[int, str], None]

#: How long seats are held at least for players who were moved to this process.
MOVED_HOLD_S: Final = 10.0
RESUMED: Final = "resumed on another connection"
REPLACED: Final = "the game goes on with other code"
FAILED_ON_PLAYER: Final = "the game failed on you"


@attrs.frozen
class Welcoming:
    """Connected; gets no deltas, because its welcome is not sent yet."""

    end: End


@attrs.frozen
class Playing:
    """Connected; gets deltas."""

    end: End


@attrs.frozen
class Ending:
    """The player's session was told to end, or lost its connection; ``disconnect`` comes next."""


@attrs.frozen
class Held:
    """Without a connection; the seat is held, in the hold quota of ``address``.

    ``until_s`` does not count the time for which the server was blocked (``Roster.note_blocked``).
    ``recovered_tick`` is the last tick of a recovered room.  The client may have seen later ticks,
    which the crash has undone.
    """

    until_s: float
    address: str | None
    recovered_tick: int | None = None


@attrs.frozen
class Left:
    """Not in the room any more.  Final."""


State: TypeAlias = Welcoming | Playing | Ending | Held | Left


@attrs.define(eq=False)
class Member:
    """A player of one room, and its state.  Only the roster sets ``state``."""

    roster: Roster
    seated: Seated
    state: State
    resume_state: ResumeState
    #: The room that the player moves to; its client is told when the session ends.
    moved: Moved | None = None
    #: The address of the newest connection; None where it is unknown.
    address: str | None = None
    #: Called with the member that takes this one's place, if the room goes on with other code.
    on_replaced: Callable[[Member], None] | None = None

    @property
    def player(self) -> Player:
        """The player as the game knows it."""
        return self.seated.player

    def named(self) -> list[Any]:
        """Return who it is, for operators: seat, name, identity and address."""
        player = self.player
        return [player.seat, player.name, player.identity, self.address]

    @property
    def label(self) -> str:
        """The label of the room (``kind/name``)."""
        return self.roster.label

    @property
    def connected(self) -> bool:
        """Whether the player has a connection, though it may be ending."""
        return self.player.connected

    @property
    def may_be_ahead(self) -> bool:
        """Whether its client may have seen ticks that a crash has undone."""
        return isinstance(self.state, Held) and self.state.recovered_tick is not None

    @property
    def may_resume(self) -> bool:
        """Whether the player has its seat, and may keep it."""
        return (
            not isinstance(self.state, Left)
            and self.moved is None
            and self.roster.closed is None
            and self.player.kicked is None
        )


class Roster:
    """The players of the room that ``stepper`` steps and ``publisher`` publishes."""

    __slots__ = (
        "_blocked_s",
        "_by_identity",
        "_hold_quota",
        "_hooks",
        "_members",
        "_other_schema_tick",
        "_publisher",
        "_resumption",
        "_room",
        "_seats",
        "_stepper",
        "arrivals",
        "closed",
        "held",
        "identities",
        "incarnation",
        "joins",
        "label",
        "on_closed",
        "on_released",
        "suspended",
    )

    def __init__(
        self,
        label: str,
        stepper: Stepper[Room],
        publisher: Publisher,
        hooks: HookWatch,
        resumption: Resumption[Member],
        hold_quota: HoldQuota,
        incarnation: str = "",
        *,
        same_schema: bool = True,
    ) -> None:
        self.label: Final = label
        #: The newest tick whose state clients have read by another schema.
        self._other_schema_tick: Final = -1 if same_schema else stepper.room.tick_number
        #: Tells this room from others that had its label; resume tokens name it.
        self.incarnation: Final = incarnation or secrets.token_urlsafe(INCARNATION_BYTES)
        #: Why nobody can be in this room any more; None while it is open.
        self.closed: str | None = None
        #: Whether the next server resumes the room.  Then no hook is called any more: no journal
        #: has what it would do, and the next server would do it again.
        self.suspended = False
        #: Called whenever a seat number is released.
        self.on_released: Callable[[], None] = lambda: None
        #: Called when the roster closes, once.
        self.on_closed: Callable[[], None] = lambda: None
        #: The index of identities, which all rooms of a server share.
        self.identities = Identities()
        #: How many players have ever joined.
        self.joins = 0
        #: How many players have ever begun to get deltas, by joining or coming back.
        self.arrivals = 0
        self._stepper = stepper
        self._room = stepper.room
        self._publisher = publisher
        self._hooks = hooks
        self._resumption = resumption
        self._hold_quota = hold_quota
        self._seats = Seats()
        #: Every player that has not left.
        self._members: dict[Player, Member] = {}
        #: Those of them that have an identity; each identity plays once (``playing``).
        self._by_identity: dict[str, Member] = {}
        #: Those of them that are ``Held``, the first to expire first.
        self.held: Final[dict[Member, Held]] = {}
        #: For how long the server was blocked in all.
        self._blocked_s = 0.0

    # ------------------------------------------------------------ seat numbers

    @property
    def seats_taken(self) -> int:
        """How many seat numbers are reserved or have a player."""
        return len(self._seats)

    @property
    def full(self) -> bool:
        """Whether no seat number is free."""
        return self.seats_taken >= self._room.max_players

    def reserve(self, identity: str | None) -> int:
        """Reserve the seat where ``identity`` plays already, else the smallest free one."""
        older = self.find_identity(identity)
        if older is None:
            return self._seats.take_smallest()
        self._seats.share(older.player.seat)
        return older.player.seat

    def take(self, number: int) -> None:
        """Reserve a seat number that was reserved in another process."""
        self._seats.take(number)

    def release(self, number: int) -> None:
        """End a reservation; the number stays taken while a player has it."""
        self._seats.release(number)
        self.on_released()

    # ------------------------------------------------------------ finding

    def find(self, player: Player) -> Member | None:
        """Return the member that ``player`` is; None if it has left."""
        return self._members.get(player)

    def find_seat(self, number: int) -> Member | None:
        """Return the member in a seat."""
        player = self._room.players.get(number)
        return None if player is None else self.find(player)

    def find_identity(self, identity: str | None) -> Member | None:
        """Return the member that signed in as ``identity``."""
        return None if identity is None else self._by_identity.get(identity)

    def playing(self, identity: str | None) -> Member | None:
        """Return the member that a new sign-in as ``identity`` takes over; None: it joins afresh.

        A member that was kicked leaves now.  ``JoinRefused`` (4007) where the room lets nobody
        sign in twice.
        """
        older = self.find_identity(identity)
        if older is None or self.closed is not None:
            return None
        if self._room.second_sign_in == "refuse" and older.connected:
            raise JoinRefused(CloseCode.REFUSED, "you play here already")
        kicked = older.player.kicked
        if kicked is None:
            return older
        self._end(older, CloseCode.KICKED, kicked)
        self.leave(older, kicked)
        return None

    # ------------------------------------------------------------ connected players

    def join(
        self,
        number: int,
        sink: Sink,
        name: str,
        identity: str | None,
        end: End,
        options: object = None,
    ) -> Member:
        """Seat a player at a reserved number; its deltas begin with ``start_deltas``.

        ``JoinRefused`` with 1011 if the room has ended or ``on_join`` raised.
        """
        if self.closed is not None:
            raise JoinRefused(CloseCode.INTERNAL_ERROR, self.closed)
        if self.suspended:
            raise JoinRefused(CloseCode.GOING_AWAY, "the server is shutting down")
        if number in self._room.players:
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the seat is another's")
        begun_s = trio.current_time()
        seated = self._stepper.join(number, sink, name, identity, options)
        player = seated.player
        self._hooks.note_duration("on_join", trio.current_time() - begun_s, player)
        self._seats.share(number)
        member = self._member(seated, Welcoming(end))
        self._enter(member)
        self.joins += 1
        if any(failure.player is player for failure in self._stepper.failures):
            self.leave(member, "could not join")
            raise JoinRefused(CloseCode.INTERNAL_ERROR, "the game failed to let you in")
        return member

    def _member(self, seated: Seated, state: State) -> Member:
        life = seated.life
        return Member(
            self,
            seated,
            state,
            ResumeState(
                life=f"{self.incarnation}.{life.serial}",
                newest=life.returns,
                replaced=life.taken_over_at + 1,
            ),
        )

    def _enter(self, member: Member) -> None:
        """Count a player as a member, and issue its resume token."""
        player = member.player
        self._members[player] = member
        self._resumption.issue(member)
        if player.identity is not None:
            self._by_identity[player.identity] = member
            self.identities.add(player.identity, self.label)

    def hold_recovered(self) -> None:
        """Hold the seats of all players of a room that was recovered; nobody is connected."""
        for number, seated in list(self._stepper.seated.items()):
            self._seats.take(number)
            member = self._member(seated, Ending())
            state = member.resume_state
            # Its welcome may have been on its way when the process ended.
            state.welcomed, state.shown = True, state.newest or None
            self._enter(member)
            seated.seat.lose_sink()
            if seated.player.connected:
                self._run_hook("on_drop", member, self._stepper.drop, seated.player)
            self._hold_quota.add(None)
            self._hold(member, None, self._room.tick_number)
        self.deal_with_failures()

    def adopt(self, former: Roster) -> None:
        """Take over the players of a room that this one continues, with their connections.

        Clients that read by another schema, and those that wait for their welcome, come back with
        their resume tokens.  ``former`` is left without players.
        """
        members = former.hand_over()
        for number, seated in list(self._stepper.seated.items()):
            one = members.get(number)
            if one is None:  # it has left meanwhile
                self._stepper.leave(seated.player, "left")
                continue
            self._seats.take(number)
            member = Member(self, seated, one.state, one.resume_state)
            self._members[seated.player] = member
            self._resumption.hand_on(member)
            if seated.player.identity is not None:
                self._by_identity[seated.player.identity] = member
            if isinstance(member.state, Held):
                self.held[member] = member.state
                continue
            seated.seat.sink = one.seated.seat.sink
            if one.on_replaced is not None:
                one.on_replaced(member)
            if isinstance(member.state, Welcoming) or self._other_schema_tick >= 0:
                self._end(member, CloseCode.GOING_AWAY, REPLACED)
        self.deal_with_failures()

    def hand_over(self) -> dict[int, Member]:
        """Return the players by seat, for the roster that takes over; nobody is left here."""
        members = {member.player.seat: member for member in self._members.values()}
        self._members.clear()
        self._by_identity.clear()
        self.held.clear()
        self.closed = REPLACED
        return members

    # ------------------------------------------------------------ from process to process

    def freeze(self, now_s: float) -> list[FrozenMember]:
        """Return the players as values, those whose seats are held in the order of expiry."""
        frozen = []
        for member in (*self.held, *(m for m in self._members.values() if m not in self.held)):
            tokens, hold = member.resume_state, None
            if isinstance(held := member.state, Held):
                until_in_s = held.until_s - (now_s - self._blocked_s)
                hold = FrozenHold(until_in_s, held.address, held.recovered_tick)
            frozen.append(
                FrozenMember(
                    member.player.seat,
                    tokens.life,
                    tokens.newest,
                    tokens.shown,
                    tokens.replaced,
                    tokens.welcomed,
                    hold,
                    None if member.moved is None else member.moved.room,
                )
            )
        return frozen

    def go_on(self, frozen: Iterable[FrozenMember], began_s: float) -> None:
        """Take in the players of a room that another process froze at ``began_s``.

        Those that were connected are ``Ending`` until ``continue_over``, or ``hold_disconnected``.
        """
        for one in frozen:
            seated = self._stepper.seated[one.seat]
            self._seats.take(one.seat)
            tokens = ResumeState(one.life, one.newest, one.shown, one.replaced, one.welcomed)
            moved = None if one.moved_to is None else Moved("", one.moved_to, "")
            member = Member(self, seated, Ending(), tokens, moved)
            self._members[seated.player] = member
            self._resumption.hand_on(member)
            if (identity := seated.player.identity) is not None:
                self._by_identity[identity] = member
                self.identities.add(identity, self.label)
            if (hold := one.hold) is not None:
                self._hold_quota.add(hold.address)
                held = Held(began_s + hold.until_in_s, hold.address, hold.recovered_tick)
                member.state = self.held[member] = held

    def continue_over(self, member: Member, sink: Sink, end: End) -> None:
        """Continue over the connection that the player had in the other process."""
        member.seated.seat.sink = sink
        self._publisher.add(member.seated.seat)
        member.state = Playing(end)

    def hold_disconnected(self) -> None:
        """Hold the seats of the players whose connections stayed in the other process.

        These players were told to come, so also a room that holds no seats waits for them.
        """
        for member in list(self._members.values()):
            if not isinstance(member.state, Ending):
                continue
            if member.may_resume and member.resume_state.welcomed:
                self._hold_quota.add(None)
                self._drop(member)
                self._hold(member, None, least_s=MOVED_HOLD_S)
            elif member.moved is not None:
                self.leave(member, f"moved to {member.moved.room}")
            else:
                self.leave(member, member.player.kicked or "connection lost")

    def start_deltas(self, member: Member) -> None:
        """Send deltas to this player from the next publish on.

        Apart from ``join`` and ``resume``, because the welcome must be on the wire before the
        first delta.
        """
        if isinstance(member.state, Welcoming):
            self._publisher.add(member.seated.seat)
            member.state = Playing(member.state.end)
            self.arrivals += 1

    def confirm_welcome(self, member: Member) -> None:
        """Note that the client has its newest welcome: from now on its seat can be held."""
        self._resumption.confirm(member)

    def end_kicked(self) -> None:
        """End the sessions of kicked players; those that are held leave."""
        for player in self._stepper.kicked:
            assert player.kicked is not None
            self._expel(self._members[player], CloseCode.KICKED, player.kicked)

    def move(self, member: Member, moved: Moved) -> None:
        """End the session of a player who goes on in another room; without one, it leaves."""
        member.moved = moved
        self._expel(member, CloseCode.MOVED, f"moved to {moved.room}")

    def refuse_move(self, member: Member, room: str, reason: str) -> None:
        """Tell the game that a player cannot go to another room."""
        self._run_hook(
            "on_move_refused", member, self._stepper.refuse_move, member.player, room, reason
        )
        self.deal_with_failures()

    def remove(self, member: Member, code: int, reason: str) -> None:
        """End the session of a player, who leaves at once; for between two ticks."""
        self._end(member, code, reason)
        self.leave(member, reason)

    def _expel(self, member: Member, code: int, reason: str) -> None:
        """End the session of a player; without one, it leaves."""
        self._end(member, code, reason)
        if isinstance(member.state, Held):
            self.leave(member, reason)

    def _end(self, member: Member, code: int, reason: str) -> None:
        if isinstance(member.state, Welcoming | Playing):
            end, member.state = member.state.end, Ending()
            end(code, reason)

    # ------------------------------------------------------------ lost connections

    def disconnect(
        self, member: Member, sink: Sink, reason: str, *, may_return: bool, address: str | None
    ) -> None:
        """Hold the seat of a player whose connection ended, or have the player leave.

        Does nothing where ``sink`` is not the player's any more, because it plays on over another
        connection.

        The seat is held if ``may_return``, if room and server hold seats at all, and if the client
        is known to have a welcome.  Otherwise a client could join and disconnect repeatedly, before
        it knows of its seat, and fill the room with held seats at no cost.
        """
        if member.seated.seat.sink is not sink:
            return
        if may_return and self._take_hold(member, address):
            self._drop(member)
            self._hold(member, address)
        else:
            self.leave(member, reason)

    def _take_hold(self, member: Member, address: str | None) -> bool:
        """Take a held seat from the quota of ``address``, if this player's may be held."""
        holds = self._room.hold_s > 0 and member.may_resume and member.resume_state.welcomed
        return holds and self._hold_quota.take(address)

    def _hold(
        self,
        member: Member,
        address: str | None,
        recovered_tick: int | None = None,
        *,
        least_s: float = 0.0,
    ) -> None:
        """Hold the seat of a player, which the quota of ``address`` counts already."""
        hold_s = max(self._room.hold_s, least_s)
        until_s = trio.current_time() - self._blocked_s + hold_s
        member.state = self.held[member] = Held(until_s, address, recovered_tick)

    def _end_hold(self, member: Member) -> None:
        held = self.held.pop(member)
        self._hold_quota.give_back(held.address)

    def _drop(self, member: Member) -> None:
        """Take the connection from a player; ``Held`` or ``Welcoming`` must follow at once."""
        member.state = Ending()
        self._publisher.remove(member.seated.seat)
        member.seated.seat.lose_sink()
        self._run_hook("on_drop", member, self._stepper.drop, member.player)
        self.deal_with_failures()

    def note_blocked(self, blocked_s: float) -> None:
        """Hold seats for so much longer: nobody could return while the server was blocked."""
        self._blocked_s += blocked_s

    def release_expired(self, now_s: float) -> None:
        """Have the players leave whose seats were held for long enough."""
        for member, held in list(self.held.items()):
            if held.until_s > now_s - self._blocked_s:
                return
            self.leave(member, "did not come back")

    # ------------------------------------------------------------ new connections

    def resume(
        self,
        member: Member,
        token: str,
        sink: Sink,
        known: set[int] | None,
        since: int,
        end: End,
    ) -> None:
        """Continue over another connection, whose client has shown ``token``.

        ``known`` and ``since`` as in ``Seat.resume``.  A connection that the player still has ends
        with 4012.
        """
        self._resumption.use(member, token)
        if isinstance(member.state, Held) and member.state.recovered_tick is not None:
            known = known if since <= member.state.recovered_tick else None
        if since <= self._other_schema_tick:
            known = None
        self._reconnect(member, sink, known, since, end, RESUMED)

    def take_over(self, member: Member, sink: Sink, end: End) -> None:
        """Give the player to a client that has signed in anew, and knows nothing of the old one."""
        self._resumption.hand_over(member)
        self._stepper.start_over(member.seated)
        self._reconnect(member, sink, None, 0, end, ELSEWHERE)

    def _reconnect(
        self,
        member: Member,
        sink: Sink,
        known: set[int] | None,
        since: int,
        end: End,
        reason: str,
    ) -> None:
        assert not isinstance(member.state, Left)
        if isinstance(member.state, Held):
            self._end_hold(member)
        else:
            self._end(member, CloseCode.TAKEN_OVER, reason)
            self._drop(member)
        member.seated.seat.resume(sink, known, since)
        member.state = Welcoming(end)
        self._run_hook("on_resume", member, self._stepper.resume, member.player)
        self.deal_with_failures()

    # ------------------------------------------------------------ leaving

    def leave(self, member: Member, reason: str) -> None:
        """Take a player out of the room.  Does nothing if it has left already."""
        if isinstance(member.state, Left):
            return
        if isinstance(member.state, Held):
            self._end_hold(member)
        member.state = Left()
        player = member.player
        del self._members[player]
        if player.identity is not None and self.find_identity(player.identity) is member:
            del self._by_identity[player.identity]
            self.identities.remove(player.identity, self.label)
        self._publisher.remove(member.seated.seat)
        self._run_hook("on_leave", member, self._stepper.leave, player, reason)
        self._resumption.void(member)
        self.release(player.seat)
        self.deal_with_failures()

    def close(self, why: str) -> None:
        """Let nobody join or resume any more; held players leave."""
        if self.closed is None:
            self.closed = why
            self.on_closed()
        for member in list(self.held):
            self.leave(member, self.closed)

    def fail(self, why: str) -> None:
        """Close because the room failed, and end every session in it."""
        if self.closed is not None:
            return
        self.closed = why
        self.on_closed()
        for member in list(self._members.values()):
            self._end(member, CloseCode.INTERNAL_ERROR, why)
        self.close(why)

    # ------------------------------------------------------------ hooks

    def _run_hook(
        self, hook: str, member: Member, call: Callable[..., None], *arguments: object
    ) -> None:
        if self.suspended:
            return
        begun_s = trio.current_time()
        call(*arguments)
        self._hooks.note_duration(hook, trio.current_time() - begun_s, member.player)

    def deal_with_failures(self) -> None:
        """Log the hooks that raised, and end the sessions or the room that they were about."""
        for failure in self._stepper.take_failures():
            self._hooks.note_failure(failure)
            if failure.player is None:
                self.fail(f"the room failed in {failure.hook}")
            elif (member := self._members.get(failure.player)) is not None:
                # A held player would fail again at every tick of its hold.
                self._expel(member, CloseCode.INTERNAL_ERROR, FAILED_ON_PLAYER)
