"""The output of a recipe: files, and the steps that put them to use.

Owns writing them to a folder.  Never overwrites a file.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Collection, Mapping, Sequence

import attrs

from gameserver.deploying.game import DeployError

_PRIVATE_MODE = 0o600
_MODE = 0o644


@attrs.frozen
class Deployment:
    """The files of a recipe by their paths in the folder, and the next steps for a person."""

    files: Mapping[str, str]
    steps: Sequence[str]
    #: Paths of files that only their owner may read.
    private: Collection[str] = ()

    def write(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """Write the files; ``DeployError`` if one of them is there already, or cannot be."""
        paths = {folder / path: path for path in self.files}
        if present := [str(path) for path in paths if os.path.lexists(path)]:
            raise DeployError(
                f"{', '.join(present)}: there already; move it away, or name another folder: --to"
            )
        try:
            for path, name in paths.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                mode = _PRIVATE_MODE if name in self.private else _MODE
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(path, flags, mode), "w", encoding="utf-8") as file:
                    file.write(self.files[name])
        except OSError as error:
            where = error.filename or folder
            raise DeployError(f"cannot write {where}: {error.strerror}") from error
        return list(paths)
