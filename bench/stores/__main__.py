"""What does going through our client cost, next to the bare driver? `make bench-stores`.

Each store that can be had here: the embedded one always, real servers where `tests/servers` can start them or a
variable names one. A batch read of 1, 100 and 1,000 keys and a write, by our client and by the driver as one would use
it by its documentation: the same server, the same pool settings, in PostgreSQL the same row security and snapshot. Both
take turns (`pair.py`). What is measured is the time until the answer is there, one call after another. The goal is at
most 1.15 at 100 keys.

The table goes to standard output, the same numbers to `bench/out/stores.json`, under names such as
`postgresql.read_100.ours_per_bare`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.server import ROOT, BenchError, folder
from bench.stores import cassandra, mongodb, objects, postgresql, qdrant, redis
from bench.stores.pair import Found, Pair, compared
from datadir.errors import StoreError
from datadir.mongodb import embedded as embedded_mongodb
from datadir.postgresql import embedded as embedded_postgresql
from datadir.redis import embedded as embedded_redis
from tests.servers import cassandra as cassandra_server
from tests.servers import mongodb as mongodb_server
from tests.servers import postgresql as postgresql_server
from tests.servers import qdrant as qdrant_server
from tests.servers import redis as redis_server
from tests.servers import versitygw
from tests.servers.server import Absent, temporary_place

OUT: Final = ROOT / "bench" / "out" / "stores.json"
GOAL: Final = 1.15
HELD_TO_IT: Final = "read_100"

Measured = dict[str, dict[str, Found]]
"""By implementation and question."""
Subjects = dict[str, list[Pair]]
Opened = Callable[[Path], AbstractAsyncContextManager[Subjects]]


@asynccontextmanager
async def _in_embedded_postgresql(_: Path) -> AsyncIterator[Subjects]:
    async with temporary_place() as (place, launcher):
        address = await embedded_postgresql.start(launcher, place)
        async with postgresql.opened(address.owner_dsn) as both:
            yield {
                "postgresql": await postgresql.pairs(*both),
                "cassandra": await postgresql.series_pairs(*both),
                "kafka": await postgresql.eventlog_pairs(*both),
            }


def _in_postgresql(version: int) -> Opened:
    @asynccontextmanager
    async def opened(_: Path) -> AsyncIterator[Subjects]:
        name = f"bench_{uuid4().hex[:12]}"
        async with postgresql_server.running(version) as server:
            await server.create_database(name)
            try:
                async with postgresql.opened(server.database(name)) as both:
                    yield {f"postgresql_{version}": await postgresql.pairs(*both)}
            finally:
                await server.drop_database(name)

    return opened


@asynccontextmanager
async def _in_embedded_redis(_: Path) -> AsyncIterator[Subjects]:
    async with AsyncExitStack() as stack:
        place, launcher = await stack.enter_async_context(temporary_place())
        yield {"redis": await stack.enter_async_context(redis.pairs(await embedded_redis.start(launcher, place)))}


def _in_redis(name: str, kind: redis_server.Kind) -> Opened:
    @asynccontextmanager
    async def opened(_: Path) -> AsyncIterator[Subjects]:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(redis_server.running(kind))
            pairs = redis.pairs(server.settings["REDIS_URL"], cluster=kind == "cluster")
            yield {name: await stack.enter_async_context(pairs)}

    return opened


@asynccontextmanager
async def _in_embedded_mongodb(_: Path) -> AsyncIterator[Subjects]:
    async with AsyncExitStack() as stack:
        place, launcher = await stack.enter_async_context(temporary_place())
        yield {"mongodb": await stack.enter_async_context(mongodb.pairs(await embedded_mongodb.start(launcher, place)))}


@asynccontextmanager
async def _in_mongodb(_: Path) -> AsyncIterator[Subjects]:
    if "MONGODB_URL" not in os.environ:
        raise Absent("MONGODB_URL names no server, and what could be started is the embedded one")
    async with mongodb_server.running() as server, mongodb.pairs(server.settings["MONGODB_URL"]) as pairs:
        yield {"mongodb_server": pairs}


@asynccontextmanager
async def _in_embedded_qdrant(place: Path) -> AsyncIterator[Subjects]:
    async with qdrant.embedded_pairs(place / "vectors") as pairs:
        yield {"qdrant": pairs}


@asynccontextmanager
async def _in_qdrant(_: Path) -> AsyncIterator[Subjects]:
    async with qdrant_server.running() as server, qdrant.server_pairs(server.settings) as pairs:
        yield {"qdrant_server": pairs}


@asynccontextmanager
async def _in_cassandra(_: Path) -> AsyncIterator[Subjects]:
    async with cassandra_server.running() as server, cassandra.pairs(server.settings) as pairs:
        yield {"cassandra_5": pairs}


@asynccontextmanager
async def _in_folder(place: Path) -> AsyncIterator[Subjects]:
    async with objects.folder_pairs(place) as pairs:
        yield {"minio": pairs}


@asynccontextmanager
async def _in_s3(_: Path) -> AsyncIterator[Subjects]:
    async with versitygw.running() as server, objects.server_pairs(server.settings) as pairs:
        yield {"versitygw": pairs}


PLACES: Final[dict[str, Opened]] = {
    "embedded PostgreSQL": _in_embedded_postgresql,
    **{f"PostgreSQL {version}": _in_postgresql(version) for version in postgresql_server.VERSIONS},
    "embedded Valkey": _in_embedded_redis,
    "Valkey 9": _in_redis("valkey_9", "valkey 9"),
    "Redis 7": _in_redis("redis_7", "redis 7"),
    "Redis Cluster": _in_redis("redis_cluster", "cluster"),
    "embedded MongoDB": _in_embedded_mongodb,
    "MongoDB": _in_mongodb,
    "embedded Qdrant": _in_embedded_qdrant,
    "Qdrant": _in_qdrant,
    "Cassandra 5": _in_cassandra,
    "a folder": _in_folder,
    "versitygw": _in_s3,
}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=101, help="the most rounds in which both ways have their turn (101)"
    )
    parser.add_argument("--only", action="append", choices=[*PLACES], help="only this one; repeatable")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error("--rounds is 2 or more")
    try:
        found, absent = asyncio.run(_measured([*(given.only or PLACES)], given.rounds))
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_table(found, absent))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(_numbers(found), indent=2) + "\n", encoding="utf-8")
    return 0


async def _measured(places: list[str], rounds: int) -> tuple[Measured, list[str]]:
    """What was found, and sentences about what is not here. One server runs at a time."""
    found: Measured = {}
    absent: list[str] = []
    for name in places:
        _say(name)
        with folder() as place:
            try:
                async with PLACES[name](place) as subjects:
                    for implementation, pairs in subjects.items():
                        for pair in pairs:
                            _say(f"{implementation}: {pair.question}")
                            found.setdefault(implementation, {})[pair.question] = await compared(pair, rounds)
            except Absent as reason:
                absent.append(f"{name} was not asked: {reason}.")
            except StoreError as failed:  # the others are measured all the same
                absent.append(f"{name} was given up: {failed}.")
    return found, absent


def _numbers(found: Measured) -> dict[str, float]:
    """Flat names to numbers."""
    numbers: dict[str, float] = {}
    for implementation, questions in found.items():
        for question, each in questions.items():
            for name, value in each._asdict().items():
                numbers[f"{implementation}.{question}.{name}"] = round(value, 4)
    numbers["machine.cores"] = os.cpu_count() or 1
    numbers["machine.load_after"] = round(os.getloadavg()[0], 2)
    return numbers


def _table(found: Measured, absent: list[str]) -> str:
    lines = [f"{'ms a call, one after another':<32}{'ours':>10}{'bare':>10}{'ours/bare':>12}{'goal':>12}"]
    for implementation, questions in found.items():
        for question, each in questions.items():
            goal = ""
            if question == HELD_TO_IT:
                goal = f"<= {GOAL} {'' if each.ours_per_bare <= GOAL else '!'}"
            lines.append(
                f"{f'{implementation}.{question}':<32}{each.ours_ms:>10.3f}{each.bare_ms:>10.3f}"
                f"{each.ours_per_bare:>12.2f}{goal:>12}"
            )
    return "\n".join([*lines, "", *absent]).rstrip() + "\n"


def _say(step: Any) -> None:
    sys.stderr.write(f"{step} ...\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
