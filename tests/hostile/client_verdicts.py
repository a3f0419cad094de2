"""A client's verdict on any bytes from a server: Python's and the page's must agree.

Owns the Python side's verdict, and asking the page's decoders for theirs (``tests/node/judge.mjs``,
run by Node.js, says what is in one).  ``fuzz_targets.py`` and ``test_web_fuzz.py`` judge by them.

    python -m tests.hostile.client_verdicts --seconds 600        look for bytes of two verdicts

Bytes that show a difference are kept in ``corpus/from_server``: mend one of the two clients, or
the protocol.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from clients.replica import Replica
from gameserver.errors import RemoteProtocolError
from gameserver.model.schema import Schema
from gameserver.protocol.messages import Delta, Hashes, Result, Welcome, decode_from_server
from tests.support import node_tools
from tests.support.paths import NODE_TESTS, VECTORS

JUDGE: Final = NODE_TESTS / "judge_lines.mjs"
#: A judge that takes longer hangs.
DEADLINE_S: Final = 120
#: Later than any tick of the vectors, and of the beginnings that deltas are applied to.
LATE_TICK: Final = 1000

REFUSED: Final = "refused"


@functools.cache
def game() -> tuple[list[Any], list[Delta]]:
    """Return the schema (described) and the deltas of the game that the vectors tell.

    Their ticks are counted from 0, so that most deltas that a test makes are newer.
    """
    steps = json.loads((VECTORS / "delta_stream.json").read_text())["steps"]
    messages = [decode_from_server(bytes.fromhex(step["hex"])) for step in steps]
    welcome = messages[0]
    assert isinstance(welcome, Welcome)
    deltas = [each for each in messages if isinstance(each, Delta)]
    return welcome.schema, [attrs.evolve(each, tick=at) for at, each in enumerate(deltas)]


def beginnings() -> list[int]:
    """Return how many of the game's deltas come before the one that is judged."""
    deltas = game()[1]
    return [0, 1, len(deltas) // 2, len(deltas)]


def seeds() -> list[bytes]:
    """Return the server's messages of the vectors, and its deltas with a tick that is newer."""
    written = json.loads((VECTORS / "messages.json").read_text())
    stream = json.loads((VECTORS / "delta_stream.json").read_text())["steps"]
    told = [bytes.fromhex(each["hex"]) for each in written if each["from"] == "server"]
    late = [attrs.evolve(each, tick=LATE_TICK).encode() for each in game()[1]]
    return told + [bytes.fromhex(each["hex"]) for each in stream] + late


# ---------------------------------------------------------------- the Python client's


def verdict(data: bytes) -> Any:
    """Return ``REFUSED``, or what the message says; of a delta what it does to each beginning."""
    try:
        message = decode_from_server(data)
        if isinstance(message, Welcome):
            return ["welcome", *_of_welcome(message)]
    except RemoteProtocolError:
        return REFUSED
    if isinstance(message, Delta):
        each = [_of_delta(message, count) for count in beginnings()]
        return REFUSED if all(of == REFUSED for of in each) else ["delta", *each]
    if isinstance(message, Hashes):
        # As JSON has them; of an id that comes twice the last one counts.
        held = dict(zip(map(str, message.held[::2]), message.held[1::2], strict=True))
        return ["hashes", message.tick, held]
    if isinstance(message, Result):
        return ["result", message.number, _as_json(message.value), message.error]
    return [type(message).__name__.lower(), *attrs.astuple(message)]


def _as_json(value: Any) -> Any:
    """Return a value of a result as ``JSON.stringify`` has it, where bytes are an object."""
    if isinstance(value, bytes):
        return {str(at): byte for at, byte in enumerate(value)}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return value


def _of_welcome(welcome: Welcome) -> Iterator[Any]:
    schema = Schema.from_description(welcome.schema)
    Replica(schema, own_entity=welcome.own_entity)
    yield from (welcome.room, welcome.seat, welcome.own_entity, welcome.tick, welcome.tick_rate)
    yield [[e.name, list(e.at), _named(e.fields), _named(e.owner_fields)] for e in schema.entities]
    yield [
        [c.name, [[*_named([f]), f.low, f.high, f.max_length] for f in c.fields]]
        for c in schema.commands
    ]
    yield [[e.name, _named(e.fields)] for e in schema.events]
    limits = welcome.limits
    yield [limits.get("message_bytes", 4096), limits.get("say_length", 256)]
    yield limits.get("publish_every", 1)
    yield from (welcome.resume, welcome.resumed, welcome.ack)


def _named(fields: Sequence[Any]) -> list[list[str]]:
    return [[field.name, field.type.describe()[0]] for field in fields]


def _of_delta(delta: Delta, count: int) -> Any:
    description, deltas = game()
    replica = Replica(Schema.from_description(description))
    for earlier in deltas[:count]:
        replica.apply(earlier)
    try:
        events = replica.apply(delta)
    except RemoteProtocolError:
        assert replica.needs_full_state
        return REFUSED
    assert not replica.needs_full_state
    assert repr(list(replica.entities.values()))
    ids = sorted(replica.entities)
    margin = replica.margin
    return [replica.checksum(), ids, replica.own_entity, replica.ack, margin, len(events)]


# ---------------------------------------------------------------- the page's


def verdicts_of_the_page(node: list[str], entries: Sequence[bytes]) -> list[Any]:
    """Return the verdicts of the page's decoders; AssertionError if one broke its promise."""
    description, deltas = game()
    welcome = Welcome("a/b", 1, 0, 0, 30, description, "", {})
    first = {
        "welcome": welcome.encode().hex(),
        "deltas": [each.encode().hex() for each in deltas],
        "beginnings": beginnings(),
    }
    done = subprocess.run(
        # Memory without bound would end in a crash.
        [*node, "--max-old-space-size=128", str(JUDGE)],
        input="\n".join([json.dumps(first), *(entry.hex() for entry in entries)]) + "\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{entries[len(lines)].hex()}\n{done.stderr}"
    return [json.loads(line) for line in lines]


def disagreements(node: list[str], entries: Sequence[bytes]) -> list[tuple[bytes, Any, Any]]:
    """Return the entries of which the two clients think differently, with both verdicts."""
    theirs = verdicts_of_the_page(node, entries)
    both = zip(entries, map(verdict, entries), theirs, strict=True)
    return [(entry, ours, page) for entry, ours, page in both if _told(ours) != _told(page)]


def _told(value: Any) -> Any:
    """Return ``value`` as JSON would have it, in which True is not 1."""
    if isinstance(value, (list, tuple)):
        return [_told(each) for each in value]
    return (value,) if isinstance(value, bool) else value


# ---------------------------------------------------------------- searching


def main() -> None:
    from tests.hostile.fuzz import changed, corpus_of, keep

    parser = argparse.ArgumentParser(prog="python -m tests.hostile.client_verdicts")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    node, chance = node_tools.require_node(), random.Random(seed)
    entries = corpus_of("from_server") + seeds()
    end_s = time.monotonic() + given.seconds
    tried = 0
    while time.monotonic() < end_s:
        made = [changed(chance.choice(entries), chance, entries) for _ in range(4000)]
        tried += len(made)
        for entry, ours, page in disagreements(node, made):
            file = keep("from_server", entry, "broken-")
            sys.stdout.write(f"{file.name}\n  Python: {ours}\n  page: {page}\n")
    sys.stdout.write(f"seed {seed}: tried {tried}\n")


if __name__ == "__main__":
    main()
