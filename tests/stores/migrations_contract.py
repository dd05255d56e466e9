"""What do migrations promise on every PostgreSQL? Any database comes to this program's schema, and nobody notices."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import ARRAY, REAL, Connection, MetaData, insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from datadir.errors import StoreMisconfigured
from datadir.migrations import migrate
from datadir.postgresql.client import WRITE_DEADLINE
from datadir.postgresql.opening import APP_ROLE
from datadir.postgresql.tables.columns import Vector
from tests.stores import release_0001
from tests.stores.postgresql_pool_contract import eventually

Rows = dict[str, list[dict[str, Any]]]

# The longest that the release before may wait for any statement while the database is migrated: as long as a write
# may take, for beyond it people would see errors.
NOTICED: Final = WRITE_DEADLINE
MIGRATE: Final = """
import asyncio, sys
from datadir.migrations import migrate
print(asyncio.run(migrate.upgrade(sys.argv[1])))
"""
# Row policies bind an owner who is no superuser, unless the owner says to be the program itself.
SEES_ALL: Final = {"app.role": "system"}
# Texts that a check wants to be one of its words.
WORDS: Final = {("simulation_logs", "speaker"): "npc"}
VALUES: Final[Mapping[type, Any]] = {
    UUID: uuid4(),
    str: "x",
    int: 1,
    float: 0.5,
    bool: True,
    bytes: b"x",
    Decimal: Decimal("1.5"),
    datetime: datetime(2026, 11, 21, tzinfo=UTC),
    object: {"a": 1},  # JSON
}


@asynccontextmanager
async def connected(dsn: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own; it is gone when a test ends."""
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def engine(dsn: str, **settings: str) -> AsyncIterator[AsyncEngine]:
    """SQLAlchemy on a database."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, server_settings=settings)

    made = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        yield made
    finally:
        await made.dispose()


async def rows_of(dsn: str) -> Rows:
    """All rows of the program's tables."""
    async with connected(dsn, **SEES_ALL) as owner:
        names = await owner.fetch(
            "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
        )
        found: Rows = {}
        for [name] in names:
            rows = await owner.fetch(f"select to_jsonb(t)::text from {name} t order by 1")
            found[name] = [orjson.loads(row[0]) for row in rows]
    return found


async def filled(dsn: str) -> Rows:
    """All rows, after each table that was empty has got one: what must be there, and a vector."""

    def fill(connection: Connection) -> None:
        tables = MetaData()
        tables.reflect(connection)
        first: dict[str, Mapping[str, Any]] = {}
        for table in tables.sorted_tables:
            there = connection.execute(table.select()).mappings().first()
            if there is None and table.name != "alembic_version":
                row: dict[str, Any] = {}
                for column in table.columns:
                    if isinstance(column.type, Vector):
                        row[column.name] = [0.5] * column.type.dimensions
                    elif not column.nullable and column.server_default is None and column.identity is None:
                        row[column.name] = WORDS.get((table.name, column.name), VALUES[column.type.python_type])
                    for reference in column.foreign_keys:
                        if not column.nullable:
                            row[column.name] = first[reference.column.table.name][reference.column.name]
                connection.execute(insert(table).values(row))
                there = connection.execute(table.select()).mappings().one()
            if there is not None:
                first[table.name] = dict(there)

    async with engine(dsn, **SEES_ALL) as made, made.begin() as connection:
        await connection.run_sync(fill)
    return await rows_of(dsn)


def older_part(newer: Rows, older: Rows) -> Rows:
    """Of the newer rows what the older schema has columns for."""
    return {
        name: [{column: row[column] for column in (rows[0] if rows else {})} for row in newer[name]]
        for name, rows in older.items()
    }


