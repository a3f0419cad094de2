"""Fixtures of the system tests: a certificate, Chromium, and pictures of the pages of a failure."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gameserver.runtime.net.tls import CertificatePaths, make_development_certificate
from tests.system.browser_pages import Pages, launched


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory, in which ``demo --tls`` keeps its certificate."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def certificate(home: Path) -> CertificatePaths:
    """The certificate that ``demo --tls`` finds in ``home``."""
    return make_development_certificate(home / ".gameserver" / "tls")


@pytest.fixture
def trusting(certificate: CertificatePaths) -> ssl.SSLContext:
    """A client's context that trusts the certificate, and checks it."""
    return ssl.create_default_context(cafile=certificate.ca)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one file."""
    with launched() as browser:
        yield browser


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    """The pages of one test, closed at its end."""
    pages = Pages(browser)
    yield pages
    pages.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take a screenshot of every page of a test that failed, into ``.pytest_cache``."""
    report = yield
    pages = getattr(item, "funcargs", {}).get("pages")
    if report.failed and call.when == "call" and isinstance(pages, Pages):
        cache: pytest.Cache | None = getattr(item.config, "cache", None)
        if cache is not None:  # it may be switched off
            folder = cache.mkdir("screenshots")
            report.sections.append(("pages", pages.picture(folder, item.name)))
    return report
