"""Changes of lists, dicts and values: finding them, and applying received ones.

Owns both directions of the changes that ``gameserver/protocol/README.md`` defines: ``differ`` finds
a short change, ``applier`` applies one.  All values here are wire values, and none is ever changed
in place.  ``clients/web/net/edits.js`` is the twin of ``applier``.

A change is an array.  Either its only element is the whole new value, an array or nil, or it begins
with an integer: edits of the value that the client holds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgpack

from gameserver.errors import RemoteProtocolError
from gameserver.model.fieldtypes import MAX_ELEMENTS, Dict, FieldType, List, Optional, Value

#: Actions of an edit on the element, or key, after those that it skips.
SET, INSERT, REMOVE, WITHIN = range(4)

Change = list[Any]
#: Takes the value that was sent last and the new one, which differ.
Differ = Callable[[Any, Any], Change]
#: Takes the value held and a received change; ``RemoteProtocolError`` if they do not fit.
Applier = Callable[[Any, Any], Any]

_pack: Final[Callable[[Any], bytes]] = msgpack.Packer(use_single_float=True).pack


def packed_size(wire: Any) -> int:
    """Return how many bytes ``wire`` has in a message."""
    return len(_pack(wire))


def is_whole(change: Change) -> bool:
    """Whether a change brings a whole value."""
    return change[0].__class__ is not int


# ---------------------------------------------------------------- finding a change


def differ(field_type: FieldType) -> Differ:
    """Return the function that finds a change between two values of a type that is ``changing``.

    It returns edits if they are shorter than the whole value.
    """
    find = _FINDERS[type(field_type)](field_type)

    def change(old: Any, new: Any) -> Change:
        whole = [new]
        if old is None or new is None:
            return whole
        found = find(old, new)
        return found if packed_size(found) < packed_size(whole) else whole

    return change


def _optional_finder(field_type: Optional) -> Differ:
    return _FINDERS[type(field_type.item)](field_type.item)


def _value_finder(field_type: Value) -> Differ:
    """Return a function that finds ``[mask, value…]``, with changes for types that have them."""
    within = [differ(f.type) if f.type.changing else None for f in field_type.fields]

    def find(old: Any, new: Any) -> Change:
        found: Change = [0]
        for i, change in enumerate(within):
            if old[i] != new[i]:
                found[0] |= 1 << i
                found.append(new[i] if change is None else change(old[i], new[i]))
        return found

    return find


def _dict_finder(field_type: Dict) -> Differ:
    """Return a function that finds edits which skip the longest run of keys in the same order."""
    within = differ(field_type.item) if field_type.item.changing else None

    def find(old: Any, new: Any) -> Change:
        found: Change = []
        i = j = skip = 0
        for keep_i, keep_j in (*_anchors(old[::2], new[::2]), (len(old) // 2, len(new) // 2)):
            for _ in range(i, keep_i):
                found.append(skip << 2 | REMOVE)
                skip = 0
            for at in range(j, keep_j):
                found += (skip << 2 | INSERT, new[2 * at], new[2 * at + 1])
                skip = 0
            i, j = keep_i + 1, keep_j + 1
            held, wanted = old[2 * i - 1 : 2 * i], new[2 * j - 1 : 2 * j]
            if held == wanted:
                skip += 1
                continue
            found += _replacement(held[0], wanted[0], skip, within)
            skip = 0
        return found

    return find


def _replacement(old: Any, new: Any, skip: int, within: Differ | None) -> Change:
    """Return the edit that makes ``new`` of an element, whole or by a change within it."""
    change = None if within is None else within(old, new)
    if change is None or is_whole(change):
        return [skip << 2 | SET, new]
    return [skip << 2 | WITHIN, change]


def _list_finder(field_type: List) -> Differ:
    """Return a function that finds edits which skip the longest run of elements in their order."""
    within = differ(field_type.item) if field_type.item.changing else None

    def find(old: Any, new: Any) -> Change:
        start = _common_start(old, new)
        end = _common_start(old[start:][::-1], new[start:][::-1])
        before = old[start : len(old) - end]
        after = new[start : len(new) - end]
        anchors = _anchors(before, after)
        found = _list_edits(before, after, anchors, start, within)
        # If few elements keep their order, as in a short list that was reversed, setting each
        # element may be shorter.
        if len(before) == len(after) and 2 * len(anchors) < len(before):
            same = [(i, i) for i, element in enumerate(before) if element == after[i]]
            other = _list_edits(before, after, same, start, within)
            if packed_size(other) < packed_size(found):
                return other
        return found

    return find


def _common_start(one: Sequence[Any], other: Sequence[Any]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _anchors(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int]]:
    """Return pairs of equal elements, by their indices: the longest run that rises in both.

    Each new element is paired with the first equal one not yet taken.
    """
    places: dict[Any, list[int]] = {}
    for i in range(len(old) - 1, -1, -1):
        places.setdefault(old[i], []).append(i)
    pairs = [(places[e].pop(), j) for j, e in enumerate(new) if places.get(e)]
    # Patience: tails[k] is the smallest end of a rising run of k + 1 elements.
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, (i, _) in enumerate(pairs):
        k = bisect_left(tails, i)
        tails[k : k + 1] = [i]
        ends[k : k + 1] = [at]
        before.append(ends[k - 1] if k else -1)
    run: list[tuple[int, int]] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]


def _list_edits(
    old: Sequence[Any],
    new: Sequence[Any],
    kept: Iterable[tuple[int, int]],
    skip: int,
    within: Differ | None,
) -> Change:
    """Return the edits from ``old`` to ``new`` that keep these pairs, after ``skip`` elements."""
    found: Change = []
    i = j = 0
    for keep_i, keep_j in (*kept, (len(old), len(new))):
        while i < keep_i or j < keep_j:
            if j == keep_j:
                found.append(skip << 2 | REMOVE)
                i += 1
            elif i == keep_i:
                found += (skip << 2 | INSERT, new[j])
                j += 1
            elif old[i] == new[j]:
                # Its equal elsewhere was taken as an anchor.
                skip, i, j = skip + 1, i + 1, j + 1
                continue
            else:
                found += _replacement(old[i], new[j], skip, within)
                i += 1
                j += 1
            skip = 0
        skip += 1
        i, j = keep_i + 1, keep_j + 1
    return found


_FINDERS: Final[dict[type[FieldType], Callable[[Any], Differ]]] = {
    List: _list_finder,
    Dict: _dict_finder,
    Value: _value_finder,
    Optional: _optional_finder,
}


# ---------------------------------------------------------------- applying a change


def applier(field_type: FieldType) -> Applier:
    """Return the function that applies a received change to a value of this type."""
    edit = _EDITORS[type(field_type)](field_type)

    def apply(held: Any, change: Any) -> Any:
        if change.__class__ is not list or not change:
            raise RemoteProtocolError(f"{repr(change)[:40]} is no change")
        if is_whole(change):
            if len(change) > 1 or not field_type.holds(change[0]):
                raise RemoteProtocolError(f"{repr(change)[:40]} holds no value of its type")
            return change[0]
        if held is None:
            raise RemoteProtocolError("edits of a value that is not there")
        try:
            return edit(held, change)
        except IndexError:
            raise RemoteProtocolError("a change ends in the middle") from None

    return apply


def _optional_editor(field_type: Optional) -> Applier:
    return _EDITORS[type(field_type.item)](field_type.item)


def _reader(field_type: FieldType) -> Callable[[Any], Any]:
    """Return the function that checks a whole value within a change."""
    holds = field_type.holds

    def read(wire: Any) -> Any:
        if not holds(wire):
            raise RemoteProtocolError(f"{repr(wire)[:40]} in a change is of a wrong type")
        return wire

    return read


def _value_editor(field_type: Value) -> Applier:
    fields = field_type.fields
    readers = [_reader(field.type) for field in fields]
    appliers = [applier(field.type) if field.type.changing else None for field in fields]

    def edit(held: Any, change: Change) -> Any:
        mask = change[0]
        if not 0 < mask < 1 << len(fields) or len(change) != 1 + mask.bit_count():
            raise RemoteProtocolError(f"{mask} is no mask of {field_type.name}")
        made = list(held)
        at = 1
        for i, apply in enumerate(appliers):
            if mask >> i & 1:
                made[i] = readers[i](change[at]) if apply is None else apply(made[i], change[at])
                at += 1
        return made

    return edit


def _list_editor(field_type: List) -> Applier:
    read = _reader(field_type.item)
    apply = applier(field_type.item) if field_type.item.changing else None

    def edit(held: Any, change: Change) -> Any:
        made: list[Any] = []
        at = taken = 0
        while at < len(change):
            code, skip = _opened(change[at], taken, held, 1)
            made += held[taken : taken + skip]
            taken += skip
            at += 1
            if code == INSERT:
                made.append(read(change[at]))
                at += 1
                continue
            if code != REMOVE:
                made.append(_renewed(code, held[taken], change[at], read, apply))
                at += 1
            taken += 1
        made += held[taken:]
        return _bounded(made, len(made))

    return edit


def _dict_editor(field_type: Dict) -> Applier:
    read_key, read = _reader(field_type.key), _reader(field_type.item)
    apply = applier(field_type.item) if field_type.item.changing else None

    def edit(held: Any, change: Change) -> Any:
        made: list[Any] = []
        at = taken = 0
        while at < len(change):
            code, skip = _opened(change[at], 2 * taken, held, 2)
            made += held[2 * taken : 2 * (taken + skip)]
            taken += skip
            at += 1
            if code == INSERT:
                made += (read_key(change[at]), read(change[at + 1]))
                at += 2
                continue
            if code != REMOVE:
                made += (
                    held[2 * taken],
                    _renewed(code, held[2 * taken + 1], change[at], read, apply),
                )
                at += 1
            taken += 1
        made += held[2 * taken :]
        if 2 * len(set(made[::2])) < len(made):
            raise RemoteProtocolError("a dict has the same key twice")
        return _bounded(made, len(made) // 2)

    return edit


def _opened(edit: Any, taken: int, held: Sequence[Any], parts: int) -> tuple[int, int]:
    """Return code and skip of an edit after ``taken`` of ``held``, with ``parts`` per element."""
    if edit.__class__ is not int or not 0 <= edit <= MAX_ELEMENTS << 2 | WITHIN:
        raise RemoteProtocolError(f"{repr(edit)[:40]} is no edit")
    code, end = edit & 3, taken + parts * (edit >> 2)
    if end > len(held) or (end == len(held) and code != INSERT):
        raise RemoteProtocolError("an edit beyond the end")
    return code, edit >> 2


def _renewed(
    code: int, held: Any, given: Any, read: Callable[[Any], Any], apply: Applier | None
) -> Any:
    """Return the new value in the place of ``held`` after a SET or WITHIN that brings ``given``."""
    if code == SET:
        return read(given)
    if apply is None:
        raise RemoteProtocolError("an edit within an element that has no parts")
    return apply(held, given)


def _bounded(made: list[Any], count: int) -> list[Any]:
    if count > MAX_ELEMENTS:
        raise RemoteProtocolError(f"more than {MAX_ELEMENTS} elements")
    return made


_EDITORS: Final[dict[type[FieldType], Callable[[Any], Applier]]] = {
    List: _list_editor,
    Dict: _dict_editor,
    Value: _value_editor,
    Optional: _optional_editor,
}
