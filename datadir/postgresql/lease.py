"""How does one operation read? One transaction after another, each with the viewer's scope in it.

What one level of an operation asks in the same turn of the event loop runs in turn, in one transaction: its statements
see one snapshot. Once nothing waits the connection stays at hand, its transaction open (`warm.py`): the next level goes
on in it without a message, unless that takes too long or somebody else needs the connection.

What a viewer may reach stands in tables too. The first statement takes the question for it along: on the server it is
in force before that statement runs, here it is known once that is answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asyncpg.pgproto.pgproto import UUID

from datadir.errors import StoreUnavailable
from datadir.ledger import count
from datadir.names import StoreName
from datadir.postgresql.errors import translated
from datadir.postgresql.record import Row
from datadir.scope import Scope

if TYPE_CHECKING:
    from datadir.postgresql.client import Postgres
    from datadir.postgresql.wire import Connection

R = TypeVar("R", bound=Row)

_BEGIN = "begin isolation level repeatable read read only"


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


class _Nothing(Row):
    """A row without columns."""

    __slots__ = ()


class Lease:
    """The read-only connection of one operation's current level, and of the next one where that asks soon.

    `scope` is what is known of it: all, where there is no `reach` or something was read."""

    __slots__ = ("_busy", "_connection", "_failure", "_pg", "_reach", "_settings", "_turns", "scope")

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
        self._turns: deque[asyncio.Future[None]] = deque()

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
                await self._turn()
                self._pass_on()
            else:
                await self.fetch(_Nothing, "select")
        return self.scope

    async def fetch(self, record: type[R], sql: str, *args: Any) -> list[R]:
        """Run one statement within this level's transaction; rows come as `record`. One store call."""
        if self._busy:
            await self._turn()
        self._busy = True
        if self._failure is not None:
            self._pass_on()
            raise self._failure
        pg = self._pg
        try:
            return await pg.circuit.read(partial(self._read, record, sql, args), pg.read_deadline)
        except StoreUnavailable as error:
            if self._reach is not None:
                self._failure = error
            # Whoever waits behind would wait as long for the same answer.
            turns, self._turns = self._turns, deque()
            for turn in turns:
                if not turn.done():
                    turn.set_exception(error)
            raise
        finally:
            self._pass_on()

    def over(self) -> None:
        """Nothing more will be asked: others may have the connection."""
        self._pg.warm.free(self)

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Given up in the very turn in which it was ours.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pg.warm.keep(self, connection)

    async def _read(self, record: type[R], sql: str, args: tuple[Any, ...], seconds: float) -> list[R]:
        """Each message to the server within `seconds`."""
        try:
            connection = self._connection or self._pg.warm.retake(self)
            if connection is None:
                connection = await self._begun(seconds)
            else:
                self._connection = connection
            started, rows = perf_counter(), 0
            try:
                found = await connection.rows(record, sql, args, seconds)
                rows = len(found)
            finally:
                count(StoreName.POSTGRESQL, started=started, rows=rows)
        except asyncio.CancelledError as given_up:
            self._drop(given_up)
            raise
        except Exception as error:
            returning = self._drop(error)
            if returning is not None:
                await asyncio.shield(returning)
            known = translated(error)
            if known is error:
                raise
            raise known from error
        return found

    async def _begun(self, seconds: float) -> Connection:
        """A connection in a new transaction with the scope. Repeatable read: one level sees one snapshot."""
        connection = await self._pg.taken(seconds)
        self._connection = connection
        if self._settings is None:
            self._settings = scope_settings(self.scope)
        connection.ahead(_BEGIN, self._settings)
        if self._reach is not None:
            connection.ahead_for(self._reach.sql, self._reached)
        return connection

    def _reached(self, row: list[str]) -> None:
        if self._reach is not None:
            self.scope = self._reach.read(self.scope, _ids(row))
            self._settings = self._reach = None

    def _drop(self, failure: BaseException) -> asyncio.Future[None] | None:
        """Whatever the statement was, its transaction is over; what comes next begins another."""
        connection, self._connection = self._connection, None
        return self._pg.returned(connection, failure) if connection is not None else None


def _ids(arrays: Sequence[str]) -> list[tuple[UUID, ...]]:
    """The ids of arrays as the server writes them; the same object where one stands in several."""
    made: dict[str, UUID] = {}
    found = []
    for array in arrays:
        texts = array[1:-1].split(",") if array != "{}" else []
        for text in texts:
            if text not in made:
                # asyncpg's, as in every row: a tenth of the time of Python's own.
                made[text] = UUID(text)
        found.append(tuple([made[text] for text in texts]))
    return found
