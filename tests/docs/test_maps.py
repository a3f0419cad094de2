"""The README files beside the code: their links lead somewhere, and the files they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.code_blocks import README, name_of
from tests.support.paths import ROOT, TESTS

COMMUNITY = sorted((ROOT / ".github").glob("*.md"))
MAPS = [
    *(ROOT / "gameserver" / name for name in ("README.md", "games/README.md")),
    *(ROOT / "clients" / name for name in ("README.md", "web/README.md")),
    ROOT / "benchmarks" / "README.md",
    TESTS / "README.md",
]


def slug(heading: str) -> str:
    """Return the anchor of a heading, as code hosts and MkDocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("document", [README, *COMMUNITY, *MAPS], ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), link


@pytest.mark.parametrize("document", MAPS, ids=name_of)
def test_files_in_the_first_column_exist(document: Path) -> None:
    here = {f"/{file.relative_to(ROOT).as_posix()}" for file in document.parent.rglob("*.*")}
    for row in re.findall(r"^\| (.*?) \|", document.read_text(), re.MULTILINE):
        for name in re.findall(r"`([\w/]+\.(?:py|js|mjs|html))`", row):
            assert any(file.endswith(f"/{name}") for file in here), name
