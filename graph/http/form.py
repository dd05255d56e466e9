"""Which parts does a form have? `multipart/form-data` (RFC 7578), a whole body at once, as python-multipart reads it.

Limits are ours: what the library would look at byte by byte, in Python, is refused before it comes to that.
"""

from __future__ import annotations

import logging
import re
from typing import Final, NamedTuple

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from graph.errors import RequestError

MOST_PARTS: Final = 8
MOST_HEADERS: Final = 2 * 1024
"""Bytes of a part's own headers."""
LONGEST_BOUNDARY: Final = 70
MOST_PADDING: Final = 16
"""Spaces and tabs behind a boundary."""

_UNREADABLE: Final = "A part of the form has no headers that can be read."
_NO_BOUNDARY: Final = "A line of the form begins with its boundary and is none."
_NO_END: Final = "The form does not end: its last boundary is missing."
# The library does not look at it, as RFC 7578 says; who sends it all the same means a file.
_EXTENDED_FILENAME: Final = re.compile(rb";[ \t]*filename\*[^=;]{0,5}=", re.IGNORECASE)

# It warns of each form that is none. Whoever sent it is told; a log that strangers can fill helps nobody.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class Part(NamedTuple):
    """One part. `is_file`: it came with a file's name, whatever that was."""

    name: str
    is_file: bool
    data: bytes


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts of a body of this type. Raises RequestError."""
    boundary = parse_options_header(content_type.encode("latin-1", "replace"))[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise _bad(f"A form has a `boundary` of 1 to {LONGEST_BOUNDARY} characters in its type.")
    return boundary


def parts(body: bytes, boundary: bytes) -> list[Part]:
    """The parts in their order. Raises RequestError."""
    line = b"\r\n--" + boundary
    # The first line has no line before it; what stands above the first boundary is nobody's.
    body = b"\r\n" + body
    body = body[max(body.find(line), 0) :]
    _look_at_lines(body, line)
    form = _Form()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": form.part_begins,
            "on_header_begin": form.header_begins,
            "on_header_field": form.field,
            "on_header_value": form.value,
            "on_header_end": form.header_ends,
            "on_headers_finished": form.headers_end,
            "on_part_data": form.data,
            "on_part_end": form.part_ends,
            "on_end": form.end,
        },
        # Counted in bytes, all of a part's together: see `_Form`.
        max_header_count=MOST_HEADERS,
        max_header_size=MOST_HEADERS,
    )
    try:
        parser.write(body)
    except MultipartParseError:
        raise _bad(_UNREADABLE if form.in_headers else _NO_BOUNDARY) from None
    if not form.ended:
        raise _bad(_UNREADABLE if form.in_headers else _NO_END)
    return form.parts


def _look_at_lines(body: bytes, line: bytes) -> None:
    """Refuse too many lines that begin with the boundary, and those that only do so: the library takes some of them for
    content, and passes over white space behind others byte by byte."""
    at, count = body.find(line), 0
    if at < 0:
        raise _bad(_NO_END)
    while at >= 0:
        at, count = at + len(line), count + 1
        if count > MOST_PARTS + 1:
            raise _bad(f"A form has at most {MOST_PARTS} parts.")
        rest = body[at : at + MOST_PADDING + 2]
        at = body.find(line, at)
        is_last = at < 0 and rest.startswith(b"--")
        if not (is_last or rest.lstrip(b" \t").startswith(b"\r\n") or (at < 0 and len(rest) < 2)):
            raise _bad(_NO_BOUNDARY)


class _Form:
    """What the parser has found so far. What it calls raises RequestError."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.in_headers = self.ended = False
        self._header_bytes = 0
        self._field = self._value = self._data = b""
        self._name: bytes | None = None
        self._is_file = False

    def part_begins(self) -> None:
        """Behind a boundary."""
        self.in_headers = True
        self._header_bytes, self._name, self._is_file, self._data = 0, None, False, b""

    def header_begins(self) -> None:
        """Before the name of a header."""
        self._field = self._value = b""

    def field(self, data: bytes, start: int, end: int) -> None:
        """The name of a header."""
        self._count(end - start)
        self._field += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        """What it holds."""
        self._count(end - start)
        self._value += data[start:end]

    def header_ends(self) -> None:
        """At the end of a header's line."""
        # The colon and the end of the line.
        self._count(3)
        if self._name is not None or self._field.lower() != b"content-disposition":
            return
        kind, given = parse_options_header(self._value)
        if kind == b"form-data":
            self._name = given.get(b"name")
            self._is_file = b"filename" in given or _EXTENDED_FILENAME.search(self._value) is not None

    def headers_end(self) -> None:
        """At the empty line."""
        self.in_headers = False
        if self._name is None:
            raise _bad("A part of the form has no name.")

    def data(self, data: bytes, start: int, end: int) -> None:
        """What the part holds, or some of it."""
        self._data += data[start:end]

    def part_ends(self) -> None:
        """At the boundary behind a part."""
        assert self._name is not None
        self.parts.append(Part(self._name.decode("utf-8", "replace"), self._is_file, self._data))

    def end(self) -> None:
        """At the last boundary."""
        self.ended = True

    def _count(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MOST_HEADERS:
            raise _bad(_UNREADABLE)


def _bad(sentence: str) -> RequestError:
    return RequestError("BAD_REQUEST", sentence)
