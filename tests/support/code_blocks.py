"""The code blocks of the documentation, as a reader meets them, with the marks that tests obey.

Owns finding them, and what a mark is: an HTML comment on the line before the fence.  Runs nothing;
``tests/docs/test_code_blocks.py`` says what each mark means.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from tests.support.paths import ROOT

PAGES_FOLDER: Final = ROOT / "gameserver" / "docs" / "pages"
README: Final = ROOT / "README.md"
#: The files of the documentation: README and the pages, but for those made at each build.
DOCUMENTS: Final = [README, *sorted(PAGES_FOLDER.rglob("*.md"))]

_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<mark>[^>]*) -->\n *)?(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)\n"
    r"(?P<body>.*?)^ *(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_AFTER = re.compile(r"^<!-- after: (\S+) -->$", re.MULTILINE)
_PROGRAM = re.compile(r'"""(\w+\.py):')


@attrs.frozen
class Block:
    """One fenced block of a document."""

    language: str
    #: The comment before it, up to its colon; empty where there is none.
    mark: str
    #: The text after the colon.
    reason: str
    body: str

    @property
    def file(self) -> str | None:
        """The file that it is to be saved as."""
        if self.mark == "file":
            return self.reason
        named = _PROGRAM.match(self.body) if self.language == "python" else None
        return None if named is None else named[1]


def blocks_of(document: Path) -> Iterator[Block]:
    for match in _BLOCK.finditer(document.read_text()):
        mark, _, reason = (match["mark"] or "").partition(":")
        body = textwrap.dedent(match["body"])
        yield Block(match["info"].strip(), mark.strip(), reason.strip(), body)


def save_files(document: Path, folder: Path) -> list[str]:
    """Save what a document tells its reader to save, and the pages it follows; return the names."""
    pages = _AFTER.findall(document.read_text())
    saved = [file for page in pages for file in save_files(PAGES_FOLDER / page, folder)]
    for block in blocks_of(document):
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body)
            saved.append(block.file)
    return saved


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()
