"""A sink in place of a link: takes the frames of a seat, and cuts them into messages."""

from __future__ import annotations

from typing import Any

from gameserver.protocol.messages import decode_from_server


class FakeSink:
    """Takes frames as a link would, and cuts them into messages as a browser would."""

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
