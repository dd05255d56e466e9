"""How is much written in few trips? Rows, transcripts, days, events and objects; done twice it is done once.

For the program itself: every write here has the system's scope, and none asks whether somebody may.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.mongodb.client import object_id
from datadir.mongodb.collections import ACTIVITY_LOGS, TRANSCRIPTS
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.cassandra.tables import UserEngagement
    from datadir.kafka.event import Event
    from datadir.stores import Stores

EVENTS_AT_ONCE: Final = 2000
DAYS_AT_ONCE: Final = 1000
TRANSCRIPTS_AT_ONCE: Final = 100
TRACES_AT_ONCE: Final = 100
# Objects on their way at the same time: enough to hide the disk's waiting, few enough for a small server.
OBJECTS_AT_ONCE: Final = 8


class StoredObject(NamedTuple):
    """An object to be put: its key, bytes and type."""

    key: str
    data: bytes
    content_type: str


async def insert_rows(stores: Stores, rows: Sequence[SQLModel], events: Sequence[Event] = ()) -> None:
    """Insert rows of any tables, and append events, in one transaction; one store call a table.

    A row whose key is taken is left as it is, an event that is known too. Tables are filled in the order in which they
    refer to each other. Columns that a row leaves None and the database can fill are filled by it."""
    batches: dict[tuple[type[SQLModel], tuple[str, ...]], list[SQLModel]] = defaultdict(list)
    for row in rows:
        left_out = tuple(name for name in _filled_by_database(type(row)) if getattr(row, name) is None)
        batches[type(row), left_out].append(row)
    order = {table: nth for nth, table in enumerate(SQLModel.metadata.sorted_tables)}
    async with stores.postgresql.transaction(SYSTEM) as tx:
        for kind, left_out in sorted(batches, key=lambda batch: order[_table(batch[0])]):
            sql, values = _insert(kind, left_out)
            await tx.executemany(sql, [values(row) for row in batches[kind, left_out]])
        for first in range(0, len(events), EVENTS_AT_ONCE):
            await stores.events.append(tx, events[first : first + EVENTS_AT_ONCE])


async def insert_transcripts(stores: Stores, transcripts: Sequence[Mapping[str, Any]]) -> None:
    """Insert transcripts whose meetings have none: documents as the collection's schema says, `_id` as text."""
    for first in range(0, len(transcripts), TRANSCRIPTS_AT_ONCE):
        batch = transcripts[first : first + TRANSCRIPTS_AT_ONCE]
        there = await stores.documents.find(
            TRANSCRIPTS.name,
            {"meeting_id": {"$in": [each["meeting_id"] for each in batch]}},
            {"meeting_id": 1},
            limit=len(batch),
        )
        known = {each["meeting_id"] for each in there}
        fresh = [each for each in batch if each["meeting_id"] not in known]
        ids = [object_id(each["_id"]) for each in fresh]
        await stores.documents.insert_many(
            TRANSCRIPTS.name, [{**each, "_id": key} for each, key in zip(fresh, ids, strict=True)]
        )


async def insert_activity(stores: Stores, traces: Sequence[Mapping[str, Any]]) -> None:
    """Insert traces that are not there yet: documents as the collection's schema says, `_id` as text."""
    for first in range(0, len(traces), TRACES_AT_ONCE):
        batch = [{**each, "_id": object_id(each["_id"])} for each in traces[first : first + TRACES_AT_ONCE]]
        ids = [each["_id"] for each in batch]
        there = await stores.documents.find(ACTIVITY_LOGS.name, {"_id": {"$in": ids}}, {"_id": 1}, limit=len(ids))
        known = {each["_id"] for each in there}
        await stores.documents.insert_many(ACTIVITY_LOGS.name, [each for each in batch if each["_id"] not in known])


async def write_engagement(stores: Stores, days: Sequence[UserEngagement]) -> None:
    """Write days of the engagement series; a day that is there is overwritten."""
    for first in range(0, len(days), DAYS_AT_ONCE):
        await stores.series.write(USER_ENGAGEMENT, days[first : first + DAYS_AT_ONCE])


async def put_objects(
    stores: Stores, objects: Sequence[StoredObject], progress: Callable[[int], None] = lambda done: None
) -> None:
    """Put objects, some at a time; `progress` hears how many are there. Raises an ExceptionGroup of StoreError."""
    waiting = iter(objects)
    done = 0

    async def carry() -> None:
        nonlocal done
        for each in waiting:
            await stores.objects.put(each.key, each.data, each.content_type)
            done += 1
            progress(done)

    async with asyncio.TaskGroup() as group:
        for _ in range(OBJECTS_AT_ONCE):
            group.create_task(carry())


def _table(kind: type[SQLModel]) -> Table:
    table: Table = getattr(kind, "__table__")  # noqa: B009 - SQLModel sets it without declaring it
    return table


@cache
def _filled_by_database(kind: type[SQLModel]) -> tuple[str, ...]:
    """Columns that may be left out, because they have a default there and no null."""
    return tuple(
        column.name
        for column in _table(kind).columns
        if not column.nullable and (column.server_default is not None or column.identity is not None)
    )


@cache
def _insert(kind: type[SQLModel], left_out: tuple[str, ...]) -> tuple[str, Callable[[SQLModel], tuple[Any, ...]]]:
    """The statement that inserts a row of this table, and what binds a row to it."""
    columns = [column for column in _table(kind).columns if column.name not in left_out]
    names = ", ".join(column.name for column in columns)
    places = ", ".join(f"${nth}" for nth in range(1, len(columns) + 1))
    read = attrgetter(*(column.name for column in columns))
    json = {nth for nth, column in enumerate(columns) if isinstance(column.type, JSONB)}

    def values(row: SQLModel) -> tuple[Any, ...]:
        bound = read(row)
        return tuple(_json(value) if nth in json else value for nth, value in enumerate(bound))

    return f"insert into {kind.__tablename__} ({names}) values ({places}) on conflict do nothing", values


def _json(value: Any) -> str | None:
    """JSON as the driver takes it: text."""
    return None if value is None else orjson.dumps(value).decode()
