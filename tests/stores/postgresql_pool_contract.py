"""What does every PostgreSQL promise of its connections, embedded or real? Nobody keeps one, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from datadir.errors import Conflict, StoreTimeout, StoreUnavailable
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from datadir.postgresql.record import Row
from datadir.scope import ANONYMOUS, SYSTEM
from tests.stores.postgres_fixture import Database

DEADLINE = 0.4
# What a shared machine may add before a test says that something hung.
PATIENCE = 30.0
LOCK = 7_001

Opener = Callable[[int], AbstractAsyncContextManager[Postgres]]


class Turn(Row):
    """The connection and the transaction that a statement ran in; `began` is the transaction's first moment."""

    __slots__ = ()
    pid: int
    began: datetime


class Number(Row):
    """A number."""

    __slots__ = ()
    n: int


TURN = "select pg_backend_pid() as pid, now() as began"
ONE = "select 1 as n"
INSERT = "insert into users (id, email, password_hash, name) values ($1, $2, 'x', 'Ada')"
COUNT = "select count(*)::int as n from users where email = $1"


async def eventually(happened: Callable[[], Awaitable[object]]) -> None:
    """Wait until the server says that it has happened."""
    async with asyncio.timeout(PATIENCE):
        while not await happened():
            await asyncio.sleep(0.005)


async def all_idle(pg: Postgres) -> None:
    """Wait until whoever had a connection has given it back."""

    async def idle() -> bool:
        return pg.pool.get_idle_size() == pg.pool.get_size()

    await eventually(idle)


async def nothing_leaked(pg: Postgres) -> None:
    """Every connection that the pool may have can be had, and is in no transaction."""
    await all_idle(pg)
    size = pg.pool.get_max_size()
    held = [await pg.acquire(PATIENCE) for _ in range(size)]
    assert [connection.is_in_transaction() for connection in held] == [False] * size
    for connection in held:
        await pg.give_back(connection)


