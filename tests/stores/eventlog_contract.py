"""What does the event log promise, whether the outbox is the log or Kafka is?"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from datadir.kafka.client import Batch, EventLog, Subscription
from datadir.kafka.event import Delivery, Event
from datadir.kafka.sealing import ERASED
from datadir.kafka.topics import BY_NAME, partition_of
from datadir.ledger import kept
from datadir.names import StoreName
from datadir.scope import SYSTEM
from tests.stores.postgres_fixture import Database

TOPIC = "learning.events"
PATIENCE = 60.0
Child = asyncio.subprocess.Process
Starter = Callable[[str], Awaitable[Child]]


async def started(where: str, database: Database, group: str) -> Child:
    """A member of a group in a process of its own: `where` is `embedded`, or Kafka's brokers."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stores.eventlog_member", where, database.dsn, group, TOPIC,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def event(key: str, nth: int = 0, **more: Any) -> Event:
    """An event that knows which it is."""
    return Event(uuid4(), TOPIC, key, "page_view", {"nth": nth, **more}, datetime.now(UTC))


def one_key_per_partition() -> list[str]:
    """Keys of this test alone, one in each partition of the topic."""
    keys: dict[int, str] = {}
    while len(keys) < BY_NAME[TOPIC].partitions:
        key = str(uuid4())
        keys.setdefault(partition_of(BY_NAME[TOPIC], key), key)
    return list(keys.values())


async def append(log: EventLog, database: Database, *events: Event) -> int:
    """Append in a transaction of its own."""
    async with database.pg.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
        return await log.append(tx, events)


async def learner(database: Database) -> UUID:
    """Somebody with an account."""
    identity = uuid4()
    async with database.pg.transaction(SYSTEM) as tx:
        await tx.execute(
            "insert into users (id, email, password_hash) values ($1, $2, 'x')", identity, f"{identity}@school.test"
        )
    return identity


def visit(somebody: UUID, page: str, **properties: Any) -> Event:
    """A trace of learning, with texts that are somebody's own."""
    payload = {"user_id": str(somebody), "page": page, "properties": properties}
    return Event(uuid4(), TOPIC, str(somebody), "page_view", payload, datetime.now(UTC).replace(microsecond=0))


@asynccontextmanager
async def batches_about(subscription: Subscription, keys: Iterable[str]) -> AsyncIterator[AsyncIterator[Batch]]:
    """The batches that have events of these keys; others, of other tests, are committed and passed over."""
    wanted = set(keys)

    async def relevant() -> AsyncIterator[Batch]:
        async for batch in subscription:
            if any(each.event.key in wanted for each in batch.deliveries):
                yield batch
            else:
                await batch.commit()

    async with asyncio.timeout(PATIENCE), subscription:
        batches = relevant()
        try:
            yield batches
        finally:
            await batches.aclose()  # type: ignore[attr-defined]


async def receive(log: EventLog, group: str, keys: Iterable[str], number: int) -> list[Delivery]:
    """Join a group, handle and commit until this many events of these keys have come, and leave."""
    wanted, found = set(keys), list[Delivery]()
    async with batches_about(log.subscribe(group, [TOPIC]), wanted) as batches:
        async for batch in batches:
            found += [each for each in batch.deliveries if each.event.key in wanted]
            assert await batch.commit()
            if len(found) >= number:
                break
    return found


