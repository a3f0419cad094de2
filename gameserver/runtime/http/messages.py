"""Answers of the port to plain HTTP.

Owns responses, the choice of one for a request (``Site``), and reading a request head.  Never
touches sockets or bytes on the wire; ``conversation.py`` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import h11

    from gameserver.runtime.admission.connection_limits import Peer
    from gameserver.runtime.http.assets import Assets

#: The longest body of a POST that is read.
MAX_BODY_BYTES: Final = 64 * 1024

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"
HTML = "text/html; charset=utf-8"

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        (
            "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
            "style-src 'self' 'unsafe-inline'"
        ),
    ),
)


@attrs.frozen
class Response:
    """An answer: status, what the body is, the body, and further headers."""

    status: int
    content_type: str = TEXT
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def text_response(status: int, text: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A short answer for a person to read."""
    return Response(status, TEXT, (text + "\n").encode(), headers)


@attrs.frozen
class Posted:
    """A POST whose body was read.

    ``peer`` is the other end of its connection, which is encrypted if it is ``secure``.
    """

    request: h11.Request
    body: bytes
    peer: Peer
    secure: bool = False

    @property
    def bearer(self) -> bytes:
        """The bearer token in its one ``Authorization`` (RFC 6750, 2.1); empty without one."""
        given = values_of(self.request, b"authorization")
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        return token.strip() if scheme.lower() == b"bearer" else b""


@attrs.frozen
class Site:
    """The routes and files of one port.

    ``routes`` maps an exact path to a function of the query that makes the response anew each time.
    The functions are called on the server's one thread and must be quick: a route that shows more
    than can be gathered at once has a function in ``gather``, which is awaited before.  Routes that
    ask other processes are in ``awaited``.  ``posts`` maps the paths that take a POST.
    """

    routes: Mapping[str, Callable[[str], Response]] = attrs.field(factory=dict)
    assets: Assets | None = None
    gather: Mapping[str, Callable[[], Awaitable[None]]] = attrs.field(factory=dict)
    awaited: Mapping[str, Callable[[str], Awaitable[Response]]] = attrs.field(factory=dict)
    posts: Mapping[str, Callable[[Posted], Awaitable[Response]]] = attrs.field(factory=dict)

    def post_for(self, request: h11.Request) -> Callable[[Posted], Awaitable[Response]] | None:
        """Return what takes this request with its body; None if ``answer`` is for it."""
        if request.method != b"POST" or request.http_version not in (b"1.0", b"1.1"):
            return None
        return self.posts.get(path_of(request) or "")

    async def prepare(self, request: h11.Request) -> Response | None:
        """Gather what the answer to this request shows; return it if others have made it."""
        path = path_of(request) or ""
        gather = self.gather.get(path)
        if gather is not None:
            await gather()
        if (awaited := self.awaited.get(path)) is None or request.method not in (b"GET", b"HEAD"):
            return None
        return await awaited(query_of(request))

    def answer(self, request: h11.Request, made: Response | None = None) -> Response:
        """The response for a request that is no upgrade. A HEAD is answered as a GET.

        ``made`` is what ``prepare`` has returned.
        """
        if request.http_version not in (b"1.0", b"1.1"):
            return text_response(505, "This server speaks HTTP/1.1.")
        path = path_of(request)
        if path is None:
            return text_response(400, "The request target is not a path.")
        if path in self.posts:
            return text_response(405, "Only POST is answered.", headers=(("Allow", "POST"),))
        route = self.routes.get(path)
        asset = None if route is not None or self.assets is None else self.assets.find(path)
        if route is None and asset is None:
            return text_response(404, "There is nothing here.")
        if request.method not in (b"GET", b"HEAD"):
            return text_response(
                405, "Only GET and HEAD are answered.", headers=(("Allow", "GET, HEAD"),)
            )
        if route is not None:
            response = route(query_of(request)) if made is None else made
            return attrs.evolve(
                response, headers=(("Cache-Control", "no-store"), *response.headers)
            )
        assert asset is not None
        caching = (("Cache-Control", "no-cache"), ("ETag", asset.etag))
        if _already_has(request, asset.etag):
            return Response(304, asset.content_type, b"", caching)
        return Response(200, asset.content_type, asset.body, caching)


def path_of(request: h11.Request) -> str | None:
    """The path of the request target without its query, percent-encoded as it came.

    Both forms that a server must accept (RFC 9112, 3.2): ``/path?query`` and a whole URL.
    """
    target = request.target.decode("ascii")  # h11 lets nothing else through
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https"):
            return None
        return parts.path or "/"
    return target.partition("?")[0]


def query_of(request: h11.Request) -> str:
    """Return the query of the request target, without its question mark; empty if there is none."""
    return request.target.decode("ascii").partition("#")[0].partition("?")[2]


def authority_of(request: h11.Request) -> bytes:
    """The host and port that a request is for; empty if it names none.

    A whole URL as the target goes before the header Host (RFC 9112, 3.2.2).
    """
    try:
        absolute = b"" if request.target.startswith(b"/") else urlsplit(request.target).netloc
    except ValueError:
        return request.target  # which is no host either
    return absolute or b", ".join(values_of(request, b"host"))


def announces_body(request: h11.Request) -> bool:
    """Whether a body follows the head, as any Transfer-Encoding says, even of no bytes."""
    return bool(values_of(request, b"transfer-encoding")) or any(
        length.strip(b"0") for length in values_of(request, b"content-length")
    )


def values_of(request: h11.Request, name: bytes) -> list[bytes]:
    """All values of a header, ``name`` in lower case."""
    return [value for header, value in request.headers if header == name]


def tokens_of(request: h11.Request, name: bytes) -> list[bytes]:
    """The comma-separated elements of all headers of that name, stripped."""
    return tokens_in(values_of(request, name))


def tokens_in(values: Iterable[bytes]) -> list[bytes]:
    """The comma-separated elements of the values of a header, stripped."""
    return [element for part in b",".join(values).split(b",") if (element := part.strip())]


def _already_has(request: h11.Request, etag: str) -> bool:
    """RFC 9110, 13.1.2: If-None-Match compares weakly."""
    tags = [tag.removeprefix(b"W/") for tag in tokens_of(request, b"if-none-match")]
    return b"*" in tags or etag.encode() in tags
