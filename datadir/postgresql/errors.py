"""What went wrong in PostgreSQL, in words that the rooms above may know? asyncpg's exceptions end here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from datadir.errors import Conflict, StoreTimeout, StoreUnavailable
from datadir.names import StoreName

# What speaks of the server's state and not of the statement: nothing is wrong with the caller.
UNREACHABLE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    # asyncpg's own word for a connection that the server has just ended, before it has noticed (terminated, restarted).
    asyncpg.InternalClientError,
)


@contextmanager
def translating(store: StoreName) -> Iterator[None]:
    """Raise the driver's exceptions as those of `datadir/errors.py`, with their cause."""
    try:
        yield
    except Exception as error:
        known = translated(error, store)
        if known is error:
            raise
        raise known from error


def translated(error: BaseException, store: StoreName = StoreName.POSTGRESQL) -> Exception:
    """The same failure as one of `datadir/errors.py`; a defect (bad SQL, a value that its column does not take) stays
    what it is."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict(store, error.constraint_name)
    if isinstance(error, (TimeoutError, asyncpg.QueryCanceledError)):
        return StoreTimeout(store)
    if not isinstance(error, Exception):  # the task was cancelled, and others waited for what it did
        return StoreUnavailable(store)
    if isinstance(error, UNREACHABLE):
        return StoreUnavailable(store)
    return error
