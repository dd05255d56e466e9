"""How does a test get a database of its own on a real PostgreSQL, as an operator would give it to the program?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from datadir.cassandra import embedded as series
from datadir.kafka import embedded as events
from datadir.migrations import migrate
from datadir.postgresql.client import Postgres
from tests.servers.postgresql import PostgresServer
from tests.stores.postgres_fixture import Database
from tests.stores.series_contract import CONTRACT_TABLES


@asynccontextmanager
async def empty(server: PostgresServer) -> AsyncIterator[str]:
    """The address of an empty database, for its owner; gone afterwards."""
    name = f"contract_{uuid4().hex[:12]}"
    await server.create_database(name)
    try:
        yield server.database(name)
    finally:
        await server.drop_database(name)


@asynccontextmanager
async def migrated(server: PostgresServer) -> AsyncIterator[Database]:
    """A database with the program's own schema and the tables of the stand-ins, made by an owner who is no superuser.
    `Database.owner` is the operator's connection: only that may end others' connections."""
    async with empty(server) as dsn:
        await migrate.upgrade(dsn)
        owner = await asyncpg.connect(dsn)
        await events.prepare(owner)
        await series.prepare(owner, CONTRACT_TABLES)
        await owner.close()
        operator = await asyncpg.connect(server.database(dsn.rpartition("/")[2], admin=True))
        pg = await Postgres.open(dsn, read_deadline=5.0)
        try:
            yield Database(dsn, operator, pg)
        finally:
            await pg.close()
            await operator.close()
