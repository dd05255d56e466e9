"""What does every PostgreSQL promise where a level asks several things? One message, and to each its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.postgresql.lease import Lease
from datadir.postgresql.record import Row
from datadir.scope import ANONYMOUS, Scope
from tests.stores.postgres_fixture import Database
from tests.stores.postgresql_pool_contract import (
    DEADLINE,
    LOCK,
    ONE,
    PATIENCE,
    Number,
    PostgresPoolContract,
    all_idle,
    eventually,
    nothing_leaked,
)

BACKEND: Final = "select pg_backend_pid() as n"
SAME: Final = "select $1::int as n"
NEXT: Final = "select $1::int + 1 as n"
DIVIDED: Final = "select 60 / $1::int as n"
SLEEP: Final = "select 1 as n from pg_sleep($1)"
WAITS: Final = "select 1 as n from pg_advisory_xact_lock($1)"
BLOCKS: Final = "select n, $1::text as word from generate_series(1, $2) as n"
ROLE: Final = "select n, current_setting('app.role') as word from generate_series(1, $1::int) as n"
# What ends an answer on the wire, as a number in a row.
READY: Final = int.from_bytes(b"Z\0\0\0\5T\0\0")
LOOKALIKE: Final = "select $1::bigint as n"


class Word(Row):
    """A number and a word."""

    __slots__ = ()
    n: int
    word: str


class Writes:
    """A transport that counts what is written."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview) -> None:
        self.count += 1
        self._transport.write(data)


