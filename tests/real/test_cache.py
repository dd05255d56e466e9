"""Are last good values kept as promised on Valkey 9, on Redis 7 and on a cluster, for records of a real PostgreSQL?"""

from __future__ import annotations

import pytest

from tests.servers.server import Server
from tests.stores.cache_contract import CacheContract
from tests.stores.cache_values_contract import CacheValuesContract
from tests.stores.postgres_fixture import Database


class TestValkey9(CacheContract):
    """Without a password."""

    implementation = "Valkey 9"

    @pytest.fixture
    def url(self, valkey_9: Server) -> str:
        return valkey_9.settings["REDIS_URL"]

    @pytest.fixture
    def database(self, database_18: Database) -> Database:
        return database_18


class TestRedis7(CacheContract):
    """Debian's, with a password."""

    implementation = "Redis 7"

    @pytest.fixture
    def url(self, redis_7: Server) -> str:
        return redis_7.settings["REDIS_URL"]

    @pytest.fixture
    def database(self, database_18: Database) -> Database:
        return database_18


class TestRedisCluster(CacheValuesContract):
    """Three masters: all keys of one cache are on one of them."""

    implementation = "Redis Cluster of three"

    @pytest.fixture
    def url(self, redis_cluster: Server) -> str:
        return redis_cluster.settings["REDIS_URL"]

    @pytest.fixture
    def database(self, database_18: Database) -> Database:
        return database_18
