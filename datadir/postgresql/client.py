"""How is PostgreSQL reached? One asyncpg pool; reads by lease, writes by transaction, SQLAlchemy borrows from it.

One implementation serves the embedded server and the real one: `embedded.py` beside this file only starts a server
and says where it is. What it promises:

- A *lease* (`lease.py`) runs the statements that one level of an operation sends in the same turn of the event loop in
  one read-only transaction with the viewer's scope in it. While another store is awaited its connection can be had.
- Every statement has a deadline. A statement that outlives it costs its connection, not the pool; one that fails costs
  nobody else anything. Whoever waits gets an answer or an error, whoever gives up leaves no connection behind.
- The scope is set with `set_config(..., true)`: it ends with the transaction, so the pool needs no reset query.
- What begins a transaction travels with its first statement (`wire.py`), the commit of a lease with the next one's.
  Where none follows soon it goes alone (`warm.py`). What a level asks behind its first statement travels with that too
  (`connection.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreTimeout
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql.connection import Connection
from datadir.postgresql.errors import translating
from datadir.postgresql.lease import BEGIN, Lease, Reach, scope_settings
from datadir.postgresql.opening import MOST_CONNECTIONS, pooled
from datadir.postgresql.warm import Warm, is_over
from datadir.scope import Scope

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

WRITE_DEADLINE: Final = 5.0
# Levels and transactions that may wait for a connection; one more is refused at once.
WAITING: Final = 400
# Seconds that a cut statement gets to be over on the server, before its connection is dropped.
CUT_DEADLINE: Final = 0.2


@dataclass(slots=True)
class _Counted:
    rows: int = 0


@contextmanager
def _counted(store: StoreName) -> Iterator[_Counted]:
    """One store call, also where it fails; whoever is inside says how many rows there were."""
    started, counted = perf_counter(), _Counted()
    try:
        yield counted
    finally:
        count(store, started=started, rows=counted.rows)


class Transaction:
    """A read-write transaction with a scope in it. Each call is one store call of `store`."""

    def __init__(self, connection: Connection, store: StoreName, deadline: float) -> None:
        self.connection = connection
        self.store = store
        self.deadline = deadline

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Rows of one statement."""
        with _counted(self.store) as counted:
            rows = await self.connection.fetch(sql, *args, timeout=self.deadline)
            counted.rows = len(rows)
        return rows

    async def execute(self, sql: str, *args: Any) -> int:
        """Run one statement; the number of rows it touched."""
        with _counted(self.store) as counted:
            status = await self.connection.execute(sql, *args, timeout=self.deadline)
            counted.rows = int(status.rsplit(" ", 1)[-1]) if status[-1:].isdigit() else 0
        return counted.rows

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows in one pipelined message."""
        with _counted(self.store):
            await self.connection.executemany(sql, rows, timeout=60)

    async def copy(
        self, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]], *, schema: str | None = None
    ) -> None:
        """COPY rows into a table without row policies."""
        with _counted(self.store):
            await self.connection.copy_records_to_table(
                table, records=records, columns=list(columns), schema_name=schema, timeout=60
            )


class Postgres:
    """The pool and the three ways to use it: `lease`, `read`, `transaction`."""

    def __init__(self, pool: asyncpg.Pool[Any], *, read_deadline: float) -> None:
        self.pool = pool
        self.read_deadline = read_deadline
        self.circuit = Circuit(StoreName.POSTGRESQL, most=pool.get_max_size() + WAITING)
        self.warm = Warm(pool.get_max_size(), self._cooled)
        self._engine: AsyncEngine | None = None
        self._returning: set[asyncio.Future[None]] = set()

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        min_size: int = 2,
        max_size: int = MOST_CONNECTIONS,
        read_deadline: float = READ_DEADLINE,
        tls: ssl.SSLContext | None = None,
    ) -> Postgres:
        """Open the pool. Every connection works as `studygraph_app`, whoever logs in: that role owns nothing, so row
        policies bind it. Raises StoreMisconfigured with a sentence."""
        pool = await pooled(dsn, min_size=min_size, max_size=max_size, tls=tls)
        return cls(pool, read_deadline=read_deadline)

    def lease(self, scope: Scope, reach: Reach | None = None) -> Lease:
        """A lease for one operation of this viewer; holds no connection until something is asked. `reach`: what else
        belongs to the scope."""
        return Lease(self, scope, reach)

    async def read(self, sql: str, *args: Any, store: StoreName = StoreName.POSTGRESQL) -> list[asyncpg.Record]:
        """One statement on its own, without a scope: for tables that have no row policies."""

        async def request(seconds: float) -> list[asyncpg.Record]:
            with translating(store):
                async with self._connection(seconds) as connection:
                    with _counted(store) as counted:
                        rows = await connection.rows(asyncpg.Record, sql, args, seconds)
                        counted.rows = len(rows)
            return rows

        return await self.circuit.read(request, self.read_deadline, store)

    @asynccontextmanager
    async def transaction(self, scope: Scope, *, store: StoreName = StoreName.POSTGRESQL) -> AsyncIterator[Transaction]:
        """A read-write transaction as this viewer; commits at the end, rolls back on any exception.

        Raises Conflict where a unique key is taken, StoreUnavailable where the server is gone."""
        with self.circuit.asked(store), translating(store):
            async with self._connection(self.read_deadline) as connection:
                connection.ahead("begin", scope_settings(scope))
                yield Transaction(connection, store, WRITE_DEADLINE)
                await connection.execute("commit", timeout=WRITE_DEADLINE)

    @asynccontextmanager
    async def _connection(self, seconds: float) -> AsyncIterator[Connection]:
        connection = self.warm.take() or await self.pooled(seconds)
        # What ends its last transaction goes ahead of what is sent now.
        if connection.is_in_transaction():
            connection.ahead("commit")
        try:
            yield connection
        except BaseException as error:
            await self.give_back(connection, error)
            raise
        self.warm.keep(connection)

    async def begun(self, seconds: float) -> Connection:
        """A connection for a lease that sends a statement now, waiting no longer than `seconds`: what begins its
        transaction goes ahead of that."""
        connection = self.warm.take() or await self.pooled(seconds)
        # A transaction that is open was a lease's: the next one is of the same kind.
        connection.ahead("commit and chain" if connection.is_in_transaction() else BEGIN)
        return connection

    async def acquire(self, seconds: float) -> Connection:
        """A connection without a transaction, waiting no longer than `seconds`."""
        connection = self.warm.take() or await self.pooled(seconds)
        try:
            await _ended(connection, seconds)
        except BaseException as error:
            await self.give_back(connection, error)
            raise
        return connection

    async def pooled(self, seconds: float) -> Connection:
        """A connection of the pool, waiting no longer than `seconds`."""
        self.warm.wanted += 1
        try:
            # By this and not by the pool's own timeout, which takes a task for each connection.
            async with asyncio.timeout(seconds):
                connection = await self.pool.acquire()
            self.warm.out += 1
            return cast("Connection", connection)
        finally:
            self.warm.wanted -= 1

    async def _cooled(self, connection: Connection) -> None:
        failure: Exception | None = None
        try:
            await _ended(connection, self.read_deadline)
        except Exception as error:
            failure = error
        await self.give_back(connection, failure)

    async def give_back(self, connection: Connection, failure: BaseException | None = None) -> None:
        """Return a connection and what it failed with, if it did. Never raises but for the caller's cancellation, and
        goes on then."""
        if failure is None:
            await self.release(connection)
        else:
            await asyncio.shield(self.returned(connection, failure))

    def returned(self, connection: Connection, failure: BaseException) -> asyncio.Future[None]:
        """Done once a connection is returned that failed with this. Nobody need wait for it."""
        returning = asyncio.ensure_future(self._return_after(failure, connection))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)
        return returning

    async def _return_after(self, failure: BaseException, connection: Connection) -> None:
        # What was too slow once may still be on its way, and must not meet the next statement.
        clean = not isinstance(failure, (TimeoutError, StoreTimeout))
        try:
            # After a cut statement this waits until the server has heard of it: a connection that is merely dropped
            # leaves the server at work for nobody.
            await connection.settle(CUT_DEADLINE)
            await connection.execute("rollback", timeout=CUT_DEADLINE)
        except Exception:
            clean = False
        if not clean and not is_over(connection):
            connection.terminate()
        await self.release(connection)

    async def release(self, connection: Connection) -> None:
        """Give a connection back whose transaction is over, or that is."""
        self.warm.out -= 1
        await self.pool.release(cast("Any", connection))

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy over this very pool, for statements built from the SQLModel classes."""
        if self._engine is None:
            # Imported when first needed: reads go without SQLAlchemy, and it takes as long as a warm start's databases.
            from sqlalchemy.ext.asyncio import create_async_engine
            from sqlalchemy.pool import NullPool

            self._engine = create_async_engine("postgresql+asyncpg://", async_creator=self._borrow, poolclass=NullPool)
        return self._engine

    async def _borrow(self) -> Any:
        with translating(StoreName.POSTGRESQL):
            return _Borrowed(self, await self.acquire(self.read_deadline))

    async def ping(self) -> str:
        """The server's version."""
        rows = await self.read("select current_setting('server_version')")
        return str(rows[0][0]).split(" ")[0]

    async def close(self) -> None:
        """Close the pool; connections that do not end in time are cut."""
        await self.warm.close()
        if self._engine is not None:
            await self._engine.dispose()
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()


async def _ended(connection: Connection, seconds: float) -> None:
    """End the transaction of a connection, if it has one."""
    if connection.is_in_transaction():
        await connection.execute("commit", timeout=seconds)


class _Borrowed:
    """A pooled connection as SQLAlchemy's dialect sees it: `close` gives it back instead of closing it."""

    def __init__(self, pg: Postgres, connection: Connection) -> None:
        self._pg = pg
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def close(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's own signature
        try:
            # SQLAlchemy taught this connection to parse JSON; leases take it as text.
            for kind in ("json", "jsonb"):
                await self._connection.reset_type_codec(kind, schema="pg_catalog")
        except Exception:
            if not is_over(self._connection):
                self._connection.terminate()
        await self._pg.release(self._connection)

    def terminate(self) -> None:
        self._connection.terminate()
