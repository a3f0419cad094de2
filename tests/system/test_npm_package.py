"""The npm package: what is in it, and a page with React, built from the tarball by Vite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from clients import npm_package
from tests.support.node_tools import npm_command, require_node
from tests.support.paths import ROOT
from tests.system.browser_pages import DEADLINE_MS
from tests.system.servers import running_server

INSTALL_DEADLINE_S = 300
WEB = ROOT / "clients" / "web"

#: The packages that build the page.
PACKAGES = {
    "@types/react": "19.2.2",
    "@types/react-dom": "19.2.2",
    "react": "19.2.0",
    "react-dom": "19.2.0",
    "typescript": "5.9.3",
    "vite": "6.4.1",
}

ROOM = '''"""tally.py: everybody's count, and a button to raise one's own."""

from gameserver import Player, Room, command, entity, number, synced


@entity
class Count:
    name: str = synced("")
    raised: int = synced(0)
    best: int = synced(7, to="owner")


@command
class Raise:
    by: int = number(1, 9)


class Tally(Room):
    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Count(player.name), owner=player)

    def on_leave(self, player: Player, reason: str) -> None:
        self.despawn(player.entity)

    def on_command(self, player: Player, command: Raise) -> None:
        player.entity.raised += command.by
'''

PAGE = """import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { GameClient, cleanName } from "trio-gameserver-client";
import { useConnection, useEntities, useOwn, useRoom } from "trio-gameserver-client/react";
import { RoomStore } from "trio-gameserver-client/store";
import { TickClock } from "trio-gameserver-client/net/tickclock.js";
import type { Game } from "./game";

const options = { url: `ws://${location.host}/`, room: "tally", name: cleanName(" Ada ") };

function Counts() {
  const room = useRoom<Game>(options);
  const counts = useEntities(room, "Count");
  const own = useOwn(room);
  const { state } = useConnection(room);
  const raise = () => room?.client.send("Raise", { by: 2 });
  return h("main", {},
    h("p", { id: "state" }, `${state} best ${own?.best ?? 0}`),
    h("ul", {}, ...counts.map((each) => h("li", { key: each.id }, `${each.name} ${each.raised}`))),
    h("button", { onClick: raise }, "Raise"));
}

createRoot(document.querySelector("#react")!).render(h(Counts));

const client: GameClient<Game> = new GameClient<Game>({ ...options, name: "Bob" });
const store = new RoomStore(client);
store.subscribe(() => {
  const sum = store.entities("Count").reduce((all, { raised }) => all + raised, 0);
  document.querySelector("#sum")!.textContent = `sum ${sum}`;
});
client.connect();
console.assert(new TickClock(30, 0, 0).ticksPerMs === 0.03);
"""

WRONG = """import { useEntities, useRoom } from "trio-gameserver-client/react";
import { RoomStore } from "trio-gameserver-client/store";
import { GameClient } from "trio-gameserver-client";
import type { Game } from "./game";

