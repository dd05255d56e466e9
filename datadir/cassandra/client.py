"""How are the series reached? The promise both stores keep, and Cassandra by cassandra-driver.

The driver works with threads and callbacks. Here each request becomes an asyncio future that its callback settles
through `call_soon_threadsafe`; what blocks (connect, prepare, shutdown) runs on a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from cassandra import OperationTimedOut, ReadTimeout, RequestExecutionException, Unavailable, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, NoHostAvailable, ResultSet
from cassandra.connection import ConnectionException

from datadir.cassandra import cql, opening
from datadir.cassandra.columns import from_driver
from datadir.cassandra.opening import NO_FILES, WRITES, Nodes
from datadir.cassandra.page_tokens import PageTokens
from datadir.cassandra.pending import steps
from datadir.cassandra.tables import KEYSPACE, TABLES, R, SeriesTable, aligned, checked_limit
from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.tls import TlsFiles

WRITE_DEADLINE: Final = 5.0
WAITING: Final = 400  # calls under way or waiting for a request's turn; one more is refused at once
_PAGE: Final = 5000  # rows in one answer of the server; a longer partition takes several
_NO_LIMIT: Final = 2**31 - 1
_TOO_SLOW: Final = (OperationTimedOut, ReadTimeout, WriteTimeout, TimeoutError)
_GONE: Final = (NoHostAvailable, Unavailable, ConnectionException, RequestExecutionException, OSError)

Answer = TypeVar("Answer")


class Series(Protocol):
    """Rows in the order of time, read by whole partition keys. Columns come as the row types in `tables.py` say:
    dates are `datetime.date`, times aware and in UTC, missing sets and maps empty. Every method raises
    StoreUnavailable (StoreTimeout) where the store does not answer, ValueError for keys that are not whole."""

    circuit: Circuit
    """Its breaker and bulkhead."""

    async def read(
        self,
        table: SeriesTable[R],
        partitions: Iterable[Sequence[Any]],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int | None = None,
    ) -> list[list[R]]:
        """The rows of each partition, aligned with `partitions`: a partition asked twice is answered twice, one
        without rows by an empty list. `lower <= first clustering column < upper`; at most `limit` rows of each. One
        store call, whatever the number of partitions."""

    async def read_page(
        self,
        table: SeriesTable[R],
        partition: Sequence[Any],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int,
        page_token: str | None = None,
    ) -> tuple[list[R], str | None]:
        """At most `limit` rows of one partition and a token for what follows, None at the end. BadPageToken for a
        token that was not made by this store for this table, partition and bounds."""

    async def write(self, table: SeriesTable[R], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows; one with the same key is replaced. Each row is written on its own: after a failure some may be
        there, and writing all of them again is right. One store call."""

    async def increment(self, table: SeriesTable[R], key: Sequence[Any], by: int = 1) -> None:
        """Add to the counter of one key. Never repeated by itself: after a failure nobody knows whether it counted."""

    async def ping(self) -> str:
        """What answers."""

    async def close(self) -> None:
        """Let go of connections."""


class _Statements(NamedTuple):
    """The prepared statements of one table; selects by (has lower, has upper)."""

    selects: dict[tuple[bool, bool], Any]
    write: Any