class EventLogContract:
    """`log` publishes while the test runs; `child(group)` starts a process that joins the group, prints the id of
    each event it is handed and never commits."""

    async def test_a_committed_event_arrives_whole(self, log: EventLog, database: Database) -> None:
        key = f"Zoë {uuid4()}"
        cet = timezone(timedelta(hours=1))
        sent = Event(
            uuid4(), TOPIC, key, "page_view", {"path": "/数学?q=\"1\"", "n": [1, 2.5, None, True, {"a": "b"}]},
            datetime(2026, 3, 1, 12, 30, 15, 123_999, tzinfo=cet),
        )  # fmt: skip
        assert await append(log, database, sent) == 1
        [got] = await receive(log, f"g-{uuid4()}", [key], 1)
        assert got.event == sent._replace(at=datetime(2026, 3, 1, 11, 30, 15, 123_000, tzinfo=UTC))
        assert got.event.at.utcoffset() == timedelta(0)
        assert type(got.event.event_id.int) is int
        assert got.partition == partition_of(BY_NAME[TOPIC], key)

    async def test_a_rolled_back_transaction_publishes_nothing(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        await append(log, database, event(key, 1))
        with pytest.raises(ZeroDivisionError):
            await self.append_and_fail(log, database, event(key, 2))
        await append(log, database, event(key, 3))
        got = await receive(log, f"g-{uuid4()}", [key], 2)
        assert [each.event.payload["nth"] for each in got] == [1, 3]

    async def append_and_fail(self, log: EventLog, database: Database, sent: Event) -> None:
        async with database.pg.transaction(SYSTEM, store=StoreName.KAFKA) as tx:
            assert await log.append(tx, [sent]) == 1
            raise ZeroDivisionError

    async def test_an_event_id_is_appended_once(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        first, second = event(key, 1), event(key, 2)
        assert await append(log, database, first, first) == 1
        assert await append(log, database, first, second) == 1
        assert await append(log, database, first) == 0
        assert await append(log, database) == 0
        await append(log, database, event(key, 3))
        got = await receive(log, f"g-{uuid4()}", [key], 3)
        assert [each.event.payload["nth"] for each in got] == [1, 2, 3]

    async def test_events_of_one_key_keep_their_order_while_many_write(self, log: EventLog, database: Database) -> None:
        keys = [str(uuid4()) for _ in range(8)]

        async def write(key: str) -> None:
            for start in range(0, 30, 3):
                await append(log, database, *(event(key, start + n) for n in range(3)))

        reading = asyncio.create_task(receive(log, f"g-{uuid4()}", keys, 240))
        await asyncio.gather(*map(write, keys))
        by_key = defaultdict(list)
        for each in await reading:
            by_key[each.event.key].append(each.event.payload["nth"])
        assert by_key == {key: list(range(30)) for key in keys}

    async def test_a_transaction_that_commits_late_is_not_skipped(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        async with batches_about(log.subscribe(f"g-{uuid4()}", [TOPIC]), [key]) as batches:
            async with database.pg.transaction(SYSTEM, store=StoreName.KAFKA) as slow:
                await log.append(slow, [event(key, 1)])  # the smaller position
                await append(log, database, event(key, 2))
                batch = await anext(batches)
                assert [each.event.payload["nth"] for each in batch.deliveries if each.event.key == key] == [2]
                assert await batch.commit()
            batch = await anext(batches)
            assert [each.event.payload["nth"] for each in batch.deliveries if each.event.key == key] == [1]

    async def test_what_was_committed_is_not_delivered_again_and_what_was_not_is(
        self, log: EventLog, database: Database
    ) -> None:
        key, group = str(uuid4()), f"g-{uuid4()}"
        await append(log, database, event(key, 1))
        assert len(await receive(log, group, [key], 1)) == 1
        await append(log, database, event(key, 2))
        async with batches_about(log.subscribe(group, [TOPIC]), [key]) as batches:
            batch = await anext(batches)
            assert [each.event.payload["nth"] for each in batch.deliveries if each.event.key == key] == [2]
        again = await receive(log, group, [key], 1)
        assert [each.event.payload["nth"] for each in again] == [2]

    async def test_each_group_reads_everything(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        await append(log, database, *(event(key, nth) for nth in range(5)))
        for _ in range(2):
            got = await receive(log, f"g-{uuid4()}", [key], 5)
            assert [each.event.payload["nth"] for each in got] == [0, 1, 2, 3, 4]

    async def test_replay_begins_at_an_offset(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        await append(log, database, *(event(key, nth) for nth in range(6)))
        got = await receive(log, f"g-{uuid4()}", [key], 6)
        partition = got[0].partition
        assert [each.offset for each in got] == sorted({each.offset for each in got})
        assert await log.read_from(TOPIC, partition, got[2].offset, 3) == got[2:5]
        assert await log.read_from(TOPIC, partition, got[2].offset, 100) == got[2:]
        assert await log.read_from(TOPIC, partition, got[-1].offset + 1, 100) == []

    async def test_two_members_never_share_a_partition(self, log: EventLog, database: Database) -> None:
        keys, group = one_key_per_partition(), f"g-{uuid4()}"
        handled: dict[str, list[UUID]] = {"one": [], "two": []}
        partitions: dict[str, set[int]] = {"one": set(), "two": set()}
        both = asyncio.Event()
        progress, stop = asyncio.Event(), asyncio.Event()

        async def member(name: str) -> None:
            async with log.subscribe(group, [TOPIC], stop=stop, most=6) as subscription:
                async for batch in subscription:
                    mine = [each for each in batch.deliveries if each.event.key in keys]
                    assert await batch.commit()
                    handled[name] += [each.event.event_id for each in mine]
                    progress.set()
                    if both.is_set():
                        partitions[name] |= {each.partition for each in mine if each.event.payload.get("late")}
                    if all(handled.values()):
                        both.set()

        sent: list[Event] = []

        async def send(**more: Any) -> None:
            fresh = [event(key, **more) for key in keys]
            sent.extend(fresh)
            await append(log, database, *fresh)

        async def all_handled() -> None:
            while sum(map(len, handled.values())) < len(sent):
                progress.clear()
                await progress.wait()

        members = [asyncio.create_task(member(name)) for name in handled]
        async with asyncio.timeout(PATIENCE):
            while not both.is_set():  # until both have joined and each has had something
                await send()
                await all_handled()
            for _ in range(5):
                await send(late=True)
            await all_handled()
            stop.set()
            await asyncio.gather(*members)
        everything = handled["one"] + handled["two"]
        assert sorted(everything) == sorted(each.event_id for each in sent)  # each once, none lost
        assert partitions["one"]
        assert partitions["two"]
        assert partitions["one"] & partitions["two"] == set()
        assert partitions["one"] | partitions["two"] == set(range(BY_NAME[TOPIC].partitions))

    async def test_a_member_that_leaves_hands_its_partitions_over(self, log: EventLog, database: Database) -> None:
        keys, group = one_key_per_partition(), f"g-{uuid4()}"
        await append(log, database, *(event(key, 1) for key in keys))
        before = await receive(log, group, keys, len(keys))
        assert {(each.event.key, each.event.payload["nth"]) for each in before} == {(key, 1) for key in keys}
        await append(log, database, *(event(key, 2) for key in keys))
        after = await receive(log, group, keys, len(keys))
        assert {(each.event.key, each.event.payload["nth"]) for each in after} == {(key, 2) for key in keys}

    async def test_a_member_killed_before_its_commit_loses_partitions_and_no_event(
        self, log: EventLog, database: Database, child: Starter
    ) -> None:
        keys, group = one_key_per_partition(), f"g-{uuid4()}"
        sent = [event(key) for key in keys]
        await append(log, database, *sent)
        process = await child(group)
        assert process.stdout is not None
        waiting = {str(each.event_id) for each in sent}
        async with asyncio.timeout(PATIENCE):
            while waiting:  # it was handed every event, and holds every partition
                waiting.discard((await process.stdout.readline()).decode().strip())
            process.kill()
            await process.wait()
        got = await receive(log, group, keys, len(keys))
        assert sorted(each.event.event_id for each in got) == sorted(each.event_id for each in sent)

    async def test_a_subscription_ends_when_it_is_told_to(self, log: EventLog) -> None:
        stop = asyncio.Event()
        async with asyncio.timeout(PATIENCE), log.subscribe(f"g-{uuid4()}", ["accounts.events"], stop=stop) as batches:
            stop.set()
            assert [batch async for batch in batches] == []

    async def test_what_no_log_takes_is_refused_before_anything_is_written(
        self, log: EventLog, database: Database
    ) -> None:
        good = event(str(uuid4()))
        for bad, why in (
            (good._replace(topic="unknown"), "no such topic"),
            (good._replace(at=datetime(2026, 1, 1)), "time zone"),
            (good._replace(payload={"text": "x" * 300_000}), "payload"),
            (good._replace(topic="accounts.events", type="unknown"), "no such type"),
            (good._replace(type="I had a bad day"), "no plain word"),
            (good._replace(version=2), "is at version 1, this event at 2"),
            (good._replace(key="nobody", payload={"page": "/a"}), "names no learner"),
        ):
            with pytest.raises(ValueError, match=why):
                await append(log, database, good, bad)
        with pytest.raises(ValueError, match="no such topic"):
            log.subscribe("g", ["unknown"])
        assert await append(log, database, good) == 1

    async def test_an_append_is_one_store_call_however_many_events(self, log: EventLog, database: Database) -> None:
        key = str(uuid4())
        with kept() as ledger:
            await append(log, database, *(event(key, nth) for nth in range(500)))
        assert (ledger.stores[StoreName.KAFKA].calls, list(ledger.stores)) == (1, [StoreName.KAFKA])

    async def test_personal_texts_arrive_and_rest_nowhere(self, log: EventLog, database: Database) -> None:
        somebody = await learner(database)
        sent = [visit(somebody, "/my-secret-page"), visit(somebody, "", query="my-secret-question", n=[1, None])]
        await append(log, database, *sent)
        got = await receive(log, f"g-{uuid4()}", [str(somebody)], 2)
        assert [each.event for each in got] == sent
        assert [each.event for each in await log.read_from(TOPIC, got[0].partition, got[0].offset, 2)] == sent
        rows = await database.owner.fetch("select o::text, payload from outbox o where key = $1", str(somebody))
        assert len(rows) == 2
        for row, each in zip(rows, sent, strict=True):
            assert "my-secret" not in row["o"]
            payload = orjson.loads(row["payload"])
            assert payload["user_id"] == each.payload["user_id"]
            assert [name for name in payload if isinstance(payload[name], dict) and "sealed" in payload[name]] == [
                name for name in ("page", "properties") if each.payload[name]
            ]

    async def test_a_dropped_key_erases_what_was_said_and_nothing_else(self, log: EventLog, database: Database) -> None:
        gone, other = await learner(database), await learner(database)
        sent = [visit(gone, "/a", q="b"), visit(other, "/c")]
        await append(log, database, *sent)
        before = await receive(log, f"g-{uuid4()}", [str(gone), str(other)], 2)
        assert sorted(each.event for each in before) == sorted(sent)
        async with database.pg.transaction(SYSTEM) as tx:
            assert await log.keys.drop(tx, [gone]) == 1
        fresh = visit(gone, "/d")
        await append(log, database, fresh)
        after = await receive(log, f"g-{uuid4()}", [str(gone), str(other)], 3)
        by_id = {each.event.event_id: each.event for each in after}
        erased = by_id[sent[0].event_id]
        assert erased == sent[0]._replace(payload={"user_id": str(gone), "page": ERASED, "properties": ERASED})
        assert erased.payload["page"] is ERASED
        assert by_id[sent[1].event_id] == sent[1]
        assert by_id[fresh.event_id] == fresh  # a new key, which opens nothing of before
        where = next(each for each in before if each.event.event_id == sent[0].event_id)
        [replayed] = await log.read_from(TOPIC, where.partition, where.offset, 1)
        assert replayed.event == erased

    async def test_the_log_says_what_it_is(self, log: EventLog) -> None:
        assert await log.ping()
