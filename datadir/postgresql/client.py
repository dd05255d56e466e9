"""How is PostgreSQL reached? One asyncpg pool; reads by lease, writes by transaction, SQLAlchemy borrows from it.

One implementation serves the embedded server and the real one: `embedded.py` beside this file only starts a server
and says where it is. What it promises:

- A *lease* gathers the statements that one level of an operation sends in the same turn of the event loop, takes one
  connection, opens one read-only transaction with the viewer's scope in it, runs them in turn and gives the
  connection back. It is never held while another store is awaited.
- Every statement has a deadline. A statement that outlives it costs its connection, not the pool; one that fails costs
  nobody else anything. Whoever waits gets an answer or an error, whoever gives up leaves no connection behind.
- The scope is set with `set_config(..., true)`: it ends with the transaction, so the pool needs no reset query.
- The commit of a lease travels with the next lease's begin. Where none follows at once it goes alone (`warm.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

import asyncpg

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreTimeout
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql.errors import translated, translating
from datadir.postgresql.opening import MOST_CONNECTIONS, pooled
from datadir.postgresql.record import Row
from datadir.postgresql.warm import Connection, Warm, is_over
from datadir.scope import Scope

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

R = TypeVar("R", bound=Row)

WRITE_DEADLINE: Final = 5.0
# Levels and transactions that may wait for a connection; one more is refused at once.
WAITING: Final = 400
# Turns of the event loop that a lease waits for the next level.
LINGER: Final = 4

# Seconds that a cut statement gets to be over on the server, before its connection is dropped.
CUT_DEADLINE: Final = 0.2


def scope_settings(scope: Scope) -> str:
    """The statement that puts a scope into the running transaction. Every value is made here from typed fields, the
    one free text (`login_email`) is quoted, so the message can be sent without parameters."""
    user = str(scope.user_id) if scope.user_id else ""
    classrooms = ",".join(map(str, scope.classroom_ids))
    taught = ",".join(map(str, scope.taught_ids))
    role = scope.role if scope.role.isalpha() else "anonymous"
    calls = [
        f"set_config('app.user_id','{user}',true)",
        f"set_config('app.role','{role}',true)",
        f"set_config('app.classroom_ids','{{{classrooms}}}',true)",
        f"set_config('app.taught_ids','{{{taught}}}',true)",
    ]
    if scope.login_email is not None:
        email = scope.login_email.replace("\x00", "").replace("'", "''")
        # An E'' string is never used: with standard_conforming_strings a backslash is a backslash.
        calls.append(f"set_config('app.login_email','{email}',true)")
    return "select " + ", ".join(calls)


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


class _Asked(NamedTuple):
    sql: str
    args: tuple[Any, ...]
    record: type[Row]
    answer: asyncio.Future[list[Any]]


class Lease:
    """The read-only connection of one operation's current level, and of the next one where that asks at once."""

    __slots__ = ("_begin", "_pg", "_queue", "_task", "_unset", "scope")

    def __init__(self, pg: Postgres, scope: Scope) -> None:
        self._pg = pg
        self.scope = scope
        # Repeatable read: the statements of one level see one snapshot.
        self._begin = "begin isolation level repeatable read read only; " + scope_settings(scope)
        self._queue: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None
        # Whether a transaction is open that still has the scope of before.
        self._unset = False

    def widen(self, scope: Scope) -> None:
        """Read with this scope from now on. Whoever calls it waits for no statement of before."""
        self.scope = scope
        self._begin = "begin isolation level repeatable read read only; " + scope_settings(scope)
        self._unset = True

    async def fetch(self, record: type[R], sql: str, *args: Any) -> list[R]:
        """Run one statement within this level's transaction; rows come as `record`. One store call."""
        loop = asyncio.get_running_loop()
        asked = _Asked(sql, args, record, loop.create_future())
        self._queue.append(asked)
        if self._task is None:
            # The task starts in the loop's next turn: whatever the level asks in this turn shares the lease.
            self._task = loop.create_task(self._run())
        try:
            return cast("list[R]", await asked.answer)
        except asyncio.CancelledError:
            self._given_up()
            raise

    def _given_up(self) -> None:
        """Somebody no longer waits. Where nobody does, the task ends, and the server is told to stop."""
        if self._task is not None and self._queue and all(each.answer.done() for each in self._queue):
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._run_level()
        finally:
            # Only a task that was ended leaves something: what was asked while it cleared up.
            self._task = asyncio.create_task(self._run()) if self._queue else None

    async def _run_level(self) -> None:
        """One transaction; what is asked before its end is answered in it. One whose connection turns out to be dead is
        begun once more, with the statements that have no answer yet."""
        try:
            await self._pg.circuit.read(self._transaction, self._pg.read_deadline)
        except BaseException as error:
            # Also where this task itself is cancelled, as at the end of the program: nobody waits for ever.
            waiting, self._queue = self._queue, []
            for each in waiting:
                self._refuse(each, error)
            if not isinstance(error, Exception):
                raise

    async def _transaction(self, seconds: float) -> None:
        """Each message to the server within `seconds`."""
        connection = self._pg.warm.take()
        begin = self._begin if connection is None else "commit; " + self._begin
        failure: BaseException | None = None
        try:
            with translating(StoreName.POSTGRESQL):
                if connection is None:
                    connection = await self._pg.pooled(seconds)
                self._unset = False
                await connection.execute(begin, timeout=seconds)
                while await self._is_asked():
                    if self._unset:
                        self._unset = False
                        await connection.execute(scope_settings(self.scope), timeout=seconds)
                    await self._answer(connection, self._queue[0], seconds)
                    del self._queue[0]
        except BaseException as error:
            failure = error
            raise
        finally:
            if connection is not None and failure is None:
                self._pg.warm.keep(connection)
            elif connection is not None:
                await self._pg.give_back(connection, failure)

    async def _is_asked(self) -> bool:
        """Whether there is a statement to run. What was just answered may make the next level ask: that takes a few
        turns of the loop and no waiting, less than ending this transaction and opening another."""
        for _ in range(LINGER):
            if self._queue:
                return True
            await asyncio.sleep(0)
        return bool(self._queue)

    async def _answer(self, connection: Connection, asked: _Asked, seconds: float) -> None:
        """Run one statement. Raises where the connection is of no more use; a defect of the statement is its own."""
        if asked.answer.done():
            return
        try:
            with _counted(StoreName.POSTGRESQL) as counted:
                rows: list[Any] = await connection.fetch(
                    asked.sql, *asked.args, timeout=seconds, record_class=asked.record
                )
                counted.rows = len(rows)
        except Exception as error:
            if isinstance(error, TimeoutError) or is_over(connection):
                raise
            self._refuse(asked, error)
            await connection.execute("rollback; " + self._begin, timeout=seconds)
        else:
            if not asked.answer.done():
                asked.answer.set_result(rows)

    @staticmethod
    def _refuse(asked: _Asked, error: BaseException) -> None:
        if asked.answer.done():  # who asked has given up
            return
        known = translated(error)
        if known is not error:
            known.__cause__ = error
        asked.answer.set_exception(known)


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
        self.warm = Warm(self._cooled)
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

    def lease(self, scope: Scope) -> Lease:
        """A lease for one operation of this viewer; holds no connection until something is asked."""
        return Lease(self, scope)

    async def read(self, sql: str, *args: Any, store: StoreName = StoreName.POSTGRESQL) -> list[asyncpg.Record]:
        """One statement on its own, without a scope: for tables that have no row policies."""

        async def request(seconds: float) -> list[asyncpg.Record]:
            with translating(store):
                async with self._connection(seconds) as connection:
                    with _counted(store) as counted:
                        rows = await connection.fetch(sql, *args, timeout=seconds)
                        counted.rows = len(rows)
            return rows

        return await self.circuit.read(request, self.read_deadline, store)

    @asynccontextmanager
    async def transaction(self, scope: Scope, *, store: StoreName = StoreName.POSTGRESQL) -> AsyncIterator[Transaction]:
        """A read-write transaction as this viewer; commits at the end, rolls back on any exception.

        Raises Conflict where a unique key is taken, StoreUnavailable where the server is gone."""
        with self.circuit.asked(store), translating(store):
            async with self._connection(self.read_deadline) as connection:
                await connection.execute("begin; " + scope_settings(scope), timeout=WRITE_DEADLINE)
                yield Transaction(connection, store, WRITE_DEADLINE)
                await connection.execute("commit", timeout=WRITE_DEADLINE)

    @asynccontextmanager
    async def _connection(self, seconds: float) -> AsyncIterator[Connection]:
        connection = await self.acquire(seconds)
        failure: BaseException | None = None
        try:
            yield connection
        except BaseException as error:
            failure = error
            raise
        finally:
            await self.give_back(connection, failure)

    async def acquire(self, seconds: float) -> Connection:
        """A connection without a transaction, waiting no longer than `seconds`."""
        connection = self.warm.take()
        if connection is None:
            return await self.pooled(seconds)
        try:
            await connection.execute("commit", timeout=seconds)
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
                return await self.pool.acquire()
        finally:
            self.warm.wanted -= 1

    async def _cooled(self, connection: Connection) -> None:
        failure: Exception | None = None
        try:
            await connection.execute("commit", timeout=self.read_deadline)
        except Exception as error:
            failure = error
        await self.give_back(connection, failure)

    async def give_back(self, connection: Connection, failure: BaseException | None = None) -> None:
        """Return a connection and what it failed with, if it did. Never raises but for the caller's cancellation, and
        goes on then."""
        if failure is None:
            await self.pool.release(connection)
        else:
            returning = asyncio.ensure_future(self._return_after(failure, connection))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            await asyncio.shield(returning)

    async def _return_after(self, failure: BaseException, connection: Connection) -> None:
        # What was too slow once may still be on its way, and must not meet the next statement.
        clean = not isinstance(failure, (TimeoutError, StoreTimeout))
        try:
            # After a cut statement this waits until the server has heard of it: a connection that is merely dropped
            # leaves the server at work for nobody.
            await connection.execute("rollback", timeout=CUT_DEADLINE)
        except Exception:
            clean = False
        if not clean and not is_over(connection):
            connection.terminate()
        await self.pool.release(connection)

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
            return _Borrowed(self.pool, await self.acquire(self.read_deadline))

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


class _Borrowed:
    """A pooled connection as SQLAlchemy's dialect sees it: `close` gives it back instead of closing it."""

    def __init__(self, pool: asyncpg.Pool[Any], connection: Connection) -> None:
        self._pool = pool
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
        await self._pool.release(self._connection, timeout=timeout)

    def terminate(self) -> None:
        self._connection.terminate()