class CassandraSeries:
    """The series in a Cassandra cluster."""

    def __init__(
        self,
        cluster: Any,
        session: Any,
        statements: dict[str, _Statements],
        secret: str,
        in_flight: int,
        deadline: float,
    ) -> None:
        self.deadline = deadline
        self.circuit = Circuit(StoreName.CASSANDRA, most=WAITING)
        self._cluster = cluster
        self._session = session
        self._statements = statements
        # The protocol version is part of the tokens: another version's paging state is another language.
        self._tokens = PageTokens(secret, f"cassandra {cluster.protocol_version}")
        self._in_flight = asyncio.Semaphore(in_flight)
        self._arrivals = _Arrivals()

    @classmethod
    async def open(
        cls,
        hosts: Sequence[str],
        *,
        secret: str,
        port: int = 9042,
        username: str | None = None,
        password: str | None = None,
        tls: TlsFiles = NO_FILES,
        datacenter: str | None = None,
        replication: int = 1,
        keyspace: str = KEYSPACE,
        tables: Iterable[SeriesTable[Any]] = TABLES,
        in_flight: int = 128,
        deadline: float = READ_DEADLINE,
    ) -> CassandraSeries:
        """Connect, make the keyspace (`replication` copies) and the tables that are missing, prepare all statements.

        `secret` signs page tokens; `in_flight` bounds the requests under way. Raises StoreMisconfigured with a
        sentence."""
        nodes = Nodes(tuple(hosts), port, username, password, datacenter, tls)
        context = await tls.context()
        cluster: Any = None
        try:
            cluster = await asyncio.to_thread(
                opening.cluster, nodes, context, read_seconds=deadline, write_seconds=WRITE_DEADLINE
            )
            session, statements = await asyncio.to_thread(
                _connect, cluster, keyspace, list(tables), replication, datacenter
            )
        except BaseException as error:
            if cluster is not None:
                await asyncio.to_thread(cluster.shutdown)
            sentence = await opening.sentence(error, nodes, context, keyspace)
            if sentence is None:
                raise
            raise StoreMisconfigured(StoreName.CASSANDRA, sentence) from error
        return cls(cluster, session, statements, secret, in_flight, deadline)

    async def read(
        self,
        table: SeriesTable[R],
        partitions: Iterable[Sequence[Any]],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int | None = None,
    ) -> list[list[R]]:
        wanted = table.checked_partitions(partitions)
        most = _NO_LIMIT if limit is None else checked_limit(limit)
        if not wanted:
            return []
        each_once = list(dict.fromkeys(wanted))
        statement, bounds = self._select(table, lower, upper)

        async def request() -> list[list[Any]]:
            return list(
                await asyncio.gather(*(self._whole(statement, (*partition, *bounds, most)) for partition in each_once))
            )

        answers = await self._read(request, lambda answers: sum(map(len, answers)), len(each_once))
        row = from_driver(table)
        return aligned(wanted, each_once, [[row(raw) for raw in answer] for answer in answers])

    async def read_page(
        self,
        table: SeriesTable[R],
        partition: Sequence[Any],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int,
        page_token: str | None = None,
    ) -> tuple[list[R], str | None]:
        [wanted] = table.checked_partitions([partition])
        statement, bounds = self._select(table, lower, upper)
        read = (table.name, wanted, lower, upper)
        state = None if page_token is None else self._tokens.open(page_token, *read)
        size = checked_limit(limit)

        async def request() -> tuple[list[Any], bytes | None]:
            return await self._ask(statement, (*wanted, *bounds, _NO_LIMIT), fetch_size=size, paging_state=state)

        raw, following = await self._read(request, lambda answer: len(answer[0]), 1)
        row = from_driver(table)
        return [row(each) for each in raw], None if following is None else self._tokens.seal(following, *read)

    async def write(self, table: SeriesTable[R], rows: Iterable[Sequence[Any]]) -> None:
        written = table.checked_rows(rows)
        if not written:
            return
        statement = self._statements[table.name].write
        with self._written(len(written)):
            # The deadline is that of each request: a thousand rows may take longer than one.
            await asyncio.gather(*(self._ask(statement, row, profile=WRITES) for row in written))

    async def increment(self, table: SeriesTable[R], key: Sequence[Any], by: int = 1) -> None:
        whole = table.checked_counter_key(key)
        with self._written(1):
            await self._ask(self._statements[table.name].write, (by, *whole), profile=WRITES)

    async def ping(self) -> str:
        rows, _ = await self._read(
            lambda: self._ask("SELECT release_version FROM system.local", None), lambda answer: 1, 1
        )
        return str(rows[0][0])

    async def close(self) -> None:
        await asyncio.to_thread(self._cluster.shutdown)

    async def _read(
        self, request: Callable[[], Awaitable[Answer]], rows: Callable[[Answer], int], fanout: int
    ) -> Answer:
        """One counted batch of requests, or two where the first failed quickly."""

        async def counted(seconds: float) -> Answer:
            started, found = perf_counter(), 0
            try:
                with _translated():
                    async with asyncio.timeout(seconds):
                        answer = await request()
                found = rows(answer)
                return answer
            finally:
                count(StoreName.CASSANDRA, started=started, rows=found, fanout=fanout)

        return await self.circuit.read(counted, self.deadline)

    @contextlib.contextmanager
    def _written(self, fanout: int) -> Iterator[None]:
        """One counted batch of writes, never repeated."""
        started = perf_counter()
        try:
            with self.circuit.asked(), _translated():
                yield
        finally:
            count(StoreName.CASSANDRA, started=started, fanout=fanout)

    def _select(self, table: SeriesTable[R], lower: Any, upper: Any) -> tuple[Any, tuple[Any, ...]]:
        """The prepared select for these bounds, and the bounds as its arguments."""
        bounds = tuple(table.checked_bound(bound) for bound in (lower, upper) if bound is not None)
        return self._statements[table.name].selects[lower is not None, upper is not None], bounds

    async def _whole(self, statement: Any, arguments: tuple[Any, ...]) -> list[Any]:
        """All rows of one partition, page after page."""
        rows, state = await self._ask(statement, arguments)
        while state is not None:
            more, state = await self._ask(statement, arguments, paging_state=state)
            rows += more
        return rows

    async def _ask(
        self,
        statement: Any,
        arguments: tuple[Any, ...] | None,
        *,
        fetch_size: int = _PAGE,
        paging_state: bytes | None = None,
        profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> tuple[list[Any], bytes | None]:
        """One request to the server: rows, and the state that continues them."""
        async with self._in_flight:
            if arguments is not None:
                statement = statement.bind(arguments)
                statement.fetch_size = fetch_size
            answer: asyncio.Future[tuple[list[Any], bytes | None]] = self._arrivals.loop.create_future()
            asked = self._session.execute_async(statement, execution_profile=profile, paging_state=paging_state)

            def arrived(rows: Any) -> None:
                state = ResultSet(asked, rows).paging_state if asked.has_more_pages else None
                self._arrivals.put(answer, (list(rows or ()), state), None)

            def failed(error: Exception) -> None:
                self._arrivals.put(answer, None, error)

            asked.add_callbacks(arrived, failed)
            return await answer


class _Arrivals:
    """Hands answers from the driver's thread to the loop. A hundred answers that arrive together wake it once: waking
    costs a system call and a change of threads each time."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[asyncio.Future[Any], Any, Exception | None]] = deque()
        self._woken = False

    def put(self, answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """Called on the driver's thread."""
        self._waiting.append((answer, result, error))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        # First, so that whatever is put from here on wakes the loop again.
        self._woken = False
        while self._waiting:
            answer, result, error = self._waiting.popleft()
            if answer.done():  # given up at its deadline
                continue
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)


def _connect(
    cluster: Any, keyspace: str, tables: list[SeriesTable[Any]], replication: int, datacenter: str | None
) -> tuple[Any, dict[str, _Statements]]:
    """Runs on a worker thread."""
    session = cluster.connect()
    there = cluster.metadata.keyspaces
    for step in steps(there, tables, keyspace, replication=replication, datacenter=datacenter):
        session.execute(step.statement, timeout=20)
    statements = {}
    for table in tables:
        selects = {
            (lower, upper): session.prepare(cql.select(table, keyspace, lower=lower, upper=upper))
            for lower in (False, True)
            for upper in (False, True)
        }
        write = cql.increment(table, keyspace) if table.counter else cql.insert(table, keyspace)
        statements[table.name] = _Statements(selects, session.prepare(write))
    return session, statements


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _TOO_SLOW as error:
        raise StoreTimeout(StoreName.CASSANDRA) from error
    except _GONE as error:
        raise StoreUnavailable(StoreName.CASSANDRA) from error
