"""Which stores are open? Opens the seven in order, says how each is, closes them in reverse.

An address that is set names a real server; an address that is not starts or opens the embedded stand-in. Both sides
of a store keep one promise, so nothing above this file knows which it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from datadir import ledger
from datadir.addresses import Addresses
from datadir.audit import DEADLINE, AuditLog
from datadir.circuit import Circuit
from datadir.errors import StoreError, StoreMisconfigured
from datadir.migrations.migrate import ADVISORY_LOCK
from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.cassandra.client import Series
    from datadir.data_folder import DataFolder
    from datadir.kafka.client import EventLog
    from datadir.launcher import Launcher
    from datadir.minio.client import Objects
    from datadir.mongodb.client import Documents
    from datadir.postgresql.client import Postgres
    from datadir.qdrant.client import Vectors
    from datadir.redis.client import Redis

Report = Callable[[str], None]

KINDS: Final = {
    StoreName.POSTGRESQL: "relational",
    StoreName.REDIS: "key-value",
    StoreName.MONGODB: "documents",
    StoreName.QDRANT: "vectors",
    StoreName.CASSANDRA: "time series",
    StoreName.KAFKA: "event log",
    StoreName.MINIO: "objects",
}
# `stores` may be asked without an account: a ping answers everyone for a second.
HEALTH_LIFETIME: Final = 1.0
PING_DEADLINE: Final = 0.4


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How one store answered: status ok, warming, degraded or down; the ping's milliseconds; what it says it is."""

    name: str
    kind: str
    status: str
    mode: str
    latency_ms: float | None = None
    version: str | None = None
    progress_percent: int | None = None


@dataclass(slots=True)
class Stores:
    """The seven stores of this process."""

    postgresql: Postgres
    redis: Redis
    documents: Documents
    vectors: Vectors
    series: Series
    events: EventLog
    objects: Objects
    embedded: frozenset[StoreName]
    # Rests in two of them.
    audit: AuditLog
    # Background work on a store, in percent, while it goes on.
    progress: dict[StoreName, int] = field(default_factory=dict)
    _seen: list[StoreHealth] = field(default_factory=list)
    _seen_at: float = float("-inf")
    _looking: asyncio.Task[list[StoreHealth]] | None = None

    async def health(self) -> list[StoreHealth]:
        """How each store answers, all asked at once; an answer serves everyone for HEALTH_LIFETIME."""
        if monotonic() - self._seen_at > HEALTH_LIFETIME:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            try:
                self._seen = await asyncio.shield(self._looking)
                self._seen_at = monotonic()
            finally:
                self._looking = None
        return [self._now(health) for health in self._seen]

    @property
    def circuits(self) -> dict[StoreName, Circuit]:
        """The way to each store that has one."""
        # Kafka has none: operations write to the outbox, and the relay has a patience of its own.
        return {
            StoreName.POSTGRESQL: self.postgresql.circuit,
            StoreName.REDIS: self.redis.circuit,
            StoreName.MONGODB: self.documents.circuit,
            StoreName.QDRANT: self.vectors.circuit,
            StoreName.CASSANDRA: self.series.circuit,
            StoreName.MINIO: self.objects.circuit,
        }

    def _now(self, health: StoreHealth) -> StoreHealth:
        progress = self.progress.get(StoreName(health.name))
        if progress is None or health.status != "ok":
            return health
        return StoreHealth(
            health.name, health.kind, "warming", health.mode, health.latency_ms, health.version, progress
        )

    async def _look(self) -> list[StoreHealth]:
        # In a task of its own, which answers many operations: pings are health and no operation's store calls.
        ledger.current.set(None)
        pings: dict[StoreName, Callable[[], Awaitable[str]]] = {
            StoreName.POSTGRESQL: self.postgresql.ping,
            StoreName.REDIS: self.redis.ping,
            StoreName.MONGODB: self.documents.ping,
            StoreName.QDRANT: self.vectors.ping,
            StoreName.CASSANDRA: self.series.ping,
            StoreName.KAFKA: self.events.ping,
            StoreName.MINIO: self.objects.ping,
        }
        return list(await asyncio.gather(*(self._ping(store, ping) for store, ping in pings.items())))

    async def _ping(self, store: StoreName, ping: Callable[[], Awaitable[str]]) -> StoreHealth:
        mode = "embedded" if store in self.embedded else "real"
        started = perf_counter()
        try:
            version = await asyncio.wait_for(ping(), PING_DEADLINE)
        except (StoreError, TimeoutError, OSError):
            return StoreHealth(store.value, KINDS[store], "down", mode)
        # It answers us, and yet its circuit still refuses operations: it has only just come back.
        circuit = self.circuits.get(store)
        status = "ok" if circuit is None or circuit.state == "closed" else "degraded"
        return StoreHealth(
            store.value, KINDS[store], status, mode, round((perf_counter() - started) * 1000, 3), version
        )


