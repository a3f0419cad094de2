"""In CI nothing is skipped: the hooks of ``conftest.py``, in a pytest of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import TESTS

SKIPPING = """
import pytest

def test_passes(): pass
def test_skips(): pytest.skip("no such browser")
@pytest.mark.skip(reason="not today")
def test_marked(): pass
@pytest.mark.skipif(True, reason="not here")
def test_marked_if(): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert False
@pytest.fixture
def absent(): pytest.skip("no such tool")
def test_of_a_fixture(absent): pass
"""
SKIPPED_WHOLE = "import pytest\npytest.importorskip('a_package_that_is_not')\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_one.py").write_text(SKIPPING)
    return tmp_path


def run(suite: Path, monkeypatch: pytest.MonkeyPatch, ci: str | None) -> tuple[int, str]:
    if ci is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", ci)
    # The hooks need only xdist; all plugins together take a second to import.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "no:cacheprovider", "-rsfE"]
    command += ["--continue-on-collection-errors", str(suite)]
    done = subprocess.run(command, cwd=suite, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def summary(output: str) -> str:
    found = re.search(r"^=+ ([^=]+) in [\d.]+s =+$", output, re.MULTILINE)
    assert found is not None, output
    return found[1]


def test_elsewhere_tests_may_skip(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(suite, monkeypatch, None)
    assert (code, summary(output)) == (0, "1 passed, 4 skipped, 1 xfailed")


def test_in_ci_what_skips_fails_and_says_why(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (suite / "test_two.py").write_text(SKIPPED_WHOLE)
    code, output = run(suite, monkeypatch, "true")
    assert code == 1
    # Marks and fixtures skip before the test itself, which makes an error; so does a whole file.
    assert summary(output) == "1 failed, 1 passed, 1 xfailed, 4 errors"
    for why in ("no such browser", "not today", "not here", "no such tool"):
        assert f"a failure where CI is set: Skipped: {why}" in output, output
    assert "could not import 'a_package_that_is_not'" in output
