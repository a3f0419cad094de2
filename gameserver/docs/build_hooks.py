"""Makes the reference pages that the code itself can write, when MkDocs builds the documentation.

Owns the pages of the command line, the settings, the metrics, the close codes, the protocol, the
journal and the names of the game API.  Each is read from what the server itself uses, so none can
be out of date.  Never writes into ``pages/``: these pages exist only while the documentation is
being built.
"""

from __future__ import annotations

import pathlib
from typing import Any, Final

import attrs
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from gameserver.cli import app
from gameserver.config import ENVIRONMENT_PREFIX, Settings, describe_type
from gameserver.docs import game_names
from gameserver.ops.metrics import describe_metrics

PROTOCOL: Final = pathlib.Path(__file__).parent.parent / "protocol" / "README.md"
JOURNAL: Final = pathlib.Path(__file__).parent.parent / "state" / "journal" / "README.md"

SETTINGS_INTRODUCTION: Final = f"""\
# Settings

Every setting has one name in three places. `max_rooms = 50` in a TOML file,
`{ENVIRONMENT_PREFIX}MAX_ROOMS=50` in the environment and `--max-rooms 50` on the command line are
the same. A flag wins over the environment, and the environment over the file that `--config` names.
In flags and in the environment, commas separate the elements of a list.

Names that end in `_s` are seconds. The two settings that hold secrets have no flag, because every
user of a machine can read the flags of its processes. The variables that Kubernetes sets for a
service called `gameserver` are not taken for settings.

| setting | takes | default | what it does |
|---|---|---|---|
"""
METRICS_INTRODUCTION: Final = """\
# Metrics

`GET /metrics` answers in the text format of Prometheus. The settings `metrics_from` and
`metrics_token` say who may read it. Names are stable. Labels are kinds of rooms, close codes and
other fixed words, never anything that a client chose, so there is a bound on their number.

On Linux there are also the `process_` metrics of prometheus-client, such as
`process_resident_memory_bytes` and `process_open_fds`.

| metric | type | labels | what it tells |
|---|---|---|---|
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of ``pages/``."""
    pages = {
        "cli": command_line(),
        "settings": settings(),
        "metrics": metrics(),
        "close-codes": close_codes(),
        "protocol": protocol(),
        "journal": JOURNAL.read_text(),
        "names": game_names.page(),
    }
    for name, content in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def command_line() -> str:
    """Return the page of all commands and their flags, as Cyclopts describes them."""
    title, _, commands = app.generate_docs().partition("**Commands**:")
    assert title.startswith("# gameserver\n"), "what follows the title is a table of contents"
    return f"# Command line\n{commands}"


def settings() -> str:
    """Return the page of all settings, with their types and defaults."""
    rows = [
        f"| `{field.name}` | {describe_type(field.name)} | {_default(field.default)} "
        f"| {field.metadata['help']} |\n"
        for field in attrs.fields(Settings)
    ]
    return SETTINGS_INTRODUCTION + "".join(rows)


def _default(value: Any) -> str:
    if value in (None, ()):
        return "–"
    if isinstance(value, tuple):
        return ", ".join(f"`{element}`" for element in value)
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def metrics() -> str:
    """Return the page of everything that ``/metrics`` tells."""
    rows = [
        f"| `{metric.name}` | {metric.type} | {', '.join(f'`{label}`' for label in metric.labels)} "
        f"| {metric.what} |\n"
        for metric in describe_metrics()
    ]
    return METRICS_INTRODUCTION + "".join(rows)


def close_codes() -> str:
    """Return the page of the close codes: a section of the protocol's own document."""
    section = protocol().partition("\n## Close codes\n")[2].partition("\n## ")[0]
    return f"# Close codes\n{section}\n"


def protocol() -> str:
    """Return the protocol's own document."""
    return PROTOCOL.read_text()
