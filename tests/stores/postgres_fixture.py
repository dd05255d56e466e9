"""Which PostgreSQL do the stand-ins of Cassandra and Kafka rest in? A database of their own on the tests' server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from datadir.cassandra import embedded as series
from datadir.kafka import embedded as events
from datadir.postgresql.client import APP_ROLE, Postgres
from datadir.postgresql.outbox import Outbox
from tests.stores.series_contract import CONTRACT_TABLES


class Database(NamedTuple):
    """One database: how its owner reaches it, the owner's connection, and the pool of the application."""

    dsn: str
    owner: asyncpg.Connection
    pg: Postgres


@pytest.fixture(scope="session")
def postgres_dsn() -> str:
    return os.environ["SGDEV_POSTGRES"]


@pytest_asyncio.fixture(scope="session")
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    name = f"contract_{uuid4().hex[:12]}"
    server = await asyncpg.connect(postgres_dsn)
    await server.execute(f"create database {name}")
    parts = postgres_dsn.rpartition("/")
    dsn = f"{parts[0]}/{name}"
    owner = await asyncpg.connect(dsn)
    await owner.execute(str(CreateTable(Outbox.__table__).compile(dialect=postgresql.dialect())))
    for index in Outbox.__table__.indexes:
        await owner.execute(str(CreateIndex(index).compile(dialect=postgresql.dialect())))
    await owner.execute(f"grant select, insert, update, delete on outbox to {APP_ROLE}")
    for _ in range(2):  # preparing again changes nothing
        await events.prepare(owner)
        await series.prepare(owner, CONTRACT_TABLES)
    pg = await Postgres.open(dsn, read_deadline=5.0)
    yield Database(dsn, owner, pg)
    await pg.close()
    await owner.close()
    await server.execute(f"drop database {name} with (force)")
    await server.close()