class PostgresPoolContract:
    """`database` is a migrated database with the owner's connection."""

    @pytest.fixture
    def opened(self, database: Database) -> Opener:
        """Opens a pool of some size with a short deadline."""

        @asynccontextmanager
        async def pool(size: int) -> AsyncIterator[Postgres]:
            pg = await Postgres.open(database.dsn, min_size=1, max_size=size, read_deadline=DEADLINE)
            try:
                yield pg
            finally:
                await pg.close()

        return pool

    @pytest_asyncio.fixture
    async def pg(self, opened: Opener) -> AsyncIterator[Postgres]:
        async with opened(4) as pg:
            yield pg

    @pytest.fixture
    def patient(self, database: Database) -> Postgres:
        """A pool whose statements may wait for somebody else."""
        return database.pg

    @asynccontextmanager
    async def held_lock(self, database: Database) -> AsyncIterator[None]:
        """While this is open, a statement that takes LOCK waits."""
        await database.owner.execute("select pg_advisory_lock($1)", LOCK)
        try:
            yield
        finally:
            await database.owner.execute("select pg_advisory_unlock($1)", LOCK)

    async def waiting(self, database: Database) -> bool:
        return bool(
            await database.owner.fetchval(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = $1", LOCK
            )
        )

    # Nothing leaks

    async def test_two_hundred_operations_that_are_given_up_leave_every_connection(
        self, pg: Postgres, database: Database
    ) -> None:
        email = f"{uuid4()}@contract.test"
        # Given up by whoever asked, not by the clock.
        pg.read_deadline = PATIENCE

        async def operation(nth: int) -> None:
            match nth % 4:
                case 0:
                    await pg.lease(ANONYMOUS).fetch(Number, "select 1 as n from pg_sleep(0.01)")
                case 1:
                    await pg.read("select 1 from pg_sleep(0.01)")
                case 2:
                    async with pg.transaction(SYSTEM) as tx:
                        await tx.execute(INSERT, uuid4(), f"{nth}-{email}")
                        await tx.fetch("select 1 from pg_sleep(0.2)")
                case _:
                    async with pg.transaction(SYSTEM) as tx:
                        await tx.execute(INSERT, uuid4(), f"{nth}-{email}")
                        await asyncio.Event().wait()

        for batch in range(10):
            tasks = [asyncio.create_task(operation(batch * 20 + nth)) for nth in range(20)]
            for turn in range(20):
                await asyncio.sleep(0)
                tasks[turn].cancel()
            if batch % 2:  # given up twice: while what the first time began is being cleared away
                await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*tasks, return_exceptions=True)
        await nothing_leaked(pg)
        async with pg.transaction(SYSTEM) as tx:
            assert (await tx.fetch("select count(*) from users where email like $1", f"%{email}"))[0][0] == 0

    async def test_a_transaction_commits_whole_or_not_at_all(self, pg: Postgres) -> None:
        whole, halved = f"{uuid4()}@contract.test", f"{uuid4()}@contract.test"
        async with pg.transaction(SYSTEM) as tx:
            assert await tx.execute(INSERT, uuid4(), whole) == 1

        async def give_up() -> None:
            async with pg.transaction(SYSTEM) as tx:
                await tx.execute(INSERT, uuid4(), halved)
                raise KeyError

        with pytest.raises(KeyError):
            await give_up()
        lease = pg.lease(SYSTEM)
        counts = await asyncio.gather(lease.fetch(Number, COUNT, whole), lease.fetch(Number, COUNT, halved))
        assert [rows[0].n for rows in counts] == [1, 0]
        await nothing_leaked(pg)

    async def test_a_taken_key_is_a_conflict_that_names_the_constraint(self, pg: Postgres) -> None:
        email = f"{uuid4()}@contract.test"
        async with pg.transaction(SYSTEM) as tx:
            await tx.execute(INSERT, uuid4(), email)
        with pytest.raises(Conflict, match=r"^users_email_key is taken$") as taken:
            async with pg.transaction(SYSTEM) as tx:
                await tx.execute(INSERT, uuid4(), email)
        assert taken.value.constraint == "users_email_key"
        assert isinstance(taken.value.__cause__, asyncpg.UniqueViolationError)
        await nothing_leaked(pg)

    # Connections that end

    async def kill_who_waits(self, database: Database) -> None:
        await eventually(lambda: self.waiting(database))
        await database.owner.execute(
            "select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and not granted"
        )

    def asked_of_a_lease(self, patient: Postgres) -> list[asyncio.Task[list[Number]]]:
        """One statement that waits for the lock and one behind it."""
        lease = patient.lease(ANONYMOUS)
        return [
            asyncio.create_task(lease.fetch(Number, "select 1 as n from pg_advisory_xact_lock($1)", LOCK)),
            asyncio.create_task(lease.fetch(Number, ONE)),
        ]

    async def test_a_level_whose_connection_is_killed_is_read_once_more_on_another(
        self, patient: Postgres, database: Database
    ) -> None:
        async with self.held_lock(database):
            with kept() as book:
                asked = self.asked_of_a_lease(patient)
            await self.kill_who_waits(database)
        assert [[row.n for row in rows] for rows in await asyncio.gather(*asked)] == [[1], [1]]
        assert book.stores[StoreName.POSTGRESQL].calls == 3, "the ledger tells of both tries"
        await nothing_leaked(patient)

    async def test_a_level_whose_connection_is_killed_twice_is_an_outage_and_the_next_read_works(
        self, patient: Postgres, database: Database
    ) -> None:
        async with self.held_lock(database):
            asked = self.asked_of_a_lease(patient)
            await self.kill_who_waits(database)
            await self.kill_who_waits(database)
            told = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in told] == [StoreUnavailable, StoreUnavailable]
        assert [row.n for row in await patient.lease(ANONYMOUS).fetch(Number, ONE)] == [1]
        await nothing_leaked(patient)

    async def test_a_connection_that_is_killed_in_a_transaction_leaves_nothing(
        self, pg: Postgres, database: Database
    ) -> None:
        email = f"{uuid4()}@contract.test"

        async def be_killed() -> None:
            async with pg.transaction(SYSTEM) as tx:
                await tx.execute(INSERT, uuid4(), email)
                [row] = await tx.fetch("select pg_backend_pid()")
                await database.owner.execute("select pg_terminate_backend($1, 5000)", row[0])
                await tx.fetch(ONE)

        with pytest.raises(StoreUnavailable):
            await be_killed()
        assert [row.n for row in await pg.lease(SYSTEM).fetch(Number, COUNT, email)] == [0]
        await nothing_leaked(pg)

    # SQLAlchemy

    async def test_sqlalchemy_borrows_from_the_pool_and_gives_back(self, opened: Opener) -> None:
        async with opened(1) as pg:
            [row] = await pg.read("select pg_backend_pid()")
            async with pg.engine.connect() as connection:
                assert (await connection.execute(text("select pg_backend_pid()"))).scalar_one() == row[0]
                with pytest.raises(StoreTimeout):
                    await pg.read(ONE)
            assert [row["n"] for row in await pg.read(ONE)] == [1]
            with pytest.raises(DBAPIError):
                async with pg.engine.begin() as connection:
                    await connection.execute(text("select 1 / 0"))
            async with pg.engine.connect() as connection:
                assert (await connection.execute(text("select current_user"))).scalar_one() == "studygraph_app"
                assert (await connection.execute(text("select count(*) from users"))).scalar_one() == 0
            assert pg.pool.get_size() == 1
            await nothing_leaked(pg)

    async def test_after_sqlalchemy_a_lease_reads_json_as_before(self, opened: Opener) -> None:
        async with opened(1) as pg:
            document = "select '{\"a\": 1}'::jsonb as n"
            before = await pg.lease(ANONYMOUS).fetch(Number, document)
            async with pg.engine.connect() as connection:
                assert (await connection.execute(text("select '[1]'::jsonb"))).scalar_one() == [1]
            after = await pg.lease(ANONYMOUS).fetch(Number, document)
            assert [row.n for row in (*before, *after)] == ['{"a": 1}', '{"a": 1}']

    async def test_where_the_pool_is_full_sqlalchemy_is_told_in_our_words(self, opened: Opener) -> None:
        async with opened(1) as pg:
            held = await pg.acquire(pg.read_deadline)
            with pytest.raises(StoreTimeout):
                await pg.engine.connect()
            await pg.give_back(held)
