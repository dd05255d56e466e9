"""Are the heads of the audit log kept in a bucket, and is a tail noticed that was cut off in PostgreSQL? (threat 40)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import perf_counter
from uuid import uuid4

import pytest_asyncio

from datadir.audit import DEADLINE, PATIENCE
from datadir.audit_check import Verdict
from datadir.minio.client import S3Objects
from datadir.postgresql.audit_log import AuditRow
from tests.real.databases import migrated
from tests.servers.postgresql import PostgresServer
from tests.servers.server import Server
from tests.stores.audit_kept import ADA, Kept
from tests.stores.postgresql_pool_contract import eventually
from tests.stores.relay import Relay, relay_to


@pytest_asyncio.fixture
async def before_s3(s3_server: Server) -> AsyncIterator[Relay]:
    """What the log's heads go through."""
    async with relay_to(s3_server.settings["S3_ENDPOINT_URL"]).listening() as relay:
        yield relay


@pytest_asyncio.fixture
async def kept(postgresql_18: PostgresServer, s3_server: Server, before_s3: Relay) -> AsyncIterator[Kept]:
    """A log of three rows, written by one process."""
    settings = s3_server.settings
    async with migrated(postgresql_18) as database:
        objects = await S3Objects.open(
            f"http://127.0.0.1:{before_s3.port}",
            f"audit-{uuid4().hex[:12]}",
            access_key=settings["AWS_ACCESS_KEY_ID"],
            secret_key=settings["AWS_SECRET_ACCESS_KEY"],
            region=settings["AWS_REGION"],
        )
        found = Kept(database.dsn, database.owner, database.pg, objects)
        log = found.process()
        for _ in range(3):
            await log.write([AuditRow(ADA, "read")])
        yield found
        await before_s3.heal()
        await log.close()
        await objects.close()


async def test_threat_40_a_head_is_written_to_the_bucket_and_replaced_by_the_next_one(kept: Kept) -> None:
    for rows in (3, 4):
        last = (await kept.rows())[-1]
        assert list((await kept.heads()).values()) == [{"position": rows, "hash": last.hash}]
        assert await kept.verified() == Verdict(rows=rows, kept=rows)
        await kept.logs[0].write([AuditRow(ADA, "read")])


async def test_threat_40_a_tail_that_is_cut_off_is_noticed_by_the_head_in_the_bucket(kept: Kept) -> None:
    await kept.owner.execute("delete from audit_log where position = 3")
    assert await kept.broken() == ["Rows after row 2 are gone: a head is kept of row 3."]
    # Whoever writes in its place leaves the head of before where it was.
    await kept.logs[0].write([AuditRow(ADA, "read")])
    assert sorted(each["position"] for each in (await kept.heads()).values()) == [3, 3]
    assert await kept.broken() == ["Row 3 is not the one that was there when its head was kept as KEY."]


async def test_a_server_that_hangs_keeps_nobody_waiting_for_long_and_the_head_comes_after(
    kept: Kept, before_s3: Relay
) -> None:
    log = kept.logs[0]
    before_s3.hush()
    for number in (4, 5):
        started = perf_counter()
        await log.write([AuditRow(ADA, "read")])
        assert PATIENCE <= perf_counter() - started < DEADLINE
        assert len(await kept.rows()) == number
    before_s3.speak()

    async def caught_up() -> bool:
        return await kept.verified() == Verdict(rows=5, kept=5)

    await eventually(caught_up)
    assert len(await kept.heads()) == 1
