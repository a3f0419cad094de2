"""The records of a journal, against their normative description."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

import gameserver.state.journal
from gameserver.state.journal.records import KINDS

README = Path(gameserver.state.journal.__file__).with_name("README.md")
_ROW = re.compile(r"^\| (\d+) \| ([a-z ]+) \| `(.+)` \|$", re.MULTILINE)
#: Fields that are written with their parts, as in ``[rtt_s, …]``.
_ARRAY = re.compile(r"\[[^]]*\]")


def test_the_readme_lists_every_kind_of_record_with_its_fields() -> None:
    listed = {
        int(kind): (name.replace(" ", ""), len(_ARRAY.sub("array", fields).split(",")))
        for kind, name, fields in _ROW.findall(README.read_text())
    }
    check = 2  # its last two fields are packed together
    assert listed == {
        kind: (cls.__name__.lower(), len(attrs.fields(cls)) - (kind == check))
        for kind, cls in KINDS.items()
    }
