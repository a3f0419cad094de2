"""The attacks, by name: the repeated act of one attacker, and the number of attackers.

Owns when and how often bytes are sent; ``ammunition.py`` has the bytes, ``target.py`` the sockets.
Never judges: honest players do (``honest.py``).
"""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks.hostile.target import GONE, Target, TurnedAway, Wire
from benchmarks.machine import ROOT
from gameserver.protocol.closing import CONNECTION_LOST, CloseCode
from tests.support.attack_bytes import (
    FLOODS,
    FORWARDED_UPGRADE,
    HALF_HEAD,
    NO_MESSAGES,
    OVERSIZE,
    PAGES,
    PING,
    REBOUND,
    TLS_BEGINNING,
    UPGRADE,
    forged_tokens,
    guessed_resume_token,
    hello,
    lies,
    masked,
)
from tests.support.tls_records import ForgedTls

#: After a connection that was refused or turned away: an attacker whose core is busy with being
#: refused attacks nobody.
PAUSE_S: Final = 0.01
#: A slow sender sends a byte this often: less than a server could mistake for a slow line.
DRIBBLE_EVERY_S: Final = 0.5
#: The kernel may hold so many bytes for one who never reads.
SMALL_BUFFER_BYTES: Final = 4096
#: Requests that are sent without waiting for answers.
PIPELINED: Final = 20
#: How long one waits whether the server says anything about what was sent to it.
PATIENCE_S: Final = 1.0
#: A resume token is shown so often at once, and then one time after the other.
AT_ONCE: Final = 4
REPLAYS: Final = 20
#: So many lose their connections together.
CROWD: Final = 200
#: So many clients are in a process that is stopped, for so long: until long after they were given
#: up.
IN_A_PROCESS: Final = 25
STOPPED_S: Final = 30.0
LOTS_OF_BYTES: Final = 16 * 1024
RECORDS_AT_ONCE: Final = 200
#: From so many addresses, each as many a second as stays below the limits of one.
HALF_HEAD_ADDRESSES: Final = 40
HALF_HEADS_PER_S: Final = 17
NEWCOMER_EVERY_S: Final = 0.4
#: An address that the attacked server trusts, though it is that of a proxy.
PROXY: Final = "127.0.0.1"
#: The status lines that refuse a host; the second one refuses a client that asks too fast.
REFUSED_HOST: Final = (b"HTTP/1.1 421 ", b"HTTP/1.1 503 ")

Act = Callable[[Target], Awaitable[None]]


@attrs.frozen
class Attack:
    """What ``attackers`` do at once, each again and again; ``addresses``: from how many.

    ``codes``: what the server may end their sessions with, besides ``ALWAYS``.  ``full_after_s``:
    how long it takes until as much is open as ever is.
    """

    act: Act
    attackers: int = 20
    addresses: int = 1
    codes: frozenset[int] = frozenset()
    full_after_s: float = 1.0


async def run(attack: Attack, target: Target) -> None:
    """Attack until cancelled."""
    async with trio.open_nursery() as nursery:
        for _ in range(attack.attackers):
            nursery.start_soon(_again_and_again, attack.act, target)


async def _again_and_again(act: Act, target: Target) -> None:
    while True:
        try:
            await act(target)
            await trio.lowlevel.checkpoint()
        except* (*GONE, TurnedAway):  # from a nursery of the act as well
            await trio.sleep(PAUSE_S)


# ---------------------------------------------------------------- what makes no sense


async def _garbage(target: Target) -> None:
    """Send random bytes instead of a request, instead of a hello, or during a game."""
    depth = target.rng.randrange(4)
    noise = target.rng.randbytes(target.rng.randrange(1, 2000))
    wire = await (target.connect, target.open, target.enter, target.enter)[depth]()
    await _say_and_leave(wire, masked(noise) if depth == 3 else noise)


async def _no_messages(target: Target) -> None:
    """Send valid msgpack that is no message, whole or in two fragments."""
    payload = target.rng.choice(list(NO_MESSAGES.values()))
    whole = masked(payload)
    in_two = masked(payload, 0x02) + masked(b"", 0x80)
    await _say_and_leave(await target.enter(), target.rng.choice([whole, in_two]))


async def _oversize(target: Target) -> None:
    await _say_and_leave(await target.enter(), target.rng.choice(OVERSIZE))


async def _lying_acks(target: Target) -> None:
    lie = target.rng.choice(lies(target.rng.choice([2**31, 2**52])))
    await _say_and_leave(await target.enter(), masked(lie))


async def _say_and_leave(wire: Wire, data: bytes) -> None:
    """Send, read until the server closes or goes quiet, and reset the connection."""
    try:
        with trio.move_on_after(PATIENCE_S):
            await wire.send(data)
            await wire.drain()
    finally:
        wire.reset()


