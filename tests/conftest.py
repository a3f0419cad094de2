"""Rules for all tests: no skipping in CI, and the profiles of hypothesis.

In CI (the environment variable ``CI``) a skipped test is a failure.  Otherwise a machine without
Chromium or Node.js would be green for having tested nothing.

Hypothesis has three profiles.  ``steady`` is the ordinary one: the same examples in every run, so
a failure is due to the code.  ``fresh`` tries as many, but new ones in each run; ``thorough``,
which runs each night, tries five times as many of these.  None has a deadline for an example: a
slow machine is no error.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fresh", settings.get_profile("steady"), derandomize=False, print_blob=True
)
settings.register_profile("thorough", settings.get_profile("fresh"), max_examples=500)
settings.register_profile("brief", settings.get_profile("steady"), max_examples=25)
settings.load_profile("steady")


def pytest_xdist_auto_num_workers() -> int:
    """Return what ``-n auto`` means: half as many again as cores, for many tests wait."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips.  One that is expected to fail ran, and is none of our business."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a whole file that skips, as one does with ``importorskip`` at its top."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not (report.skipped and os.environ.get("CI")):
        return
    where_and_why = report.longrepr
    why = where_and_why[2] if isinstance(where_and_why, tuple) else str(where_and_why)
    report.outcome = "failed"
    report.longrepr = f"skipped, which is a failure where CI is set: {why}"
