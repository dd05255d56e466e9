"""What does every PostgreSQL promise, embedded or real? Leases, deadlines, the ledger, and what the pool promises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import pytest

from datadir.errors import StoreTimeout
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.postgresql.client import CUT_DEADLINE, Postgres
from datadir.postgresql.lease import Reach
from datadir.postgresql.opening import RECYCLE, pooled
from datadir.postgresql.record import Row
from datadir.scope import ANONYMOUS, SYSTEM, Scope
from tests.stores.postgres_fixture import Database
from tests.stores.postgresql_level_contract import PostgresLevelContract
from tests.stores.postgresql_pool_contract import (
    COUNT,
    DEADLINE,
    INSERT,
    LOCK,
    ONE,
    PATIENCE,
    TURN,
    Number,
    Opener,
    Turn,
    all_idle,
    eventually,
    nothing_leaked,
)


class Settings(Row):
    """A setting in a transaction, whose first moment `began` is."""

    __slots__ = ()
    began: datetime
    setting: str


class Setting(Row):
    """A setting alone."""

    __slots__ = ()
    setting: str


ROOMS: Final = "select current_setting('app.classroom_ids') as setting"


def reaching(classrooms: Sequence[UUID], taught: Sequence[UUID]) -> Reach:
    """What reaches these: a question whose answer is known."""
    arrays = [f"'{{{','.join(map(str, each))}}}'" for each in (classrooms, taught)]
    sql = f"select set_config('app.classroom_ids', {arrays[0]}, true), set_config('app.taught_ids', {arrays[1]}, true)"
    return Reach(sql, lambda scope, ids: Scope(scope.user_id, scope.role, *ids))


class PostgresContract(PostgresLevelContract):
    """`database` is a migrated database with the owner's connection."""

    # Leases

    async def test_what_is_asked_in_one_turn_shares_one_transaction(self, pg: Postgres) -> None:
        lease = pg.lease(ANONYMOUS)
        first = await asyncio.gather(*(lease.fetch(Turn, TURN) for _ in range(5)))
        assert len({(row.pid, row.began) for [row] in first}) == 1
        await all_idle(pg)
        [later] = await lease.fetch(Turn, TURN)
        assert later.began > first[0][0].began, "a lease that nobody asks holds nothing"
        assert pg.pool.get_size() == 1

    async def test_answers_come_to_whoever_asked(self, pg: Postgres) -> None:
        lease = pg.lease(ANONYMOUS)
        answers = await asyncio.gather(*(lease.fetch(Number, "select $1::int as n", n) for n in range(50)))
        assert [[row.n for row in rows] for rows in answers] == [[n] for n in range(50)]
        assert await lease.fetch(Number, "select 1 as n where false") == []

    async def test_the_statements_of_a_level_see_one_snapshot(self, patient: Postgres, database: Database) -> None:
        lease, email = patient.lease(SYSTEM), f"{uuid4()}@contract.test"
        async with self.held_lock(database):
            level = asyncio.gather(
                lease.fetch(Number, COUNT, email),
                lease.fetch(Number, "select 1 as n from pg_advisory_xact_lock($1)", LOCK),
                lease.fetch(Number, COUNT, email),
            )
            await eventually(lambda: self.waiting(database))
            await database.owner.execute("set app.role = 'system'")
            await database.owner.execute(INSERT, uuid4(), email)
            await database.owner.execute("reset app.role")
        assert [rows[0].n for rows in await level] == [0, 1, 0]
        await all_idle(patient)
        assert [row.n for row in await lease.fetch(Number, COUNT, email)] == [1]

    async def test_a_failing_statement_fails_alone(self, pg: Postgres) -> None:
        lease = pg.lease(ANONYMOUS)
        before, division, word, after = await asyncio.gather(
            lease.fetch(Number, ONE),
            lease.fetch(Number, "select 1 / 0 as n"),
            lease.fetch(Number, "select $1::int as n", "one"),
            lease.fetch(Number, ONE),
            return_exceptions=True,
        )
        assert [rows[0].n for rows in (before, after)] == [1, 1]  # type: ignore[index]
        assert isinstance(division, asyncpg.DivisionByZeroError)
        assert isinstance(word, asyncpg.DataError), "a value that its parameter does not take is no outage"
        await nothing_leaked(pg)

    async def test_a_lease_writes_nothing(self, pg: Postgres, database: Database) -> None:
        email = f"{uuid4()}@contract.test"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pg.lease(SYSTEM).fetch(Number, INSERT, uuid4(), email)
        assert [row.n for row in await pg.lease(SYSTEM).fetch(Number, COUNT, email)] == [0]

    async def test_whoever_gives_up_keeps_nobody_waiting(self, patient: Postgres, database: Database) -> None:
        lease = patient.lease(ANONYMOUS)
        async with self.held_lock(database):
            given_up = asyncio.create_task(lease.fetch(Number, "select 1 as n from pg_advisory_xact_lock($1)", LOCK))
            never_run = asyncio.create_task(lease.fetch(Number, "select 1 / 0 as n"))
            other = asyncio.create_task(lease.fetch(Number, ONE))
            await eventually(lambda: self.waiting(database))
            given_up.cancel()
            never_run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
        assert [row.n for row in await other] == [1]
        assert [row.n for row in await lease.fetch(Number, ONE)] == [1]
        await nothing_leaked(patient)

    async def test_a_turn_that_comes_to_somebody_who_has_just_given_up_goes_on(self, pg: Postgres) -> None:
        lease = pg.lease(ANONYMOUS)

        async def asks() -> list[Number]:
            rows = await lease.fetch(Number, ONE)
            # Its turn has come already, and it does not know yet.
            given_up.cancel()
            return rows

        first = asyncio.create_task(asks())
        await asyncio.sleep(0)
        given_up = asyncio.create_task(lease.fetch(Number, "select 2 as n"))
        last = asyncio.create_task(lease.fetch(Number, "select 3 as n"))
        async with asyncio.timeout(PATIENCE):
            assert [[row.n for row in await each] for each in (first, last)] == [[1], [3]]
        assert given_up.cancelled()
        await nothing_leaked(pg)

    # From level to level

    async def test_the_next_level_goes_on_in_the_same_transaction_where_it_comes_soon(self, pg: Postgres) -> None:
        lease = pg.lease(ANONYMOUS)
        pg.warm.seconds = PATIENCE
        [first] = await lease.fetch(Turn, TURN)
        await asyncio.sleep(0.05)
        [second] = await lease.fetch(Turn, TURN)
        assert (second.pid, second.began) == (first.pid, first.began)
        await pg.warm.close()
        [later] = await lease.fetch(Turn, TURN)
        assert later.began > first.began

    # What belongs to a scope and stands in tables

    async def test_the_first_statement_takes_the_question_for_the_scope_along(self, pg: Postgres) -> None:
        room, other = uuid4(), uuid4()
        lease = pg.lease(Scope(uuid4(), "student"), reaching([room, other], [other]))
        assert (lease.known, lease.scope.classroom_ids) == (False, ())
        with kept() as calls:
            [(classrooms,)] = await lease.fetch(Setting, ROOMS)
        assert classrooms == f"{{{room},{other}}}", "it is in force before that statement runs"
        assert (lease.known, lease.scope.classroom_ids, lease.scope.taught_ids) == (True, (room, other), (other,))
        assert calls.stores[StoreName.POSTGRESQL].calls == 1
        await pg.warm.close()
        [(again,)] = await lease.fetch(Setting, ROOMS)
        assert again == classrooms, "what comes in another transaction has it too"

    async def test_a_connection_parses_the_question_once(self, opened: Opener) -> None:
        parsed = "select count(*)::int as n from pg_prepared_statements where name like 'ahead%'"
        async with opened(1) as pg:
            for room in (uuid4(), uuid4()):
                for _ in range(3):
                    lease = pg.lease(ANONYMOUS, reaching([room], []))
                    await lease.fetch(Setting, ROOMS)
                    assert lease.scope.classroom_ids == (room,)
            [row] = await pg.lease(ANONYMOUS).fetch(Number, parsed)
            assert row.n == 2

    async def test_a_scope_is_known_also_where_the_first_statement_fails(self, pg: Postgres) -> None:
        room = uuid4()
        lease = pg.lease(ANONYMOUS, reaching([room], []))
        with pytest.raises(asyncpg.DivisionByZeroError):
            await lease.fetch(Number, "select 1 / 0 as n")
        assert (lease.known, lease.scope.classroom_ids) == (True, (room,))
        [(classrooms,)] = await lease.fetch(Setting, ROOMS)
        assert classrooms == f"{{{room}}}"

    async def test_where_the_question_fails_the_statement_does_and_the_connection_is_no_worse(
        self, opened: Opener
    ) -> None:
        async with opened(1) as pg:
            lease = pg.lease(ANONYMOUS, Reach("select (1 / (select 0))::text", lambda scope, ids: scope))
            for _ in range(2):
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await lease.fetch(Setting, ROOMS)
                assert not lease.known
            room = uuid4()
            [(classrooms,)] = await pg.lease(ANONYMOUS, reaching([room], [])).fetch(Setting, ROOMS)
            assert classrooms == f"{{{room}}}"
            await nothing_leaked(pg)

    async def test_a_whole_scope_costs_nothing_beside_a_statement_and_one_call_without(self, pg: Postgres) -> None:
        room = uuid4()
        for count in (0, 1, 3):
            lease = pg.lease(ANONYMOUS, reaching([room], []))
            with kept() as calls:
                # Whoever needs it came first.
                scopes = asyncio.gather(lease.whole(), lease.whole())
                await asyncio.gather(*(lease.fetch(Setting, ROOMS) for _ in range(count)))
                assert [scope.classroom_ids for scope in await scopes] == [(room,)] * 2
            assert calls.stores[StoreName.POSTGRESQL].calls == max(count, 1)

    async def test_who_has_no_more_to_read_has_the_whole_scope_at_once(self, pg: Postgres) -> None:
        scope = Scope(uuid4(), "teacher")
        with kept() as calls:
            assert await pg.lease(scope).whole() is scope
        assert calls.stores == {}

    async def test_whoever_takes_the_last_connection_reads_with_a_scope_of_its_own(self, opened: Opener) -> None:
        role = "select now() as began, current_setting('app.role') as setting"
        async with opened(1) as pg:
            student, teacher = (pg.lease(Scope(user_id=uuid4(), role=each)) for each in ("student", "teacher"))
            [first] = await student.fetch(Settings, role)
            [taken] = await teacher.fetch(Settings, role)
            [again] = await student.fetch(Settings, role)
            [last] = await teacher.fetch(Settings, role)
            assert [each.setting for each in (first, taken, again, last)] == ["student", "teacher"] * 2
            assert len({each.began for each in (first, taken, again, last)}) == 4
            await nothing_leaked(pg)

    async def test_where_a_lease_is_over_the_next_goes_on_with_its_connection(self, pg: Postgres) -> None:
        pg.warm.seconds = PATIENCE
        over, next_one = pg.lease(ANONYMOUS), pg.lease(ANONYMOUS)
        [first] = await over.fetch(Turn, TURN)
        over.over()
        [second] = await next_one.fetch(Turn, TURN)
        assert second.pid == first.pid
        assert second.began > first.began
        [third] = await over.fetch(Turn, TURN)
        assert third.pid != second.pid, "whoever is over and asks all the same begins anew"
        await pg.warm.close()
        await nothing_leaked(pg)

    async def test_what_goes_on_with_a_connection_has_a_snapshot_of_its_own_and_nothing_of_the_viewer_before(
        self, pg: Postgres
    ) -> None:
        pg.warm.seconds = PATIENCE
        sql = """select now() as began, concat_ws(' ', current_setting('transaction_isolation'),
            current_setting('transaction_read_only'), current_setting('app.role'),
            current_setting('app.login_email', true)) as setting"""
        said = []
        for scope in (Scope(role="teacher", login_email="ada@contract.test"), ANONYMOUS, Scope(role="student")):
            lease = pg.lease(scope)
            said += await lease.fetch(Settings, sql)
            lease.over()
        assert [row.setting.strip() for row in said] == [
            "repeatable read on teacher ada@contract.test",
            "repeatable read on anonymous",
            "repeatable read on student",
        ]
        assert said[0].began < said[1].began < said[2].began
        assert pg.pool.get_size() == 1
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pg.lease(SYSTEM).fetch(Number, INSERT, uuid4(), "ada@contract.test")
        await pg.warm.close()
        await nothing_leaked(pg)

    async def test_what_a_statement_alone_or_a_transaction_leaves_is_taken_without_the_pool(self, pg: Postgres) -> None:
        pg.warm.seconds = PATIENCE
        sql = "select pg_backend_pid() as pid, now() as began, current_setting('transaction_read_only') as setting"
        [alone] = await pg.read(sql)
        assert pg.pool.get_idle_size() == 0, "the pool has not got it back"
        [level] = await pg.lease(ANONYMOUS).fetch(Turn, TURN)
        assert level.pid == alone["pid"]
        async with pg.transaction(SYSTEM) as tx:
            [writing] = await tx.fetch(sql)
        lease = pg.lease(ANONYMOUS)
        [reading] = await lease.fetch(Settings, "select now() as began, current_setting('transaction_read_only') as s")
        lease.over()
        [again] = await pg.read(sql)
        assert [writing["setting"], reading.setting, again["setting"]] == ["off", "on", "off"]
        assert writing["pid"] == again["pid"] != level.pid, "the lease that is not over keeps its own"
        assert pg.pool.get_size() == 2
        await pg.warm.close()
        await nothing_leaked(pg)

    # Row security

    async def test_without_a_viewer_there_are_no_rows_and_with_one_there_are(self, pg: Postgres) -> None:
        identity, email = uuid4(), f"{uuid4()}@contract.test"
        async with pg.transaction(SYSTEM) as tx:
            await tx.execute(INSERT, identity, email)
        bare = await pg.read(COUNT, email)
        viewers = (ANONYMOUS, Scope(user_id=uuid4(), role="student"), Scope(user_id=identity, role="student"), SYSTEM)
        found = [(await pg.lease(viewer).fetch(Number, COUNT, email))[0].n for viewer in viewers]
        assert (bare[0]["n"], found) == (0, [0, 0, 1, 1])

    async def test_a_row_of_somebody_else_is_refused(self, pg: Postgres) -> None:
        email = f"{uuid4()}@contract.test"

        async def insert_another() -> None:
            async with pg.transaction(Scope(user_id=uuid4(), role="student")) as tx:
                await tx.execute(INSERT, uuid4(), email)

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert_another()
        assert [row.n for row in await pg.lease(SYSTEM).fetch(Number, COUNT, email)] == [0]
        await nothing_leaked(pg)

    async def test_the_viewer_is_gone_after_the_transaction(self, opened: Opener) -> None:
        viewer, setting = Scope(user_id=uuid4(), role="student"), "select current_setting('app.user_id', true) as said"
        async with opened(1) as pg:
            async with pg.transaction(viewer) as tx:
                assert (await tx.fetch(setting))[0]["said"] == str(viewer.user_id)
            # An empty text, and not null: policies ask by `nullif`.
            assert (await pg.read(setting))[0]["said"] == ""

    # Deadlines

    async def test_a_hung_statement_is_over_at_its_deadline_and_costs_its_connection(
        self, pg: Postgres, database: Database
    ) -> None:
        lease = pg.lease(ANONYMOUS)
        [[before]] = await asyncio.gather(lease.fetch(Turn, TURN))
        started = perf_counter()
        hung, behind = await asyncio.gather(
            lease.fetch(Number, "select 1 as n from pg_sleep(60)"), lease.fetch(Number, ONE), return_exceptions=True
        )
        assert DEADLINE <= perf_counter() - started < DEADLINE + 2
        assert [type(each) for each in (hung, behind)] == [StoreTimeout, StoreTimeout]
        [[after]] = await asyncio.gather(lease.fetch(Turn, TURN))
        assert after.pid != before.pid
        alive = "select 1 from pg_stat_activity where pid = $1"
        await eventually(lambda: self.none(database, alive, before.pid))
        await nothing_leaked(pg)

    async def none(self, database: Database, sql: str, *args: object) -> bool:
        return not await database.owner.fetch(sql, *args)

    @pytest.mark.parametrize("way", ["read", "transaction"])
    async def test_outside_a_lease_a_hung_statement_is_over_at_its_deadline_too(self, pg: Postgres, way: str) -> None:
        [before] = await pg.read("select pg_backend_pid()")

        async def hang() -> None:
            if way == "read":
                await pg.read("select pg_sleep(60)")
            async with pg.transaction(SYSTEM) as tx:
                tx.deadline = DEADLINE
                await tx.fetch("select pg_sleep(60)")

        started = perf_counter()
        with pytest.raises(StoreTimeout):
            await hang()
        assert DEADLINE <= perf_counter() - started < DEADLINE + CUT_DEADLINE + 2
        [after] = await pg.read("select pg_backend_pid()")
        assert after[0] != before[0]
        await nothing_leaked(pg)

    async def test_a_full_pool_is_waited_for_until_the_deadline(self, opened: Opener) -> None:
        async with opened(1) as pg:
            held = await pg.acquire(pg.read_deadline)
            told = await asyncio.gather(pg.lease(ANONYMOUS).fetch(Number, ONE), pg.read(ONE), return_exceptions=True)
            assert [type(each) for each in told] == [StoreTimeout, StoreTimeout]
            waiting = asyncio.create_task(pg.read(ONE))
            await asyncio.sleep(0)
            await pg.give_back(held)
            assert [row["n"] for row in await waiting] == [1]

    async def test_a_connection_whose_hour_is_over_is_replaced_when_it_comes_back(self, database: Database) -> None:
        async def backends(recycle: float) -> int:
            pool = await pooled(database.dsn, min_size=1, max_size=1, recycle=recycle)
            pg = Postgres(pool, read_deadline=PATIENCE)
            seen = {(await pg.read("select pg_backend_pid()"))[0][0] for _ in range(3)}
            await pg.close()
            return len(seen)

        assert RECYCLE == 3600
        assert (await backends(RECYCLE), await backends(0.0)) == (1, 3)

    # The ledger

    async def test_the_ledger_counts_statements_and_not_the_transaction_around_them(self, pg: Postgres) -> None:
        lease, email = pg.lease(ANONYMOUS), f"{uuid4()}@contract.test"
        with kept() as ledger:
            await asyncio.gather(*(lease.fetch(Number, "select generate_series(1, 3) as n") for _ in range(4)))
        assert (ledger.stores[StoreName.POSTGRESQL].calls, ledger.stores[StoreName.POSTGRESQL].rows) == (4, 12)
        with kept() as ledger:
            async with pg.transaction(SYSTEM) as tx:
                await tx.execute(INSERT, uuid4(), email)
                await tx.executemany(INSERT, [(uuid4(), f"{n}-{email}") for n in range(10)])
            await pg.read("select generate_series(1, 2)", store=StoreName.CASSANDRA)
        shape = {store: (entry.calls, entry.rows) for store, entry in ledger.stores.items()}
        assert shape == {StoreName.POSTGRESQL: (2, 1), StoreName.CASSANDRA: (1, 2)}

    async def test_a_statement_that_fails_was_asked_too(self, pg: Postgres) -> None:
        lease = pg.lease(Scope())
        with kept() as ledger:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await lease.fetch(Number, "select 1 / 0 as n")
            with pytest.raises(StoreTimeout):
                await lease.fetch(Number, "select 1 as n from pg_sleep(60)")
        assert ledger.stores[StoreName.POSTGRESQL].calls == 2
        assert ledger.stores[StoreName.POSTGRESQL].rows == 0
