"""The diagrams in the documentation are what their source draws."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tests.support.paths import ROOT

DOCS = ROOT / "gameserver" / "docs"


def load(file: Path) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def test_each_picture_is_as_drawn() -> None:
    draw_pictures = load(DOCS / "draw_pictures.py")
    for name, draw in draw_pictures.DRAWINGS:
        kept = (DOCS / "pages" / "pictures" / f"{name}.svg").read_text()
        assert kept == draw().svg(), f"run {draw_pictures.__file__} and look at {name}.svg"


def test_each_picture_is_shown() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "pages").rglob("*.md"))
    pictures = [picture.name for picture in (DOCS / "pages" / "pictures").iterdir()]
    assert [name for name in pictures if f"pictures/{name})" not in pages] == []
