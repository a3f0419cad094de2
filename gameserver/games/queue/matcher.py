"""The matcher: puts waiting parties together into matches that follow all rules.

Owns the search, and in which order parties are looked at.  Pure and deterministic: the clock is an
argument, and work is counted in checks of rules, so that equal calls have equal results.

One ``run`` looks at parties until its budget of checks is used up, and the next one goes on there.
Newcomers are looked at soon, because each of them may make a new match possible.  A party that
found no match is looked at again after a while, because windows widen.  Each search considers the
parties that have waited long first, so no party is passed over for ever; then those of the nearest
rank.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from gameserver import LocalProtocolError
from gameserver.games.queue.line import Entry, Key, Line, Shape
from gameserver.games.queue.party import Candidate, Match, Party
from gameserver.games.queue.rules import Draft, Rule

#: Checks of one run, unless the caller says otherwise.
CHECKS_PER_RUN: Final = 200
#: Most checks for one party: of the parties nearest to it, and then of other choices among those.
CHECKS_NEAREST: Final = 64
CHECKS_OTHERWISE: Final = 64
#: The parties among which other choices are made.
OTHERWISE_AMONG: Final = 24
#: After this wait, the first parties in line come before those of the nearest rank.
ELDERS: Final = 8
ELDER_AFTER_S: Final = 20.0
#: Runs until a party that found no match is looked at again, twice as many each time.
MAX_PAUSE_RUNS: Final = 64
#: The share of a newer wait in the estimate.
_NEWER: Final = 0.05


@attrs.frozen
class Looked:
    """A party as the matcher keeps it: how often it was looked at, and the run of the next look."""

    party: Party
    looks: int = 0
    due_run: int = 0


@attrs.frozen
class MatcherState:
    """The whole state of a matcher, as plain values."""

    waiting: tuple[Looked, ...]
    next_number: int
    first_order: int
    run: int
    mean_wait_s: float | None


class _Meter:
    """Counts the checks of a run."""

    def __init__(self, most: int) -> None:
        self.left = most


class Matcher:
    """The waiting parties of one queue, and its rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules: Final = tuple(rules)
        self._keyed: Final = tuple(rule for rule in rules if rule.key_name)
        names = [rule.key_name for rule in self._keyed]
        if len(set(names)) < len(names):
            raise LocalProtocolError(f"two rules of a queue are about one of {', '.join(names)}")
        self._judges: Final = _Rules(rules)
        self._line = Line()
        self._looked: dict[int, Looked] = {}
        #: Parties that were never looked at, in line: order, number.
        self._new: list[tuple[int, int]] = []
        #: The other ones: run of the next look, order, number.
        self._later: list[tuple[int, int, int]] = []
        self._next_number = 1
        self._first_order = 0
        self._run = 0
        #: How long the parties of the last matches have waited; None before the first one.
        self.mean_wait_s: float | None = None

    # ------------------------------------------------------------ the line

    def __len__(self) -> int:
        """Return how many parties wait."""
        return len(self._line)

    @property
    def parties(self) -> list[Party]:
        """The parties that wait, the first in line first."""
        return [entry.party for entry in self._line.entries()]

    def add(self, members: Sequence[Candidate], now_s: float) -> Party | None:
        """Let a new party wait at the end of the line; None if the rules never allow a match."""
        number = self._next_number
        party = Party(number, tuple(members), now_s, number)
        if not self._wait(Looked(party)):
            return None
        self._next_number += 1
        return party

    def come_back(self, party: Party) -> None:
        """Let a party wait again where it was in line."""
        self._wait(Looked(party))

    def put_in_front(self, parties: Sequence[Party]) -> list[Party]:
        """Let parties wait again, before all others; return them with their new places."""
        moved = []
        for party in reversed(parties):
            self._first_order -= 1
            party = attrs.evolve(party, order=self._first_order)
            self._wait(Looked(party))
            moved.append(party)
        return moved[::-1]

    def remove(self, party: Party) -> None:
        """Let a party wait no longer."""
        self._line.remove(party.number)
        del self._looked[party.number]

    def place(self, party: Party) -> int:
        """Return the place of a party in line, from 1."""
        return self._line.place(party)

    def _wait(self, looked: Looked) -> bool:
        party = looked.party
        keys = tuple(itertools.product(*(rule.keys(party) for rule in self._keyed)))
        if not keys:
            return False
        shape = tuple(rule.shape(party) for rule in self._rules)
        self._line.add(Entry(party, keys, shape))
        self._expect(looked)
        return True

    def _expect(self, looked: Looked) -> None:
        """Have a party looked at when it is due."""
        party = looked.party
        self._looked[party.number] = looked
        if looked.looks:
            heapq.heappush(self._later, (looked.due_run, party.order, party.number))
        else:
            heapq.heappush(self._new, (party.order, party.number))

    # ------------------------------------------------------------ the search

    def run(
        self, now_s: float, *, checks: int = CHECKS_PER_RUN, most_players: int | None = None
    ) -> list[Match]:
        """Return the matches that can be made now, as far as ``checks`` go.

        The parties of a match wait no longer.  After ``most_players`` no further match begins.
        """
        self._run += 1
        meter = _Meter(checks)
        made: list[Match] = []
        players = 0
        for turn in itertools.count():
            if meter.left <= 0 or (most_players is not None and players >= most_players):
                break
            # In turns, so that neither many newcomers nor many others hold up the rest.
            looked = self._next_new() if turn % 2 == 0 else self._next_due()
            looked = looked or self._next_due() or self._next_new()
            if looked is None:
                break
            match = self._look(looked, now_s, meter)
            if match is None:
                pause_runs = min(1 << looked.looks, MAX_PAUSE_RUNS)
                self._expect(Looked(looked.party, looked.looks + 1, self._run + pause_runs))
                continue
            made.append(match)
            players += len(match.members)
            for party in match.parties:
                self.remove(party)
                self._note_wait(now_s - party.since_s)
        return made

    def _next_new(self) -> Looked | None:
        """Return the first in line of the parties that were never looked at; None if all were."""
        while self._new:
            order, number = heapq.heappop(self._new)
            looked = self._looked.get(number)
            if looked is not None and looked.looks == 0 and looked.party.order == order:
                return looked
        return None

    def _next_due(self) -> Looked | None:
        """Return the party whose next look has been due for longest; None if none is due."""
        while self._later and self._later[0][0] <= self._run:
            due_run, order, number = heapq.heappop(self._later)
            looked = self._looked.get(number)
            if looked is not None and (looked.due_run, looked.party.order) == (due_run, order):
                return looked
        return None

    def _look(self, looked: Looked, now_s: float, meter: _Meter) -> Match | None:
        """Return a match with this party; None if none was found."""
        entry = self._line.get(looked.party.number)
        assert entry is not None
        first = looked.looks % len(entry.keys)  # checks may not do for all keys in one look
        for key in (*entry.keys[first:], *entry.keys[:first]):
            keys = dict(zip((rule.key_name for rule in self._keyed), key, strict=True))
            search = _Search(
                self._judges, self._line, entry, key, Draft.of(entry.party, keys, now_s)
            )
            draft = search.nearest(meter) or search.otherwise(meter)
            if draft is not None:
                parties = sorted(draft.parties, key=lambda party: (party.since_s, party.order))
                return Match(tuple(parties), keys)
        return None

    def _note_wait(self, waited_s: float) -> None:
        if self.mean_wait_s is None:
            self.mean_wait_s = waited_s
        else:
            self.mean_wait_s += _NEWER * (waited_s - self.mean_wait_s)

    # ------------------------------------------------------------ as a value

    def state(self) -> MatcherState:
        """Return all that it knows; ``restored`` makes an equal matcher of it."""
        return MatcherState(
            waiting=tuple(self._looked[entry.party.number] for entry in self._line.entries()),
            next_number=self._next_number,
            first_order=self._first_order,
            run=self._run,
            mean_wait_s=self.mean_wait_s,
        )

    @classmethod
    def restored(cls, rules: Sequence[Rule], state: MatcherState) -> Matcher:
        """Return a matcher with a state, and with rules that may be newer.

        A party that these never match waits no longer.
        """
        matcher = cls(rules)
        for looked in state.waiting:
            matcher._wait(looked)
        matcher._next_number = state.next_number
        matcher._first_order = state.first_order
        matcher._run = state.run
        matcher.mean_wait_s = state.mean_wait_s
        return matcher


