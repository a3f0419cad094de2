"""Requests and answers on one connection, through h11.

Owns the HTTP/1.1 state of a connection: reads heads and bodies within limits, writes answers, and
knows whether another request may follow.  Never sets a deadline and never chooses an answer.
"""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11
import trio

from gameserver.runtime.http.messages import SECURITY_HEADERS, Response, announces_body, values_of

if TYPE_CHECKING:
    from gameserver.runtime.net.link import Link

#: h11 takes a head apart line by line, so the shortest lines that fit the head cost the most.
#: Browsers send about twenty.
MAX_HEAD_LINES: Final = 128


class Conversation:
    """The server's side of HTTP on ``link``; a head has ``head_bytes`` at most."""

    def __init__(self, link: Link, *, head_bytes: int) -> None:
        self._link = link
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=head_bytes)
        self._head_bytes = head_bytes
        self._method = b""
        self._has_body = False

    @property
    def early_bytes(self) -> bytes:
        """The bytes that arrived behind the last request."""
        return self._h11.trailing_data[0]

    async def wait_for_request(self) -> bool:
        """Wait until the next request begins; return False if the peer ended instead."""
        if self.early_bytes:
            await trio.lowlevel.checkpoint()
            return True
        data = await self._link.receive_some(self._head_bytes)
        if data:
            self._h11.receive_data(data)
        return bool(data)

    async def next_request(self) -> h11.Request | None:
        """Read the next request head; return None if the peer ended instead.

        Raises ``h11.RemoteProtocolError`` for bytes that are no request.
        """
        while True:
            if _head_lines(self.early_bytes) > MAX_HEAD_LINES:
                raise h11.RemoteProtocolError("too many header lines", error_status_hint=431)
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                # h11 itself limits only heads that have not ended yet.
                room_bytes = self._head_bytes - len(self.early_bytes)
                if room_bytes == 0:
                    raise h11.RemoteProtocolError("head too large", error_status_hint=431)
                self._h11.receive_data(await self._link.receive_some(room_bytes))
            elif isinstance(event, h11.Request):
                self._method = event.method
                self._has_body = announces_body(event)
                _check_framing(event)
                if not self._has_body:
                    self._h11.next_event()  # the end of the message
                return event
            else:
                return None

    async def read_body(self, most_bytes: int) -> bytes | None:
        """Read the body of the last request; return None if it is too long, or the peer ended.

        Raises ``h11.RemoteProtocolError`` for bytes that are no body.
        """
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await self._link.send_all(self._h11.send(go_on) or b"")
        body, ended = bytearray(), not self._has_body
        while not ended:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self._link.receive_some(self._head_bytes))
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > most_bytes:
                    return None
            elif isinstance(event, h11.EndOfMessage):
                ended = True
            else:
                return None
        return bytes(body)

    async def answer(self, response: Response, *, last: bool = False) -> bool:
        """Send ``response``; return whether another request may follow on this connection.

        ``last`` tells the peer that none may.  After a request with a body none may either: no
        bytes behind it can then be a request, whether the body was read or not.
        """
        last = last or self._has_body
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", response.content_type),
            *SECURITY_HEADERS,
            *response.headers,
        ]
        if response.status != 304:
            headers.append(("Content-Length", str(len(response.body))))
        if last:
            headers.append(("Connection", "close"))
        events: list[h11.Event] = [
            h11.Response(
                status_code=response.status,
                reason=HTTPStatus(response.status).phrase,
                headers=headers,
            )
        ]
        if response.body and self._method != b"HEAD":
            events.append(h11.Data(data=response.body))
        events.append(h11.EndOfMessage())
        await self._link.send_all(b"".join(self._h11.send(event) or b"" for event in events))
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self._method = b""
            return True
        return False


def _head_lines(data: bytes) -> int:
    """Return how many lines the head has that ``data`` begins with; a body may follow it."""
    ends = [end for end in (data.find(b"\n\r\n"), data.find(b"\n\n")) if end >= 0]
    return data.count(b"\n", 0, min(ends, default=len(data)))


def _check_framing(request: h11.Request) -> None:
    """Raise ``h11.RemoteProtocolError`` if the length of the body can be read in two ways.

    RFC 9112, 6.1: a proxy in front may have read it the other way, and then the bytes that it
    forwarded as a body would be a request here (request smuggling).
    """
    if not values_of(request, b"transfer-encoding"):
        return
    if values_of(request, b"content-length"):
        raise h11.RemoteProtocolError("both Transfer-Encoding and Content-Length")
    if request.http_version < b"1.1":
        raise h11.RemoteProtocolError("Transfer-Encoding in HTTP/1.0")
