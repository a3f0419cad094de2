"""Resume tokens of a recovered room: those that were used before the crash stay used."""

from __future__ import annotations

import attrs
import pytest

from gameserver.runtime.rooms.resume_tokens import ResumeToken, ResumeTokens
from gameserver.runtime.rooms.resumption import ResumeState, Resumption, Showing

TOKENS = ResumeTokens(lambda: ["s" * 32])


@attrs.define(eq=False)
class Recovered:
    """A player of a recovered room, whose newest token was ``newest`` when its journal ended."""

    resume_state: ResumeState
    label: str = "arena/x"
    connected: bool = False
    may_resume: bool = True


def token(number: int) -> str:
    return TOKENS.sign(ResumeToken("arena/x", "life", number))


@pytest.mark.parametrize("number", [8, 9])
def test_the_newest_token_and_the_one_shown_for_it_are_valid(number: int) -> None:
    resumption = Resumption[Recovered](TOKENS)
    resumption.expect({"life": 9})
    player = Recovered(ResumeState("life", newest=3))
    resumption.issue(player)
    assert resumption.find(token(number), "arena", "x") is player


def test_a_token_that_was_used_at_another_node_is_refused() -> None:
    resumption = Resumption[Recovered](TOKENS)
    resumption.expect({"life": 9})
    resumption.issue(Recovered(ResumeState("life", newest=3)))
    for number in (3, 4, 7):
        assert resumption.find(token(number), "arena", "x") is None
    assert resumption.counts[Showing.USED] == 3


def test_what_the_journal_knows_better_stays() -> None:
    resumption = Resumption[Recovered](TOKENS)
    resumption.expect({"life": 2})
    player = Recovered(ResumeState("life", newest=3))
    resumption.issue(player)
    assert player.resume_state.newest == 4
