"""The browser client as an npm package: ``python -m clients.npm_package DIR``.

Owns the package's manifest, and the choice of its modules, which are those that the server serves.
TypeScript writes their declarations.  Needs Node.js, whose npm fetches the compiler.
Never publishes: ``npm pack`` or ``npm publish`` in the folder does.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

NAME: Final = "trio-gameserver-client"
#: The compiler that writes the declarations.
TYPESCRIPT: Final = "typescript@5.9.3"
WEB: Final = Path(__file__).with_name("web")
#: The folders below ``clients/web`` that go into the package.
FOLDERS: Final = ("net", "adapters")
#: Seconds that fetching and running the compiler may take.
DEADLINE_S: Final = 300

README: Final = """\
# {name}

The browser client of [gameserver](https://github.com/trio-gameserver/trio-gameserver): it joins a
room, keeps what the player sees, reconnects, and predicts. ES modules with types, no dependencies.

```js
import {{ GameClient }} from "{name}";

const client = new GameClient({{ url: "ws://127.0.0.1:8000/", room: "arena", name: "Ada" }});
client.on("event", (event) => console.log(event.kind));
client.connect();
```

`{name}/store` has a store for any library, `{name}/react` hooks for React. Client and
server are of one version: this one is for gameserver {version}.
"""


def manifest(version: str) -> dict[str, Any]:
    """Return the content of ``package.json``."""

    def module(path: str) -> dict[str, str]:
        return {"types": f"./{path}.d.ts", "default": f"./{path}.js"}

    return {
        "name": NAME,
        "version": version,
        "description": "The browser client of gameserver, an authoritative multiplayer server.",
        "license": "MIT",
        "type": "module",
        "sideEffects": False,
        "exports": {
            ".": module("net/index"),
            "./store": module("adapters/store"),
            "./react": module("adapters/react"),
            "./net/*.js": module("net/*"),
        },
        "files": [*FOLDERS],
        "peerDependencies": {"react": ">=18"},
        "peerDependenciesMeta": {"react": {"optional": True}},
    }


def build(folder: Path, version: str) -> int:
    """Write the package into ``folder``, which is empty or new; return how many modules it has."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty; name a new folder")
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not on the PATH; it comes with Node.js 20 or later")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch)
        modules = _copy_modules(sources)
        _declare(npm, sources)
        for name in FOLDERS:
            for file in sorted((sources / name).iterdir()):
                if not file.name.startswith("react_module"):
                    (folder / name).mkdir(exist_ok=True)
                    shutil.copyfile(file, folder / name / file.name)
    (folder / "package.json").write_text(json.dumps(manifest(version), indent=2) + "\n")
    (folder / "README.md").write_text(README.format(name=NAME, version=version))
    return modules


def _copy_modules(sources: Path) -> int:
    options = json.loads((WEB / "tsconfig.json").read_text())
    emit = {"noEmit": False, "declaration": True, "emitDeclarationOnly": True}
    options["compilerOptions"] |= emit
    (sources / "tsconfig.json").write_text(json.dumps(options))
    modules = 0
    for name in FOLDERS:
        shutil.copytree(WEB / name, sources / name)
        modules += len(list((sources / name).glob("*.js")))
    return modules


def _declare(npm: str, sources: Path) -> None:
    """Let the compiler write a declaration beside each module."""
    command = [npm, "exec", "--yes", f"--package={TYPESCRIPT}", "--", "tsc", "-p", str(sources)]
    try:
        done = subprocess.run(
            command,
            cwd=sources,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"npm has not run {TYPESCRIPT} within {DEADLINE_S} s") from None
    if done.returncode:
        raise SystemExit(f"npm could not run {TYPESCRIPT}:\n{done.stdout}{done.stderr}".rstrip())


def main(arguments: list[str]) -> None:
    """Write the package into the folder that the one argument names."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise SystemExit("usage: python -m clients.npm_package DIR")
    folder = Path(arguments[0])
    version = importlib.metadata.version("trio-gameserver")
    modules = build(folder, version)
    sys.stdout.write(
        f"{NAME} {version}: {modules} modules in {folder}; npm pack makes the tarball\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
