"""How is MongoDB reached, in as few wire requests as possible?

One implementation for the embedded server and for a real one: both are reached with motor, so there is no Protocol
class here. Motor is past its end of life: this file is the only one that imports it, and `pymongo.AsyncMongoClient`,
with which `embedded.py` greets its server, is the way out. Every wire request is one entry in the ledger. Every call
ends within its deadline: hanging is `StoreTimeout`, nobody there is `StoreUnavailable`, a taken unique key is
`Conflict`, a request that the server finds wrong is `StoreError` (a defect of the caller).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pymongo
from bson import ObjectId
from bson.errors import BSONError
from pymongo import IndexModel, errors, monitoring
from pymongo.uri_parser import split_options

from datadir.errors import Conflict, StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.mongodb.collections import COLLECTIONS, Collection, Index
from datadir.names import StoreName

POOL = 50
"""Connections at most; as many threads of motor's wait on them."""

# Read by motor once, on import. Its default, five threads a core, would make a pool of 50 a pool of 10 on two cores.
os.environ.setdefault("MOTOR_MAX_WORKERS", str(POOL))
from motor.motor_asyncio import AsyncIOMotorClient  # noqa: E402

READ_DEADLINE = 0.4
"""Seconds for one read, waiting for a free connection included."""
WRITE_DEADLINE = 5.0
"""Seconds for one write. A journaled write waits for the disk, and one that was given up may still happen."""
OPEN_DEADLINE = 3.0
"""Seconds for the first answer after the program has started."""
PREPARE_DEADLINE = 30.0
"""Seconds for one validator or index; building an index over a full collection takes its time."""
BATCH = 10_000
"""Documents that one answer may bring: the server's default of 101 would make two requests of a page and a bit."""
DATABASE = "studygraph"
"""The database where the address names none."""

Document = dict[str, Any]
Answer = TypeVar("Answer")

_HANDSHAKE = frozenset(
    {"hello", "ismaster", "isMaster", "ping", "saslStart", "saslContinue", "authenticate", "endSessions"}
)
_AUTHENTICATION_FAILED, _UNAUTHORIZED, _EXISTS, _DUPLICATE, _INVALID = 18, 13, 48, 11000, 121
_INDEX_NAME = re.compile(r"index: (\S+)")


@dataclass(slots=True)
class _WireRequest:
    """One request of the running call: when it left, how long it took (None: no answer yet), what it brought."""

    began: float
    seconds: float | None = None
    rows: int = 0


# The requests of the running call. Motor runs pymongo in a thread with a copy of the caller's context, so the listener
# finds this list there. It fills the list and not the ledger: two threads of one operation may be at work at once, and
# the ledger's counters are for the event loop alone.
_sent: ContextVar[list[_WireRequest] | None] = ContextVar("mongodb_requests", default=None)


