"""What operators do, in storage: bans and mutes, the audit log, reports; on both engines."""

from __future__ import annotations

import pytest

from gameserver.storage import Storage
from gameserver.storage.audit import AddAudit
from gameserver.storage.penalties import AddPenalty, EndPenalty
from gameserver.storage.player_reports import AddReport, CloseReport
from tests.storage.conftest import SetClock


def ban(subject: str = "ann", until_s: float | None = None, **more: str) -> AddPenalty:
    fields = {"kind": "ban", "of": "identity", "reason": "cheating", "operator": "op"} | more
    return AddPenalty(subject=subject, until_s=until_s, **fields)


async def test_a_penalty_is_kept_and_replaces_the_one_before(
    storage: Storage, clock: SetClock
) -> None:
    await storage.write(ban())
    clock.now_s += 1
    [second] = await storage.write(ban(reason="again"))
    clock.now_s += 1
    [mute] = await storage.write(ban(kind="mute"))
    assert await storage.penalties() == [second, mute]
    assert (second.reason, second.until_s) == ("again", None)
    end = EndPenalty("ban", "identity", "ann")
    assert await storage.write(end, end) == [True, False]
    assert await storage.penalties() == [mute]


async def test_penalties_that_are_over_go_with_the_next_one(
    storage: Storage, clock: SetClock
) -> None:
    await storage.write(ban("ann", clock.now_s + 60))
    [kept] = await storage.penalties()
    assert not kept.is_over(clock.now_s)
    clock.now_s += 60
    assert kept.is_over(clock.now_s)
    await storage.write(ban("bob"))
    assert [p.subject for p in await storage.penalties()] == ["bob"]


@pytest.mark.parametrize("wrong", [{"kind": "kick"}, {"of": "name"}, {"operator": ""}])
def test_a_wrong_penalty(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the validators
        ban(**wrong)


async def test_the_audit_log_is_read_backwards(storage: Storage, clock: SetClock) -> None:
    for action in ("kick", "ban", "lock"):
        clock.now_s += 1
        await storage.write(
            AddAudit(
                operator="op",
                came_from="http 192.0.2.1",
                action=action,
                arguments={"room": "arena/1"},
                result="ok",
            )
        )
    newest, older = await storage.audit_log(2)
    assert (newest.action, newest.arguments, newest.at_s) == (
        "lock",
        {"room": "arena/1"},
        clock.now_s,
    )
    assert [one.action for one in await storage.audit_log(before=older.id)] == ["kick"]


async def test_a_report_is_kept_also_once_it_is_closed(storage: Storage) -> None:
    [number] = await storage.write(
        AddReport(
            room="arena/1",
            tick=7,
            by=[1, "ann", None, "192.0.2.1"],
            about=[2, "bob", "id-bob", None],
            reason="rude",
            texts=[[5, "bob", "…"]],
        )
    )
    [report] = await storage.player_reports()
    assert (report.id, report.about, report.texts) == (
        number,
        [2, "bob", "id-bob", None],
        [[5, "bob", "…"]],
    )
    assert report.closed_by == ""
    assert await storage.write(CloseReport(number, "op"), CloseReport(99, "op")) == [True, False]
    assert [one.closed_by for one in await storage.player_reports()] == ["op"]
