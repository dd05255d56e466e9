"""Which Qdrant do tests run on? The one that `QDRANT_HOST` names: no package registry carries the server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers.server import Absent, Server

_VARIABLES = ("QDRANT_HOST", "QDRANT_PORT", "QDRANT_API_KEY")


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    """The named server. Raises Absent."""
    settings = {name: value for name in _VARIABLES if (value := os.environ.get(name))}
    if "QDRANT_HOST" not in settings:
        raise Absent("QDRANT_HOST names no server, and no package registry carries one")
    yield Server({"QDRANT_PORT": "6333", **settings})
