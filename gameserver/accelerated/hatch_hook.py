"""The build hook of hatchling: adds the compiled twins to a wheel where there is a C compiler.

Owns when they are built and where they go.  An editable installation gets them beside their
sources, a wheel from a scratch folder.  Without a compiler the wheel is pure, which is no error
unless ``GAMESERVER_REQUIRE_COMPILED=1`` is set, as where wheels are made to be published.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path("gameserver/accelerated")


def _builder(root: Path) -> ModuleType:
    """Load ``build.py`` by its path, because the package cannot be imported here."""
    spec = importlib.util.spec_from_file_location("build", root / HERE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CompiledTwins(BuildHookInterface[Any]):
    """Builds the twins before a wheel is packed."""

    PLUGIN_NAME = "custom"
    _scratch: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and name the files that belong into the wheel."""
        root = Path(self.root)
        if os.environ.get("GAMESERVER_PURE", "") not in ("", "0"):
            self.app.display_info("GAMESERVER_PURE is set: no compiled twins are built")
            return
        builder = _builder(root)
        self._scratch = tempfile.mkdtemp()
        into = root / HERE if version == "editable" else Path(self._scratch)
        try:
            built = builder.build(into)
        except builder.BuildError as error:
            if os.environ.get("GAMESERVER_REQUIRE_COMPILED", "") not in ("", "0"):
                raise
            self.app.display_warning(f"gameserver will run in pure Python: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            for file in built:
                build_data["force_include"][str(file)] = str(HERE / file.name)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the scratch folder."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
