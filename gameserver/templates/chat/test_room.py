"""The rules, without a server: ``pytest`` plays the room tick by tick."""

from gameserver import Player
from gameserver.templates.chat.room import LINES, Game, Go, Line, Member
from gameserver.testing import Rehearsal
from gameserver.trial import try_room


def read_by(play: Rehearsal[Game], player: Player[Member]) -> list[str]:
    """Return the lines that the player's page shows."""
    lines = [each for each in play.sees(player) if isinstance(each, Line)]
    lines.sort(key=lambda line: line.number)
    return [f"{line.name}: {line.text}" if line.name else line.text for line in lines]


def test_a_channel_reads_what_is_said_in_it() -> None:
    play = Rehearsal(Game())
    ada, bob = play.join("Ada"), play.join("Bob")
    play.say(ada, "hello")
    play.step()
    assert read_by(play, bob) == ["Ada is here", "Bob is here", "Ada: hello"]
    play.give(bob, Go("Tea"))
    play.step()
    assert read_by(play, bob) == ["Bob is here"]
    assert read_by(play, ada)[-1] == "Bob went to tea"
    play.say(bob, "anybody?")
    play.step()
    assert "Bob: anybody?" not in read_by(play, ada)


def test_who_comes_later_reads_what_was_said() -> None:
    play = Rehearsal(Game())
    play.say(play.join("Ada"), "first")
    play.step()
    bob = play.join("Bob")
    play.step()
    assert "Ada: first" in read_by(play, bob)


def test_a_channel_keeps_its_last_lines() -> None:
    play = Rehearsal(Game())
    ada = play.join("Ada")
    for number in range(LINES + 5):
        play.say(ada, str(number))
        play.step()
    lines = read_by(play, ada)
    assert (len(lines), lines[-1]) == (LINES, f"Ada: {LINES + 4}")


def test_the_room_can_be_served() -> None:
    try_room(Game)


def test_a_snapshot_keeps_everything() -> None:
    Rehearsal(Game(seed=1)).check_snapshot()
