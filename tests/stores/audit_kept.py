"""What log do tests of the audit log look at? An empty one of its own, in a copy of a database that is ready."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from datadir.audit import AuditLog
from datadir.audit_check import Verdict, verified
from datadir.migrations import migrate
from datadir.minio.client import Objects
from datadir.minio.embedded import FolderObjects
from datadir.postgresql.audit_log import ROWS, AuditRow, ChainedRecord
from datadir.postgresql.client import Postgres
from datadir.postgresql.embedded import DATABASE, PostgresAddress
from tests.stores.migrations_contract import connected
from tests.stores.postgresql_pool_contract import eventually

LOCK: Final = 7378697629483820648
"""What whoever writes a row holds until it is written."""
ADA: Final = UUID("00000000-0000-4000-8000-0000000000ad")


@dataclass
class Kept:
    """A log of its own, the owner of its database, and where its heads are kept."""

    dsn: str
    owner: asyncpg.Connection
    postgresql: Postgres
    objects: Objects
    logs: list[AuditLog] = field(default_factory=list)

    def process(self) -> AuditLog:
        """The log as one more process has it."""
        self.logs.append(AuditLog(self.postgresql, self.objects))
        return self.logs[-1]

    async def rows(self) -> list[ChainedRecord]:
        """All rows."""
        return await self.owner.fetch(f"{ROWS} order by position", record_class=ChainedRecord)

    async def heads(self) -> dict[str, dict[str, Any]]:
        """What object storage keeps."""
        return {
            each.key: json.loads((await self.objects.get(each.key)).data) for each in await self.objects.list("audit")
        }

    async def verified(self, **more: Any) -> Verdict:
        """What the check says."""
        return await verified(self.postgresql, self.objects, **more)

    async def broken(self) -> list[str]:
        """What the check says is broken; keys of heads as KEY."""
        keys = await self.heads()
        found = (await self.verified()).broken
        for key in keys:
            found = [each.replace(key, "KEY") for each in found]
        return found


@pytest_asyncio.fixture(scope="session")
async def template(postgres_address: PostgresAddress) -> AsyncIterator[str]:
    """A database that tests copy."""
    name = f"audited_{uuid4().hex[:12]}"
    async with connected(postgres_address.owner_dsn) as server:
        await server.execute(f"create database {name}")
        await migrate.upgrade(postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?"))
        yield name
        await server.execute(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def kept(postgres_address: PostgresAddress, template: str, tmp_path: Path) -> AsyncIterator[Kept]:
    """An empty log."""
    name = f"{template}_{uuid4().hex[:6]}"
    async with connected(postgres_address.owner_dsn) as server:
        await server.execute(f"create database {name} template {template}")
        dsn = postgres_address.owner_dsn.replace(f"/{DATABASE}?", f"/{name}?")
        async with connected(dsn) as owner:
            postgresql = await Postgres.open(dsn, min_size=1, max_size=4, read_deadline=5.0)
            objects = await FolderObjects.open(tmp_path / "minio", public_url="http://x.test", secret="x" * 32)
            found = Kept(dsn, owner, postgresql, objects)
            yield found
            for log in found.logs:
                await log.close()
            await postgresql.close()
        await server.execute(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def three(kept: Kept) -> Kept:
    """A log of three rows, written by one process."""
    log = kept.process()
    for number in (1, 2, 3):
        subjects = [f"User:{ADA}", f"Classroom:{uuid4()}"][:number]
        await log.write([AuditRow(ADA, "read", "Look", "0a1b", subjects=subjects, fields=["User.name", "User.email"])])
    assert await kept.broken() == []
    return kept


@asynccontextmanager
async def held(kept: Kept) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Somebody holds the log's lock; what is yielded waits until somebody else wants it."""
    async with connected(kept.dsn) as holder:
        await holder.execute("begin")
        await holder.execute("select pg_advisory_xact_lock($1)", LOCK)
        wanted = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
        yield lambda: eventually(lambda: kept.owner.fetchval(wanted))
        await holder.execute("commit")
