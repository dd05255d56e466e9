"""May these bytes leave? A signed link opens one key, by GET, until it ends; nothing else does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from datadir.errors import ObjectNotFound, StoreUnavailable
from datadir.minio.embedded import FolderObjects
from datadir.minio.errors import BadRange, LinkRefused
from datadir.minio.keys import attachment
from datadir.minio.stored import StoredObject

_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes and how they are to be shown. `content_range` where they are a part."""

    data: bytes
    content_type: str
    disposition: str
    content_range: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there are no bytes."""

    code: str
    message: str
    status: int


class Downloads:
    """Opens the links of the embedded object store. A real one serves its links itself."""

    def __init__(self, objects: FolderObjects) -> None:
        self._objects = objects

    async def open(self, token: str, method: str, wanted: str | None) -> Download | Refused:
        """The bytes behind a link's last part; `wanted` is a Range header of one range."""
        try:
            link = self._objects.open_link(token, method)
            span = _span(wanted)
            found = await self._objects.get(link.key, span)
        except LinkRefused:
            return Refused("FORBIDDEN", "This link was altered, has ended, or is opened the wrong way.", 403)
        except ObjectNotFound:
            return Refused("NOT_FOUND", "The object behind this link is gone.", 404)
        except BadRange:
            return Refused("BAD_REQUEST", "The range begins behind the last byte.", 416)
        except StoreUnavailable:
            return Refused("STORE_UNAVAILABLE", "Object storage does not answer at the moment.", 503)
        name = link.filename or link.key.rsplit("/", 1)[-1]
        return Download(found.data, found.content_type, attachment(name), _content_range(found, span))


def _span(wanted: str | None) -> tuple[int, int] | None:
    """A half-open range; None for no Range header, and for forms that RFC 9110 lets a server ignore."""
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None:
        return None
    start = int(match[1])
    stop = int(match[2]) + 1 if match[2] else 10**15
    return (start, stop) if start < stop else None


def _content_range(found: StoredObject, span: tuple[int, int] | None) -> str | None:
    if span is None:
        return None
    return f"bytes {span[0]}-{span[0] + found.size - 1}/{found.total}"
