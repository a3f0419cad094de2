"""Sinks in place of links, which take the frames of a seat, and cutting frames into messages."""

from __future__ import annotations

from typing import Any

from gameserver.protocol.messages import decode_from_server


def messages_in(data: bytes) -> list[Any]:
    """Cut frames of a server into messages, as a browser would."""
    messages = []
    while data:
        assert data[0] == 0x82, "one unfragmented binary frame after the other"
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        messages.append(decode_from_server(data[start : start + length]))
        data = data[start + length :]
    return messages


class NoSink:
    """Takes every frame and keeps none."""

    clear = True

    def post(self, frame: bytes) -> bool:
        return True


class FakeSink:
    """Takes frames as a link would, and keeps them."""

    def __init__(self) -> None:
        self.clear = True
        self.broken = False
        self.frames: list[bytes] = []

    def post(self, frame: bytes) -> bool:
        assert self.clear
        if not self.broken:
            self.frames.append(frame)
        return not self.broken

    def take_messages(self) -> list[Any]:
        data, self.frames = b"".join(self.frames), []
        return messages_in(data)
