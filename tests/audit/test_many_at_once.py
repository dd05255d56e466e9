"""May two hundred administrators look at once? All are shown their pages; the log takes them in few transactions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

import pytest_asyncio

from datadir.audit_check import verified
from datadir.postgresql.audit_log import AuditRow
from datadir.postgresql.client import Postgres
from graph.app import Graph
from graph.http.envelope import Envelope
from tests.accounts.somebody import rows
from tests.audit.conftest import Audited

AT_ONCE: Final = 200
CONNECTIONS: Final = 3
PAGE: Final = "query Page { users(first: 3) { nodes { name email } } }"


@pytest_asyncio.fixture
async def crowded(audited: Audited) -> AsyncIterator[Audited]:
    """The same program on few connections, for which everybody waits as long as it takes."""
    services = audited.school.services
    given: Any = services.stores.postgresql.pool
    [dsn] = given._connect_args
    few = await Postgres.open(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS, read_deadline=30)
    fewer = replace(services, stores=replace(services.stores, postgresql=few))
    yield replace(audited, graph=Graph(fewer, audited.graph.settings))
    await few.close()


async def test_two_hundred_pages_at_once_are_shown_and_are_few_transactions_of_the_log(crowded: Audited) -> None:
    stores, since = crowded.school.services.stores, crowded.since
    sent = f"Bearer {await crowded.school.token('admin')}"
    answers = await asyncio.gather(
        *(crowded.graph.answer(Envelope(PAGE, {}), authorization=sent) for _ in range(AT_ONCE))
    )
    assert Counter((answer.status, "errors" in answer.body) for answer in answers) == {(200, False): AT_ONCE}
    written = await crowded.rows()
    assert Counter((row.operation, row.action, row.outcome) for row in written) == {("Page", "read", "done"): AT_ONCE}
    # Each row says in which transaction it was written.
    [[transactions]] = await rows(
        crowded.school, "select count(distinct xmin::text) from audit_log where position > $1", since
    )
    assert 1 <= transactions <= AT_ONCE / 2
    verdict = await verified(stores.postgresql, stores.objects)
    assert (verdict.rows, verdict.kept, verdict.broken) == (crowded.since, crowded.since, [])


async def test_the_log_waits_for_no_connection_that_somebody_reads_on(audited: Audited) -> None:
    stores = audited.school.services.stores
    pool = stores.postgresql.pool
    async with AsyncExitStack() as stack:
        for _ in range(pool.get_max_size()):
            await stack.enter_async_context(pool.acquire())
        await stores.audit.write([AuditRow(audited.people["admin"], "read", "Busy")])
    assert [row.operation for row in await audited.rows()] == ["Busy"]
