"""The commands that are sent again after a lost connection."""

from __future__ import annotations

from clients.outbox import MAX_UNSETTLED, Outbox
from gameserver.protocol.messages import CommandMessage


def command(seq: int, tick: int = 0) -> CommandMessage:
    return CommandMessage(seq, tick, 0, 0, 0, [])


def test_unacknowledged_commands_are_sent_again_in_order() -> None:
    outbox = Outbox()
    for seq in range(1, 6):
        outbox.sent(command(seq))
    outbox.settled(2)
    assert [c.seq for c in outbox.to_send_again(3, 100)] == [4, 5]
    assert [c.seq for c in outbox.to_send_again(3, 100)] == [4, 5]  # the way may be lost again
    outbox.settled(5)
    assert len(outbox) == 0


def test_commands_for_past_ticks_are_forgotten() -> None:
    outbox = Outbox()
    for seq, tick in enumerate((9, 10, 11, 0, 12), 1):
        outbox.sent(command(seq, tick))
    assert [c.seq for c in outbox.to_send_again(0, 10)] == [3, 4, 5]
    assert len(outbox) == 3


def test_it_is_bounded() -> None:
    outbox = Outbox()
    for seq in range(1, MAX_UNSETTLED + 4):
        outbox.sent(command(seq))
    assert (len(outbox), outbox.dropped) == (MAX_UNSETTLED, 3)
    assert outbox.to_send_again(0, 0)[0].seq == 4
    outbox.clear()
    assert outbox.to_send_again(0, 0) == []
