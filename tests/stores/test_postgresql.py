"""Does the embedded PostgreSQL keep the promise, and what is its own?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from datadir.data_folder import DataFolder
from datadir.errors import StoreTimeout
from datadir.postgresql.client import CUT_DEADLINE, Postgres
from datadir.postgresql.embedded import OWNER, PostgresAddress
from datadir.postgresql.lease import scope_settings
from datadir.scope import ANONYMOUS, Scope
from tests.stores.postgres_fixture import Database
from tests.stores.postgresql_contract import PostgresContract
from tests.stores.postgresql_pool_contract import (
    DEADLINE,
    ONE,
    TURN,
    Number,
    Turn,
    all_idle,
    eventually,
    nothing_leaked,
)
from tests.stores.relay import Relay


class TestEmbeddedPostgreSQL(PostgresContract):
    """PostgreSQL 18, as `make run` starts it."""

    implementation = "PostgreSQL 18, embedded"

    async def test_a_level_is_begin_statements_commit(self, database: Database, held_folder: DataFolder) -> None:
        pg = await Postgres.open(database.dsn, min_size=1, max_size=1, read_deadline=5.0)
        [row] = await pg.read("select pg_backend_pid() as pid")
        log = Path(held_folder.path, "logs", "postgresql.log")
        async with self.statements_logged(database, pg):
            lease = pg.lease(Scope(user_id=uuid4(), role="student"))
            await asyncio.gather(*(lease.fetch(Number, f"select {n} as n") for n in range(3)))
            await all_idle(pg)
            await lease.fetch(Number, "select 3 as n")
            await all_idle(pg)
        await pg.close()
        lines = [line for line in log.read_text().splitlines() if f"[{row['pid']}]" in line and "LOG:  " in line]
        said = [line.split("LOG:  ", 1)[1].split(": ", 1)[1].split(";")[0] for line in lines]
        begin = ["begin isolation level repeatable read read only", scope_settings(lease.scope)]
        numbers = [f"select {n} as n" for n in range(4)]
        assert said[said.index(begin[0]) :] == [*begin, *numbers[:3], "commit", *begin, numbers[3], "commit"]

    @asynccontextmanager
    async def statements_logged(self, database: Database, pg: Postgres) -> AsyncIterator[None]:
        async def is_set() -> bool:
            return bool((await pg.read("select current_setting('log_statement') = 'all'"))[0][0])

        try:
            await database.owner.execute("alter system set log_statement = 'all'")
            await database.owner.execute("select pg_reload_conf()")
            await eventually(is_set)
            yield
        finally:
            await database.owner.execute("alter system reset log_statement")
            await database.owner.execute("select pg_reload_conf()")

    async def test_a_silent_server_costs_its_connection_and_not_the_pool(
        self, postgres_address: PostgresAddress, database: Database
    ) -> None:
        address = urlsplit(database.dsn)
        [folder] = parse_qs(address.query)["host"]
        relay = Relay(lambda: asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432"))
        async with relay.listening():
            through = f"postgresql://{OWNER}@127.0.0.1:{relay.port}{address.path}?sslmode=disable"
            pg = await Postgres.open(through, min_size=1, max_size=1, read_deadline=DEADLINE)
            lease = pg.lease(ANONYMOUS)
            [[before]] = await asyncio.gather(lease.fetch(Turn, TURN))
            relay.hush()
            async with asyncio.timeout(DEADLINE + CUT_DEADLINE + 5):
                with pytest.raises(StoreTimeout):
                    await lease.fetch(Number, ONE)
                with pytest.raises(StoreTimeout):
                    await pg.read(ONE)
            relay.speak()
            [[after]] = await asyncio.gather(lease.fetch(Turn, TURN))
            assert after.pid != before.pid
            await nothing_leaked(pg)
            await pg.close()


class TestScopeSettings:
    """The one place where text becomes SQL."""

    async def test_every_value_arrives_as_it_is(self, database: Database) -> None:
        teacher, classroom, taught = uuid4(), uuid4(), uuid4()
        email = "o'hara\\'; drop table users; --$1 %s ü@contract.test"
        scope = Scope(teacher, "teacher", (classroom, taught), (taught,), email)
        async with database.pg.transaction(scope) as tx:
            names = ["user_id", "role", "classroom_ids", "taught_ids", "login_email"]
            [row] = await tx.fetch("select " + ", ".join(f"current_setting('app.{name}')" for name in names))
        assert tuple(row) == (str(teacher), "teacher", f"{{{classroom},{taught}}}", f"{{{taught}}}", email)

    def test_a_role_that_is_no_word_is_nobodys(self) -> None:
        assert "'app.role','anonymous'" in scope_settings(Scope(role="x','');--"))
