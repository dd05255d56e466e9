"""When is an answer compressed? A JSON body of more than one packet, for a client that takes gzip; never a stream."""

from __future__ import annotations

import asyncio
import zlib
from functools import lru_cache
from typing import Final

LEAST: Final = 1_400
"""Bytes; what fits one packet gains nothing."""
MOST_HERE: Final = 64 * 1024
"""Bytes that are compressed on the event loop, within a millisecond; more goes to a thread."""
_LEVEL: Final = 1
_GZIP: Final = 31


async def compressed(body: bytes, accept_encoding: str | None) -> bytes | None:
    """The body as gzip, None where it is sent as it is."""
    if len(body) < LEAST or not takes_gzip(accept_encoding):
        return None
    return _packed(body) if len(body) <= MOST_HERE else await asyncio.to_thread(_packed, body)


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


@lru_cache(maxsize=64)
def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether a client takes gzip."""
    weights = {}
    for each in (accept_encoding or "").lower().split(","):
        name, _, parameter = (part.strip() for part in each.partition(";"))
        _, _, weight = parameter.partition("=")
        weights[name] = weight.strip() not in ("0", "0.0", "0.00", "0.000")
    return weights.get("gzip", weights.get("*", False))
