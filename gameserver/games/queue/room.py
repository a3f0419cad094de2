"""``Queue``: the room in which players and parties wait for a match.

Owns the players who wait, what each sees of its wait, and sending them to their matches.  Never
decides who plays whom: the rules and ``matcher.py`` do.  A game subclasses it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import attrs
from attrs.validators import max_len

from gameserver import (
    CloseCode,
    Joining,
    JoinRefused,
    Near,
    Player,
    Room,
    command,
    entity,
    handles,
    number,
    synced,
    text,
)
from gameserver.games.queue.matcher import CHECKS_PER_RUN, Matcher, MatcherState
from gameserver.games.queue.party import Candidate, Match, Party
from gameserver.games.queue.rules import Rule, Size

#: Players matched in one tick; the match that reaches it is the last one, as reserving takes time.
PLAYERS_MOVED_PER_TICK: Final = 20
#: Places that are shown anew in a tick.
SHOWN_PER_TICK: Final = 50
#: The pause of matchmaking after a room could not be made.
PAUSE_S: Final = 2.0
#: A match whose players were neither moved nor refused in this time has failed.
MOVED_WITHIN_S: Final = 30.0
MAX_PARTY: Final = 64
#: Between the places of two seats: more than a view reaches.
APART: Final = 16

Status = enum.Enum("Status", "IDLE FORMING WAITING MATCHED UNMATCHABLE")


@attrs.frozen
class QueueOptions:
    """The options of a player who joins; rules look at them.

    Players with the same ``party`` wait together, once ``party_size`` of them are there.
    ``latencies`` are regions with round trips in ms, ``avoids`` identities, and ``properties``
    names with values.
    """

    rank: float = number(-1e6, 1e6, default=0.0)
    party: str = text(64)
    party_size: int = number(1, MAX_PARTY, default=1)
    roles: tuple[str, ...] = attrs.field(default=(), validator=max_len(8))
    latencies: tuple[tuple[str, int], ...] = attrs.field(default=(), validator=max_len(16))
    avoids: tuple[str, ...] = attrs.field(default=(), validator=max_len(64))
    properties: tuple[tuple[str, str], ...] = attrs.field(default=(), validator=max_len(8))


@entity(at=("x", "y"), rare=True)
class Place:
    """A player's own view of its wait.  No other player sees it: places are far from each other.

    ``place`` is 1 for the party that is next, and 0 unless the status is ``WAITING``; ``parties``
    are in line.  ``since_tick`` is when the wait began, and ``usual_wait_s`` the mean wait before
    recent matches (-1: none yet).  ``present`` of ``size`` members of its party are there and want
    a match.
    """

    status: Status = synced(Status.IDLE)
    place: int = synced(0)
    parties: int = synced(0)
    since_tick: int = synced(0)
    usual_wait_s: int = synced(-1)
    present: int = synced(0)
    size: int = synced(1)
    x: int = synced(0)
    y: int = synced(0)
    #: Not sent.
    seat: int = 0


@command
class Enter:
    """Wait for a match again, at the end of the line."""


@command
class Cancel:
    """Wait no longer; the other members of the party wait until ``Enter``."""


@attrs.define(eq=False)
class Group:
    """Players who want to play together, by seat; alone, for most of them.

    A member without a candidate does not want a match at present.  ``party`` is the group's place
    in line; it is kept while a member has no connection.
    """

    code: str
    size: int
    members: dict[int, Candidate | None] = attrs.field(factory=dict)
    status: Status = Status.FORMING
    party: Party | None = None

    @property
    def candidates(self) -> list[Candidate]:
        """The members that want a match."""
        return [candidate for candidate in self.members.values() if candidate is not None]

    @property
    def is_whole(self) -> bool:
        """Whether all members are there, and want a match."""
        return len(self.candidates) == self.size


@attrs.define(eq=False)
class Making:
    """A match whose players are being moved."""

    groups: list[Group]
    until_tick: int


class Queue(Room):
    """Players wait here until the rules find a match for them, and are moved to a room of its own.

    Class attributes to set: ``rules``, and ``match_kind``, the kind of the rooms for matches.

    Players can only meet in the same queue, so clients ask for it by a name, such as
    ``queue/main``.  In a cluster it is then on one node, and the rooms of matches are on all.
    """

    tick_rate = 10
    max_players = 10_000
    view = Near(1)
    options: ClassVar[type[QueueOptions]] = QueueOptions

    #: The rules of matches.
    rules: ClassVar[Sequence[Rule]] = (Size(2),)
    #: The kind of the rooms in which matches are played.
    match_kind: ClassVar[str] = "match"
    #: The checks of rules in one tick; a tick takes longer with more, and finds matches sooner.
    checks_per_tick: ClassVar[int] = CHECKS_PER_RUN

    _group_of: dict[int, Group]
    _by_code: dict[str, Group]
    _making: dict[int, Making]
    _turns: deque[Place]
    _paused_until_tick: int

    # ------------------------------------------------------------ what a game overrides

    def candidate(self, player: Player[Place]) -> Candidate | None:
        """Return ``player`` as rules see it; by default as its options say, so it may lie.

        Override this for ranks that players cannot choose.  With None the player does not wait yet:
        call ``enter`` once the game knows more, as after a ``background`` call.
        """
        options = player.options
        return Candidate(
            seat=player.seat,
            rank=options.rank,
            identity=player.identity,
            roles=tuple(options.roles),
            latencies=dict(options.latencies),
            avoids=frozenset(options.avoids),
            properties=dict(options.properties),
        )

    def room_for(self, match: Match) -> str:  # noqa: ARG002
        """Return the room of a match, as ``Player.move_to`` takes it; by default a new one."""
        return f"{self.match_kind}/{self.random.getrandbits(64):016x}"

    def options_for(self, match: Match) -> Any:  # noqa: ARG002
        """Return the options with which all players of a match join its room.

        By default each keeps its own, if the room has the same options class.
        """
        return None

    # ------------------------------------------------------------ hooks

    def on_create(self) -> None:
        """Begin with an empty line."""
        self._matcher = Matcher(self.rules)
        self._group_of, self._by_code, self._making = {}, {}, {}
        self._turns = deque()
        self._paused_until_tick = 0

    def save(self) -> MatcherState:
        """Save the line."""
        return self._matcher.state()

    def load(self, saved: MatcherState) -> None:
        """Go on with the line; the rules may be newer."""
        self._matcher = Matcher.restored(self.rules, saved)

    async def on_auth(self, joining: Joining) -> str | None:
        """Refuse a member that its party has no place for."""
        options = joining.options
        group = self._by_code.get(options.party) if options.party else None
        if group is not None and options.party_size != group.size:
            raise JoinRefused(CloseCode.REFUSED, f"the party is one of {group.size} players")
        if group is not None and len(group.members) == group.size:
            raise JoinRefused(CloseCode.REFUSED, "the party is full")
        return joining.identity

    def on_join(self, player: Player[Place]) -> None:
        """Let the player wait, once its party is there."""
        place = Place(x=player.seat * APART, seat=player.seat)
        player.entity = self.spawn(place, owner=player)
        self._turns.append(player.entity)
        options = player.options
        group = self._by_code.get(options.party) if options.party else None
        if group is None:
            group = Group(options.party, options.party_size)
            if options.party:
                self._by_code[options.party] = group
        elif len(group.members) == group.size:
            player.kick("the party is full")  # two have come at once
            group = Group("", 1)
        group.members[player.seat] = None
        self._group_of[player.seat] = group
        self.enter(player)

    def on_leave(self, player: Player[Place], reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Let the others of its party wait for another member."""
        self.despawn(player.entity)
        self._making.pop(player.seat, None)
        group = self._group_of.pop(player.seat)
        del group.members[player.seat]
        if group.status is not Status.MATCHED:
            self._leave_line(group)
        if group.members:
            self._show(group)
        elif group.code:
            del self._by_code[group.code]

    def on_drop(self, player: Player[Place]) -> None:
        """Keep the place of a party, but make no match with it meanwhile."""
        self._settle(self._group_of[player.seat])

    def on_resume(self, player: Player[Place]) -> None:
        """Let the party wait on where it was in line."""
        self._settle(self._group_of[player.seat])

    def on_say(self, player: Player[Place], text: str) -> str | None:
        """Send what members of a party say to each other, and to nobody else."""
        for seat in self._group_of[player.seat].members:
            self.say(text, to=self.players[seat], as_player=player)
        return None

    def on_move_refused(self, player: Player[Place], room: str, reason: str) -> None:  # noqa: ARG002
        """Put the players of a match that cannot be made back in line, in front."""
        making = self._making.get(player.seat)
        if making is not None:
            self._undo(making)

    @handles
    def enter_again(self, player: Player[Place], command: Enter) -> None:  # noqa: ARG002
        """Let a player wait again that has cancelled."""
        group = self._group_of[player.seat]
        if group.members[player.seat] is None:
            self.enter(player)

    @handles
    def stop_waiting(self, player: Player[Place], command: Cancel) -> None:  # noqa: ARG002
        """Let a player wait no longer; once there is a match for it, that is too late."""
        group = self._group_of[player.seat]
        if group.status is not Status.MATCHED:
            group.members[player.seat] = None
            self._leave_line(group)
            self._show(group)

    def tick(self) -> None:
        """Make the matches that are possible now."""
        for making in {id(each): each for each in self._making.values()}.values():
            if making.until_tick <= self.tick_number:
                self._undo(making)
        if self._paused_until_tick <= self.tick_number:
            for match in self._matcher.run(
                self._now_s,
                checks=self.checks_per_tick,
                most_players=PLAYERS_MOVED_PER_TICK,
            ):
                self._make(match)
        self._show_some()

    # ------------------------------------------------------------ the line

    def enter(self, player: Player[Place]) -> None:
        """Let a player wait, as ``candidate`` describes it now."""
        group = self._group_of[player.seat]
        if group.status is not Status.MATCHED:
            group.members[player.seat] = self.candidate(player)
            self._leave_line(group)
            self._settle(group)

    @property
    def _now_s(self) -> float:
        return self.tick_number * self.dt

    def _leave_line(self, group: Group) -> None:
        """Give up a group's place in line: it is another group now."""
        if group.status is Status.WAITING:
            assert group.party is not None
            self._matcher.remove(group.party)
        group.status, group.party = Status.FORMING, None

    def _settle(self, group: Group) -> None:
        """Let a group wait in line if it can, and keep its place if it cannot at present."""
        ready = group.is_whole and all(self.players[seat].connected for seat in group.members)
        if group.status is Status.WAITING and not ready:
            assert group.party is not None
            self._matcher.remove(group.party)
            group.status = Status.FORMING
        elif group.status is Status.FORMING and ready:
            if group.party is not None:
                self._matcher.come_back(group.party)
            else:
                group.party = self._matcher.add(group.candidates, self._now_s)
            group.status = Status.UNMATCHABLE if group.party is None else Status.WAITING
        self._show(group)

    # ------------------------------------------------------------ matches

    def _make(self, match: Match) -> None:
        """Have the players of a match moved to its room."""
        groups = [self._group_of[party.seats[0]] for party in match.parties]
        making = Making(groups, self.tick_number + round(MOVED_WITHIN_S / self.dt))
        for group in groups:
            group.status = Status.MATCHED
            self._making.update(dict.fromkeys(group.members, making))
            self._show(group)
        players = [self.players[member.seat] for member in match.members]
        self.move_players(players, self.room_for(match), options=self.options_for(match))

    def _undo(self, making: Making) -> None:
        """Put the groups of a match back in line, in front, and make no other match for a while."""
        self._paused_until_tick = self.tick_number + round(PAUSE_S / self.dt)
        back = []
        for group in making.groups:
            for seat in group.members:
                self._making.pop(seat, None)
            group.status = Status.FORMING
            if group.is_whole:
                back.append(group)
            else:
                group.party = None
        parties = [group.party for group in back if group.party is not None]
        for group, party in zip(back, self._matcher.put_in_front(parties), strict=True):
            group.party, group.status = party, Status.WAITING
        for group in making.groups:
            if group.members:
                self._settle(group)

    # ------------------------------------------------------------ what players see

    def _show_some(self) -> None:
        """Show places in line anew, as the line has moved on."""
        for _ in range(min(SHOWN_PER_TICK, len(self._turns))):
            place = self._turns.popleft()
            if self.id_of(place):
                self._turns.append(place)
                self._show_to(place, self._group_of[place.seat])

    def _show(self, group: Group) -> None:
        for seat in group.members:
            self._show_to(self.players[seat].entity, group)

    def _show_to(self, place: Place, group: Group) -> None:
        wants = group.members[place.seat] is not None
        waiting = group.status is Status.WAITING
        place.status = group.status if wants else Status.IDLE
        place.present = sum(
            candidate is not None and self.players[seat].connected
            for seat, candidate in group.members.items()
        )
        place.size = group.size
        place.parties = len(self._matcher)
        mean_s = self._matcher.mean_wait_s
        place.usual_wait_s = -1 if mean_s is None else round(mean_s)
        party = group.party
        place.since_tick = 0 if party is None else round(party.since_s / self.dt)
        place.place = self._matcher.place(party) if waiting and party is not None else 0
