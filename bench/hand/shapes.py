"""How are rows written down in an answer? Ids, moments and people as the graph writes them."""

from __future__ import annotations

from base64 import b64decode
from binascii import b2a_base64
from datetime import datetime
from typing import Any
from uuid import UUID


def identity(kind: str, key: object) -> str:
    """A global id."""
    return b2a_base64(f"{kind}:{key}".encode(), newline=False).decode()


def key_of(text: str) -> UUID:
    """The key in a global id."""
    return UUID(b64decode(text).decode().partition(":")[2])


def moment(at: datetime) -> str:
    """A time that the driver has put into UTC."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def optional_moment(at: datetime | None) -> str | None:
    """The same for a time that may be missing."""
    return None if at is None else moment(at)


def person(row: Any) -> dict[str, Any]:
    """Id and name."""
    return {"id": identity("User", row["id"]), "name": row["name"]}
