"""What may an object be called? One function decides for the folder and for S3 alike.

S3 takes any string and its servers differ: versitygw maps `a//b` onto `a/b`, MinIO refuses `..`, a folder ends at
255 bytes a name. A key that passes here means the same object in all of them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

from datadir.minio.errors import BadObjectKey

MAX_KEY_BYTES: Final = 512
MAX_SEGMENT_BYTES: Final = 255  # the longest file name of every file system that S3 servers keep objects in
MAX_FILENAME: Final = 150
# Keys that are what they say, as nearly all are: letters, digits, `_-.`, no segment that begins with a dot. A page of a
# hundred links looks at a hundred keys, and looking at each character takes ten times as long.
_ORDINARY: Final = re.compile(r"(?:\w[\w.-]*/)*\w[\w.-]*", re.ASCII)


def object_key(raw: str) -> str:
    """The key in Unicode's composed form (NFC), so that one name typed on two systems is one object.

    Refused with BadObjectKey: empty, longer than 512 bytes, a leading `/`, an empty segment, `.` or `..`, a segment
    over 255 bytes, control characters, lone surrogates, a backslash.
    """
    if len(raw) <= MAX_SEGMENT_BYTES and _ORDINARY.fullmatch(raw):
        return raw
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in raw):
        raise BadObjectKey("control characters")
    if "\\" in raw:
        raise BadObjectKey("a backslash")
    key = unicodedata.normalize("NFC", raw)
    if not key:
        raise BadObjectKey("empty")
    if key.startswith("/"):
        raise BadObjectKey("a leading slash")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise BadObjectKey(f"longer than {MAX_KEY_BYTES} bytes")
    for segment in key.split("/"):
        if not segment:
            raise BadObjectKey("an empty segment")
        if segment in (".", ".."):
            raise BadObjectKey("a dot segment")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise BadObjectKey(f"a segment longer than {MAX_SEGMENT_BYTES} bytes")
    return key


def object_prefix(raw: str) -> str:
    """A prefix of whole segments, with its trailing slash: `recordings/1` never means `recordings/10/...`.

    Refused with BadObjectKey like a key; an empty prefix too, for nothing here may list or delete everything.
    """
    return object_key(raw.removesuffix("/")) + "/"


def attachment(filename: str) -> str:
    """The Content-Disposition that saves an object under this name, whatever characters it has (RFC 6266)."""
    kept = "".join(
        "_" if unicodedata.category(char) in ("Cc", "Cf", "Cs") or char in '/\\"' else char for char in filename
    )
    kept = unicodedata.normalize("NFC", kept).strip(" .")[:MAX_FILENAME] or "download"
    plain = kept.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(kept, safe='')}"
