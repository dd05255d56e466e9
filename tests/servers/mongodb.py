"""Which MongoDB do tests run on? The one that `MONGODB_URL` names, else SecantusDB, which speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from datadir.mongodb import embedded
from tests.servers.server import Server, temporary_place


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    """A server with accounts."""
    if named := os.environ.get("MONGODB_URL"):
        yield Server({"MONGODB_URL": named})
        return
    async with temporary_place() as (folder, launcher):
        yield Server({"MONGODB_URL": await embedded.start(launcher, folder)})
