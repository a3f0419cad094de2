"""``gameserver admin``: durations, the token, and asking a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from gameserver import Settings, open_server
from gameserver.admin.listener import run_alone
from gameserver.cli import main
from gameserver.cli.admin import seconds_in
from gameserver.cli.errors import UsageError
from tests.support.admin_client import TOKEN
from tests.support.small_game import Field, join


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("1h30m", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "7y", "h", "1 h", "-1h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration"):
        seconds_in(text)


def printed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it has printed."""
    code = 0
    try:
        main(["admin", *arguments])
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 0
    out, err = capsys.readouterr()
    return code, out, err


async def test_a_server_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann:{TOKEN}\n")
    settings = Settings(port=0, admin_port=0, admin_token_file=tokens)
    async with (
        open_server({"field": Field}, settings) as server,
        trio.open_nursery() as nursery,
        join(server) as client,
    ):
        port = await nursery.start(run_alone, server)
        await client.joined("bob")

        async def admin(*arguments: str) -> tuple[int, str, str]:
            url = ("--url", f"http://127.0.0.1:{port}")
            capsys.readouterr()
            return await trio.to_thread.run_sync(lambda: printed(*arguments, *url, capsys=capsys))

        monkeypatch.delenv("GAMESERVER_ADMIN_TOKEN", raising=False)
        code, _, err = await admin("rooms")
        assert code == 1
        assert "give the token of an operator" in err
        monkeypatch.setenv("GAMESERVER_ADMIN_TOKEN", TOKEN)
        code, out, _ = await admin("players", "--json")
        assert (code, json.loads(out)[0]["name"]) == (0, "bob")
        code, out, _ = await admin("rooms", "--token-file", str(tokens))
        assert code == 0
        assert "field/1" in out
        code, _, err = await admin("dance")
        assert (code, "there is no action 'dance'" in err) == (1, True)
        code, out, _ = await admin("kick", "--room", "field/1", "--seat", "1")
        assert (code, "bob (seat 1) is out of field/1" in out) == (0, True)
        code, _, err = await admin("kick", "--room", "field/1", "--seat", "1")
        assert (code, "nobody is in seat 1 of field/1" in err) == (1, True)
        tokens.write_text("ann:another-token-that-is-long-enough-for-one\n")
        code, _, err = await admin("rooms")
        assert (code, "show the token of an operator" in err) == (1, True)
        nursery.cancel_scope.cancel()
