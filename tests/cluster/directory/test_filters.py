"""The names of indexes of rooms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameserver.cluster.directory.filters import index_name, index_names

VALUES = st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.none())
FILTERS = st.dictionaries(st.sampled_from(["mode", "ranked", "size"]), VALUES, max_size=3)


@given(FILTERS, FILTERS)
def test_a_room_is_in_the_index_of_a_join_if_it_has_all_values(
    values: dict[str, object], wanted: dict[str, object]
) -> None:
    fits = all(name in values and _same(values[name], wanted[name]) for name in wanted)
    assert (index_name("arena", wanted) in index_names("arena", values)) is fits


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


@given(FILTERS)
def test_a_room_is_in_each_index_once(values: dict[str, object]) -> None:
    names = index_names("arena", values)
    assert len(names) == len(set(names)) == 2 ** len(values)