async def level(*asked: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """What is asked by tasks of their own in the same turn: a row's number, or what it failed of."""
    async with asyncio.timeout(PATIENCE):
        told = await asyncio.gather(*asked, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each[0].n for each in told]


class PostgresLevelContract(PostgresPoolContract):
    """`database` is a migrated database with the owner's connection."""

    @pytest_asyncio.fixture
    async def prepared(self, database: Database) -> AsyncIterator[Postgres]:
        """A pool of one connection that knows the statements."""
        pg = await Postgres.open(database.dsn, min_size=1, max_size=1, read_deadline=DEADLINE)
        lease = pg.lease(ANONYMOUS)
        for sql, value in [(ONE, None), (SAME, 1), (NEXT, 1), (DIVIDED, 1), (SLEEP, 0.0), (WAITS, 1), (LOOKALIKE, 1)]:
            await lease.fetch(Number, sql, *([] if value is None else [value]))
        await lease.fetch(Word, BLOCKS, "", 1)
        await lease.fetch(Word, ROLE, 1)
        lease.over()
        yield pg
        await pg.close()

    async def begun(self, pg: Postgres, scope: Scope = ANONYMOUS) -> Lease:
        """A lease that this task has asked something: the next level has tasks of its own."""
        lease = pg.lease(scope)
        await lease.fetch(Number, ONE)
        return lease

    async def writes(self, pg: Postgres) -> Writes:
        """What the one connection writes from now on."""
        connection: Any = await pg.acquire(PATIENCE)
        wire = connection._transport
        wire.transport = writes = Writes(wire.transport)
        await pg.give_back(connection)
        return writes

    async def test_what_a_level_asks_is_one_message(self, prepared: Postgres) -> None:
        writes = await self.writes(prepared)
        lease = await self.begun(prepared)
        assert writes.count == 1
        with kept() as ledger:
            told = await level(*(lease.fetch(Number, NEXT, n) for n in range(7)))
        assert told == [1, 2, 3, 4, 5, 6, 7]
        assert writes.count == 2
        assert ledger.stores[StoreName.POSTGRESQL].calls == 7, "the ledger counts statements"

    async def test_it_takes_the_transaction_and_its_scope_along_where_none_is_open(self, prepared: Postgres) -> None:
        lease = await self.begun(prepared, Scope(role="teacher"))
        await all_idle(prepared)
        writes = await self.writes(prepared)
        rows = await asyncio.gather(*(lease.fetch(Word, ROLE, n) for n in (1, 2, 3)))
        assert [[row.word for row in each] for each in rows] == [["teacher"] * n for n in (1, 2, 3)]
        assert writes.count == 1

    async def test_answers_of_any_size_come_to_whoever_asked(self, prepared: Postgres) -> None:
        # A megabyte takes longer than a read may, where others keep the machine busy.
        prepared.read_deadline = PATIENCE
        lease = await self.begun(prepared)
        sizes = [0, 1, 4_000, 0, 20_000, 2]
        told = await asyncio.gather(*(lease.fetch(Word, BLOCKS, str(n) * 20, n) for n in sizes))
        assert [(len(rows), {row.word for row in rows}) for rows in told] == [
            (n, {str(n) * 20} if n else set()) for n in sizes
        ]

    async def test_a_value_that_looks_like_the_end_of_an_answer_is_a_value(self, prepared: Postgres) -> None:
        lease = await self.begun(prepared)
        for _ in range(3):
            told = await level(*(lease.fetch(Number, LOOKALIKE, READY + n) for n in range(20)))
            assert told == [READY + n for n in range(20)]

    async def test_a_statement_that_is_met_for_the_first_time_goes_in_its_turn(self, prepared: Postgres) -> None:
        lease = await self.begun(prepared)
        new = "select $1::int * 100 as n"
        told = await level(*(lease.fetch(Number, sql, n) for n, sql in enumerate((SAME, NEXT, new, SAME, new, NEXT))))
        assert told == [0, 2, 200, 3, 400, 6]

    @pytest.mark.parametrize("place", [0, 1, 3])
    async def test_one_that_fails_fails_alone(self, prepared: Postgres, place: int) -> None:
        lease = await self.begun(prepared)
        [before] = await lease.fetch(Number, BACKEND)
        told = await level(*(lease.fetch(Number, DIVIDED, 0 if n == place else n + 1) for n in range(4)))
        assert isinstance(told.pop(place), asyncpg.DivisionByZeroError)
        assert told == [60 // (n + 1) for n in range(4) if n != place]
        assert [row.n for row in await lease.fetch(Number, BACKEND)] == [before.n], "it costs no connection"
        await nothing_leaked(prepared)

    @pytest.mark.parametrize("place", [0, 1, 3])
    async def test_one_whose_values_are_refused_fails_alone(self, prepared: Postgres, place: int) -> None:
        lease = await self.begun(prepared)
        told = await level(*(lease.fetch(Number, SAME, "one" if n == place else n) for n in range(4)))
        assert isinstance(told.pop(place), asyncpg.DataError)
        assert told == [n for n in range(4) if n != place]
        await nothing_leaked(prepared)

    @pytest.mark.parametrize("place", [0, 2, 3])
    async def test_one_that_hangs_costs_those_behind_it_and_nobody_before(
        self, prepared: Postgres, database: Database, place: int
    ) -> None:
        lease = await self.begun(prepared)
        [backend] = await lease.fetch(Number, BACKEND)
        statements: list[tuple[str, float]] = [(SAME, 1), (SAME, 2), (SAME, 3), (SAME, 4)]
        statements[place] = (SLEEP, 60.0)
        with kept() as ledger:
            told = await level(*(lease.fetch(Number, sql, value) for sql, value in statements))
        assert told[:place] == [1, 2, 3, 4][:place]
        assert [type(each) for each in told[place:]] == [StoreTimeout] * (4 - place)
        assert ledger.stores[StoreName.POSTGRESQL].calls == 4, "what was too slow once is not asked again"
        assert ledger.given_up == {StoreName.POSTGRESQL}
        at_work = "select 1 from pg_stat_activity where pid = $1 and state = 'active'"

        async def ended() -> bool:
            return not await database.owner.fetch(at_work, backend.n)

        await eventually(ended)
        assert await level(*(lease.fetch(Number, SAME, n) for n in range(3))) == [0, 1, 2]
        await nothing_leaked(prepared)

    @pytest.mark.parametrize("given_up", [0, 1, 2])
    async def test_whoever_gives_up_takes_nothing_from_the_others(
        self, database: Database, prepared: Postgres, given_up: int
    ) -> None:
        prepared.read_deadline = PATIENCE
        lease = await self.begun(prepared)
        async with self.held_lock(database):
            statements = [(SAME, 1), (WAITS, LOCK), (SAME, 3)]
            if given_up == 0:  # the first one, whose answer comes last
                statements[:2] = reversed(statements[:2])
            asked = [asyncio.create_task(lease.fetch(Number, sql, value)) for sql, value in statements]
            await eventually(lambda: self.waiting(database))
            asked[given_up].cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked[given_up]
        others = [task for task in asked if task is not asked[given_up]]
        left = [1 if sql == WAITS else value for sql, value in statements]
        del left[given_up]
        async with asyncio.timeout(PATIENCE):
            assert [rows[0].n for rows in await asyncio.gather(*others)] == left
        await nothing_leaked(prepared)

    @pytest.mark.parametrize("place", [0, 1])
    async def test_where_the_connection_is_killed_all_are_read_once_more(
        self, database: Database, prepared: Postgres, place: int
    ) -> None:
        prepared.read_deadline = PATIENCE
        lease = await self.begun(prepared)
        statements = [(SAME, 5), (SAME, 6)]
        statements.insert(place, (WAITS, LOCK))
        async with self.held_lock(database):
            with kept() as ledger:
                asked = asyncio.create_task(level(*(lease.fetch(Number, sql, value) for sql, value in statements)))
                await eventually(lambda: self.waiting(database))
            await self.kill_who_waits(database)
        assert await asked == [1 if sql == WAITS else value for sql, value in statements]
        assert ledger.stores[StoreName.POSTGRESQL].calls == 6 - place, "the ledger tells of both tries"
        await nothing_leaked(prepared)

    async def test_where_it_is_killed_twice_all_that_have_no_answer_are_told_so(
        self, database: Database, prepared: Postgres
    ) -> None:
        prepared.read_deadline = PATIENCE
        lease = await self.begun(prepared)
        async with self.held_lock(database):
            asked = asyncio.create_task(
                level(lease.fetch(Number, WAITS, LOCK), lease.fetch(Number, SAME, 2), lease.fetch(Number, SAME, 3))
            )
            for _ in range(2):
                await self.kill_who_waits(database)
        assert [type(each) for each in await asked] == [StoreUnavailable] * 3
        assert await level(*(lease.fetch(Number, SAME, n) for n in range(3))) == [0, 1, 2]
        await nothing_leaked(prepared)
