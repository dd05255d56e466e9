"""Where is the event log when no Kafka is given? In the outbox itself: publishing gives its rows their offsets.

Not imitated: retention (nothing is ever dropped), compaction, headers, broker time stamps, transactions across
topics, consumers that follow a partition by hand, static membership. All members of a group must subscribe to the
same topics. Throughput is some hundred events a second: every poll is a short transaction.

How members share: a member is a row with a heartbeat, each partition of a group has at most one member. Whoever polls
gives back what is above its fair share and takes what is free or held by a member whose heartbeat is over; a commit
counts only for partitions one still holds. Heartbeats come from a task of their own, so a slow handler keeps its
partitions and a dead process loses them within the lease.

Why publishing skips nothing and keeps the order of a key is argued in `datadir/postgresql/outbox.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import asyncpg
import orjson

from datadir.errors import StoreError
from datadir.kafka import personal
from datadir.kafka.event import Delivery, Event
from datadir.kafka.topics import BY_NAME
from datadir.names import StoreName
from datadir.postgresql import outbox
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from types import TracebackType

    from datadir.kafka.client import EventLog
    from datadir.postgresql.client import Postgres, Transaction
    from datadir.postgresql.learner_keys import LearnerKeys

log = logging.getLogger(__name__)

PUBLISH_LOCK: Final = 5_283_406_770_931_245_117
_AT_ONCE: Final = 1000

_DDL: Final = """
create schema if not exists embedded;
create table if not exists embedded.log_end (
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    primary key (topic, partition)
);
create table if not exists embedded.consumer_member (
    group_name text not null,
    member_id uuid not null,
    expires_at timestamptz not null,
    primary key (group_name, member_id)
);
create table if not exists embedded.consumer (
    group_name text not null,
    topic text not null,
    partition int not null,
    member_id uuid,
    committed bigint not null default 0,
    primary key (group_name, topic, partition)
);
grant usage on schema embedded to studygraph_app;
grant select, insert, update, delete on embedded.log_end, embedded.consumer_member, embedded.consumer to studygraph_app;
"""

TABLES: Final = ("log_end", "consumer_member", "consumer")
_MISSING: Final = """
select name from unnest($1::text[]) with ordinality as t (name, nth)
where to_regclass('embedded.' || name) is null order by nth
"""

_PUBLISH: Final = """
with fresh as (
    select position, topic, partition from outbox where published_at is null order by position limit $1
), numbered as (
    select position, topic, partition,
           row_number() over (partition by topic, partition order by position) as nth,
           count(*) over (partition by topic, partition) as added
    from fresh
), ends as (
    insert into embedded.log_end as e (topic, partition, next_offset)
    select topic, partition, count(*) from fresh group by topic, partition
    on conflict (topic, partition) do update set next_offset = e.next_offset + excluded.next_offset
    returning topic, partition, next_offset
)
update outbox o
set published_at = clock_timestamp(), log_offset = ends.next_offset - numbered.added + numbered.nth - 1
from numbered join ends using (topic, partition)
where o.position = numbered.position
"""

_EVENT: Final = "partition, log_offset, event_id, topic, key, type, payload::text, at, version"

_READ: Final = f"""
select e.* from unnest($1::text[], $2::int[], $3::bigint[]) as held (topic, partition, next_offset)
cross join lateral (
    select {_EVENT} from outbox o
    where o.topic = held.topic and o.partition = held.partition and o.log_offset >= held.next_offset
    order by o.log_offset limit $4
) as e
order by e.topic, e.partition, e.log_offset
"""

_LIVE: Final = """
exists (select 1 from embedded.consumer_member m where m.group_name = c.group_name and m.member_id = c.member_id
        and m.expires_at > clock_timestamp())
