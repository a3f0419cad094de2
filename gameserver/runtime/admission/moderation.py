"""The bans and mutes in force, by identity and by address.

Owns their index in memory, what a refused or muted player is told, and writing changes to the
storage, where there is one.  ``storage/penalties.py`` has the table.  A server without storage
keeps them until it ends.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import structlog
import trio

from gameserver.config import Network
from gameserver.errors import GameServerError, JoinRefused
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.addresses import Address
from gameserver.storage.errors import StorageError
from gameserver.storage.penalties import ADDRESS, BAN, KINDS, MUTE, AddPenalty, EndPenalty, Penalty
from gameserver.storage.store import Storage

log = structlog.get_logger(__name__)

#: How soon a server knows the penalties that another host has added to the storage.
FOLLOW_EVERY_S: Final = 10.0


class WrongAddress(GameServerError):
    """A text that is no address and no network."""


def network_of(text: str) -> Network:
    """Return the network in ``text``, which may be a single address; else ``WrongAddress``."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise WrongAddress(f"{text!r:.60} is no address, such as 192.0.2.7 or 2001:db8::/64") from (
            None
        )
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen == network.max_prefixlen:
        return ipaddress.IPv4Network(mapped)
    return network


def told(penalty: Penalty) -> str:
    """Return what the player of a penalty is told."""
    what = "banned" if penalty.kind == BAN else "muted"
    until = ""
    if penalty.until_s is not None:
        until = f" until {datetime.fromtimestamp(penalty.until_s, UTC):%Y-%m-%d %H:%M} UTC"
    reason = f": {penalty.reason}" if penalty.reason else ""
    return f"you are {what}{until}{reason}"


class _Index:
    """Penalties of one kind: by identity, and by network, those of one size together."""

    def __init__(self) -> None:
        self.by_identity: dict[str, Penalty] = {}
        #: (version, length of the prefix) → first address of the network → penalty.
        self.by_network: dict[tuple[int, int], dict[int, Penalty]] = {}

    def put(self, penalty: Penalty) -> None:
        if penalty.of != ADDRESS:
            self.by_identity[penalty.subject] = penalty
            return
        network = network_of(penalty.subject)
        same_size = self.by_network.setdefault((network.version, network.prefixlen), {})
        same_size[int(network.network_address)] = penalty

    def drop(self, of: str, subject: str) -> bool:
        if of != ADDRESS:
            return self.by_identity.pop(subject, None) is not None
        network = network_of(subject)
        same_size = self.by_network.get((network.version, network.prefixlen), {})
        return same_size.pop(int(network.network_address), None) is not None

    def find(self, identity: str | None, address: Address | None) -> Iterable[Penalty]:
        if identity is not None and identity in self.by_identity:
            yield self.by_identity[identity]
        if address is None:
            return
        number = int(address)
        for (version, prefix), networks in self.by_network.items():
            if version == address.version:
                masked = number >> (address.max_prefixlen - prefix)
                found = networks.get(masked << (address.max_prefixlen - prefix))
                if found is not None:
                    yield found

    def all(self) -> Iterable[Penalty]:
        yield from self.by_identity.values()
        for networks in self.by_network.values():
            yield from networks.values()


class Moderation:
    """The bans and mutes of one server.  ``clock`` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock: Final = clock
        self.storage: Storage | None = None
        self._indexes = {kind: _Index() for kind in KINDS}

    async def load(self) -> None:
        """Read all penalties from the storage, as another process may have changed them.

        ``StorageUnavailable`` if it does not answer; then those known stay in force.
        """
        if self.storage is None:
            return
        penalties = await self.storage.penalties()
        self._indexes = {kind: _Index() for kind in KINDS}
        for penalty in penalties:
            self.enforce(penalty)

    async def follow(self) -> None:
        """Read the penalties again and again, as servers of other hosts change them."""
        while True:
            await trio.sleep(FOLLOW_EVERY_S)
            try:
                await self.load()
            except StorageError as error:
                log.warning("bans and mutes stay as they were known", reason=str(error))

    async def add(self, addition: AddPenalty) -> Penalty:
        """Ban or mute, and keep it; ``WrongAddress`` or ``StorageUnavailable`` if it cannot be."""
        if addition.of == ADDRESS:
            network_of(addition.subject)
        if self.storage is None:
            since_s = self.clock()
            penalty = Penalty(
                addition.kind,
                addition.of,
                addition.subject,
                addition.until_s,
                addition.reason,
                addition.operator,
                since_s,
            )
        else:
            [penalty] = await self.storage.write(addition)
        self.enforce(penalty)
        return penalty

    async def end(self, kind: str, of: str, subject: str) -> bool:
        """End a penalty, also in the storage; whether there was one."""
        was_kept = False
        if self.storage is not None:
            [was_kept] = await self.storage.write(EndPenalty(kind, of, subject))
        return self.lift(kind, of, subject) or was_kept

    def enforce(self, penalty: Penalty) -> None:
        """Put a penalty into force that is kept elsewhere, or nowhere."""
        if not penalty.is_over(self.clock()):
            self._indexes[penalty.kind].put(penalty)

    def lift(self, kind: str, of: str, subject: str) -> bool:
        """End a penalty here; whether there was one."""
        return self._indexes[kind].drop(of, subject)

    @property
    def penalties(self) -> list[Penalty]:
        """The penalties in force, the oldest first."""
        now_s = self.clock()
        found = [p for index in self._indexes.values() for p in index.all()]
        return sorted((p for p in found if not p.is_over(now_s)), key=lambda p: p.since_s)

    def counts(self) -> dict[str, int]:
        """Return how many penalties of each kind are in force."""
        counts = Counter(penalty.kind for penalty in self.penalties)
        return {kind: counts[kind] for kind in KINDS}

    def find(self, kind: str, identity: str | None, address: Address | None) -> Penalty | None:
        """Return the penalty that a player has, by identity or by address."""
        for penalty in list(self._indexes[kind].find(identity, address)):
            if not penalty.is_over(self.clock()):
                return penalty
            self.lift(penalty.kind, penalty.of, penalty.subject)
        return None

    def check(self, identity: str | None, address: Address | None) -> None:
        """Raise ``JoinRefused`` (4016) for a player who is banned."""
        if (ban := self.find(BAN, identity, address)) is not None:
            raise JoinRefused(CloseCode.BANNED, told(ban))

    def muted(self, identity: str | None, address: Address | None) -> str | None:
        """Return what a muted player is told; None for any other."""
        mute = self.find(MUTE, identity, address)
        return None if mute is None else told(mute)