# ---------------------------------------------------------------- ends at every point


async def _ends(target: Target) -> None:
    """Half-close or reset connections at different points of their lives."""
    script = UPGRADE + masked(target.name_hello()) + FLOODS["messages"]
    wire = await target.connect()
    try:
        # Anywhere, but as often between two steps as within one.
        cut = target.rng.randrange(len(script) + 1)
        cut = target.rng.choice([cut, 0, len(UPGRADE), len(script) - len(FLOODS["messages"])])
        if cut <= len(UPGRADE):
            await wire.send(script[:cut])
        else:
            await wire.upgrade()
            await wire.send(script[len(UPGRADE) : cut])
        if target.rng.random() < 0.5:
            wire.half_close()
            with trio.move_on_after(PATIENCE_S):
                await wire.drain()
    finally:
        wire.reset()


# ---------------------------------------------------------------- slowly


async def _dribble(wire: Wire, data: bytes) -> None:
    """Send a byte now and then until the server closes the connection."""

    async def send() -> None:
        with suppress(*GONE):
            for byte in data:
                await wire.send(bytes([byte]))
                await trio.sleep(DRIBBLE_EVERY_S)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wire.drain()
            nursery.cancel_scope.cancel()
    finally:
        wire.reset()


async def _slow_http(target: Target) -> None:
    await _dribble(await target.connect(), b"GET / HTTP/1.1\r\nX: " + b"x" * 8000)


async def _slow_tls(target: Target) -> None:
    await _dribble(await target.connect(to_tls=True), TLS_BEGINNING)


async def _slow_websocket(target: Target) -> None:
    await _dribble(await target.open(), masked(hello("mallory", token="x" * 1000)))


async def _never_read(target: Target) -> None:
    """Join, then never read, and send messages until the server closes the connection."""
    wire = await target.open(receive_buffer=SMALL_BUFFER_BYTES)
    try:
        await wire.send(masked(target.name_hello()))
        while True:  # the only way to see a reset without reading
            await trio.sleep(PATIENCE_S)
            await wire.send(FLOODS["messages"])
    finally:
        wire.reset()


