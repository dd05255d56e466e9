"""Which PostgreSQL do the stand-ins of Cassandra and Kafka rest in? A database of their own on an embedded server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple
from uuid import uuid4

import asyncpg
import pytest_asyncio

from datadir.cassandra import embedded as series
from datadir.data_folder import DataFolder
from datadir.kafka import embedded as events
from datadir.kafka.sealing import Wrapping
from datadir.launcher import Launcher
from datadir.migrations import migrate
from datadir.postgresql import embedded as embedded_postgresql
from datadir.postgresql.client import Postgres
from datadir.postgresql.embedded import PostgresAddress
from datadir.postgresql.learner_keys import LearnerKeys
from tests.stores.series_contract import CONTRACT_TABLES

SECRET: Final = "what closes the keys of learners in tests"


class Database(NamedTuple):
    """One database: its URL for the owner, the owner's connection, and the pool of the application."""

    dsn: str
    owner: asyncpg.Connection
    pg: Postgres

    @property
    def keys(self) -> LearnerKeys:
        """The keys of its learners, as a process that has just started knows them: none is at hand."""
        return LearnerKeys(self.pg, Wrapping(SECRET))


@pytest_asyncio.fixture(scope="session")
async def postgres_address(launcher: Launcher, held_folder: DataFolder) -> PostgresAddress:
    """The address of an embedded PostgreSQL."""
    return await embedded_postgresql.start(launcher, held_folder)


@pytest_asyncio.fixture(scope="session")
async def database(postgres_address: PostgresAddress) -> AsyncIterator[Database]:
    """A database with the program's own schema and the tables of the stand-ins."""
    name = f"contract_{uuid4().hex[:12]}"
    server = await asyncpg.connect(postgres_address.owner_dsn)
    await server.execute(f"create database {name}")
    dsn = postgres_address.owner_dsn.replace(f"/{embedded_postgresql.DATABASE}?", f"/{name}?")
    await migrate.upgrade(dsn)
    owner = await asyncpg.connect(dsn)
    for _ in range(2):  # preparing again changes nothing
        await events.prepare(owner)
        await series.prepare(owner, CONTRACT_TABLES)
    pg = await Postgres.open(dsn, read_deadline=5.0)
    yield Database(dsn, owner, pg)
    await pg.close()
    await owner.close()
    await server.execute(f"drop database {name} with (force)")
    await server.close()
