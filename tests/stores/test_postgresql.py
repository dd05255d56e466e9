"""Does the embedded PostgreSQL keep the promise, and do migrations bring any database to this program's schema?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured, StoreTimeout
from datadir.migrations import migrate
from datadir.postgresql.client import CUT_DEADLINE, Postgres, scope_settings
from datadir.postgresql.embedded import DATABASE, OWNER, PostgresAddress
from datadir.scope import ANONYMOUS, SYSTEM, Scope
from tests.stores.postgres_fixture import Database
from tests.stores.postgresql_contract import (
    DEADLINE,
    ONE,
    TURN,
    Number,
    PostgresContract,
    Turn,
    all_idle,
    eventually,
    nothing_leaked,
)
from tests.stores.relay import Relay


class TestEmbeddedPostgreSQL(PostgresContract):
    """PostgreSQL 18, as `make run` starts it."""

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
        begin = "begin isolation level repeatable read read only"
        whole = [begin, "select 0 as n", "select 1 as n", "select 2 as n", "commit", begin, "select 3 as n", "commit"]
        assert said[said.index(begin) :] == whole

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


class TestMigrations:
    """From nothing to this program's schema, and back."""

    @pytest_asyncio.fixture
    async def dsn(self, postgres_address: PostgresAddress) -> AsyncIterator[str]:
        """An empty database."""
        name = f"migrated_{uuid4().hex[:12]}"
        server = await asyncpg.connect(postgres_address.owner_dsn)
        await server.execute(f"create database {name}")
        yield postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?")
        await server.execute(f"drop database {name} with (force)")
        await server.close()

    async def test_ten_programs_that_start_at_once_migrate_once(self, dsn: str) -> None:
        assert sorted(await asyncio.gather(*(migrate.upgrade(dsn) for _ in range(10)))) == [False] * 9 + [True]

    async def test_up_down_and_up_again_with_data(self, dsn: str) -> None:
        assert await self._tables(dsn) == set()
        for _ in range(2):
            assert await migrate.upgrade(dsn) is True
            assert await migrate.upgrade(dsn) is False
            assert "users" in await self._tables(dsn)
            pg = await Postgres.open(dsn, min_size=1, max_size=1)
            async with pg.transaction(SYSTEM) as tx:
                insert = "insert into users (email, password_hash) values ('ada@contract.test', 'x')"
                assert await tx.execute(insert) == 1
            await pg.close()
            await migrate.upgrade(dsn, target="-base")
            assert await self._tables(dsn) == {"alembic_version"}

    async def test_the_models_are_the_migrated_schema(self, dsn: str) -> None:
        await migrate.upgrade(dsn)

        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(dsn)

        def differences(connection: Connection) -> list[object]:
            options = {"compare_type": True, "compare_server_default": True}
            context = MigrationContext.configure(connection, opts=options)
            return list(compare_metadata(context, migrate.metadata_of_all_tables()))

        engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        await engine.dispose()

    async def test_a_newer_database_is_refused_in_words(self, dsn: str) -> None:
        await migrate.upgrade(dsn)
        owner = await asyncpg.connect(dsn)
        await owner.execute("update alembic_version set version_num = '9999'")
        with pytest.raises(StoreMisconfigured) as refused:
            await migrate.upgrade(dsn)
        newest = migrate.head()
        assert str(refused.value) == (
            f"The database is at schema revision 9999, newer than this program's {newest}: update the program."
        )
        assert await owner.fetchval("select version_num from alembic_version") == "9999"
        await owner.close()

    async def test_a_user_who_may_not_change_the_schema_is_refused_in_words(self, dsn: str) -> None:
        app_dsn = dsn.replace(f"//{OWNER}@", "//studygraph_app@")
        with pytest.raises(StoreMisconfigured, match=r"^The database user may not change the schema: "):
            await migrate.upgrade(app_dsn)

    async def test_a_server_that_is_not_there_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(StoreMisconfigured, match=r"^PostgreSQL cannot be reached for migration: "):
            await migrate.upgrade(f"postgresql://nobody@/nowhere?host={tmp_path}")

    async def _tables(self, dsn: str) -> set[str]:
        owner = await asyncpg.connect(dsn)
        rows = await owner.fetch("select tablename from pg_tables where schemaname = 'public'")
        await owner.close()
        return {row["tablename"] for row in rows}
