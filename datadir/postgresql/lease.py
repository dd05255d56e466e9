"""How does one operation read? One transaction after another, each with the viewer's scope in it.

What one level of an operation asks in the same turn of the event loop goes to the server in one message
(`connection.py`) and runs in turn, in one transaction: its statements see one snapshot. Alone go what an operation asks
first, and what a connection has not prepared yet. Once nothing waits the connection stays at hand, its transaction open
(`warm.py`): the next level goes on in it without a message, unless that takes too long or somebody else needs the
connection.

What a viewer may reach stands in tables too. The first statement takes the question for it along: on the server it is
in force before that statement runs, here it is known once that is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from asyncpg.pgproto.pgproto import UUID

from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql.errors import translated
from datadir.postgresql.record import Row
from datadir.scope import Scope

if TYPE_CHECKING:
    from datadir.postgresql.client import Postgres
    from datadir.postgresql.connection import Connection

R = TypeVar("R", bound=Row)

BEGIN: Final = "begin isolation level repeatable read read only"
"""What begins the transaction of a lease."""


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


class Reach(NamedTuple):
    """What belongs to a scope and stands in tables. `sql`, without parameters, puts it into the transaction and answers
    one row of arrays of ids, as text; `read` makes the whole scope of what was known before and those ids."""

    sql: str
    read: Callable[[Scope, Sequence[tuple[UUID, ...]]], Scope]


class _Asked:
    """A statement that waits for its turn. It is given its rows where it went along with another one, None where its
    turn has come. Without `sql` it waits for that alone."""

    __slots__ = ("answer", "args", "record", "sql")

    def __init__(self, record: type[Row], sql: str | None = None, args: tuple[Any, ...] = ()) -> None:
        self.record = record
        self.sql = sql
        self.args = args
        self.answer: asyncio.Future[list[Any] | None] = asyncio.get_running_loop().create_future()


class _Nothing(Row):
    """A row without columns."""

    __slots__ = ()


class Lease:
    """The read-only connection of one operation's current level, and of the next one where that asks soon.

    `scope` is what is known of it: all, where there is no `reach` or something was read."""

    __slots__ = (
        "_alone",
        "_busy",
        "_connection",
        "_failure",
        "_pg",
        "_reach",
        "_settings",
        "_task",
        "_waiting",
        "scope",
    )

    def __init__(self, pg: Postgres, scope: Scope, reach: Reach | None = None) -> None:
        self._pg = pg
        self.scope = scope
        # None once it is part of the scope.
        self._reach = reach
        # Why it could not be read: whoever needs it is told the same, and the server is not asked again.
        self._failure: StoreUnavailable | None = None
        # Made when it is sent: what was read is in force in its own transaction.
        self._settings: str | None = None
        # Held while a statement runs, or waits for its turn.
        self._connection: Connection | None = None
        self._busy = False
        self._waiting: deque[_Asked] = deque()
        # Who asked first, and whether nobody else has: what one task asks after another waits for nobody.
        self._task: asyncio.Task[Any] | None = None
        self._alone = True

    @property
    def known(self) -> bool:
        """Whether `scope` is all of it."""
        return self._reach is None

    async def whole(self) -> Scope:
        """All of the scope; one store call where no statement took the question along. Raises StoreUnavailable."""
        if self._reach is not None:
            # Whoever is asked in the same turn and has a statement comes first.
            await asyncio.sleep(0)
        while self._reach is not None:
            if self._busy:
                await self._turn(_Asked(_Nothing))
                self._pass_on()
            else:
                await self.fetch(_Nothing, "select")
        return self.scope

    async def fetch(self, record: type[R], sql: str, *args: Any) -> list[R]:
        """Run one statement within this level's transaction; rows come as `record`. One store call."""
        task = asyncio.current_task()
        if self._task is None:
            self._task = task
        elif task is not self._task:
            self._alone = False
        # There may be others of this level, which have not asked yet.
        gather = not (self._busy or self._alone)
        if self._busy:
            found = await self._turn(_Asked(record, sql, args))
            if found is not None:
                return found
        self._busy = True
        pg = self._pg
        try:
            if self._failure is not None:
                raise self._failure
            if gather:
                # What they ask in this turn goes out with this.
                await asyncio.sleep(0)
            return await pg.circuit.read(partial(self._read, record, sql, args), pg.read_deadline)
        except StoreUnavailable as error:
            if self._reach is not None:
                self._failure = error
            self._fail_waiting(error)
            raise
        finally:
            self._pass_on()

    def over(self) -> None:
        """Nothing more will be asked: others may have the connection."""
        self._pg.warm.free(self)

    async def _turn(self, asked: _Asked) -> list[Any] | None:
        self._waiting.append(asked)
        try:
            return await asked.answer
        except asyncio.CancelledError:
            # Given up in the very turn in which it was ours.
            answer = asked.answer
            if answer.done() and not answer.cancelled() and answer.exception() is None and answer.result() is None:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                asked.answer.set_result(None)
                return
        self._busy = False
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pg.warm.keep(connection, self)

    def _fail_waiting(self, error: StoreUnavailable) -> None:
        """Whoever waits would wait as long for the same answer."""
        waiting, self._waiting = self._waiting, deque()
        for asked in waiting:
            if not asked.answer.done():
                asked.answer.set_exception(error)

    async def _read(self, record: type[R], sql: str, args: tuple[Any, ...], seconds: float) -> list[R]:
        """Each message to the server within `seconds`. What waits meanwhile goes along, and is answered too."""
        along: deque[_Asked] = deque()
        started = perf_counter()
        try:
            connection = self._connection or self._pg.warm.retake(self)
            if connection is None:
                connection = await self._begun(seconds)
            else:
                self._connection = connection
            if self._waiting:
                going = connection.take_along(record, sql, self._first_in_line())
                along = deque(self._waiting.popleft() for _ in range(going))
            started, rows = perf_counter(), 0
            try:
                found = await connection.rows(record, sql, args, seconds)
                rows = len(found)
            finally:
                count(StoreName.POSTGRESQL, started=started, rows=rows)
            if along:
                await self._answer(along, connection, started, seconds)
        except asyncio.CancelledError as given_up:
            self._put_back(along, started)
            self._drop(given_up)
            raise
        except Exception as error:
            self._put_back(along, started)
            returning = self._drop(error)
            if returning is not None:
                await asyncio.shield(returning)
            known = translated(error)
            if known is error:
                raise
            raise known from error
        return found

    def _first_in_line(self) -> list[tuple[type[Row], str, tuple[Any, ...]]]:
        """Those who wait for nothing but their rows."""
        first = []
        self._waiting = deque(asked for asked in self._waiting if not asked.answer.done())
        for asked in self._waiting:
            if asked.sql is None:
                break
            first.append((asked.record, asked.sql, asked.args))
        return first

    async def _answer(self, along: deque[_Asked], connection: Connection, started: float, seconds: float) -> None:
        """Give those who went along their rows. Where one fails, it and those behind it have their turns: of what it
        failed it fails again, and is told. Only who was too slow is not asked twice, and nobody behind."""
        while along:
            try:
                found = await connection.rows_along(seconds)
            except Exception as error:
                self._put_back(along, started)
                known = translated(error)
                if isinstance(known, StoreTimeout):
                    self._pg.circuit.failed(known)
                    self._fail_waiting(known)
                returning = self._drop(error)
                if returning is not None:
                    await asyncio.shield(returning)
                return
            count(StoreName.POSTGRESQL, started=started, rows=len(found))
            answer = along.popleft().answer
            if not answer.done():
                answer.set_result(found)

    def _put_back(self, along: deque[_Asked], started: float) -> None:
        """They went out and have no answer: they are first in line."""
        for _ in along:
            count(StoreName.POSTGRESQL, started=started, rows=0)
        self._waiting.extendleft(reversed(along))
        along.clear()

    async def _begun(self, seconds: float) -> Connection:
        """A connection in a new transaction with the scope. Repeatable read: one level sees one snapshot."""
        self._connection = connection = await self._pg.begun(seconds)
        if self._settings is None:
            self._settings = scope_settings(self.scope)
        connection.ahead(self._settings)
        if self._reach is not None:
            connection.ahead_for(self._reach.sql, self._reached)
        return connection

    def _reached(self, row: list[str]) -> None:
        if self._reach is not None:
            self.scope = self._reach.read(self.scope, [_ids(array) for array in row])
            self._settings = self._reach = None

    def _drop(self, failure: BaseException) -> asyncio.Future[None] | None:
        """Whatever the statement was, its transaction is over; what comes next begins another."""
        connection, self._connection = self._connection, None
        return self._pg.returned(connection, failure) if connection is not None else None


@lru_cache(maxsize=512)
def _ids(array: str) -> tuple[UUID, ...]:
    """The ids of an array as the server writes it: asyncpg's, as in every row. A viewer who asks again has the same
    ones, which are read once."""
    return tuple(map(UUID, array[1:-1].split(","))) if array != "{}" else ()
