"""How is the audit log kept so that nobody shortens it unnoticed? Rows in PostgreSQL, heads in object storage.

A row's hash speaks for all rows before it, and for none after: whoever takes the last rows away leaves a chain without
a fault. So after each write the head (position and hash of the last row) goes to another store. Each process has one
object for its heads, and replaces it only while the head in it is still a row of the log; else the object stays, as
the witness of what was there, and the process goes on with another. `audit_check.py` holds all of them against the log.

`write` answers when the rows are committed. Whoever waits meanwhile shares the next transaction: a process has one at a
time, and so the log's lock is never wanted by more than there are processes. It is made on a connection that nothing
else uses: behind the reads of everybody else, many administrators at once would wait in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import orjson
import structlog

from datadir.errors import StoreError, StoreTimeout, StoreUnavailable
from datadir.minio.prefixes import AUDIT
from datadir.names import StoreName
from datadir.postgresql.audit_log import HEADS, AuditRow, HeadRecord, append
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.minio.client import Objects
    from datadir.postgresql.client import Postgres

log = structlog.get_logger("studygraph.audit")

MOST_WAITING: Final = 256
"""Operations whose rows may wait to be written; one more is refused at once."""
DEADLINE: Final = 2.0
"""Seconds that an operation waits for its rows."""
PATIENCE: Final = 0.5
"""Seconds of them that it waits for the head, which is kept in any case: nothing is hidden from anybody because an
object store hangs."""

_Waiting = tuple[Sequence[AuditRow], asyncio.Future[None]]


class Head(NamedTuple):
    """The last row, at some moment."""

    position: int
    hash: str


class AuditLog:
    """Writes the rows of this process."""

    def __init__(self, postgresql: Postgres, objects: Objects) -> None:
        """Holds nothing before something is written. `postgresql` is its own: one connection is enough."""
        self._postgresql = postgresql
        self._objects = objects
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        # Whether something was written since the head was last looked for.
        self._moved = False
        self._key = _new_key()
        self._kept: Head | None = None

    async def write(self, rows: Sequence[AuditRow]) -> None:
        """Write rows; without any, keep the head of what a transaction of the caller's has written. Not among the store
        calls of the operation. Raises StoreUnavailable where too many wait, the database does not take them, or not
        within DEADLINE: then they may be written or not."""
        if len(self._waiting) >= MOST_WAITING:
            raise StoreUnavailable(StoreName.POSTGRESQL, "more waits to be written to the audit log than may")
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((rows, written))
        if self._writing is None:
            # In a context of its own: what one transaction writes for many is no operation's store call.
            self._writing = loop.create_task(self._write(), context=Context())
        try:
            async with asyncio.timeout(DEADLINE):
                await written
        except TimeoutError:
            raise StoreTimeout(StoreName.POSTGRESQL) from None

    async def close(self) -> None:
        """Wait for what is still being written."""
        for task in (self._writing, self._keeping):
            if task is not None:
                with suppress(Exception):
                    await task

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._append([row for rows, _ in batch for row in rows])
                    await self._kept_soon()
                except BaseException as error:
                    # Also where this task itself is cancelled, as at the end of the program: nobody waits for ever.
                    _tell(batch, error if isinstance(error, Exception) else StoreUnavailable(StoreName.POSTGRESQL))
                    if not isinstance(error, Exception):
                        raise
                else:
                    _tell(batch, None)
        finally:
            self._writing = None
            _tell(self._waiting, StoreUnavailable(StoreName.POSTGRESQL))
            self._waiting = []

    async def _append(self, rows: Sequence[AuditRow]) -> None:
        if rows:
            async with self._postgresql.transaction(SYSTEM) as tx:
                await append(tx, *rows)

    async def _kept_soon(self) -> None:
        """Keep the head of now, and wait for it as long as there is patience."""
        self._moved = True
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        # One that hangs goes on, and comes back to this: two at once could end in the wrong order.
        done, _ = await asyncio.wait({self._keeping}, timeout=PATIENCE)
        for task in done:
            task.result()

    async def _keep(self) -> None:
        try:
            while self._moved:
                self._moved = False
                try:
                    await self._keep_head()
                except StoreError as error:
                    # The rows stand, and the next head speaks for them too.
                    log.warning("the head of the audit log is not kept", store=error.store.value, reason=str(error))
        finally:
            self._keeping = None

    async def _keep_head(self) -> None:
        """Put the last row into this process's object, if the one that it keeps is still a row of the log."""
        lease = self._postgresql.lease(SYSTEM)
        try:
            found = await lease.fetch(HeadRecord, HEADS, self._kept.position if self._kept is not None else 0)
        finally:
            lease.over()
        heads = [Head(*each) for each in found]
        if self._kept is not None and self._kept not in heads:
            log.error("rows of the audit log are gone or changed", position=self._kept.position, head=self._key)
            self._key, self._kept = _new_key(), None
        if heads and self._kept != heads[-1]:
            await self._objects.put(self._key, orjson.dumps(heads[-1]._asdict()), "application/json")
            self._kept = heads[-1]


def _new_key() -> str:
    return AUDIT.key(head=uuid4(), suffix="json")


def _tell(waiting: Sequence[_Waiting], error: Exception | None) -> None:
    for _, written in waiting:
        if written.done():  # whoever asked has given up
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
