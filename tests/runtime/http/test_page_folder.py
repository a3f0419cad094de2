"""Files of an author's folder that are served, and folders that are refused."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gameserver.config import Settings
from gameserver.games.echo import Echo
from gameserver.ops.logging import configure_logging
from gameserver.runtime.http.page_folder import MAX_NAMED, PageError, page_files
from gameserver.runtime.server import Server

KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "art").mkdir(parents=True)
    for name in ("index.html", "main.js", "art/ship.svg"):
        (folder / name).write_text(name)
    (tmp_path / "outside.txt").write_text("outside")
    return folder


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """The log."""
    lines = io.StringIO()
    configure_logging("info", "json", lines)
    yield lines
    structlog.reset_defaults()


def left_out(told: io.StringIO) -> dict[str, str]:
    entries = [json.loads(line) for line in told.getvalue().splitlines()]
    return {Path(entry["file"]).name: entry["why"] for entry in entries if "file" in entry}


def test_what_browsers_need_is_served(folder: Path, told: io.StringIO) -> None:
    files = page_files(folder)
    assert list(files) == ["/art/ship.svg", "/index.html", "/main.js"]
    assert files["/art/ship.svg"].read_text() == "art/ship.svg"
    assert told.getvalue() == ""


def test_other_files_are_left_out_and_their_types_told(folder: Path, told: io.StringIO) -> None:
    for name in ("mygame.py", "game.toml", "notes", ".env", "art/.git", "cert.pem"):
        (folder / name).write_text("secret")
    assert set(page_files(folder)) == {"/art/ship.svg", "/index.html", "/main.js"}
    (line,) = told.getvalue().splitlines()
    assert json.loads(line)["types"] == [".pem", ".py", ".toml", "notes"]


def test_links_are_followed_within_the_folder_only(folder: Path, told: io.StringIO) -> None:
    (folder / "same.js").symlink_to("main.js")
    (folder / "pictures").symlink_to("art")
    (folder / "out.txt").symlink_to(folder.parent / "outside.txt")
    (folder / "up").symlink_to(folder.parent)
    (folder / "self").symlink_to(".")
    (folder / "gone.js").symlink_to("nowhere.js")
    (folder / "circle.js").symlink_to("circle.js")
    files = page_files(folder)
    assert set(files) == {
        *("/art/ship.svg", "/index.html", "/main.js"),
        *("/same.js", "/pictures/ship.svg"),
    }
    assert left_out(told) == {
        "out.txt": "a link out of the folder",
        "up": "a link out of the folder",
        "self": "a link to a folder that it is in",
        "gone.js": "a link to nothing",
        "circle.js": "a link to nothing",
    }


def test_the_folder_itself_may_be_a_link_and_so_may_what_a_cluster_mounts(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / "..data" / "mounted.js").write_text("x")
    (folder / "mounted.js").symlink_to("..data/mounted.js")
    current = folder.parent / "current"
    current.symlink_to(folder)
    assert "/mounted.js" in page_files(current)


def test_what_is_no_file_is_left_out(folder: Path, told: io.StringIO) -> None:
    os.mkfifo(folder / "pipe.js")
    assert "/pipe.js" not in page_files(folder)
    assert left_out(told) == {"pipe.js": "no plain file"}


def test_only_some_are_named(folder: Path, told: io.StringIO) -> None:
    for number in range(MAX_NAMED + 5):
        (folder / f"{number}.js").symlink_to("nowhere")
    page_files(folder)
    assert len(left_out(told)) == MAX_NAMED


def test_a_folder_without_an_index_is_refused(folder: Path) -> None:
    (folder / "index.html").unlink()
    with pytest.raises(PageError, match=r"^page: there is no .*/page/index\.html$"):
        page_files(folder)
    (folder / "index.html").symlink_to("nowhere")
    with pytest.raises(PageError, match=r"^page: a link to nothing: .*/page/index\.html$"):
        page_files(folder)
    with pytest.raises(PageError, match=r"^page: there is no .*/none/index\.html$"):
        page_files(folder.parent / "none")


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.replace("PRIVATE", "RSA PRIVATE"),
        KEY.replace("PRIVATE", "OPENSSH PRIVATE"),
        KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        "\ufeff\n" + KEY,
        CERTIFICATE + KEY,
        "Bag Attributes\n    friendlyName: x\n" + KEY,
    ],
)
@pytest.mark.parametrize("name", ["key.pem", "key.txt", "key", "art/id_rsa"])
def test_a_private_key_in_the_folder_is_refused_by_name(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(PageError, match=f"^page: .*/page/{name} holds a private key"):
        page_files(folder)


def test_a_file_that_only_speaks_of_keys_is_served(folder: Path) -> None:
    (folder / "pem.js").write_text(f"export const KEY = `\n{KEY}`;")
    (folder / "cert.txt").write_text(CERTIFICATE)
    assert {"/pem.js", "/cert.txt"} <= set(page_files(folder))


@pytest.mark.parametrize("name", ["s.json", ".hidden", "art/s", "linked"])
def test_a_private_file_in_the_folder_is_refused_by_name(folder: Path, name: str) -> None:
    if name == "linked":
        (folder / "target.js").write_text("x")
        file = folder.parent / name
        file.symlink_to(folder / "target.js")
    else:
        file = folder / name
        file.write_text("x" * 32)
    with pytest.raises(PageError, match=f"^page: .*{name} is in .*page, which everyone can read"):
        page_files(folder, [None, file])
    page_files(folder, [None, folder.parent / "outside.txt"])


def test_the_server_refuses_its_own_secrets(folder: Path) -> None:
    file = folder / "secret.txt"
    file.write_text("s" * 32)
    with pytest.raises(PageError, match=r"secret\.txt is in"):
        Server({"echo": Echo}, Settings(page=folder, secret_file=file))
