"""Where in a list are we? Signed, opaque positions.

A cursor holds the order's values of one record. It is signed together with the list's name and order, so a forged
one, or one of another list, is refused and never guessed at.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer


class InvalidCursor(Exception):
    """Forged, or made for another list or order."""


class Cursors:
    """Makes and reads cursors with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._serializer = lru_cache(maxsize=256)(self._made)

    def _made(self, tag: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._secret, salt=f"cursor.{tag}")

    def encode(self, tag: str, values: list[Any]) -> str:
        """The cursor of a position in the list and order that `tag` names."""
        text = self._serializer(tag).dumps([_plain(value) for value in values])
        return text if isinstance(text, str) else text.decode()

    def decode(self, tag: str, cursor: str, length: int) -> list[Any]:
        """The position's `length` values. Raises InvalidCursor."""
        try:
            values = self._serializer(tag).loads(cursor)
        except (BadData, UnicodeError, ValueError) as error:
            raise InvalidCursor from error
        if not isinstance(values, list) or len(values) != length:
            raise InvalidCursor
        return [_rich(value) for value in values]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, UUID):
        return {"u": value.hex}
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        if "t" in value:
            return datetime.fromisoformat(value["t"])
        return UUID(value["u"])
    return value
