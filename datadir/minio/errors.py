"""How does object storage refuse, besides being down?

StoreError
├── BadObjectKey     a name that no object may have (or one that this store cannot hold)
├── ObjectTooLarge   more bytes than one object may have; nothing was written
├── BadRange         a range that begins behind the last byte
└── LinkRefused      a link that was altered, has expired, or was opened with another method than GET
"""

from __future__ import annotations

from datadir.errors import StoreError
from datadir.names import StoreName


class BadObjectKey(StoreError):
    """No object may rest under this name; `reason` is a phrase that may be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(StoreName.MINIO, f"bad object key: {reason}")
        self.reason = reason


class ObjectTooLarge(StoreError):
    """The object has more than `limit` bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(StoreName.MINIO, f"{size} bytes are more than the {limit} that one object may have")
        self.size = size
        self.limit = limit


class BadRange(StoreError):
    """The range begins behind the object's last byte; `total` is its size."""

    def __init__(self, total: int) -> None:
        super().__init__(StoreName.MINIO, f"the range begins behind the last of {total} bytes")
        self.total = total


class LinkRefused(StoreError):
    """A signed link that opens nothing. Why is for the log: the answer to the caller is always the same."""

    def __init__(self, reason: str) -> None:
        super().__init__(StoreName.MINIO, f"link refused: {reason}")
        self.reason = reason
