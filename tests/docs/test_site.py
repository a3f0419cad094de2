"""The documentation builds without a warning, and its pages ask no other server for anything.

The build takes long, so these tests run with ``-m long``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.paths import ROOT

CONFIG = ROOT / "gameserver" / "docs" / "mkdocs.yml"
#: Addresses that a browser fetches by itself; only a reader follows a link.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = pytest.mark.long

#: Never quiet: with ``-q`` MkDocs does not count warnings, and ``--strict`` forgives all of them.
BUILD = (sys.executable, "-m", "mkdocs", "build", "--strict", "-f", CONFIG)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [*BUILD, "-d", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder


class Fetches(HTMLParser):
    """Addresses that a page makes its browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(FETCHED.get(tag, ""))
        if address and dict(attrs).get("rel") != "canonical":
            self.addresses.append(address)


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetches = Fetches()
        fetches.feed(page.read_text())
        assert [a for a in fetches.addresses if re.match(r"(\w+:)?//", a)] == [], page


def test_no_page_makes_the_theme_ask_elsewhere(site: Path) -> None:
    """Material asks a CDN for Mermaid where there is a diagram, and GitHub for a repository."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert 'class="mermaid"' not in text, page
        assert 'data-md-component="source"' not in text, page


@pytest.mark.parametrize(
    "page", ["cli", "settings", "metrics", "close-codes", "protocol", "api", "names"]
)
def test_the_reference_has_what_the_code_says(site: Path, page: str) -> None:
    text = (site / "reference" / page / "index.html").read_text()
    known = {
        "cli": "--grace-s",
        "settings": "max_rooms_per_address",
        "metrics": "gameserver_ticks_dropped_total",
        "close-codes": "4013",
        "protocol": "retry_after_s",
        "api": "gameserver.room.Room.on_join",
        "names": "max_rewind_ms",
    }
    assert known[page] in text
