"""How do files come in? By the GraphQL multipart request specification: `operations`, `map`, and the files, each put
into the variables where the map says.

A form is what any page can make a browser send unasked, so it takes a header that no form can send. Nothing of it is
ever written to disk here: a request holds one file of at most 1 MB, a worker reads so many of this kind at once, and
what a client breaks off is forgotten with its connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from graph.errors import RequestError
from graph.http.admission import overloaded
from graph.http.envelope import LARGEST_BODY, Envelope, compressed, enveloped, parsed
from graph.http.form import Part, boundary_of, parts
from graph.http.incoming import Incoming
from graph.http.origins import refuse_without_preflight
from graph.uploaded import UploadedFile

LARGEST_FILE: Final = 1024 * 1024
MOST_FILES: Final = 1
MOST_PLACES: Final = 10
"""Places in the variables that one file may have."""
AT_ONCE: Final = 16
"""Requests with files that one worker has in hand: what they hold of memory together is bounded by that."""


class Uploads:
    """The requests with files of one worker."""

    def __init__(self) -> None:
        self._in_hand = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around one of them, its answer included. Raises RequestError OVERLOADED."""
        if self._in_hand >= AT_ONCE:
            raise overloaded()
        self._in_hand += 1
        try:
            yield
        finally:
            self._in_hand -= 1


async def from_form(request: Incoming, batch_limit: int = 0) -> Envelope | list[Envelope]:
    """The envelope in a form, or those of a batch, with files in their variables. Raises RequestError, Disconnected."""
    refuse_without_preflight(request)
    if (request.header(b"content-encoding") or "identity").strip().lower() not in ("", "identity"):
        raise compressed()
    boundary = boundary_of(request.header(b"content-type") or "")
    largest = LARGEST_BODY + MOST_FILES * LARGEST_FILE
    length = request.header(b"content-length") or ""
    if length.isdecimal() and int(length[:20]) > largest:
        raise _too_large(f"A request with a file holds at most {largest:,} bytes.")
    body = await request.body(largest)
    return from_parts(parts(body, boundary), batch_limit)


def from_parts(found: list[Part], batch_limit: int = 0) -> Envelope | list[Envelope]:
    """The same from the parts of a form. Raises RequestError."""
    named = {part.name: part for part in found}
    if len(named) < len(found):
        raise _bad("Two parts of the form have the same name.")
    operations = _json(named.pop("operations", None), "operations")
    places = _places(_json(named.pop("map", None), "map"))
    if len(places) > MOST_FILES or len(named) > MOST_FILES:
        raise _bad(f"A request holds at most {MOST_FILES} file.")
    for name, part in named.items():
        if name not in places or not part.is_file:
            raise _bad("A part of the form is no file that the `map` names.")
        if len(part.data) > LARGEST_FILE:
            raise _too_large(f"A file has at most {LARGEST_FILE:,} bytes.")
    for name, paths in places.items():
        if name not in named:
            raise _bad("The `map` names a file that is not there.")
        file = UploadedFile(named[name].data)
        for path in paths:
            _put(operations, path, file)
    return enveloped(operations, batch_limit)


def _json(part: Part | None, name: str) -> Any:
    if part is None or part.is_file:
        raise _bad(f"A form has a part `{name}`, which is a JSON text.")
    if len(part.data) > LARGEST_BODY:
        raise _too_large(f"`{name}` holds at most {LARGEST_BODY:,} bytes.")
    return parsed(part.data, f"`{name}`")


def _places(value: Any) -> dict[str, list[str]]:
    """The places of each file."""
    if not isinstance(value, dict) or not value:
        raise _bad("`map` is an object: the places of each file, by the name of its part.")
    for paths in value.values():
        if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
            raise _bad("`map` names the places of a file as a list of paths, such as `variables.input.file`.")
        if len(paths) > MOST_PLACES:
            raise _bad(f"A file has at most {MOST_PLACES} places.")
    return value


def _put(operations: Any, path: str, file: UploadedFile) -> None:
    """Put a file where its path leads: to a null in the variables, and nowhere else."""
    steps = path.split(".")
    batched = isinstance(operations, list)
    if steps[1 if batched else 0 :][:1] != ["variables"] or len(steps) < (3 if batched else 2):
        raise _bad("A file's place is in the variables: its path begins with `variables.`.")
    inside: Any = operations
    for step in steps[:-1]:
        inside = _below(inside, step)
    if _below(inside, steps[-1]) is not None:
        raise _bad("A file's place in the variables holds null until the file is there.")
    if isinstance(inside, list):
        inside[int(steps[-1])] = file
    else:
        inside[steps[-1]] = file


def _below(value: Any, step: str) -> Any:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isascii() and step.isdecimal() and len(step) < 6 and int(step) < len(value):
        return value[int(step)]
    raise _bad("The `map` names a place that the variables do not have.")


def _bad(sentence: str) -> RequestError:
    return RequestError("BAD_REQUEST", sentence)


def _too_large(sentence: str) -> RequestError:
    return RequestError("BODY_TOO_LARGE", sentence, 413)
