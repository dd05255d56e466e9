"""What is an id, outside? Opaque: the type's name and the record's key, in one function each way."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import cache
from typing import NamedTuple
from uuid import UUID

from resolvers.errors import NotFound


class NodeId(NamedTuple):
    """A decoded global id."""

    type_name: str
    key: str

    def uuid(self) -> UUID:
        """The key as a UUID. Raises NotFound: an id that cannot exist is one that never did."""
        try:
            return uuid_key(self.key)
        except ValueError as error:
            raise NotFound from error


def uuid_key(text: str) -> UUID:
    """A UUID in its one spelling. Raises ValueError."""
    key = UUID(text)
    if str(key) != text:
        raise ValueError(text)
    return key


def encode(type_name: str, key: object) -> str:
    """The global id of a record."""
    return base64.b64encode(f"{type_name}:{key}".encode()).decode("ascii")


@cache
def encoder(type_name: str) -> Callable[[object], str]:
    """`encode` for many records of one type."""
    prefix = f"{type_name}:"
    encoded = binascii.b2a_base64

    def encode_key(key: object) -> str:
        return encoded(f"{prefix}{key}".encode(), newline=False).decode("ascii")

    return encode_key


def decode(text: str) -> NodeId:
    """A global id's parts. Raises NotFound."""
    try:
        type_name, _, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise NotFound from error
    # One record has one id: other spellings of it (white space, padding) never existed.
    if not key or encode(type_name, key) != text:
        raise NotFound
    return NodeId(type_name, key)


def uuid_of(text: str, type_name: str) -> UUID:
    """The UUID of an id that must be of this type. Raises NotFound."""
    node = decode(text)
    if node.type_name != type_name:
        raise NotFound
    return node.uuid()
