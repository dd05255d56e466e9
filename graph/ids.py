"""What is an id, outside? Opaque: the type's name and the record's key, in one function each way."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from resolvers.errors import NotFound

# From so many on, a level's ids are sooner encoded in one go.
_MANY: Final = 4


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
    return _base64(f"{type_name}:{key}")


def encode_all(type_name: str, keys: Iterable[object]) -> list[str]:
    """The global ids of a level's records.

    Three bytes are four letters of base64: texts of one length, filled up to whole threes, are encoded in one go and
    cut apart again. What was filled up is then written as `=`, as where a text is encoded alone."""
    prefix = f"{type_name}:"
    texts = list(map(str, keys))
    if len(texts) < _MANY or len(set(map(len, texts))) > 1:
        return [_base64(prefix + text) for text in texts]
    length = len(prefix) + len(texts[0])
    fill = -length % 3
    joined = prefix + ("\0" * fill + prefix).join(texts) + "\0" * fill
    if not joined.isascii():
        return [_base64(prefix + text) for text in texts]
    letters, width = _base64(joined), (length + fill) // 3 * 4
    end = "=" * fill
    return [letters[start : start + width - fill] + end for start in range(0, len(letters), width)]


def _base64(text: str) -> str:
    return binascii.b2a_base64(text.encode(), newline=False).decode("ascii")


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
