"""Do Valkey 9 and Redis 7 keep the promise over TCP?"""

from __future__ import annotations

import pytest

from tests.servers.server import Server
from tests.stores.redis_contract import RedisContract


class TestValkey9(RedisContract):
    """Without a password."""

    implementation = "Valkey 9"

    @pytest.fixture
    def url(self, valkey_9: Server) -> str:
        return valkey_9.settings["REDIS_URL"]


class TestRedis7(RedisContract):
    """Debian's, with a password."""

    implementation = "Redis 7"

    @pytest.fixture
    def url(self, redis_7: Server) -> str:
        return redis_7.settings["REDIS_URL"]
