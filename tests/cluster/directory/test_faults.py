"""A directory on Redis under faults, against what the contract promises, by a state machine.

Nodes renew, claim, list and die; the server is paused, killed, wiped and started again with old
data or none; its clock is set; answers are lost after the operation was carried out.  Directory
time is set by the machine, so nothing here depends on how fast the tests run.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from gameserver.cluster.directory.addresses import read_address
from gameserver.cluster.directory.errors import (
    DirectorySettling,
    DirectoryUnavailable,
    LeaseOver,
)
from gameserver.cluster.directory.listings import RoomListing
from gameserver.cluster.directory.redis import RedisDirectory, open_redis_directory
from tests.cluster.directory.conftest import PATIENCE_S
from tests.support.listings import node
from tests.support.redis_server import RedisServer, redis_server

T = TypeVar("T")

#: Leases last so long that real time plays no part: the machine lets directory time pass.
LEASE_S = 1000.0
NODES = ("a", "b")
LABELS = ("arena/x", "arena/y")


@attrs.define
class LivingNode:
    """A node as it is: which rooms it runs, and the directory time of its last renewal."""

    rooms: dict[str, int] = attrs.field(factory=dict)
    renewed_s: float | None = None
    #: When it last renewed, in a time that no loss of data sets back.
    seen_s: float = -math.inf


class DirectoryUnderFaults(RuleBasedStateMachine):
    """The nodes as they are, and what the directory tells."""

    server: RedisServer

    def __init__(self) -> None:
        super().__init__()
        self.nodes = {name: LivingNode() for name in NODES}
        #: Directory time, as the machine lets it pass.
        self.now_s = 0.0
        #: The same, but never set back.
        self.elapsed_s = 0.0
        #: (label, fence) → the node that got it, for ever.
        self.issued: dict[tuple[str, int], str] = {}
        self.loses_answers = False
        #: What the saved data holds: directory time, and the renewals before it.
        self.saved: tuple[float, dict[str, float | None]] | None = None

    @initialize()
    def begin(self) -> None:
        self.server.call("FLUSHALL")
        self.server.settle("{gameserver}")

    # ------------------------------------------------------------ talking to it

    def run(self, call: Callable[[RedisDirectory], Awaitable[T]]) -> T:
        """Return what an operation returns; with lost answers, that of its repetition."""

        async def repeated() -> T:
            address = read_address(self.server.url)
            async with open_redis_directory(
                address, lease_s=LEASE_S, call_timeout_s=PATIENCE_S
            ) as directory:
                if self.loses_answers:
                    await call(directory)  # carried out, but the answer never arrives
                with trio.fail_after(PATIENCE_S):
                    while True:
                        try:
                            return await call(directory)
                        except DirectoryUnavailable:
                            continue

        result: list[T] = []

        async def main() -> None:
            result.append(await repeated())

        trio.run(main)
        return result[0]

    def listed(self, name: str) -> bool:
        renewed_s = self.nodes[name].renewed_s
        return renewed_s is not None and self.now_s < renewed_s + LEASE_S

    # ------------------------------------------------------------ nodes

    @rule(name=st.sampled_from(NODES))
    def renew(self, name: str) -> None:
        living = self.nodes[name]
        rooms = [
            RoomListing(label=label, fence=fence, serial=LABELS.index(label), shown={})
            for label, fence in living.rooms.items()
        ]
        renewal = self.run(lambda directory: directory.renew(node(name), rooms))
        living.renewed_s, living.seen_s = self.now_s, self.elapsed_s
        for label in renewal.lost:
            del living.rooms[label]
        for label, fence in living.rooms.items():
            found = self.run(lambda directory, label=label: directory.find(label))
            assert found is not None, "a listed room is not found"
            assert (found.owner.node, found.fence) == (name, fence)
            assert all(fence >= other for other in self.fences_of_others(name, label))

    def fences_of_others(self, name: str, label: str) -> list[float]:
        """Return the fences of a room at other living nodes that run it."""
        return [
            other.rooms[label]
            for of, other in self.nodes.items()
            if of != name and label in other.rooms and self.elapsed_s < other.seen_s + LEASE_S
        ]

    @rule(name=st.sampled_from(NODES), label=st.sampled_from(LABELS))
    def claim(self, name: str, label: str) -> None:
        try:
            claim = self.run(lambda directory: directory.claim(name, label, LEASE_S))
        except LeaseOver:
            assert not self.listed(name), "a living node may claim"
            return
        except DirectorySettling:
            return
        assert self.listed(name)
        before = self.issued.setdefault((label, claim.fence), claim.owner.node)
        assert before == claim.owner.node, "two owners with the same fence"
        if claim.won:
            assert claim.owner.node == name
            assert not self.fences_of_others(name, label), "a living node runs it already"
            self.nodes[name].rooms[label] = claim.fence

    @rule(name=st.sampled_from(NODES), label=st.sampled_from(LABELS), to=st.sampled_from(NODES))
    def pass_on(self, name: str, label: str, to: str) -> None:
        fence = self.nodes[name].rooms.get(label)
        if fence is None or to == name or self.fences_of_others(name, label):
            return
        try:
            claim = self.run(lambda directory: directory.pass_on(name, label, fence, to))
        except LeaseOver:
            assert not self.listed(to), "a room may be passed on to a living node"
            return
        except DirectorySettling:
            return
        before = self.issued.setdefault((label, claim.fence), claim.owner.node)
        assert before == claim.owner.node, "two owners with the same fence"
        if claim.won:
            del self.nodes[name].rooms[label]
            self.nodes[to].rooms[label] = claim.fence

    @rule(name=st.sampled_from(NODES), label=st.sampled_from(LABELS))
    def close_room(self, name: str, label: str) -> None:
        fence = self.nodes[name].rooms.pop(label, None)
        if fence is not None:
            self.run(lambda directory: directory.release(name, label, fence))

    @rule(name=st.sampled_from(NODES))
    def die(self, name: str) -> None:
        """The node is killed: its next run has another name, but the same rules."""
        self.nodes[name].rooms.clear()

    @rule(names=st.sets(st.sampled_from(NODES), min_size=1))
    def a_lease_passes(self, names: set[str]) -> None:
        """Some nodes renew as they should; the leases of the others end."""
        for _ in range(3):
            for name in sorted(names):
                self.renew(name)
            self.time_passes(0.4)

    @rule(share=st.sampled_from([0.2, 0.6]))
    def time_passes(self, share: float) -> None:
        self.now_s += share * LEASE_S
        self.elapsed_s += share * LEASE_S
        self.server.call("HINCRBY", "{gameserver}:meta", "clock", str(int(share * LEASE_S * 1000)))

    @rule(
        names=st.permutations(NODES),
        label=st.sampled_from(LABELS),
        loss=st.sampled_from(["wipe", "none", "old", "all", None]),
        waits=st.booleans(),
        lives=st.booleans(),
    )
    def another_node_asks_for_a_room(
        self, names: list[str], label: str, loss: str | None, waits: bool, lives: bool
    ) -> None:
        """After a loss of data, and after the lease of the owner, or before it."""
        owner, other = names
        self.renew(owner)
        self.claim(owner, label)
        if loss == "wipe":
            self.wipe()
        elif loss is not None:
            self.restart(loss)
        if waits:
            self.a_lease_passes({owner, other} if lives else {other})
        self.renew(other)
        self.claim(other, label)
        self.renew(owner)

    # ------------------------------------------------------------ faults

    @rule()
    def wipe(self) -> None:
        self.server.call("FLUSHALL")
        self.forget_leases()

    @rule()
    def save(self) -> None:
        self.server.call("SAVE")
        self.saved = self.now_s, {name: one.renewed_s for name, one in self.nodes.items()}

    @rule(data=st.sampled_from(["none", "old", "all"]))
    def restart(self, data: str) -> None:
        """Start it again: without data, with what was saved a while ago, or with all of it."""
        if data == "all":
            self.save()
        self.server.kill()
        if data == "none" or self.saved is None:
            self.server.lose_data()
            self.forget_leases()
            self.saved = None
        else:
            self.now_s, renewed_s = self.saved
            for name, living in self.nodes.items():
                living.renewed_s = renewed_s[name]
        self.server.start()

    @rule(hours=st.sampled_from([-100, -1, 1, 100]))
    def set_clock(self, hours: int) -> None:
        """The clock of the machine is set: directory time goes on by half a lease at most."""
        if self.server.call("HEXISTS", "{gameserver}:meta", "wall") == "0":
            return  # there was no script since the data was lost
        self.server.call("HINCRBY", "{gameserver}:meta", "wall", str(-hours * 3_600_000))
        self.run(lambda directory: directory.node("nobody"))
        if hours > 0:
            self.now_s += LEASE_S / 2
            self.elapsed_s += LEASE_S / 2

    @rule(loses=st.booleans())
    def lose_answers(self, loses: bool) -> None:
        self.loses_answers = loses

    @rule()
    def pause(self) -> None:
        """Calls that time out while it is paused are carried out, or not, once it goes on."""
        self.server.pause()

        async def give_up() -> None:
            address = read_address(self.server.url)
            async with open_redis_directory(
                address, lease_s=LEASE_S, call_timeout_s=0.02
            ) as directory:
                with contextlib.suppress(DirectoryUnavailable):
                    await directory.renew(node("nobody"), [])

        trio.run(give_up)
        self.server.go_on()
        self.run(lambda directory: directory.leave("nobody"))

    def forget_leases(self) -> None:
        for living in self.nodes.values():
            living.renewed_s = None

    # ------------------------------------------------------------ promises

    @rule()
    def listings_are_whole_within_one_renewal(self) -> None:
        """Every living room is found at an owner that is alive, once its node has renewed."""
        for name in NODES:
            if self.nodes[name].rooms:
                self.renew(name)
        for name, living in self.nodes.items():
            for label, fence in living.rooms.items():
                found = self.run(lambda directory, label=label: directory.find(label))
                assert found is not None, "a living room is not listed"
                assert found.fence >= fence
                if found.owner.node == name:
                    assert found.fence == fence
        owners = [label for living in self.nodes.values() for label in living.rooms]
        for label in set(owners):
            found = self.run(lambda directory, label=label: directory.find(label))
            assert found is not None
            fences = [one.rooms[label] for one in self.nodes.values() if label in one.rooms]
            assert found.fence == max(fences)

    @rule()
    def nothing_of_a_dead_node_is_listed(self) -> None:
        page = self.run(lambda directory: directory.nodes())
        for one in page.nodes:
            if one.node == "nobody":  # it may have renewed while the server was paused
                continue
            renewed_s = self.nodes[one.node].renewed_s
            assert renewed_s is not None
            assert self.now_s < renewed_s + LEASE_S
        shown = self.run(lambda directory: directory.rooms())
        for room in shown.rooms:
            assert self.listed(room.node)
        for label in LABELS:
            found = self.run(lambda directory, label=label: directory.find(label))
            assert found is None or self.listed(found.owner.node)


def run_machine(examples: int, steps: int) -> None:
    with redis_server() as server:
        machine = type("Machine", (DirectoryUnderFaults,), {"server": server})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_promises_hold_under_faults() -> None:
    run_machine(examples=2, steps=12)


@pytest.mark.long
def test_promises_hold_under_many_faults() -> None:
    run_machine(examples=4, steps=25)
