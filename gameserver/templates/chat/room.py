"""A chat with channels: a channel is a group, and its lines are entities that only it sees."""

from collections import deque

from gameserver import Player, Room, command, entity, handles, synced, text

LINES = 100
FIRST_CHANNEL = "lobby"


@entity
class Member:
    name: str = synced("")
    channel: str = synced(FIRST_CHANNEL)


@entity(rare=True)  # changes seldom, so that no tick looks for it
class Line:
    number: int = synced(0)
    name: str = synced("")
    text: str = synced("")


@command
class Go:
    channel: str = text(24)


class Game(Room[Member]):
    tick_rate, max_players = 10, 200
    lines: dict[str, deque[Line]]  # annotated, so that a snapshot has it
    said: int

    def on_create(self) -> None:
        self.lines, self.said = {}, 0

    def on_join(self, player: Player[Member]) -> None:
        player.entity = self.spawn(Member(player.name), owner=player)
        self._enter(player, FIRST_CHANNEL)

    def on_leave(self, player: Player[Member], reason: str) -> None:
        self._add_line(player.entity.channel, "", f"{player.name} has left")
        self.despawn(player.entity)

    @handles
    def go(self, player: Player[Member], command: Go) -> None:
        me, channel = player.entity, command.channel.strip().lower()
        if channel and channel != me.channel:
            self.group(me.channel).remove(player)
            self._add_line(me.channel, "", f"{player.name} went to {channel}")
            self._enter(player, channel)

    def on_say(self, player: Player[Member], text: str) -> None:
        """Keep the text as a line, so it is not sent as a text as well."""
        self._add_line(player.entity.channel, player.name, text.strip())

    def _enter(self, player: Player[Member], channel: str) -> None:
        player.entity.channel = channel
        self.group(channel).add(player)
        self._add_line(channel, "", f"{player.name} is here")

    def _add_line(self, channel: str, name: str, text: str) -> None:
        lines = self.lines.setdefault(channel, deque())
        self.said += 1
        line = self.spawn(Line(self.said, name, text), group=channel, hidden=True)
        lines.append(line)
        if len(lines) > LINES:
            self.despawn(lines.popleft())
