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
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from time import perf_counter
from typing import Any, TypeVar

import pymongo
from bson import ObjectId
from bson.errors import BSONError
from pymongo import errors, monitoring

from datadir.circuit import READ_DEADLINE, Circuit
from datadir.errors import Conflict, StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.ledger import count
from datadir.mongodb import opening
from datadir.mongodb.collections import COLLECTIONS, Collection
from datadir.mongodb.opening import LEAST_CONNECTIONS, MOST_CONNECTIONS, OPEN_DEADLINE
from datadir.mongodb.pending import steps
from datadir.names import StoreName
from datadir.tls import TlsFiles

# Read by motor once, on import. Its default, five threads a core, would make a pool of 50 a pool of 10 on two cores.
os.environ.setdefault("MOTOR_MAX_WORKERS", str(MOST_CONNECTIONS))
from motor.motor_asyncio import AsyncIOMotorClient

WAITING = 400
"""Calls that may wait for a connection; one more is refused at once."""
WRITE_DEADLINE = 5.0
"""Seconds for one write. A journaled write waits for the disk, and one that was given up may still happen."""
PREPARE_DEADLINE = 30.0
"""Seconds for one validator or index; building an index over a full collection takes its time."""
BATCH = 10_000
"""Documents that one answer may bring: the server's default of 101 would make two requests of a page and a bit."""
DATABASE = "studygraph"
"""The database where the address names none."""

NO_FILES = TlsFiles(StoreName.MONGODB)

Document = dict[str, Any]
Answer = TypeVar("Answer")

_HANDSHAKE = frozenset(
    {"hello", "ismaster", "isMaster", "ping", "saslStart", "saslContinue", "authenticate", "endSessions"}
)
_AUTHENTICATION_FAILED, _UNAUTHORIZED, _DUPLICATE, _INVALID = 18, 13, 11000, 121
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

    def __init__(self, client: AsyncIOMotorClient[Document], deadline: float = READ_DEADLINE) -> None:
        self.deadline = deadline
        """Seconds for one read, waiting for a free connection and the driver's own second try included."""
        self.circuit = Circuit(StoreName.MONGODB, most=MOST_CONNECTIONS + WAITING)
        self._client = client
        self.raw = client.get_default_database(DATABASE)
        """The driver's own database, for migrations and tests: not counted, no deadline, the driver's exceptions."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        min_connections: int = LEAST_CONNECTIONS,
        within: float = OPEN_DEADLINE,
        deadline: float = READ_DEADLINE,
        tls: TlsFiles = NO_FILES,
    ) -> Documents:
        """Connect to `url` (mongodb:// or mongodb+srv://; options in it win over ours, but for the journal).

        StoreMisconfigured with a sentence for what is plainly wrong: address, password, TLS, a server that is too old
        or not there; StoreUnavailable or StoreTimeout otherwise.
        """
        context = await tls.context()
        try:
            # In a thread: an address of the +srv kind asks the name server right here.
            documents = await asyncio.to_thread(_connected, url, min_connections, asyncio.get_running_loop(), tls)
        except (errors.PyMongoError, ValueError, TypeError) as wrong:
            raise opening.not_an_address() from wrong
        documents.deadline = deadline
        try:
            # `buildInfo` answers anybody; listing collections proves the password.
            await documents._within(within, lambda: documents.raw.command("listCollections", nameOnly=True))
            opening.checked(await documents.ping())
        except StoreError as failure:
            sentence = await documents._sentence(failure, url, tls, context)
            await documents.close()
            if sentence is not None:
                raise sentence from failure
            raise
        return documents

    async def _sentence(
        self, failure: StoreError, url: str, tls: TlsFiles, context: ssl.SSLContext | None
    ) -> StoreMisconfigured | None:
        """What to tell whoever starts the program, None where nothing is plainly wrong."""
        if self._refused_by_server(failure.__cause__):
            return opening.refused_login()
        if isinstance(failure, StoreMisconfigured) or (context is None and isinstance(failure, StoreTimeout)):
            return None
        topology: Any = self._client.topology_description
        return await opening.refusal(failure.__cause__, url, list(topology.server_descriptions()), tls, context)

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
        for step in await steps(self, collections):
            await step.take()

    async def command(self, name: str, value: Any = 1, **options: Any) -> Document:
        """The server's answer to one command, for setting up (`pending.py`). Building an index may take its time."""
        try:
            return await self._within(PREPARE_DEADLINE, lambda: self.raw.command(name, value, **options))
        except StoreUnavailable as failure:
            if _has_code(failure.__cause__, _UNAUTHORIZED):
                raise opening.not_permitted(name) from failure
            raise

    # Reading

    async def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        projection: Mapping[str, Any] | None = None,
        sort: Sequence[tuple[str, int]] = (),
        *,
        limit: int,
    ) -> list[Document]:
        """At most `limit` documents, in one wire request. Values in `where` that come from people are plain text or
        numbers, never mappings."""

        def request() -> Awaitable[list[Document]]:
            cursor = self.raw[collection].find(where, projection, limit=limit, batch_size=limit)
            return (cursor.sort(list(sort)) if sort else cursor).to_list(None)

        return await self._within(self.deadline, request)

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """What the pipeline makes of a collection, in one wire request up to `BATCH` documents and 16 MB."""
        return await self._within(
            self.deadline,
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

    # The wire

    async def _within(
        self, deadline: float, request: Callable[[], Awaitable[Answer]], *, counted: bool = True
    ) -> Answer:
        """Make one call through the circuit. The driver itself repeats a read whose connection broke (`retryReads`),
        and a write only where the server tells a repeated one from a new one (`retryWrites`, replica sets)."""
        if not counted:
            return await self._translating(deadline, request, counted)
        with self.circuit.asked():
            return await self._translating(deadline, request, counted)

    async def _translating(self, deadline: float, request: Callable[[], Awaitable[Answer]], counted: bool) -> Answer:
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


def _connected(url: str, least: int, loop: asyncio.AbstractEventLoop, tls: TlsFiles) -> Documents:
    with opening.options(url, least, tls) as options:
        client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url,
            io_loop=loop,
            event_listeners=[_Listener()],
            # No option of the address takes this away: what was acknowledged is there after a power failure.
            journal=True,
            tz_aware=True,
            tzinfo=UTC,
            **options,
        )
    return Documents(client)


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