async def catalogue(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Columns, constraints and indexes of all tables, as PostgreSQL itself writes them."""
    of_ours = "n.nspname = 'public' and c.relname <> 'alembic_version'"
    questions = {
        "columns": "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, "
        "pg_get_expr(d.adbin, d.adrelid) from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "join pg_namespace n on n.oid = c.relnamespace "
        "left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, a.attnum) "
        f"where {of_ours} and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped",
        # From 18 on NOT NULL is a constraint with a name of its own; it is compared as the column's.
        "constraints": "select c.relname, o.conname, pg_get_constraintdef(o.oid) from pg_constraint o "
        "join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace "
        f"where {of_ours} and o.contype <> 'n'",
        "indexes": "select tablename, indexname, indexdef from pg_indexes "
        "where schemaname = 'public' and tablename <> 'alembic_version'",
    }
    async with connected(dsn) as owner:
        return {what: sorted(map(tuple, await owner.fetch(sql)), key=str) for what, sql in questions.items()}


async def policies(dsn: str) -> list[tuple[Any, ...]]:
    """The row policies of all tables, as PostgreSQL itself writes them."""
    async with connected(dsn) as owner:
        said = "select tablename, policyname, cmd, qual, with_check from pg_policies where schemaname = 'public'"
        return [tuple(row) for row in await owner.fetch(f"{said} order by 1, 2")]


class MigrationsContract:
    """`dsn` is an empty database, as its owner; `beside` is another. Where the owner is no superuser, row policies bind
    the revisions too."""

    async def test_ten_programs_that_start_at_once_migrate_once(self, dsn: str) -> None:
        programs = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", MIGRATE, dsn, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            for _ in range(10)
        ]
        said = [await program.communicate() for program in programs]
        assert sorted(said) == [(b"False\n", b"")] * 9 + [(b"True\n", b"")]
        assert await migrate.missing(dsn) == []

    async def test_up_and_up_again_changes_nothing(self, dsn: str) -> None:
        assert await migrate.missing(dsn) == migrate.revisions()
        steps: list[str] = []
        assert await migrate.upgrade(dsn, report=steps.append) is True
        assert steps[:2] == ["migrating postgresql, core schema", "migrating postgresql, all seeds"]
        assert len(steps) == len(migrate.revisions())
        assert await migrate.missing(dsn) == []
        before = await catalogue(dsn)
        assert await migrate.upgrade(dsn, report=steps.append) is False
        assert (await catalogue(dsn), len(steps)) == (before, len(migrate.revisions()))

    async def test_every_revision_goes_up_and_down_with_rows_in_every_table(self, dsn: str) -> None:
        kept: Rows = {}
        numbers = [revision.partition("_")[0] for revision in migrate.revisions()]
        for below, number in pairwise(["base", *numbers]):
            ruled = await policies(dsn)
            await migrate.upgrade(dsn, target=number)
            assert older_part(await rows_of(dsn), kept) == kept
            full = await filled(dsn)
            assert full.keys() >= kept.keys()
            assert all(full.values())
            await migrate.upgrade(dsn, target=f"-{below}")
            assert (await rows_of(dsn), await policies(dsn)) == (kept, ruled)
            await migrate.upgrade(dsn, target=number)
            kept = await filled(dsn)
            assert all(kept.values())
        await migrate.upgrade(dsn, target="-base")
        assert await rows_of(dsn) == {}
        async with connected(dsn) as owner:
            ours = "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'app\\_%'"
            assert await owner.fetch(ours) == []
        assert await migrate.upgrade(dsn) is True

    async def test_the_models_are_the_migrated_schema(self, dsn: str) -> None:
        await migrate.upgrade(dsn)

        def differences(connection: Connection) -> list[object]:
            options = {"compare_type": True, "compare_server_default": True}
            context = MigrationContext.configure(connection, opts=options)
            return list(compare_metadata(context, self.metadata(connection)))

        async with engine(dsn) as made, made.connect() as connection:
            assert await connection.run_sync(differences) == []

    async def test_tables_made_from_the_models_alone_are_the_very_same(self, dsn: str, beside: str) -> None:
        await migrate.upgrade(dsn)
        async with connected(beside) as owner:
            await owner.execute(
                "do $$ begin if exists (select from pg_available_extensions where name = 'vector') then "
                "create extension if not exists vector; end if; end $$"
            )
        async with engine(beside) as made, made.begin() as connection:
            await connection.run_sync(lambda sync: self.metadata(sync).create_all(sync))
        migrated, modelled = await catalogue(dsn), await catalogue(beside)
        for what in migrated:
            assert migrated[what] == modelled[what], what
        assert len({row[0] for row in migrated["columns"]}) == len(migrate.metadata_of_all_tables().tables)

    def metadata(self, connection: Connection) -> MetaData:
        """The models, as this server can have them: without the extension a vector is `real[]`."""
        models = migrate.metadata_of_all_tables()
        if connection.exec_driver_sql("select to_regtype('vector') is not null").scalar():
            return models
        copied = MetaData()
        for table in models.sorted_tables:
            for column in table.to_metadata(copied).columns:
                if isinstance(column.type, Vector):
                    column.type = ARRAY(REAL)
        return copied

    # Beside the release before

    async def test_the_release_before_goes_on_meanwhile(self, dsn: str) -> None:
        await self.school_of_the_release_before(dsn)
        over = asyncio.Event()
        async with self.the_release_before(dsn) as first, self.the_release_before(dsn) as second:
            programs = [asyncio.create_task(go_on(each, over)) for each in (first, second)]
            await migrate.upgrade(dsn)
            over.set()
            waits = [await program for program in programs]
        assert max(waits) < NOTICED
        assert await migrate.missing(dsn) == []

    async def test_a_revision_gives_way_while_somebody_holds_a_table(self, dsn: str) -> None:
        await self.school_of_the_release_before(dsn)
        over, held = asyncio.Event(), asyncio.Event()

        def report(step: str) -> None:
            if step.endswith(", which somebody holds"):
                held.set()

        async with connected(dsn) as holder, self.the_release_before(dsn) as release:
            await holder.execute("begin; lock table users in row exclusive mode")
            program = asyncio.create_task(go_on(release, over))
            migrating = asyncio.create_task(migrate.upgrade(dsn, report=report))
            await asyncio.wait_for(held.wait(), 30)
            assert not migrating.done()
            await holder.execute("commit")
            assert await migrating is True
            over.set()
            assert await program < NOTICED

    async def test_a_table_that_is_held_all_the_time_is_said_in_words(self, dsn: str) -> None:
        await migrate.upgrade(dsn, target="0001")
        async with connected(dsn) as holder:
            await holder.execute("begin; lock table users in row exclusive mode")
            with pytest.raises(StoreMisconfigured) as refused:
                await migrate.upgrade(dsn, attempts=1)
        assert str(refused.value) == (
            "Revision 0002 was given up, because somebody holds a table all the time (canceling statement due to lock "
            "timeout): end that, and migrate again."
        )
        assert (await migrate.missing(dsn))[0] == "0002_all_seeds"

    async def test_a_program_killed_in_the_middle_leaves_nothing_half_done(self, dsn: str) -> None:
        await migrate.upgrade(dsn, target="0001")
        before = await catalogue(dsn)
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        async with connected(dsn) as holder, connected(dsn) as watcher:
            await holder.execute("begin; lock table users in row exclusive mode")
            program = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, dsn)
            await eventually(lambda: watcher.fetchval(waiting))
            program.kill()
            await program.wait()
        assert (await catalogue(dsn), (await migrate.missing(dsn))[0]) == (before, "0002_all_seeds")
        assert await migrate.upgrade(dsn) is True

    async def school_of_the_release_before(self, dsn: str) -> None:
        """A database at revision 0001, with rows."""
        await migrate.upgrade(dsn, target="0001")
        async with connected(dsn, **SEES_ALL) as owner:
            for sql, arguments in release_0001.ROWS:
                await owner.execute(sql, *arguments)

    @asynccontextmanager
    async def the_release_before(self, dsn: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection of its pool."""
        async with connected(dsn, role=APP_ROLE, statement_timeout=f"{NOTICED}s") as connection:
            yield connection

    # What is refused

    async def test_a_newer_database_is_refused_in_words(self, dsn: str) -> None:
        await migrate.upgrade(dsn)
        sentence = (
            f"The database is at schema revision 9999, newer than this program's {migrate.head()}: update the program."
        )
        async with connected(dsn) as owner:
            await owner.execute("update alembic_version set version_num = '9999'")
            for refused_work in (migrate.upgrade, migrate.missing):
                with pytest.raises(StoreMisconfigured) as refused:
                    await refused_work(dsn)
                assert str(refused.value) == sentence
            assert await owner.fetchval("select version_num from alembic_version") == "9999"


async def go_on(release: asyncpg.Connection, over: asyncio.Event) -> float:
    """Do what the release does, again and again until `over` and once more; the longest that one statement took, in
    seconds. A statement that fails, or finds nothing, is an error."""
    longest = 0.0

    async def timed(sql: str, *arguments: Any) -> Any:
        nonlocal longest
        started = perf_counter()
        answer = await (release.fetch if sql.startswith("select") else release.execute)(sql, *arguments)
        longest = max(longest, perf_counter() - started)
        return answer

    while True:
        last = over.is_set()
        await timed(release_0001.BEGIN_READ)
        for sql, arguments in release_0001.READS:
            assert await timed(sql, *arguments), sql
        await timed("commit")
        await timed(release_0001.BEGIN_WRITE)
        for sql, arguments in release_0001.writes(uuid4()):
            assert (await timed(sql, *arguments)).endswith(" 1"), sql
        await timed("commit")
        if last:
            return longest
