"""Which parts does a form have? `multipart/form-data` (RFC 7578), a whole body at once; strict, and linear in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from graph.errors import RequestError

MOST_PARTS: Final = 8
MOST_HEADERS: Final = 2 * 1024
"""Bytes of a part's own headers."""

_BOUNDARY: Final = re.compile(r"""boundary=(?:"([^"\\]{1,70})"|([^\s";,]{1,70}))""", re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"^content-disposition:[ \t]*form-data(;[^\r\n]*)\Z", re.IGNORECASE)
# What is in quotes may hold the sign that parameters are told apart by.
_PARAMETER: Final = re.compile(rb';[ \t]*([a-z*]{1,20})=(?:"((?:[^"\\]|\\.)*)"|([^\s";]*))', re.IGNORECASE)


class Part(NamedTuple):
    """One part. `is_file`: it came with a file's name, whatever that was."""

    name: str
    is_file: bool
    data: bytes


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts of a body of this type. Raises RequestError."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise RequestError("BAD_REQUEST", "A form has a `boundary` of 1 to 70 characters in its type.")
    return (found[1] or found[2]).encode("latin-1")


def parts(body: bytes, boundary: bytes) -> Iterator[Part]:
    """The parts in their order. Raises RequestError."""
    # The first line has no line before it.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 2)
    if len(pieces) > MOST_PARTS + 2:
        raise RequestError("BAD_REQUEST", f"A form has at most {MOST_PARTS} parts.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise RequestError("BAD_REQUEST", "The form does not end: its last boundary is missing.")
    for piece in pieces[1:-1]:
        padding, _, rest = piece.partition(b"\r\n")
        if padding.strip(b" \t"):
            raise RequestError("BAD_REQUEST", "A line of the form begins with its boundary and is none.")
        yield _part(b"\r\n" + rest)


def _part(piece: bytes) -> Part:
    """One part from the end of its boundary's line on."""
    headers, end, data = piece.partition(b"\r\n\r\n")
    if not end or len(headers) > MOST_HEADERS:
        raise RequestError("BAD_REQUEST", "A part of the form has no end of its headers.")
    for line in headers.split(b"\r\n"):
        if (disposition := _DISPOSITION.match(line)) is not None:
            given = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(disposition[1])}
            if b"name" in given:
                is_file = not {b"filename", b"filename*"}.isdisjoint(given)
                return Part(given[b"name"].decode("utf-8", "replace"), is_file, data)
    raise RequestError("BAD_REQUEST", "A part of the form has no name.")
