"""Which document did somebody register under this hash? While Redis is down: none, and clients send the text again."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from datadir.errors import StoreError
from loaders import persisted

if TYPE_CHECKING:
    from datadir.stores import Stores


def hash_of(text: str) -> str:
    """The hash of a document: 64 hexadecimal digits of SHA-256."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def registered(stores: Stores, digest: str) -> str | None:
    """The text under this hash, None where there is none. One store call."""
    try:
        text = await persisted.text_by_hash(stores, digest)
    except StoreError:
        return None
    # Redis is a cache that others may write to: what a hash stands for is not its word alone.
    return text if text is not None and hash_of(text) == digest else None


async def register(stores: Stores, digest: str, text: str) -> None:
    """Keep a text for whoever knows its hash. One store call; one that fails is no harm."""
    try:
        await persisted.keep(stores, digest, text)
    except StoreError:
        return
