"""What is asked of Cassandra, by ours and by cassandra-driver's own way to ask many things at once?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

from cassandra.concurrent import execute_concurrent_with_args

from bench.stores.pair import Ask, Pair, reads
from bench.stores.postgresql import a_day, filled
from datadir.cassandra import cql, opening
from datadir.cassandra.client import CassandraSeries
from datadir.cassandra.opening import NO_FILES, Nodes
from datadir.cassandra.tables import USER_ENGAGEMENT

KEYSPACE: Final = "bench"
IN_FLIGHT: Final = 128


@asynccontextmanager
async def pairs(settings: Mapping[str, str]) -> AsyncIterator[list[Pair]]:
    """A day of people by id, and a day more. The bare driver blocks, so it works in a thread."""
    host, port = settings["CASSANDRA_HOST"], int(settings["CASSANDRA_PORT"])
    user, password = settings.get("CASSANDRA_USERNAME"), settings.get("CASSANDRA_PASSWORD")
    series = await CassandraSeries.open(
        [host],
        port=port,
        username=user,
        password=password,
        secret="bench",
        keyspace=KEYSPACE,
        tables=[USER_ENGAGEMENT],
        in_flight=IN_FLIGHT,
        deadline=10.0,
    )
    nodes = Nodes((host,), port, user, password, None, NO_FILES)
    cluster: Any = await asyncio.to_thread(opening.cluster, nodes, None, read_seconds=10.0, write_seconds=10.0)
    session: Any = await asyncio.to_thread(cluster.connect)
    try:
        users = await filled(series)
        select = session.prepare(cql.select(USER_ENGAGEMENT, KEYSPACE, lower=False, upper=False))
        insert = session.prepare(cql.insert(USER_ENGAGEMENT, KEYSPACE))

        def ours(size: int) -> Ask:
            return lambda: series.read(USER_ENGAGEMENT, users[:size])

        def bare(size: int) -> Ask:
            asked = [(user, 2**31 - 1) for (user,) in users[:size]]

            def work() -> list[Any]:
                answers = execute_concurrent_with_args(session, select, asked, concurrency=IN_FLIGHT)
                return [list(answer.result_or_exc) for answer in answers]

            return lambda: asyncio.to_thread(work)

        written = Pair(
            "write",
            lambda: series.write(USER_ENGAGEMENT, [a_day(uuid4())]),
            lambda: asyncio.to_thread(session.execute, insert, a_day(uuid4())),
        )
        yield [*reads(ours, bare), written]
    finally:
        await asyncio.to_thread(session.execute, f"DROP KEYSPACE {KEYSPACE}", timeout=30)
        await asyncio.to_thread(cluster.shutdown)
        await series.close()