class _Listener(monitoring.CommandListener):
    """Notes each request that pymongo puts on the wire for the call of this context."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        sent = _sent.get()
        if sent is not None and event.command_name not in _HANDSHAKE:
            sent.append(_WireRequest(perf_counter()))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        sent = _sent.get()
        if sent and event.command_name not in _HANDSHAKE:
            cursor = event.reply.get("cursor", {})
            sent[-1].seconds = event.duration_micros / 1e6
            sent[-1].rows = len(cursor.get("firstBatch") or cursor.get("nextBatch") or ())

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        sent = _sent.get()
        if sent and event.command_name not in _HANDSHAKE:
            sent[-1].seconds = event.duration_micros / 1e6


class Documents:
    """Documents by collection. Made by `open`, safe for any number of tasks."""

    def __init__(self, client: AsyncIOMotorClient[Document]) -> None:
        self._client = client
        self.raw = client.get_default_database(DATABASE)
        """The driver's own database, for migrations and tests: not counted, no deadline, the driver's exceptions."""

    @classmethod
    async def open(cls, url: str, *, min_connections: int = 10, within: float = OPEN_DEADLINE) -> Documents:
        """Connect to `url` (mongodb:// or mongodb+srv://; options in it win over ours, but for the journal).

        StoreMisconfigured when the address or the password is wrong, StoreUnavailable or StoreTimeout when nobody
        answers.
        """
        try:
            # In a thread: an address of the +srv kind asks the name server right here.
            documents = await asyncio.to_thread(_connected, url, min_connections, asyncio.get_running_loop())
        except (errors.PyMongoError, ValueError, TypeError) as wrong:
            raise StoreMisconfigured(
                StoreName.MONGODB, "MONGODB_URL must look like mongodb://user:password@host:27017/database"
            ) from wrong
        try:
            # `buildInfo` answers anybody; listing collections proves the password.
            await documents._within(within, lambda: documents.raw.command("listCollections", nameOnly=True))
        except StoreError as failure:
            refused = documents._refused_by_server(failure.__cause__)
            await documents.close()
            if refused:
                raise StoreMisconfigured(
                    StoreName.MONGODB, "MongoDB refuses the user name or password in MONGODB_URL"
                ) from failure
            raise
        return documents

    async def close(self) -> None:
        """Close every connection."""

        def goodbye() -> None:
            # Says goodbye to the server's sessions, which a server that hangs would never acknowledge.
            with pymongo.timeout(READ_DEADLINE):
                self._client.close()

        await asyncio.to_thread(goodbye)

    async def ping(self) -> str:
        """The server's version, such as `8.2.11`. Health, so not in the ledger."""
        about = await self._within(READ_DEADLINE, lambda: self.raw.command("buildInfo"), counted=False)
        return str(about["version"])

    async def prepare(self, collections: Iterable[Collection] = COLLECTIONS) -> None:
        """Create what is missing, bring validators and expiry to what the collections say. Runs twice as well as once.

        StoreMisconfigured when an index of the same name is another one: such a change is a migration.
        """
        wanted = list(collections)
        names = {"name": {"$in": [collection.name for collection in wanted]}}
        listing = await self._command("listCollections", filter=names, cursor={"batchSize": BATCH})
        there = {found["name"]: found["options"].get("validator") for found in listing["cursor"]["firstBatch"]}
        for collection in wanted:
            validator = {"$jsonSchema": dict(collection.schema)}
            if collection.name not in there:
                await self._create(collection.name, validator)
            elif there[collection.name] != validator:
                await self._command("collMod", collection.name, validator=validator)
            await self._index(collection)

    # Reading

    async def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        projection: Mapping[str, Any] | None = None,
        sort: Sequence[tuple[str, int]] = (),
        *,
        limit: int,
        deadline: float = READ_DEADLINE,
    ) -> list[Document]:
        """At most `limit` documents, in one wire request. Values in `where` that come from people are plain text or
        numbers, never mappings."""

        def request() -> Awaitable[list[Document]]:
            cursor = self.raw[collection].find(where, projection, limit=limit, batch_size=limit)
            return (cursor.sort(list(sort)) if sort else cursor).to_list(None)

        return await self._within(deadline, request)

    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]], *, deadline: float = READ_DEADLINE
    ) -> list[Document]:
        """What the pipeline makes of a collection, in one wire request up to `BATCH` documents and 16 MB."""
        return await self._within(
            deadline,
            lambda: self.raw[collection].aggregate(list(pipeline), batchSize=BATCH).to_list(None),
        )

    # Writing: acknowledged writes are in the journal

    async def insert_many(self, collection: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert documents in order, none after the first that is refused. None at all: no call. Conflict."""
        if documents:
            # Copies, because the driver writes `_id` into what it is given.
            copies = [dict(document) for document in documents]
            await self._within(WRITE_DEADLINE, lambda: self.raw[collection].insert_many(copies))

    async def update_one(
        self, collection: str, where: Mapping[str, Any], update: Mapping[str, Any], *, upsert: bool = False
    ) -> bool:
        """Change the first document that matches. True when one matched or was made. Conflict."""
        done = await self._within(WRITE_DEADLINE, lambda: self.raw[collection].update_one(where, update, upsert=upsert))
        return done.matched_count == 1 or done.upserted_id is not None

    async def delete_many(self, collection: str, where: Mapping[str, Any]) -> int:
        """Delete what matches; how many there were."""
        done = await self._within(WRITE_DEADLINE, lambda: self.raw[collection].delete_many(where))
        return int(done.deleted_count)

    # Setting up

    async def _command(self, name: str, value: Any = 1, **options: Any) -> Document:
        return await self._within(PREPARE_DEADLINE, lambda: self.raw.command(name, value, **options))

    async def _create(self, name: str, validator: Mapping[str, Any]) -> None:
        try:
            await self._command("create", name, validator=validator)
        except StoreError as failure:
            # Another process was faster, and creates the same.
            if not _has_code(failure.__cause__, _EXISTS):
                raise

    async def _index(self, collection: Collection) -> None:
        handle = self.raw[collection.name]
        there = await self._within(PREPARE_DEADLINE, handle.index_information)
        missing = [_model(index) for index in collection.indexes if index.name not in there]
        if missing:
            await self._within(PREPARE_DEADLINE, lambda: handle.create_indexes(missing))
        for index in collection.indexes:
            found = there.get(index.name)
            if found is None:
                continue
            if tuple(found["key"]) != index.keys or found.get("unique", False) != index.unique:
                raise StoreMisconfigured(
                    StoreName.MONGODB, f"MongoDB has another index {index.name!r} on {collection.name!r}: drop it"
                )
            if found.get("expireAfterSeconds") != index.expire_after:
                expiry = {"name": index.name, "expireAfterSeconds": index.expire_after}
                await self._command("collMod", collection.name, index=expiry)

    # The wire

    async def _within(
        self, deadline: float, request: Callable[[], Awaitable[Answer]], *, counted: bool = True
    ) -> Answer:
        """Await `request` within the deadline, count its wire requests, speak the words of `datadir.errors`."""
        sent: list[_WireRequest] = []
        token = _sent.set(sent)
        try:
            # pymongo's own deadline ends the thread and tells the server; the loop's is for a call that found no
            # thread to run in, and gives pymongo a head start to say what it was waiting for.
            async with asyncio.timeout(deadline + 0.05):
                with pymongo.timeout(deadline):
                    return await request()
        except TimeoutError as late:
            raise self._nobody_answered() from late
        except (errors.PyMongoError, BSONError) as failure:
            raise self._translated(failure) from failure
        finally:
            _sent.reset(token)
            if counted:
                for wire in sent:
                    now = perf_counter()
                    began = wire.began if wire.seconds is None else now - wire.seconds
                    count(StoreName.MONGODB, started=began, rows=wire.rows)

    def _translated(self, failure: Exception) -> StoreError:
        if _has_code(failure, _DUPLICATE):
            name = _INDEX_NAME.search(str(failure))
            return Conflict(StoreName.MONGODB, name[1] if name else None)
        if isinstance(failure, errors.ServerSelectionTimeoutError):
            return self._nobody_answered()
        if isinstance(failure, errors.PyMongoError) and failure.timeout:
            return StoreTimeout(StoreName.MONGODB, "mongodb did not answer in time")
        if isinstance(failure, errors.ConnectionFailure) or _has_code(failure, _AUTHENTICATION_FAILED, _UNAUTHORIZED):
            return StoreUnavailable(StoreName.MONGODB)
        if _has_code(failure, _INVALID):
            return StoreError(StoreName.MONGODB, "the collection's validator refuses this document")
        return StoreError(StoreName.MONGODB, "mongodb refused a request")

    def _nobody_answered(self) -> StoreError:
        """No answer in time: because nobody is there, or because somebody is slow? The last greeting tells."""
        if all(failure is None or isinstance(failure, errors.NetworkTimeout) for failure in self._heartbeats()):
            return StoreTimeout(StoreName.MONGODB, "mongodb did not answer in time")
        return StoreUnavailable(StoreName.MONGODB)

    def _refused_by_server(self, failure: BaseException | None) -> bool:
        """Was it the password? After a first refusal the driver may wrap it into `no server found`."""
        return any(
            _has_code(reason, _AUTHENTICATION_FAILED, _UNAUTHORIZED) for reason in (failure, *self._heartbeats())
        )

    def _heartbeats(self) -> list[Exception | None]:
        """How the last greeting of each server failed, None where it did not."""
        topology: Any = self._client.topology_description
        return [server.error for server in topology.server_descriptions().values()]


def _connected(url: str, min_connections: int, loop: asyncio.AbstractEventLoop) -> Documents:
    ours: dict[str, Any] = {
        "appname": "studygraph",
        "maxPoolSize": POOL,
        "minPoolSize": min_connections,
        "maxIdleTimeMS": 30_000,
        "serverSelectionTimeoutMS": int(OPEN_DEADLINE * 1000),
        "connectTimeoutMS": 2000,
    }
    address = urlsplit(url)
    if address.scheme not in ("mongodb", "mongodb+srv"):
        raise ValueError("not a MongoDB address")
    # The client itself would only warn of a bad option, and go on without it.
    asked = {name.lower() for name in split_options(address.query, warn=False)} if address.query else set()
    ours = {name: value for name, value in ours.items() if name.lower() not in asked}
    return Documents(
        AsyncIOMotorClient(
            url,
            io_loop=loop,
            event_listeners=[_Listener()],
            journal=True,
            tz_aware=True,
            tzinfo=UTC,
            **ours,
        )
    )


def _model(index: Index) -> IndexModel:
    expiry = {} if index.expire_after is None else {"expireAfterSeconds": index.expire_after}
    return IndexModel(list(index.keys), name=index.name, unique=index.unique, **expiry)


def _has_code(failure: BaseException | None, *codes: int) -> bool:
    """Whether the server refused with one of these codes; for a bulk write, whether its first refusal did."""
    if isinstance(failure, errors.BulkWriteError):
        refusals = failure.details.get("writeErrors") or [{}]
        return refusals[0].get("code") in codes
    return isinstance(failure, errors.OperationFailure) and failure.code in codes


def object_id(text: str) -> ObjectId:
    """A document's `_id` from its 24 hexadecimal digits. ValueError for anything else."""
    if not ObjectId.is_valid(text):
        raise ValueError("not a document's id")
    return ObjectId(text)
