"""How does a store fail, in words that the rooms above may know?

StoreError
├── StoreUnavailable   down, refusing or cut: the operation loses this store's fields, nothing else
│   └── StoreTimeout   too slow: the same, said differently in logs
├── Conflict           a unique key is taken
├── BadPageToken       a page token that this store did not make for this read
├── ObjectNotFound     no object under this key
└── StoreMisconfigured a sentence for whoever starts the program: wrong password, damaged folder, missing wheel

Driver exceptions end in `datadir/`; each client translates them here and keeps the cause.
"""

from datadir.names import StoreName


class StoreError(Exception):
    """Something went wrong in one store."""

    def __init__(self, store: StoreName, message: str) -> None:
        super().__init__(message)
        self.store = store


class StoreUnavailable(StoreError):
    """The store is down, refuses or was cut off."""

    def __init__(self, store: StoreName, message: str | None = None) -> None:
        super().__init__(store, message or f"{store} is not available")


class StoreTimeout(StoreUnavailable):
    """The store did not answer within its deadline."""


class Conflict(StoreError):
    """A unique key is taken. `constraint` names it where the store says so."""

    def __init__(self, store: StoreName, constraint: str | None) -> None:
        super().__init__(store, f"{constraint or 'a unique key'} is taken")
        self.constraint = constraint


class BadPageToken(StoreError):
    """A page token that was forged, or made for another read."""

    def __init__(self, store: StoreName) -> None:
        super().__init__(store, "this page token does not belong to this read")


class ObjectNotFound(StoreError):
    """No object rests under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(StoreName.MINIO, f"no object {key!r}")
        self.key = key


class StoreMisconfigured(StoreError):
    """The store cannot be started or reached as configured; the message is a sentence for the operator."""
