"""Does the MongoDB that `MONGODB_URL` names, or SecantusDB in its place, keep the promise?"""

from __future__ import annotations

import pytest

from tests.servers.server import Server
from tests.stores.mongodb_contract import MongodbContract


class TestMongodb(MongodbContract):
    """Reached by its address, with an account."""

    implementation = "SecantusDB"

    @pytest.fixture
    def url(self, mongodb_server: Server) -> str:
        return mongodb_server.settings["MONGODB_URL"]
