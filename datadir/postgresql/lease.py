"""How does one operation read? One transaction after another, each with the viewer's scope in it.

What one level of an operation asks in the same turn of the event loop runs in turn, in one transaction: its statements
see one snapshot. Once nothing waits the connection stays at hand, its transaction open (`warm.py`): the next level goes
on in it without a message, unless that takes too long or somebody else needs the connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

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


class Lease:
    """The read-only connection of one operation's current level, and of the next one where that asks soon."""

    __slots__ = ("_busy", "_connection", "_pg", "_settings", "_turns", "_unset", "scope")

    def __init__(self, pg: Postgres, scope: Scope) -> None:
        self._pg = pg
        self.scope = scope
        self._settings = scope_settings(scope)
        # Held while a statement runs, or waits for its turn.
        self._connection: Connection | None = None
        self._busy = False
        self._turns: deque[asyncio.Future[None]] = deque()
        # Whether a transaction may be open that still has the scope of before.
        self._unset = False

    def widen(self, scope: Scope) -> None:
        """Read with this scope from now on. Whoever calls it waits for no statement of before."""
        self.scope = scope
        self._settings = scope_settings(scope)
        self._unset = True

    async def fetch(self, record: type[R], sql: str, *args: Any) -> list[R]:
        """Run one statement within this level's transaction; rows come as `record`. One store call."""
        if self._busy:
            await self._turn()
        self._busy = True
        pg = self._pg
        try:
            return await pg.circuit.read(partial(self._read, record, sql, args), pg.read_deadline)
        except StoreUnavailable as error:
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
                if self._unset:
                    connection.ahead(self._settings)
            self._unset = False
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
        connection.ahead(_BEGIN, self._settings)
        return connection

    def _drop(self, failure: BaseException) -> asyncio.Future[None] | None:
        """Whatever the statement was, its transaction is over; what comes next begins another."""
        connection, self._connection = self._connection, None
        return self._pg.returned(connection, failure) if connection is not None else None
