"""Do PostgreSQL 18, 16 and 15 keep the promise, asked over TCP by an owner who is no superuser?"""

from __future__ import annotations

import pytest

from tests.stores.postgres_fixture import Database
from tests.stores.postgresql_contract import PostgresContract


class TestPostgreSQL18(PostgresContract):
    """The newest, with pgvector."""

    implementation = "PostgreSQL 18"

    @pytest.fixture
    def database(self, database_18: Database) -> Database:
        return database_18


class TestPostgreSQL16(PostgresContract):
    """With pgvector."""

    implementation = "PostgreSQL 16"

    @pytest.fixture
    def database(self, database_16: Database) -> Database:
        return database_16


class TestPostgreSQL15(PostgresContract):
    """The seed's version, from Debian, without pgvector."""

    implementation = "PostgreSQL 15"

    @pytest.fixture
    def database(self, database_15: Database) -> Database:
        return database_15