"""

_CLAIM: Final = f"""
update embedded.consumer set member_id = $2
where (group_name, topic, partition) in (
    select c.group_name, c.topic, c.partition from embedded.consumer c
    where c.group_name = $1 and c.topic = any($3) and not {_LIVE}
    order by c.topic, c.partition limit $4
)
returning topic, partition, committed
"""


async def missing(owner: asyncpg.Connection) -> list[str]:
    """The tables that a start would make; one request."""
    rows = await owner.fetch(_MISSING, list(TABLES))
    return [row["name"] for row in rows]


async def prepare(owner: asyncpg.Connection) -> None:
    """Make the tables of the embedded log, as the owner of the database, where they are missing. One at a time."""
    if await missing(owner):
        async with owner.transaction():
            await owner.execute(_DDL)


class EmbeddedEventLog:
    """The event log in PostgreSQL. `lease` and `poll` in seconds: how long a dead member keeps its partitions, how
    often an idle member looks."""

    def __init__(self, pg: Postgres, keys: LearnerKeys, *, lease: float = 10.0, poll: float = 0.2) -> None:
        self._pg = pg
        self.keys = keys
        self.lease = lease
        self.poll = poll

    async def append(self, tx: Transaction, events: Sequence[Event]) -> int:
        return await outbox.append(tx, events, self.keys)

    def subscribe(
        self, group: str, topics: Sequence[str], *, stop: asyncio.Event | None = None, most: int = 100
    ) -> EmbeddedSubscription:
        for topic in topics:
            if topic not in BY_NAME:
                raise ValueError(f"no such topic: {topic!r}")
        return EmbeddedSubscription(self, self._pg, group, sorted(topics), stop or asyncio.Event(), most)

    async def read_from(self, topic: str, partition: int, offset: int, limit: int) -> list[Delivery]:
        async with self._pg.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
            await publish(tx)
            rows = await tx.fetch(_READ, [topic], [partition], [offset], limit)
            return await personal.opened([_delivery(row) for row in rows], self.keys, tx)

    async def publish_until(self, stop: asyncio.Event) -> None:
        await stop.wait()

    async def ping(self) -> str:
        await self._pg.read("select 1", store=StoreName.KAFKA)
        return "outbox"

    async def close(self) -> None:
        """Nothing of its own is open: the pool belongs to PostgreSQL."""


async def publish(tx: Transaction) -> None:
    """Give every committed row of the outbox its offset, one publisher at a time."""
    while (await tx.fetch("select exists (select 1 from outbox where published_at is null)"))[0][0]:
        # Taken in a statement of its own: the next one sees what the publisher before us committed.
        await tx.execute("select pg_advisory_xact_lock($1)", PUBLISH_LOCK)
        if await tx.execute(_PUBLISH, _AT_ONCE) < _AT_ONCE:
            return


class EmbeddedBatch:
    """Events handed to one member."""

    def __init__(self, subscription: EmbeddedSubscription, deliveries: Sequence[Delivery]) -> None:
        self.deliveries = deliveries
        self._subscription = subscription

    async def commit(self) -> bool:
        ends = {(each.event.topic, each.partition): each.offset + 1 for each in self.deliveries}
        return await self._subscription.commit(ends)


class EmbeddedSubscription:
    """One member of a group."""

    def __init__(
        self, events: EmbeddedEventLog, pg: Postgres, group: str, topics: list[str], stop: asyncio.Event, most: int
    ) -> None:
        self._pg = pg
        self._keys = events.keys
        self._group = group
        self._topics = topics
        self._stop = stop
        self._most = most
        self._lease = events.lease
        self._poll_pause = events.poll
        self._member = uuid4()
        self._positions: dict[tuple[str, int], int] = {}
        self._heartbeat: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> EmbeddedSubscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[EmbeddedBatch]:
        return self

    async def __anext__(self) -> EmbeddedBatch:
        while not (self._stop.is_set() or self._closed):
            pause = self._poll_pause
            try:
                if self._heartbeat is None:
                    await self._join()
                deliveries = await self._poll()
                if deliveries:
                    return EmbeddedBatch(self, deliveries)
            except StoreError as error:
                log.warning("the event log is not reachable, %s looks again: %s", self._group, error)
                pause = max(pause, 1.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
        raise StopAsyncIteration

    async def commit(self, ends: dict[tuple[str, int], int]) -> bool:
        """Remember where the next member has to go on; False where another one has taken over already."""
        try:
            async with self._transaction() as tx:
                held = await tx.execute(
                    "update embedded.consumer c set committed = greatest(committed, e.next_offset) "
                    "from unnest($3::text[], $4::int[], $5::bigint[]) as e (topic, partition, next_offset) "
                    "where c.group_name = $1 and c.member_id = $2 and c.topic = e.topic and c.partition = e.partition",
                    self._group,
                    self._member,
                    *_columns(ends),
                    list(ends.values()),
                )
        except StoreError as error:
            log.warning("handled events may come again: %s", error)
            return False
        return held == len(ends)

    async def close(self) -> None:
        """Leave the group: others take over at once."""
        self._closed = True
        if self._heartbeat is None:
            return
        self._heartbeat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._heartbeat
        self._heartbeat = None
        self._positions.clear()
        with contextlib.suppress(StoreError):  # the lease ends by itself
            async with self._transaction() as tx:
                await tx.execute(
                    "update embedded.consumer set member_id = null where group_name = $1 and member_id = $2",
                    self._group,
                    self._member,
                )
                await tx.execute("delete from embedded.consumer_member where member_id = $1", self._member)

    def _transaction(self) -> contextlib.AbstractAsyncContextManager[Transaction]:
        return self._pg.transaction(SYSTEM, store=StoreName.KAFKA)

    async def _join(self) -> None:
        partitions = [(topic, n) for topic in self._topics for n in range(BY_NAME[topic].partitions)]
        async with self._transaction() as tx:
            await tx.execute(
                "insert into embedded.consumer (group_name, topic, partition) "
                "select $1, * from unnest($2::text[], $3::int[]) on conflict do nothing",
                self._group,
                [topic for topic, _ in partitions],
                [partition for _, partition in partitions],
            )
            await tx.execute(
                "delete from embedded.consumer_member where expires_at < clock_timestamp() - interval '1 hour'"
            )
            await self._beat(tx)
        self._heartbeat = asyncio.create_task(self._keep_beating())

    async def _beat(self, tx: Transaction) -> None:
        await tx.execute(
            "insert into embedded.consumer_member (group_name, member_id, expires_at) "
            "values ($1, $2, clock_timestamp() + make_interval(secs => $3)) "
            "on conflict (group_name, member_id) do update set expires_at = excluded.expires_at",
            self._group,
            self._member,
            self._lease,
        )

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                async with self._transaction() as tx:
                    await self._beat(tx)
            except StoreError as error:
                log.warning("the lease of %s cannot be renewed: %s", self._group, error)

    async def _poll(self) -> list[Delivery]:
        """What is new in this member's partitions. Whoever asks has handled what it got before."""
        async with self._transaction() as tx:
            await self._share(tx)
            if not self._positions:
                return []
            await publish(tx)
            rows = await tx.fetch(
                _READ,
                [topic for topic, _ in self._positions],
                [partition for _, partition in self._positions],
                list(self._positions.values()),
                max(1, self._most // len(self._positions)),
            )
            deliveries = await personal.opened([_delivery(row) for row in rows], self._keys, tx)
        for each in deliveries:
            self._positions[each.event.topic, each.partition] = each.offset + 1
        return deliveries

    async def _share(self, tx: Transaction) -> None:
        """Hold a fair share of the group's partitions, and none that another member holds."""
        members, held = await self._group_now(tx)
        if self._member not in members:  # this process stood still for longer than the lease
            await self._beat(tx)
            members, held = await self._group_now(tx)
        self._positions = {each: self._positions.get(each, committed) for each, committed in held.items()}
        every = sum(BY_NAME[topic].partitions for topic in self._topics)
        share, rest = divmod(every, len(members))
        quota = share + (sorted(members).index(self._member) < rest)
        surplus = sorted(held)[quota:]
        if surplus:
            await tx.execute(
                "update embedded.consumer c set member_id = null "
                "from unnest($3::text[], $4::int[]) as e (topic, partition) "
                "where c.group_name = $1 and c.member_id = $2 and c.topic = e.topic and c.partition = e.partition",
                self._group,
                self._member,
                *_columns(surplus),
            )
            for each in surplus:
                self._positions.pop(each, None)
        elif len(held) < quota:
            # One claim at a time within a group, each with the snapshot that the one before left.
            await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"studygraph group {self._group}")
            claimed = await tx.fetch(_CLAIM, self._group, self._member, self._topics, quota - len(held))
            self._positions |= {(row["topic"], row["partition"]): row["committed"] for row in claimed}

    async def _group_now(self, tx: Transaction) -> tuple[set[Any], dict[tuple[str, int], int]]:
        """The live members, and the partitions that this one holds with what is committed there."""
        rows = await tx.fetch(
            "select member_id, null as topic, null as partition, null as committed from embedded.consumer_member "
            "where group_name = $1 and expires_at > clock_timestamp() "
            "union all select member_id, topic, partition, committed from embedded.consumer "
            "where group_name = $1 and member_id = $2 and topic = any($3)",
            self._group,
            self._member,
            self._topics,
        )
        members = {row["member_id"] for row in rows if row["topic"] is None}
        return members, {(row["topic"], row["partition"]): row["committed"] for row in rows if row["topic"] is not None}


def _columns(partitions: Iterable[tuple[str, int]]) -> tuple[list[str], list[int]]:
    topics, numbers = zip(*partitions, strict=True)
    return list(topics), list(numbers)


def _delivery(row: asyncpg.Record) -> Delivery:
    partition, offset, event_id, topic, key, type_, payload, at, version = row
    return Delivery(Event(event_id, topic, key, type_, orjson.loads(payload), at, version), partition, offset)


if TYPE_CHECKING:
    _: type[EventLog] = EmbeddedEventLog