async def _half_heads(target: Target) -> None:
    """Open connections with unfinished requests; newcomers must still get in."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_newcomers, target)
        while True:
            for _ in range(HALF_HEAD_ADDRESSES):
                nursery.start_soon(_half_head, target)
            await trio.sleep(1 / HALF_HEADS_PER_S)


async def _half_head(target: Target) -> None:
    with suppress(*GONE):
        wire = await target.connect()
        try:
            await wire.send(HALF_HEAD)
            await wire.drain()
        finally:
            wire.reset()


async def _newcomers(target: Target) -> None:
    """Join now and then, as honest players do, and leave."""
    while True:
        await trio.sleep(NEWCOMER_EVERY_S)
        try:
            wire = await target.enter()
        except (*GONE, TurnedAway):
            target.tally.shut_out += 1
            continue
        try:
            with trio.move_on_after(PATIENCE_S):
                await wire.leave()
        except GONE:
            pass
        finally:
            wire.reset()


# ---------------------------------------------------------------- too much


async def _flood(target: Target, name: str) -> None:
    """Send the same bytes until the server closes the connection."""
    data = FLOODS[name]
    data *= max(1, LOTS_OF_BYTES // len(data))
    wire = await target.enter()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_for_ever, wire, data)
            await wire.drain()
            nursery.cancel_scope.cancel()
    finally:
        wire.reset()


async def _send_for_ever(wire: Wire, data: bytes) -> None:
    with suppress(*GONE):
        while True:
            await wire.send(data)


async def _pages(target: Target) -> None:
    """Request pages without waiting for the answers, then read and drop all answers."""
    wire = await target.connect()
    try:
        await wire.send(b"".join(target.rng.choices(PAGES, k=PIPELINED)))
        with trio.move_on_after(PATIENCE_S):
            await wire.drain()
    finally:
        wire.reset()


async def _connect_only(target: Target) -> None:
    (await target.connect()).reset()


async def _tls_only(target: Target) -> None:
    """Have the server do the expensive half of a TLS handshake, and leave."""
    (await target.connect_tls()).reset()


async def _tls_records(
    target: Target, version: ssl.TLSVersion, make: Callable[[ForgedTls], bytes]
) -> None:
    """Send records without data for as long as the server takes them: at once, or in a game."""
    wire, client = await target.connect_forging(version)
    try:
        if target.rng.random() < 0.5:
            await wire.send(client.data(UPGRADE))
            await wire.receive()
            await wire.send(client.data(masked(target.name_hello())))
            await wire.receive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_make_for_ever, wire, partial(make, client))
            await wire.drain()
            nursery.cancel_scope.cancel()
    finally:
        wire.reset()


async def _make_for_ever(wire: Wire, make: Callable[[], bytes]) -> None:
    with suppress(*GONE):
        while True:
            await wire.send(make())


def _key_updates(client: ForgedTls) -> bytes:
    return client.key_updates(RECORDS_AT_ONCE)


def _renegotiations(client: ForgedTls) -> bytes:
    return client.renegotiations(RECORDS_AT_ONCE)


def _empty_records(client: ForgedTls) -> bytes:
    return client.empties(RECORDS_AT_ONCE, PING)


async def _join_only(target: Target) -> None:
    (await target.enter()).reset()


# ---------------------------------------------------------------- lies about who one is


async def _forged_tokens(target: Target) -> None:
    """Ask for the room that requires tokens, with a token that nobody signed."""
    wire = await target.open()
    token = target.rng.choice(forged_tokens(target.rng))
    await _say_and_leave(wire, masked(hello("mallory", room="guarded", token=token)))


async def _replayed_tokens(target: Target) -> None:
    """Be cut, show the resume token on several connections at once, and again ever after.

    Once it is good; then nobody may get anything for it, least of all the seat, whose owner stays.
    """
    wire = await target.enter()
    try:
        await wire.be_known()
    finally:
        wire.reset()
    token = wire.welcome.resume
    back: list[Wire] = []
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(_show, target, token, back)
        if not back:
            return
        target.tally.resumed += 1
        target.tally.stolen += len(back) - 1
        async with trio.open_nursery() as nursery:
            known = trio.Event()
            nursery.start_soon(_keep_seat, target, back[0], known)
            await known.wait()
            for _ in range(REPLAYS):
                stolen: list[Wire] = []
                await _show(target, token, stolen)
                target.tally.stolen += len(stolen)
                _reset_all(stolen)
            nursery.cancel_scope.cancel()
    finally:
        _reset_all(back)


async def _show(target: Target, token: str, back: list[Wire]) -> None:
    """Show a resume token; whoever gets a seat for it is ``back``.

    Others leave in peace: one address has only so many seats held, and needs one for the next cut.
    """
    with suppress(*GONE, TurnedAway):
        wire = await target.enter(hello(target.name(), resume=token))
        if wire.welcome.resumed:
            back.append(wire)
            return
        try:
            with trio.move_on_after(PATIENCE_S):
                await wire.leave()
        finally:
            wire.reset()


async def _keep_seat(target: Target, wire: Wire, known: trio.Event) -> None:
    try:
        await wire.be_known()
        known.set()
        await wire.stay()
    except (*GONE, TurnedAway):
        target.tally.seats_lost += 1
    finally:
        known.set()


def _reset_all(wires: list[Wire]) -> None:
    for wire in wires:
        wire.reset()


async def _guessed_tokens(target: Target) -> None:
    """Ask for a player's seat with a token that the server never issued."""
    guess = target.rng.choice(
        [guessed_resume_token(target.rng), *forged_tokens(target.rng), target.name()]
    )
    stolen: list[Wire] = []
    await _show(target, guess, stolen)
    target.tally.stolen += len(stolen)
    _reset_all(stolen)


async def _rooms_by_proxy(target: Target) -> None:
    """Open rooms as a client behind a trusted proxy that is not listed."""
    wires: list[Wire] = []
    try:
        async with trio.open_nursery() as nursery:
            while True:
                wire = await target.connect(source=PROXY)
                wires.append(wire)
                await wire.upgrade(FORWARDED_UPGRADE)
                name = target.name()
                await wire.join(hello(name, room=f"siege/{name.replace(' ', '-')}"))
                target.tally.rooms = max(target.tally.rooms, len(wires))
                nursery.start_soon(wire.stay)
    finally:
        _reset_all(wires)


async def _rebound(target: Target) -> None:
    """Send what a page at a foreign host name sends from a browser on the server's machine."""
    wire = await target.connect()
    try:
        answer = await wire.ask(target.rng.choice(REBOUND))
        target.tally.misled += not answer.startswith(REFUSED_HOST)
    finally:
        wire.reset()


# ---------------------------------------------------------------- all of them at once


async def _outages(target: Target) -> None:
    """Reset the connections of a whole crowd at once; all of them come back at once."""
    tokens: dict[int, str] = {}
    while True:
        wires: list[Wire] = []
        try:
            async with trio.open_nursery() as nursery:
                for number in range(CROWD):
                    nursery.start_soon(_come, target, number, tokens, wires)
        finally:
            _reset_all(wires)


