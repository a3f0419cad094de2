"""The study of collections: every edit is sent as edits, and Colyseus' twin makes the same ones."""

from __future__ import annotations

import re

from benchmarks.machine import ROOT
from benchmarks.studies.collections import EDITS, our_bytes


def test_every_edit_is_short() -> None:
    sizes = {name: our_bytes(edit) for name, edit in EDITS.items()}
    assert max(sizes.values()) < 30, "the whole list has more than 200"
    assert sizes["pop a number"] == 4  # id, mask, the header of the change, one edit


def test_the_twin_has_the_same_edits() -> None:
    source = (ROOT / "benchmarks" / "peers" / "colyseus" / "collections.mjs").read_text()
    edits = source.partition("const EDITS = {")[2].partition("\n};")[0]
    assert re.findall(r'^  "(.*?)": ', edits, re.MULTILINE) == list(EDITS)