async def open_stores(
    addresses: Addresses,
    stack: AsyncExitStack,
    *,
    folder: DataFolder | None,
    launcher: Launcher | None,
    report: Report = lambda step: None,
) -> Stores:
    """Open all stores; `stack` closes them in reverse. `folder` and `launcher` are needed where any is embedded.

    Raises StoreMisconfigured with a sentence."""
    embedded = frozenset(addresses.embedded)
    started = await start_embedded(addresses, embedded, folder=folder, launcher=launcher, report=report)
    opener = _Opener(addresses, stack, folder, started)
    report("opening the stores")
    postgresql = await opener.postgresql(report)
    # One after the other: each imports its library first, which holds the loop longer than another's deadline.
    return Stores(
        postgresql=postgresql,
        redis=await opener.redis(),
        documents=await opener.documents(),
        vectors=await opener.vectors(),
        series=await opener.series(postgresql),
        events=await opener.events(postgresql),
        objects=(objects := await opener.objects()),
        embedded=embedded,
        audit=await opener.audit(objects),
    )


async def start_embedded(
    addresses: Addresses,
    embedded: frozenset[StoreName],
    *,
    folder: DataFolder | None,
    launcher: Launcher | None,
    report: Report,
) -> dict[StoreName, Any]:
    """Start the servers among `embedded` side by side; where each of them is."""
    servers = [store for store in (StoreName.POSTGRESQL, StoreName.REDIS, StoreName.MONGODB) if store in embedded]
    if not servers:
        return {}
    if folder is None or launcher is None:
        raise StoreMisconfigured(servers[0], f"{servers[0].value} is embedded and needs a data folder.")
    from datadir.mongodb import embedded as mongodb
    from datadir.postgresql import embedded as postgresql
    from datadir.redis import embedded as redis

    starts: dict[StoreName, Callable[[Launcher, DataFolder], Awaitable[Any]]] = {
        StoreName.POSTGRESQL: postgresql.start,
        StoreName.REDIS: redis.start,
        StoreName.MONGODB: mongodb.start,
    }
    report("starting " + ", ".join(store.value for store in servers))
    tasks = [asyncio.ensure_future(starts[store](launcher, folder)) for store in servers]
    try:
        places = await asyncio.gather(*tasks)
    finally:
        # Where one fails the others are given up before their servers are stopped, or each would complain of that.
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return dict(zip(servers, places, strict=True))


