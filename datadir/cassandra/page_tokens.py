"""May this page token go on with this read?

A token from outside must never reach the driver as it is: a forged paging state makes cassandra-driver take the node
for broken and drop it, and a true one on another partition silently skips rows. So tokens are signed together with
the table, the partition and the bounds they were made for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

from datadir.errors import BadPageToken
from datadir.names import StoreName

_SIGNATURE_BYTES: Final = 16
_LONGEST: Final = 4096


class PageTokens:
    """Signs and opens page tokens of one store. `kind` sets the tokens of two kinds of store apart."""

    def __init__(self, secret: str, kind: str) -> None:
        self._key = hashlib.sha256(f"studygraph page token {kind} {secret}".encode()).digest()

    def seal(self, state: bytes, table: str, partition: Sequence[Any], lower: Any, upper: Any) -> str:
        """A token that continues this read at this state."""
        return urlsafe_b64encode(self._sign(state, table, partition, lower, upper) + state).decode().rstrip("=")

    def open(self, token: str, table: str, partition: Sequence[Any], lower: Any, upper: Any) -> bytes:
        """The state in a token that was sealed for this very read. BadPageToken for every other."""
        try:
            raw = (
                urlsafe_b64decode((token + "=" * (-len(token) % 4)).encode("ascii")) if len(token) <= _LONGEST else b""
            )
        except ValueError as error:
            raise BadPageToken(StoreName.CASSANDRA) from error
        signature, state = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(state, table, partition, lower, upper)):
            raise BadPageToken(StoreName.CASSANDRA)
        return state

    def _sign(self, state: bytes, table: str, partition: Sequence[Any], lower: Any, upper: Any) -> bytes:
        bounds = [None if each is None else str(each) for each in (lower, upper)]
        read = json.dumps([table, [str(each) for each in partition], bounds])
        return hmac.digest(self._key, f"{len(read)} {read}".encode() + state, "sha256")[:_SIGNATURE_BYTES]
