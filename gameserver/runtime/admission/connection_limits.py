"""Limits on connections, requests and joins: how many, from where, and how fast.

Owns counting connections (in all, by address, and those that have not joined), which of them is
evicted for a new one, the rates of connections, requests and joins, and the counts of refusals by
reason.  Pure: time is an argument; no sockets, no tasks.  Never answers a peer: the acceptor and
the session do.

A connection that has not said hello costs its peer next to nothing.  A cap on such connections
alone would let a few addresses lock everybody out, so at a cap the oldest of them is evicted for
the new one.  A client that says hello within a round trip or two gets in, unless ``max_joining``
newer connections arrive in that time.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.addresses import Address, Sender, counted_as, is_in, read_address
from gameserver.runtime.admission.host_counts import Alone, HostCounts
from gameserver.runtime.admission.memory import MemoryWatch

#: The wait that a connection over a cap is told; most crowds are over by then.
RETRY_AFTER_S: Final = 5
#: The cost of a further request, where connecting costs one: a page is many files, and a request
#: is cheaper than a connection.  A connection made by a proxy costs its client as much, because it
#: may serve a single request.
REQUEST_COST: Final = 1 / 8
#: The longest wait that a refused client is told, give or take a second.  It is shorter than seats
#: are held (``Room.hold_s``), because some of these clients resume.
LONGEST_WAIT_S: Final = 20.0
#: The longest queue of newcomers that wait to join, in seconds, and how much longer it may get for
#: players that resume.
LONGEST_LINE_S: Final = 1.0
RESERVE_S: Final = 0.5
#: Addresses without a connection whose allowance is still remembered.  Overflow policy
#: ``drop-oldest``: a dropped address gets a fresh allowance, which the total caps make harmless.
MAX_REMEMBERED_ADDRESSES: Final = 10_000


#: The least burst of an address at one of many nodes.
LEAST_BURST: Final = 1.0


class Reason(enum.StrEnum):
    """Why a connection, a request or a join was refused; the label in the metrics."""

    CONNECTIONS = "connections"
    JOINING = "joining"
    EVICTED = "evicted"
    ADDRESS = "address"
    HASTE = "haste"
    JOINS = "joins"
    ROOMS = "rooms"
    ROOM_HASTE = "room haste"
    OVERLOAD = "overload"
    MEMORY = "memory"
    HOST = "host"
    ORIGIN = "origin"
    BOT = "bot"
    METRICS = "metrics"


class Stage(enum.Enum):
    """How far a connection has come.  It only moves down this list, and may skip steps."""

    #: The server waits for the peer: for its TLS handshake, a request or its hello.
    OPENING = enum.auto()
    #: Its hello has come.  It waits for its turn, or for the game's ``on_auth``.
    JOINING = enum.auto()
    JOINED = enum.auto()
    #: Over, or evicted: it counts nowhere.
    GONE = enum.auto()


@attrs.define(eq=False)
class _Address:
    """One address (in IPv6: one /64): its open connections, and its allowance.

    The allowance is spent by new connections and by further requests on them.
    """

    allowance: Allowance
    connections: int = 0


@attrs.frozen
class FrozenPeer:
    """A peer as a value, for the process that goes on with its connection.

    The fields are those of ``Peer``, with addresses as texts.  ``deadline_in_s`` is how long the
    peer still has until its hello.
    """

    name: str
    connected_from: str | None
    address: str | None
    counted_as: str | None
    is_bot: bool
    joined: bool
    deadline_in_s: float


@attrs.define(eq=False)
class Peer:
    """The other end of one connection.

    ``name`` is for the log.  ``address`` is the client's, also behind a proxy; None if it is
    unknown, and then the client is trusted with nothing.  ``deadline_s`` is when its hello must
    have come, by Trio's clock.
    """

    connection_limits: ConnectionLimits = attrs.field(repr=False)
    name: str
    connected_from: Address | None
    address: Address | None
    deadline_s: float
    #: The key under which the connection is counted; None if only the total counts it.
    counted_as: str | None = None
    #: Whether its next request is free: connecting has paid for the first one.
    request_paid: bool = False
    #: Whether its upgrade carried no Origin.  Browsers always send one, programs need not.
    is_bot: bool = True
    stage: Stage = Stage.OPENING
    #: Ends the connection at once.  Called for an eviction, after the connection was uncounted.
    evict: Callable[[], object] = attrs.field(default=lambda: None, repr=False)

    def answered(self) -> None:
        """Note that a request was answered: eviction then treats the connection as new."""
        self.connection_limits.answered(self)

    def greeted(self) -> None:
        """Note that the hello has come: the connection is not evicted any more."""
        self.connection_limits.greeted(self)

    def joined(self) -> None:
        """Note that the client has joined a room: ``max_joining`` does not count it any more."""
        self.connection_limits.joined(self)

    def leave(self) -> None:
        """Note that the connection is over."""
        self.connection_limits.leave(self)

    def freeze(self, now_s: float) -> FrozenPeer:
        """Return it for another process, whose ``ConnectionLimits.adopt`` counts it."""
        return FrozenPeer(
            self.name,
            None if self.connected_from is None else str(self.connected_from),
            None if self.address is None else str(self.address),
            self.counted_as,
            self.is_bot,
            self.stage is Stage.JOINED,
            max(0.0, self.deadline_s - now_s),
        )


@attrs.define(eq=False)
class _RetryTimes:
    """The times at which refused clients are told to retry, one each, so that they spread."""

    last_s: float = 0.0

    def next_s(self, now_s: float, rate: float) -> float:
        """Return the time for the next client."""
        self.last_s = max(self.last_s, now_s) + 1 / rate
        if self.last_s > now_s + LONGEST_WAIT_S:
            self.last_s = now_s + 1 / rate
        return self.last_s


class _Opening:
    """The connections that have not said hello, in the order of their eviction.

    The oldest goes first.  For each seat that is held for an address, one connection of it is
    spared until there is no other: it may be about to resume.
    """

    def __init__(self, held_by: Callable[[str], int]) -> None:
        self._held_by = held_by
        self._new: OrderedDict[Peer, None] = OrderedDict()
        #: Spared peer → the address that has a held seat.
        self._returning: OrderedDict[Peer, str] = OrderedDict()
        self._returning_of: Counter[str] = Counter()

    def add(self, peer: Peer) -> None:
        """Add ``peer`` as the newest, or make it the newest again."""
        self.remove(peer)
        key = peer.counted_as
        if key is not None and self._returning_of[key] < self._held_by(key):
            self._returning[peer] = key
            self._returning_of[key] += 1
        else:
            self._new[peer] = None

    def remove(self, peer: Peer) -> None:
        """Forget ``peer``, if it is here."""
        self._new.pop(peer, None)
        key = self._returning.pop(peer, None)
        if key is not None:
            self._returning_of[key] -= 1
            if not self._returning_of[key]:
                del self._returning_of[key]

    def oldest(self) -> Peer | None:
        """Return the connection that is evicted next."""
        return next(iter(self._new), None) or next(iter(self._returning), None)


class ConnectionLimits:
    """The limits on connections, requests and joins of one server, over all its ports.

    Where the server is one of several nodes, ``host`` is set, and the limits hold for all of them
    together: connections, those that are joining, connections of one address, and joins per second.
    ``connects_per_s`` is divided among the nodes.

    ``turned_away`` counts refusals by ``Reason``; ``malformed_forwards`` counts values of
    ``X-Forwarded-For`` from listed proxies that are no addresses.  ``held_by`` returns how many
    seats are held for an address (a key of ``Peer.counted_as``).
    """

    def __init__(
        self,
        settings: Settings,
        memory: MemoryWatch | None = None,
        *,
        held_by: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self._settings = settings
        self._memory = MemoryWatch(list) if memory is None else memory
        self._opening = _Opening(held_by)
        self._addresses: dict[str, _Address] = {}
        self._remembered: OrderedDict[str, _Address] = OrderedDict()
        #: The counts of all nodes of the host; those of a server that is alone by default.
        self.host: HostCounts = Alone()
        self._newcomers = _RetryTimes()
        self._returning = _RetryTimes()
        self.connections = 0
        self.joining = 0
        self.turned_away: Counter[Reason] = Counter()
        self.malformed_forwards = 0

    # ------------------------------------------------------------ connections

    def admit(self, host: str, port: int, now_s: float) -> Peer | Reason:
        """Count a connection that was just accepted, or return why it is refused."""
        address = read_address(host)
        peer = Peer(
            self,
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            connected_from=address,
            address=address,
            deadline_s=now_s + self._settings.hello_deadline_s,
        )
        key = None if address is None else self._key_of(address)
        if (reason := self._count_at(peer, key, 1.0, now_s)) is not None:
            return reason
        if (cap := self._cap_reached()) is not None and not self._evict_oldest():
            self._uncount(peer)
            return self.refuse(cap)
        self._note(1, 1)
        self._opening.add(peer)
        return peer

    def adopt(self, frozen: FrozenPeer, now_s: float) -> Peer:
        """Count a connection that another process had admitted, whatever the limits say."""
        peer = Peer(
            self,
            frozen.name,
            connected_from=None
            if frozen.connected_from is None
            else read_address(frozen.connected_from),
            address=None if frozen.address is None else read_address(frozen.address),
            deadline_s=now_s + frozen.deadline_in_s,
            is_bot=frozen.is_bot,
        )
        if (key := frozen.counted_as) is not None:
            known = self._known(key, now_s)
            self._remembered.pop(key, None)
            self._addresses[key] = known
            known.connections += 1
            self.host.note_address(key, 1)
            peer.counted_as = key
        self._note(1, 1)
        self._opening.add(peer)
        if frozen.joined:
            self.joined(peer)
        return peer

    def freeze(self, now_s: float) -> list[Any]:
        """Return what is left of allowances and queues, as plain values for another process."""
        known = {**self._remembered, **self._addresses}
        return [
            [[key, one.allowance.left(now_s)] for key, one in known.items()],
            self.host.turn_in_s(now_s),
        ]

    def go_on(self, frozen: Sequence[Any], began_s: float) -> None:
        """Continue with what was left in another process; before any connection is adopted."""
        addresses, next_turn_in_s = frozen
        for key, left in addresses:
            known = self._remembered[key] = self._known(key, began_s)
            known.allowance.leave(left)
        self.host.delay_turn(began_s, next_turn_in_s)

    def _note(self, connections: int, joining: int) -> None:
        """Change the counts of connections, and tell the other nodes."""
        self.connections += connections
        self.joining += joining
        self.host.note(self.connections, self.joining)

    def _cap_reached(self) -> Reason | None:
        connections, joining = self.host.of_others()
        if self.connections + connections >= self._settings.max_connections:
            return Reason.CONNECTIONS
        return Reason.JOINING if self.joining + joining >= self._settings.max_joining else None

    def _evict_oldest(self) -> bool:
        """Evict the oldest connection without a hello; return False if there is none."""
        peer = self._opening.oldest()
        if peer is None:
            return False
        self.refuse(Reason.EVICTED)
        self.leave(peer)
        peer.evict()
        return True

    def identify(self, peer: Peer, sender: Sender, now_s: float) -> Reason | None:
        """Count the connection as ``sender``'s, as its proxy says, or return why it is refused.

        All unknown senders behind one proxy count as one address.
        """
        if sender.malformed:
            self.malformed_forwards += 1
        if sender.address == peer.address or peer.stage is Stage.GONE:
            return None
        proxy = peer.connected_from
        assert proxy is not None, "only addresses are proxies"
        peer.address = sender.address
        peer.name = f"{sender.address or 'unknown'} via {proxy}"
        self._uncount(peer)
        unknown = f"unknown via {counted_as(proxy)}"
        key = unknown if sender.address is None else self._key_of(sender.address)
        reason = self._count_at(peer, key, REQUEST_COST, now_s)
        if peer.stage is Stage.OPENING:
            self._opening.add(peer)  # again: seats may be held for this address
        return reason

    def let_ask(self, peer: Peer, now_s: float) -> Reason | None:
        """Charge the address of ``peer`` for a request, or return why it is refused.

        Without this charge one connection could send requests at any rate.
        """
        if peer.counted_as is None:
            return None
        paid, peer.request_paid = peer.request_paid, False
        if paid or self._addresses[peer.counted_as].allowance.spend(now_s, REQUEST_COST):
            return None
        return self.refuse(Reason.HASTE)

    def answered(self, peer: Peer) -> None:
        """See ``Peer.answered``."""
        if peer.stage is Stage.OPENING:
            self._opening.add(peer)

    def greeted(self, peer: Peer) -> None:
        """See ``Peer.greeted``."""
        if peer.stage is Stage.OPENING:
            peer.stage = Stage.JOINING
            self._opening.remove(peer)

    def joined(self, peer: Peer) -> None:
        """See ``Peer.joined``.  Idempotent."""
        self.greeted(peer)
        if peer.stage is Stage.JOINING:
            peer.stage = Stage.JOINED
            self._note(0, -1)

    def leave(self, peer: Peer) -> None:
        """See ``Peer.leave``.  Idempotent."""
        if peer.stage is Stage.GONE:
            return
        self.joined(peer)
        peer.stage = Stage.GONE
        self._uncount(peer)
        self._note(-1, 0)

    def refuse(self, reason: Reason) -> Reason:
        """Count a refusal; return ``reason``."""
        self.turned_away[reason] += 1
        return reason

    def _key_of(self, address: Address) -> str | None:
        """Return the key that counts connections of ``address``; None if it is not limited."""
        settings = self._settings
        if is_in(address, settings.trusted) or is_in(address, settings.proxies):
            return None
        return counted_as(address)

    def _count_at(self, peer: Peer, key: str | None, cost: float, now_s: float) -> Reason | None:
        """Count ``peer`` under ``key``, or return the limit that this would exceed."""
        if key is None:
            return None
        settings = self._settings
        known = self._known(key, now_s)
        of_host = known.connections + self.host.address_of_others(key)
        if of_host >= settings.max_connections_per_address:
            return self.refuse(Reason.ADDRESS)
        if not known.allowance.spend(now_s, cost):
            return self.refuse(Reason.HASTE)
        self._remembered.pop(key, None)
        self._addresses[key] = known
        known.connections += 1
        self.host.note_address(key, 1)
        peer.counted_as = key
        peer.request_paid = True
        return None

    def _known(self, key: str, now_s: float) -> _Address:
        known = self._addresses.get(key) or self._remembered.get(key)
        if known is None:
            settings = self._settings
            # Connections of an address spread over the nodes, and each node has a part of what is
            # allowed; a browser gets its page from one node in any case.
            share = 1 / self.host.nodes
            burst = max(settings.max_connections_per_address * share, LEAST_BURST)
            known = _Address(Allowance(settings.connects_per_s * share, burst, now_s))
        return known

    def _uncount(self, peer: Peer) -> None:
        key, peer.counted_as = peer.counted_as, None
        if key is None:
            return
        known = self._addresses[key]
        known.connections -= 1
        self.host.note_address(key, -1)
        if known.connections == 0:
            del self._addresses[key]
            self._remembered[key] = known
            if len(self._remembered) > MAX_REMEMBERED_ADDRESSES:
                self._remembered.popitem(last=False)

    # ------------------------------------------------------------ joining

    def let_join(self, now_s: float, *, returning: bool = False) -> float:
        """Return how long a client waits before it joins; ``JoinRefused`` (4005) to retry later.

        Joins are ``1 / joins_per_s`` apart, so a crowd that arrives at one moment does not become
        the work of one tick.  A newcomer waits if the queue is at most ``LONGEST_LINE_S`` long.  A
        client ``returning`` to a held seat does not wait; its join makes the queue longer for the
        newcomers, up to ``RESERVE_S`` more.  Newcomers are refused while memory is short.

        (Virtual scheduling of the generic cell rate algorithm: ITU-T I.371, annex A.)
        """
        rate = self._settings.joins_per_s
        if not returning and self._memory.is_short(now_s):
            self.refuse(Reason.MEMORY)
            wait_s = round(self._newcomers.next_s(now_s, rate) - now_s, 3)
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                "the server is short of memory",
                retry_after_s=RETRY_AFTER_S + wait_s,
            )
        longest_s = LONGEST_LINE_S + RESERVE_S if returning else LONGEST_LINE_S
        line_s = self.host.take_turn(now_s, longest_s, 1 / rate)
        if line_s is not None:
            return 0.0 if returning else line_s
        self.refuse(Reason.JOINS)
        line = self._returning if returning else self._newcomers
        raise JoinRefused(
            CloseCode.ROOM_FULL,
            "too many clients are joining right now",
            retry_after_s=round(line.next_s(now_s, rate) - now_s, 3) + 1.0,
        )