class _Opener:
    """Opens one store after the other, each registering its own close."""

    def __init__(
        self, addresses: Addresses, stack: AsyncExitStack, folder: DataFolder | None, started: dict[StoreName, Any]
    ) -> None:
        self.addresses = addresses
        self.stack = stack
        self.folder = folder
        self.started = started
        self.owner_dsn = self.app_dsn = ""

    def _storage(self, store: StoreName) -> Path:
        if self.folder is None:
            raise StoreMisconfigured(store, f"{store.value} is embedded and needs a data folder.")
        return self.folder.path / store.value

    async def postgresql(self, report: Report) -> Postgres:
        from datadir.migrations.migrate import upgrade
        from datadir.postgresql.client import Postgres
        from datadir.postgresql.opening import LEAST_CONNECTIONS, MOST_CONNECTIONS

        place = self.started.get(StoreName.POSTGRESQL)
        # First: a file that is not what it should be is a sentence of its own.
        tls = await self.addresses.tls_of(StoreName.POSTGRESQL).context()
        owner_dsn = place.owner_dsn if place else self.addresses.postgresql_dsn
        report("migrating")
        await upgrade(owner_dsn, report=report)
        self.owner_dsn, self.app_dsn = owner_dsn, place.app_dsn if place else owner_dsn
        opened = await Postgres.open(
            self.app_dsn,
            # Our own server is asked by one program, and each connection costs its start.
            min_size=2 if place else LEAST_CONNECTIONS,
            # One of them is the audit log's.
            max_size=MOST_CONNECTIONS - 1,
            read_deadline=self.addresses.read_deadline,
            tls=tls,
        )
        self.stack.push_async_callback(opened.close)
        return opened

    async def audit(self, objects: Objects) -> AuditLog:
        from datadir.postgresql.client import Postgres

        opened = await Postgres.open(
            self.app_dsn,
            # Opened when something is written first: few processes answer an administrator.
            min_size=0,
            max_size=1,
            read_deadline=DEADLINE,
            tls=await self.addresses.tls_of(StoreName.POSTGRESQL).context(),
        )
        self.stack.push_async_callback(opened.close)
        log = AuditLog(opened, objects)
        self.stack.push_async_callback(log.close)
        return log

    async def redis(self) -> Redis:
        from datadir.redis.client import Redis

        url = self.started.get(StoreName.REDIS) or self.addresses.redis_url or ""
        tls = self.addresses.tls_of(StoreName.REDIS)
        opened = await Redis.open(url, deadline=self.addresses.read_deadline, tls=tls)
        self.stack.push_async_callback(opened.close)
        return opened

    async def documents(self) -> Documents:
        from datadir.mongodb.client import Documents
        from datadir.mongodb.opening import LEAST_CONNECTIONS

        place = self.started.get(StoreName.MONGODB)
        opened = await Documents.open(
            place or self.addresses.mongodb_url or "",
            min_connections=2 if place else LEAST_CONNECTIONS,
            deadline=self.addresses.read_deadline,
            tls=self.addresses.tls_of(StoreName.MONGODB),
        )
        self.stack.push_async_callback(opened.close)
        await opened.prepare()
        return opened

    async def vectors(self) -> Vectors:
        from datadir.qdrant import embedded, opening
        from datadir.qdrant.collections import COLLECTIONS

        opened: Vectors
        if self.addresses.qdrant_host:
            opened = await opening.connected(
                self.addresses.qdrant_host,
                self.addresses.qdrant_port,
                api_key=self.addresses.qdrant_api_key,
                tls=self.addresses.tls_of(StoreName.QDRANT),
                deadline=self.addresses.read_deadline,
            )
        else:
            opened = await embedded.opened(self._storage(StoreName.QDRANT), deadline=self.addresses.read_deadline)
        self.stack.push_async_callback(opened.close)
        await opened.ensure(COLLECTIONS)
        return opened

    async def series(self, postgresql: Postgres) -> Series:
        from datadir.cassandra import embedded

        opened: Series
        if self.addresses.cassandra_host:
            from datadir.cassandra.client import CassandraSeries

            opened = await CassandraSeries.open(
                [host.strip() for host in self.addresses.cassandra_host.split(",")],
                secret=self.addresses.secret,
                port=self.addresses.cassandra_port,
                username=self.addresses.cassandra_username,
                password=self.addresses.cassandra_password,
                datacenter=self.addresses.cassandra_datacenter,
                tls=self.addresses.tls_of(StoreName.CASSANDRA),
                deadline=self.addresses.read_deadline,
            )
        else:
            await self._as_owner(embedded.prepare)
            opened = embedded.EmbeddedSeries(postgresql, secret=self.addresses.secret)
        self.stack.push_async_callback(opened.close)
        return opened

    async def events(self, postgresql: Postgres) -> EventLog:
        from datadir.kafka import embedded
        from datadir.kafka.sealing import Wrapping
        from datadir.postgresql.learner_keys import LearnerKeys

        keys = LearnerKeys(postgresql, Wrapping(self.addresses.secret, self.addresses.secret_before))
        opened: EventLog
        if self.addresses.kafka_bootstrap_servers:
            from datadir.kafka.client import KafkaEventLog
            from datadir.kafka.opening import Brokers

            opened = await KafkaEventLog.open(Brokers.at(self.addresses), postgresql, keys)
        else:
            await self._as_owner(embedded.prepare)
            opened = embedded.EmbeddedEventLog(postgresql, keys)
        self.stack.push_async_callback(opened.close)
        return opened

    async def _as_owner(self, prepare: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        """Make the tables of a stand-in that lives in PostgreSQL, as the owner of the database."""
        owner = await asyncpg.connect(self.owner_dsn, timeout=10)
        try:
            # The lock of the migrations: two stand-ins, or two processes, must not make one schema at once.
            await owner.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
            await prepare(owner)
        finally:
            await owner.close()

    async def objects(self) -> Objects:
        from datadir.minio.client import S3Objects
        from datadir.minio.embedded import FolderObjects

        opened: Objects
        if self.addresses.s3_endpoint_url:
            opened = await S3Objects.open(
                self.addresses.s3_endpoint_url,
                self.addresses.s3_bucket,
                access_key=self.addresses.s3_access_key,
                secret_key=self.addresses.s3_secret_key,
                region=self.addresses.s3_region,
                tls=self.addresses.tls_of(StoreName.MINIO),
            )
        else:
            opened = await FolderObjects.open(
                self._storage(StoreName.MINIO), public_url=self.addresses.public_url, secret=self.addresses.secret
            )
        self.stack.push_async_callback(opened.close)
        return opened
