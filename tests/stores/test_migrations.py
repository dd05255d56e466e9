"""Do migrations keep their promise on the embedded PostgreSQL, and who may run them?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured
from datadir.migrations import migrate
from datadir.postgresql.client import Postgres
from datadir.postgresql.embedded import DATABASE, OWNER, PostgresAddress
from datadir.scope import SYSTEM
from tests.stores.migrations_contract import MigrationsContract, connected

FILES = Path(migrate.HERE.parent, "postgresql")
INIT = FILES / "init.sql"


@asynccontextmanager
async def empty_database(address: PostgresAddress, owner: str = OWNER) -> AsyncIterator[str]:
    """A new database, as its owner."""
    name = f"migrated_{uuid4().hex[:12]}"
    async with connected(address.owner_dsn) as server:
        await server.execute(f"create database {name} owner {owner}")
        yield address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?").replace(f"//{OWNER}@", f"//{owner}@")
        await server.execute(f"drop database {name} with (force)")


class TestOnEmbeddedPostgreSQL(MigrationsContract):
    """PostgreSQL 18, as `make run` starts it."""

    implementation = "PostgreSQL 18, embedded"

    @pytest_asyncio.fixture
    async def dsn(self, postgres_address: PostgresAddress) -> AsyncIterator[str]:
        async with empty_database(postgres_address) as dsn:
            yield dsn

    @pytest_asyncio.fixture
    async def beside(self, postgres_address: PostgresAddress) -> AsyncIterator[str]:
        async with empty_database(postgres_address) as dsn:
            yield dsn

    async def test_what_only_a_superuser_may_do_is_done_before(self, postgres_address: PostgresAddress) -> None:
        async with connected(postgres_address.owner_dsn) as server:
            await server.execute("create role ordinary login")
            try:
                async with empty_database(postgres_address, owner="ordinary") as dsn:
                    with pytest.raises(StoreMisconfigured) as refused:
                        await migrate.upgrade(dsn)
                    assert str(refused.value) == (
                        'The database user may not change the schema: permission denied to create extension "vector" '
                        "(what takes a superuser, datadir/postgresql/init.sql does before)."
                    )
                    async with connected(dsn.replace("//ordinary@", f"//{OWNER}@")) as superuser:
                        for _ in range(2):
                            await superuser.execute(INIT.read_text(encoding="utf-8"))
                    assert await migrate.upgrade(dsn) is True
                    await self.writes_and_reads(dsn)
            finally:
                await server.execute("drop role ordinary")

    async def writes_and_reads(self, dsn: str) -> None:
        pg = await Postgres.open(dsn, min_size=1, max_size=1)
        async with pg.transaction(SYSTEM) as tx:
            insert = "insert into users (email, password_hash) values ('ada@contract.test', 'x')"
            assert await tx.execute(insert) == 1
            assert await tx.execute("insert into notes (user_id, type, content) select id, 'x', 'y' from users") == 1
        assert await pg.read("select id from users") == []
        await pg.close()

    async def test_a_user_who_may_not_change_the_schema_is_refused_in_words(self, dsn: str) -> None:
        app_dsn = dsn.replace(f"//{OWNER}@", "//studygraph_app@")
        with pytest.raises(StoreMisconfigured, match=r"^The database user may not change the schema: "):
            await migrate.upgrade(app_dsn)

    async def test_a_server_that_is_not_there_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(StoreMisconfigured) as refused:
            await migrate.upgrade(f"postgresql://nobody@/nowhere?host={tmp_path}")
        assert str(refused.value) == (
            f"DATABASE_URL names a server that does not answer: nothing listens at {tmp_path}/.s.PGSQL.5432."
        )


def test_the_readme_lists_every_table_with_the_file_that_makes_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+? \| `(\w+\.sql)` \| ", (FILES / "README.md").read_text(), re.MULTILINE)
    made = {
        table: file.name
        for file in FILES.glob("0*.sql")
        for table in re.findall(r"^create table (\w+)", file.read_text(), re.MULTILINE)
    }
    assert dict(rows) == made
    assert made.keys() == migrate.metadata_of_all_tables().tables.keys()
