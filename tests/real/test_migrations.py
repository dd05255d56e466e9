"""Do migrations keep their promise on PostgreSQL 18, 16 and 15, run by an owner who is no superuser?"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.real.databases import empty
from tests.servers.postgresql import PostgresServer
from tests.stores.migrations_contract import MigrationsContract


class TestOnPostgreSQL18(MigrationsContract):
    """With pgvector."""

    implementation = "PostgreSQL 18"

    @pytest_asyncio.fixture
    async def dsn(self, postgresql_18: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_18) as dsn:
            yield dsn

    @pytest_asyncio.fixture
    async def beside(self, postgresql_18: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_18) as dsn:
            yield dsn


class TestOnPostgreSQL16(MigrationsContract):
    """With pgvector."""

    implementation = "PostgreSQL 16"

    @pytest_asyncio.fixture
    async def dsn(self, postgresql_16: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_16) as dsn:
            yield dsn

    @pytest_asyncio.fixture
    async def beside(self, postgresql_16: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_16) as dsn:
            yield dsn


class TestOnPostgreSQL15(MigrationsContract):
    """Without pgvector: its columns are arrays there."""

    implementation = "PostgreSQL 15"

    @pytest_asyncio.fixture
    async def dsn(self, postgresql_15: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_15) as dsn:
            yield dsn

    @pytest_asyncio.fixture
    async def beside(self, postgresql_15: PostgresServer) -> AsyncIterator[str]:
        async with empty(postgresql_15) as dsn:
            yield dsn