const client = new GameClient<Game>({ url: "", name: "Ada" });
client.send("Raise", { by: "two" }); // wrong
client.sned("Raise"); // wrong
const room = useRoom<Game>({ url: "", name: "Ada" });
useEntities(room, "Cuont"); // wrong
useEntities(room, "Count")[0]?.raced; // wrong
new RoomStore(client).entities("Count")[0]?.best?.toFixed();
new RoomStore(client).entities("Count")[0]!.raised = 3; // wrong
"""

INDEX = """<!doctype html>
<meta charset="utf-8" />
<title>Tally</title>
<div id="react"></div>
<p id="sum"></p>
<script type="module" src="page.ts"></script>
"""

TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "target": "ES2022",
        "module": "ES2022",
        "moduleResolution": "bundler",
        "lib": ["ES2023", "DOM", "DOM.Iterable"],
        "types": [],
    }
}


def run(*command: str, cwd: Path, cache: Path, check: bool = True) -> str:
    environment = {**os.environ, "npm_config_cache": str(cache)}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def npm() -> list[str]:
    require_node()
    command = npm_command()
    assert command is not None
    return command


@pytest.fixture
def packed(npm: list[str], tmp_path: Path) -> Path:
    """The tarball, made by the documented commands."""
    cache, folder = tmp_path / "cache", tmp_path / "package"
    made = run(sys.executable, "-m", "clients.npm_package", str(folder), cwd=ROOT, cache=cache)
    assert made.startswith(f"{npm_package.NAME} ")
    run(*npm, "pack", "--silent", cwd=folder, cache=cache)
    (tarball,) = folder.glob("*.tgz")
    return tarball


@pytest.mark.long
@pytest.mark.node
@pytest.mark.browser
def test_a_page_with_react_is_built_from_the_tarball_and_plays(
    npm: list[str], packed: Path, tmp_path: Path, browser: Browser
) -> None:
    with tarfile.open(packed) as tarball:
        names = set(tarball.getnames())
    modules = {f"package/{f.relative_to(WEB).as_posix()}" for f in (WEB / "net").glob("*.js")}
    modules |= {"package/adapters/store.js", "package/adapters/react.js"}
    declared = {f"{name.removesuffix('.js')}.d.ts" for name in modules}
    assert names == modules | declared | {"package/package.json", "package/README.md"}

    site, cache = tmp_path / "site", tmp_path / "cache"
    site.mkdir()
    write(site, packed)
    types = run(sys.executable, "-m", "gameserver", "types", "tally:Tally", cwd=site, cache=cache)
    (site / "game.d.ts").write_text(types)
    run(*npm, "install", "--silent", "--no-audit", "--no-fund", cwd=site, cache=cache)
    assert not (site / "node_modules" / npm_package.NAME / "node_modules").exists()

    said = run(*npm, "exec", "--", "tsc", "-p", ".", cwd=site, cache=cache, check=False)
    wrong = [n for n, line in enumerate(WRONG.splitlines(), 1) if line.endswith("// wrong")]
    assert [line.split("(")[0] for line in said.splitlines()] == ["wrong.ts"] * len(wrong), said
    assert [int(line.split("(")[1].split(",")[0]) for line in said.splitlines()] == wrong

    run(*npm, "exec", "--", "vite", "build", cwd=site, cache=cache)
    serve = ["serve", "tally:Tally", "--page", "dist", "--port", "0"]
    with running_server(serve, cwd=site) as server:
        page = browser.new_page()
        page.set_default_timeout(DEADLINE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.url())
        page.get_by_text("playing best 7").wait_for()
        page.get_by_role("button").click()
        page.locator("li", has_text="Ada 2").wait_for()
        page.get_by_text("sum 2").wait_for()
        page.locator("li", has_text="Bob 0").wait_for()
        assert faults == []
        page.context.close()


def write(site: Path, tarball: Path) -> None:
    """Write the project of the page."""
    manifest: dict[str, Any] = {
        "private": True,
        "type": "module",
        "dependencies": {npm_package.NAME: f"file:{tarball}", **PACKAGES},
    }
    files = {"tally.py": ROOM, "page.ts": PAGE, "wrong.ts": WRONG, "index.html": INDEX}
    for name, text in files.items():
        (site / name).write_text(text)
    (site / "package.json").write_text(json.dumps(manifest))
    (site / "tsconfig.json").write_text(json.dumps(TSCONFIG))


def test_the_manifest_names_modules_that_are_there() -> None:
    manifest = npm_package.manifest("1.2.3")
    assert (manifest["name"], manifest["version"]) == ("trio-gameserver-client", "1.2.3")
    assert "dependencies" not in manifest
    assert manifest["peerDependenciesMeta"] == {"react": {"optional": True}}
    for exported in manifest["exports"].values():
        if "*" not in exported["default"]:
            assert (WEB / exported["default"]).is_file()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="is not empty; name a new folder"):
        npm_package.build(tmp_path, "1.0.0")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_other_arguments_are_answered_with_the_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"^usage: python -m clients\.npm_package DIR$"):
        npm_package.main(arguments)


def test_without_npm_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_package.shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit, match="npm is not on the PATH"):
        npm_package.build(tmp_path / "new", "1.0.0")
    assert not (tmp_path / "new").exists()