class _Rules:
    """All rules together.  Each question goes only to the rules that override its method."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._reaching = [rule for rule in rules if _answers(rule, "reach")]
        #: With the index of each rule in a ``Shape``.
        self._admitting = [(i, rule) for i, rule in enumerate(rules) if _answers(rule, "admits")]
        self._fitting = [rule for rule in rules if _answers(rule, "fits")]
        self._completing = [rule for rule in rules if _answers(rule, "is_complete")]

    def reach(self, draft: Draft) -> float:
        """Return how far from the first rank others can be."""
        waited_s = draft.waited_s()
        return min((rule.reach(waited_s) for rule in self._reaching), default=math.inf)

    def admit(self, draft: Draft, shape: Shape) -> bool:
        """Whether a party of this shape may join."""
        return all(rule.admits(draft, shape[index]) for index, rule in self._admitting)

    def fit(self, draft: Draft, party: Party) -> bool:
        """Whether a party may join that all admit."""
        return all(rule.fits(draft, party) for rule in self._fitting)

    def are_content(self, draft: Draft) -> bool:
        """Whether the match may begin."""
        return all(rule.is_complete(draft) for rule in self._completing)


def _answers(rule: Rule, question: str) -> bool:
    return getattr(type(rule), question) is not getattr(Rule, question)


class _Search:
    """The search for one match: with the party of ``entry``, among those that have its ``key``."""

    def __init__(self, rules: _Rules, line: Line, entry: Entry, key: Key, draft: Draft) -> None:
        self._rules = rules
        self._line = line
        self._entry = entry
        self._key = key
        self._draft = draft
        self._elders = [
            each
            for each in line.oldest(key, ELDERS)
            if draft.now_s - each.party.since_s >= ELDER_AFTER_S and each is not entry
        ]

    def nearest(self, meter: _Meter) -> Draft | None:
        """Add elders and then the nearest parties, as far as each fits; None if it is no match."""
        draft, checked = self._draft, CHECKS_NEAREST
        for entry in self._elders:
            checked -= 1
            if self._rules.admit(draft, entry.shape) and self._rules.fit(draft, entry.party):
                draft = draft.with_party(entry.party)
        left_out = {self._entry.party.number, *(each.party.number for each in self._elders)}
        streams = self._streams(meter)
        admitted: dict[Shape, bool] = {}
        while streams and checked > 0:
            distance, _, number, entry, stream = streams[0]
            if distance > self._rules.reach(draft):
                break
            if entry.shape not in admitted:
                checked -= 1
                admitted[entry.shape] = self._rules.admit(draft, entry.shape)
            if not admitted[entry.shape]:
                heapq.heappop(streams)  # none of them will be, as the draft grows
                continue
            _advance(streams, stream)
            if number in left_out:
                continue
            checked -= 1
            if self._rules.fit(draft, entry.party):
                draft = draft.with_party(entry.party)
                admitted.clear()
        meter.left -= CHECKS_NEAREST - checked
        return draft if self._rules.are_content(draft) else None

    def otherwise(self, meter: _Meter) -> Draft | None:
        """Try other choices among the nearest parties, after taking the nearest made no match."""
        among = [*self._elders, *self._others(meter)]
        left = _Meter(CHECKS_OTHERWISE)
        found = self._extend(self._draft, among, 0, left)
        meter.left -= CHECKS_OTHERWISE - left.left
        return found

    def _extend(
        self, draft: Draft, among: Sequence[Entry], start: int, left: _Meter
    ) -> Draft | None:
        """Return a match of ``draft`` and some parties from ``start`` on; None if there is none."""
        for index in range(start, len(among)):
            if left.left <= 0:
                return None
            left.left -= 1
            entry = among[index]
            if not (self._rules.admit(draft, entry.shape) and self._rules.fit(draft, entry.party)):
                continue
            larger = draft.with_party(entry.party)
            found = self._extend(larger, among, index + 1, left)
            if found is not None:
                return found
            if self._rules.are_content(larger):
                return larger
        return None

    def _others(self, meter: _Meter) -> Iterator[Entry]:
        """Yield the parties that are nearest in rank, without this one and the elders."""
        left_out = {self._entry.party.number, *(each.party.number for each in self._elders)}
        streams = self._streams(meter)
        reach, found = self._rules.reach(self._draft), 0
        while streams and found < OTHERWISE_AMONG:
            distance, _, number, entry, stream = streams[0]
            if distance > reach:
                return
            _advance(streams, stream)
            if number not in left_out:
                found += 1
                yield entry

    def _streams(self, meter: _Meter) -> list[_Head]:
        """Return a heap with the nearest party of each shape, and the stream of the next ones."""
        heads: list[_Head] = []
        for shape in self._line.shapes(self._key):
            meter.left -= 1
            stream = self._line.nearest(self._key, shape, self._entry.party.rank)
            for distance, order, entry in stream:
                heads.append((distance, order, entry.party.number, entry, stream))
                break
        heapq.heapify(heads)
        return heads


#: Distance, order and number of a party, the party, and those that come after it.
_Head: TypeAlias = tuple[float, int, int, Entry, Iterator[tuple[float, int, Entry]]]


def _advance(streams: list[_Head], stream: Iterator[tuple[float, int, Entry]]) -> None:
    """Replace the first head by the next one of its stream."""
    for distance, order, entry in stream:
        heapq.heapreplace(streams, (distance, order, entry.party.number, entry, stream))
        return
    heapq.heappop(streams)
