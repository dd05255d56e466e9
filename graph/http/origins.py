"""Whose pages may ask? One list of origins for CORS, for WebSockets and against forged requests.

A browser says which page a request comes from (`Origin`), programs say nothing. Our own pages and those of the list are
answered; a page from elsewhere gets nothing, not even an operation whose answer it could not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Message, Send

from graph.errors import RequestError
from graph.http.incoming import Incoming

PREFLIGHT_HEADERS: Final = (b"graphql-require-preflight", b"apollo-require-preflight", b"x-apollo-operation-name")
"""No form and no plain link can send one of these: a browser asks us first."""

_METHODS: Final = b"GET, POST, OPTIONS"
_EXPOSED: Final = b"retry-after, www-authenticate"
_PREFLIGHT_SECONDS: Final = b"7200"


class Origins:
    """The origins that may ask."""

    def __init__(self, allowed: Iterable[str], own: str) -> None:
        """`allowed` as `https://app.school.org`, with `*` for any port; `own` is how browsers reach us."""
        self._exact: set[str] = set()
        self._any_port: set[str] = set()
        for each in (*allowed, _origin_of(own)):
            origin = each.lower()
            if origin.endswith(":*"):
                self._any_port.add(origin[:-2])
            else:
                self._exact.add(origin)

    def admits(self, origin: str | None, host: str | None) -> bool:
        """Whether a request with this `Origin` and `Host` header may ask: one without an origin comes from no page of
        another site, and one whose origin is the very host that it asks is our own page."""
        if origin is None:
            return True
        origin = origin.lower()
        scheme, _, address = origin.partition("://")
        if origin in self._exact or (host is not None and address == host.lower() and scheme in ("http", "https")):
            return True
        name, colon, port = origin.rpartition(":")
        return (name if colon and port.isdecimal() else origin) in self._any_port


def refuse_foreign(origins: Origins, request: Incoming) -> str | None:
    """The origin of the page that asks, None where no page does. Raises RequestError CSRF."""
    origin = request.header(b"origin")
    if origin is not None and not origins.admits(origin, request.header(b"host")):
        raise RequestError("CSRF", "Pages of this origin may not ask here.")
    return origin


def refuse_without_preflight(request: Incoming) -> None:
    """What a foreign page could make a browser send unasked: refused unless a header says that the browser asked us
    first. Raises RequestError CSRF."""
    if not any(request.header(name) for name in PREFLIGHT_HEADERS):
        raise RequestError("CSRF", "Send the header GraphQL-Require-Preflight with this kind of request.")


def embedded_elsewhere(request: Incoming) -> bool:
    """Whether a page of another origin makes a browser send this as a picture, a script or a frame: such a GET names no
    origin, but modern browsers say that they are not where the page is from. A link that somebody follows is none."""
    return (
        request.header(b"sec-fetch-site") in ("cross-site", "same-site")
        and request.header(b"origin") is None
        and request.header(b"sec-fetch-dest") != "document"
    )


def allowing(origin: str) -> list[tuple[bytes, bytes]]:
    """The headers with which the page of an admitted origin may read an answer."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
    ]


def preflight(origin: str, request: Incoming) -> list[tuple[bytes, bytes]]:
    """The headers that answer a browser's question before the question."""
    asked = request.header(b"access-control-request-headers") or "content-type, authorization"
    names = ", ".join(name for name in map(str.strip, asked.split(",")) if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name))
    return [
        *allowing(origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", names.encode("latin-1")),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    ]


def speaking_to(origin: str, send: Send) -> Send:
    """`send` that lets the page of an admitted origin read the answer, whoever makes it."""

    async def with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = [(name, value) for name, value in message.get("headers", ()) if name.lower() != b"vary"]
            message = {**message, "headers": [*given, *allowing(origin), (b"vary", b"Accept, Origin")]}
        await send(message)

    return with_origin


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