async def _come(target: Target, number: int, tokens: dict[int, str], wires: list[Wire]) -> None:
    """Join, or come back to the seat; try until it works."""
    token = tokens.get(number)
    while True:
        try:
            wire = await target.enter(hello(f"crowd {number}", resume=token))
            wires.append(wire)
            if token is None:
                await wire.be_known()
        except TurnedAway as turned:
            await trio.sleep(turned.retry_after_s or PATIENCE_S)
        except GONE:
            await trio.sleep(PATIENCE_S)
        else:
            break
    tokens[number] = wire.welcome.resume
    if token is not None:
        target.tally.resumed += wire.welcome.resumed
        target.tally.seats_lost += not wire.welcome.resumed


async def _stopped(target: Target) -> None:
    """Have a process join, and stop it."""
    names = [target.name() for _ in range(IN_A_PROCESS)]
    command = [sys.executable, "-m", "benchmarks.hostile.stopped"]
    process = await trio.lowlevel.open_process(
        [*command, str(target.port), target.next_address(), *names],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        joined = int(await process.stdout.receive_some() or 0)
        target.tally.connections += joined
        target.tally.joined += joined
        await trio.sleep(STOPPED_S)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


#: An attacker whose connection was lost, and anybody for whom there was no place just then.
ALWAYS: Final = frozenset({CloseCode.NORMAL, CONNECTION_LOST, CloseCode.ROOM_FULL})
_NONSENSE: Final = frozenset({1002, 1003, 1007, 1009, CloseCode.PROTOCOL_ERROR, CloseCode.TOO_SLOW})
_RATE: Final = frozenset({CloseCode.RATE})
_PROTOCOL: Final = frozenset({CloseCode.PROTOCOL_ERROR})
_TAKEN: Final = frozenset({CloseCode.RESUMING, CloseCode.TAKEN_OVER})

#: In the order in which they come.
ATTACKS: Final[Mapping[str, Attack]] = {
    "garbage": Attack(_garbage, codes=_NONSENSE),
    "half-closes and resets": Attack(_ends, codes=_NONSENSE),
    "slowloris in HTTP": Attack(_slow_http, attackers=150),
    "slowloris in TLS": Attack(_slow_tls, attackers=150),
    "slowloris in WebSocket": Attack(
        _slow_websocket, attackers=150, codes=frozenset({CloseCode.TOO_SLOW})
    ),
    # 680 connections a second, until the server keeps no more of those that have not joined.
    "half-sent heads, 40 addresses": Attack(
        _half_heads, attackers=1, addresses=HALF_HEAD_ADDRESSES, full_after_s=6.0
    ),
    "flood of messages": Attack(partial(_flood, name="messages"), codes=_RATE),
    "flood of pings": Attack(partial(_flood, name="pings"), codes=_RATE),
    "flood of empty fragments": Attack(partial(_flood, name="empty fragments"), codes=_RATE),
    "flood of bytes": Attack(partial(_flood, name="bytes"), codes=_RATE),
    "oversize": Attack(_oversize, codes=frozenset({CloseCode.TOO_BIG})),
    "deep and huge msgpack": Attack(_no_messages, codes=_PROTOCOL),
    "lying acks": Attack(_lying_acks, codes=_PROTOCOL),
    "replayed resume tokens": Attack(_replayed_tokens, attackers=5, codes=_TAKEN),
    "guessed resume tokens": Attack(_guessed_tokens),
    "forged tokens": Attack(_forged_tokens, codes=frozenset({CloseCode.REFUSED})),
    "rooms by an unlisted proxy": Attack(_rooms_by_proxy, attackers=1),
    "DNS rebinding": Attack(_rebound),
    "200 who never read": Attack(
        _never_read,
        attackers=200,
        addresses=4,
        codes=frozenset({CloseCode.PING_TIMEOUT, CloseCode.TOO_SLOW}),
    ),
    "100 stopped with SIGSTOP": Attack(
        _stopped, attackers=4, codes=frozenset({CloseCode.PING_TIMEOUT})
    ),
    "200 who reconnect at once": Attack(_outages, attackers=1, addresses=CROWD, codes=_TAKEN),
    "connection storm": Attack(_connect_only, attackers=50),
    "connection storm, 100 addresses": Attack(_connect_only, attackers=100, addresses=100),
    "storm of TLS handshakes": Attack(_tls_only, attackers=50),
    "TLS key updates": Attack(
        partial(_tls_records, version=ssl.TLSVersion.TLSv1_3, make=_key_updates), codes=_RATE
    ),
    "TLS renegotiations": Attack(
        partial(_tls_records, version=ssl.TLSVersion.TLSv1_2, make=_renegotiations), codes=_RATE
    ),
    "empty TLS records": Attack(
        partial(_tls_records, version=ssl.TLSVersion.TLSv1_3, make=_empty_records), codes=_RATE
    ),
    "storm of joins, 100 addresses": Attack(_join_only, attackers=100, addresses=100),
    "flood of page requests": Attack(_pages, attackers=50),
}
