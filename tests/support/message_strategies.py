"""Every message there is, and the values in it, as hypothesis strategies.

Owns what a correct peer may send: each message of these can be encoded, and must be decoded to
itself.  Messages that no peer may send are in the tests that see them refused.
"""

from __future__ import annotations

from hypothesis import strategies as st

from gameserver.protocol.closing import CloseCode
from gameserver.protocol.held import encode_held
from gameserver.protocol.messages import (
    MAX_CHECKSUM,
    MAX_NONCE,
    MAX_READ_BACK,
    MAX_READ_OFFSET,
    MAX_READ_PLACES,
    MAX_REPORTED,
    MAX_SAY_LENGTH,
    MAX_SEQ,
    MAX_TOKEN_BYTES,
    VERSION,
    Ack,
    Bye,
    Check,
    ClientMessage,
    CommandMessage,
    Delta,
    Desync,
    Hashes,
    HeldEntity,
    Hello,
    Moved,
    Ping,
    Pong,
    Read,
    Report,
    Result,
    Resync,
    Said,
    Say,
    ServerMessage,
    Status,
    Welcome,
    valid_text,
)

#: As gameserver/protocol/README.md has it, "Transport": the code is held to that.
INT_LIMIT = 2**52

ticks = st.integers(0, INT_LIMIT)
ints = st.integers(-INT_LIMIT, INT_LIMIT)
float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
float64s = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
tokens = st.none() | texts | st.sampled_from(["k" * MAX_TOKEN_BYTES, "é" * (MAX_TOKEN_BYTES // 2)])
leaves = st.none() | st.booleans() | ints | float32s | texts | st.binary(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
sections = st.lists(values, max_size=8)
micros = st.none() | ticks
limits = st.integers(1, MAX_READ_PLACES)
backs = st.integers(0, MAX_READ_BACK)
asked = st.one_of(
    st.tuples(st.just("own"), st.tuples(texts)),
    st.tuples(st.just("top"), st.tuples(limits, st.integers(0, MAX_READ_OFFSET), backs)),
    st.tuples(st.just("rank"), st.tuples(backs)),
    st.tuples(st.just("around"), st.tuples(limits, backs)),
)
hashes = st.tuples(st.integers(1, INT_LIMIT), st.integers(0, MAX_CHECKSUM))
client_messages: st.SearchStrategy[ClientMessage] = st.one_of(
    st.builds(Hello, st.just(VERSION), st.none() | texts, texts, texts, tokens),
    st.builds(
        Hello,
        st.just(VERSION),
        st.none() | texts,
        texts,
        texts,
        tokens,
        st.text(max_size=99),
        ticks,
        st.none() | st.sets(st.integers(1, INT_LIMIT), max_size=200).map(encode_held),
    ),
    st.builds(
        CommandMessage,
        st.integers(1, MAX_SEQ),
        ticks,
        ticks,
        ticks,
        ticks,
        st.lists(values, max_size=8),
    ),
    st.builds(Ack, ticks),
    st.builds(Ping, st.integers(0, MAX_NONCE), float64s | ints),
    st.builds(Say, st.text(min_size=1, max_size=MAX_SAY_LENGTH).filter(valid_text)),
    st.builds(Resync),
    st.builds(
        Report,
        st.integers(1, 2**52),
        st.text(min_size=1, max_size=MAX_SAY_LENGTH).filter(valid_text),
    ),
    st.builds(
        Desync,
        ticks,
        st.none()
        | st.lists(
            st.builds(
                HeldEntity,
                st.integers(1, INT_LIMIT),
                st.none() | ticks,
                st.lists(values, max_size=4),
                st.none() | st.lists(values, max_size=3),
            ),
            min_size=1,
            max_size=MAX_REPORTED,
        ),
    ),
    st.builds(
        lambda number, name, asks: Read(number, name, asks[0], list(asks[1])),
        st.integers(0, MAX_NONCE),
        texts,
        asked,
    ),
)
server_messages: st.SearchStrategy[ServerMessage] = st.one_of(
    st.builds(
        Welcome,
        texts,
        st.integers(1, 500),
        ticks,
        ticks,
        st.integers(1, 128) | st.floats(0.5, 128),
        sections,
        texts,
        st.dictionaries(texts, ints, max_size=4),
        st.booleans(),
        st.integers(0, MAX_SEQ),
    ),
    st.builds(
        Delta,
        ticks,
        st.integers(0, MAX_SEQ),
        st.none() | ints,
        st.none() | sections,
        sections,
        sections,
        sections,
        sections,
        st.lists(sections, max_size=3),
    ),
    st.builds(Pong, st.integers(0, MAX_NONCE), float64s | ints, float64s),
    st.builds(Status, *[micros] * 5, ticks, *[micros] * 8),
    st.builds(Said, ticks, texts, texts),
    st.builds(Check, ticks, st.integers(0, MAX_CHECKSUM)),
    st.builds(
        Hashes,
        ticks,
        st.lists(hashes, max_size=9).map(lambda pairs: [part for pair in pairs for part in pair]),
    ),
    st.builds(Moved, texts, texts, texts, st.integers(0, 1)),
    st.builds(Result, st.integers(0, MAX_NONCE), st.none(), texts),
    st.builds(
        Result,
        st.integers(0, MAX_NONCE),
        st.dictionaries(texts, ints | float64s | texts | st.booleans(), max_size=4),
        st.none(),
    ),
    st.builds(
        Bye,
        st.sampled_from(CloseCode).map(int),
        texts,
        st.none() | ticks | st.floats(0, 1e6, width=32),
    ),
)
