"""Builds the compiled twins: Cython to C, and C to extension modules.

Owns how they are compiled.  Runs while a distribution is built (``hatch_hook.py``), and by hand
after a change: ``python -m gameserver.accelerated.build``.  Imports nothing of the server, because
its dependencies are not installed while it is built.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
PACKAGE: Final = "gameserver.accelerated"
#: Made of what only Linux has.
LINUX_SOURCES: Final = frozenset({"publishing", "reading"})


class BuildError(Exception):
    """The twins cannot be compiled here; the text says why in one line."""


def sources_digest(folder: Path = FOLDER) -> str:
    """Return a digest that identifies the sources of a compiled module."""
    found = sorted((*folder.glob("*.pyx"), *folder.glob("*.pxd")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in found)).hexdigest()[:16]


def build(into: Path) -> list[Path]:
    """Compile all twins into the folder ``into`` and return their files; ``BuildError`` if not.

    The compiler and its flags are those of setuptools: ``CC``, ``CFLAGS`` and ``LDFLAGS`` count.
    """
    try:
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension
    except ImportError as error:
        raise BuildError(f"{error.name} is not installed") from error
    if sys.implementation.name != "cpython":
        raise BuildError(f"they are for CPython, and this is {sys.implementation.name}")
    sources = sorted(FOLDER.glob("*.pyx"))
    if sys.platform != "linux":
        sources = [source for source in sources if source.stem not in LINUX_SOURCES]
    digest = sources_digest()
    with tempfile.TemporaryDirectory() as scratch:
        extensions = [
            Extension(
                f"{PACKAGE}.{source.stem}",
                [str(source)],
                define_macros=[("GAMESERVER_SOURCES", f'"{digest}"')],
                extra_compile_args=[] if sys.platform == "win32" else ["-O2", "-g0"],
            )
            for source in sources
        ]
        try:
            made = cythonize(
                extensions,
                build_dir=f"{scratch}/c",
                include_path=[str(FOLDER.parent.parent)],
                compiler_directives={"language_level": 3},
                quiet=True,
            )
            command = Distribution({"ext_modules": made}).get_command_obj("build_ext")
            command.build_lib, command.build_temp = f"{scratch}/lib", f"{scratch}/o"
            command.parallel = True
            command.ensure_finalized()
            command.run()
            outputs = [Path(output) for output in command.get_outputs()]
        except (Exception, SystemExit) as error:
            raise BuildError(f"they do not compile: {_first_line(error)}") from error
        into.mkdir(parents=True, exist_ok=True)
        return [_put(output, into / output.name) for output in outputs]


def _put(built: Path, target: Path) -> Path:
    """Replace ``target`` atomically: a running server may have loaded the old file."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(built.read_bytes())
    fresh.chmod(0o755)
    fresh.replace(target)
    return target


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main(arguments: Sequence[str]) -> int:
    """Compile the twins into this folder, or into the folder that is given."""
    try:
        built = build(Path(arguments[0]) if arguments else FOLDER)
    except BuildError as error:
        sys.stderr.write(f"no compiled twins: {error}\n")
        return 1
    sys.stdout.writelines(f"{file}\n" for file in built)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
