"""What was the last good value, and how old is it? For records that everyone sees alike, read where their store fails.

A cache is declared beside the read that it stands behind, with what clears it:

    COURSES: Final = Cached("courses", CourseRecord, _courses_by_id, cleared_by="resolvers.courses: publish, rename")

`Cache.read(COURSES, ids)` asks the store, always; what it found is kept behind the answer, for 30 minutes
(`loaders/write_behind.py`). Only where the store fails, Redis is asked, once for the whole batch: what is there stands
in, and the ledger says how old it is (`extensions.sources`). Where it is not, or Redis fails too, the failure is what
the store said. Whoever writes such a record calls `Cache.clear` once the write is committed.

Never a value that depends on the viewer. A read that is to be cached takes `Everyone` and keys, and nothing else: it
has no scope, no lease of a viewer and no operation, and PostgreSQL shows it what its row policies show to nobody in
particular. What could bring a viewer along all the same, a method or a closure, is refused where the cache is
declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import time
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from prometheus_client import Counter

from datadir import ledger
from datadir.errors import StoreError, StoreUnavailable
from datadir.redis import keys
from datadir.scope import ANONYMOUS
from loaders.degrading import Degrades, declared
from loaders.shape import Shape
from loaders.write_behind import ENTRY, MARK, RENEW, WriteBehind

if TYPE_CHECKING:
    from datadir.cassandra.client import Series
    from datadir.mongodb.client import Documents
    from datadir.postgresql.record import Row
    from datadir.qdrant.client import Vectors
    from datadir.stores import Stores

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Records = TypeVar("Records", bound="Row")

HEAD: Final = 17
"""Characters of an entry before its record: a sign and a moment."""

READS: Final = Counter(
    "studygraph_cache_reads",
    "Values asked for where their store had failed: hit, miss, unreadable (what was there is none of ours), or"
    " unreachable (Redis failed too).",
    ["cache", "outcome"],
)


class ViewerDependent(TypeError):
    """A read could bring a viewer along: it is not cached, and the program does not start."""


class Rows(Protocol):
    """PostgreSQL as nobody in particular: one statement, its rows as `record`. One store call."""

    async def __call__(self, record: type[Records], sql: str, *args: Any) -> list[Records]:
        """Raises StoreUnavailable."""


class Everyone:
    """The stores as they may be read for everyone alike. `rows` sees what row policies show without a viewer; the other
    stores have no policies, so a cached read asks them for public records alone."""

    __slots__ = ("documents", "rows", "series", "vectors")

    def __init__(self, stores: Stores) -> None:
        # The method alone: a cached read has no use for what else a lease can do.
        self.rows: Rows = stores.postgresql.lease(ANONYMOUS).fetch
        self.documents: Documents = stores.documents
        self.vectors: Vectors = stores.vectors
        self.series: Series = stores.series


Read = Callable[[Everyone, Sequence[K]], Awaitable[Sequence[R | None]]]


class Cached(Generic[K, R]):
    """A read whose last good values are kept, declared once for the program.

    `name` is a word of its own, `record` a NamedTuple (`loaders/shape.py`), `read` answers records aligned with the
    keys, None where there is none. `cleared_by` names the writes that change such a record: each calls `Cache.clear`.
    `version` goes up where a field comes to mean something else."""

    names: Final[set[str]] = set()

    def __init__(self, name: str, record: type[R], read: Read[K, R], *, cleared_by: str, version: int = 1) -> None:
        """Raises ViewerDependent, Unwritable, and ValueError for a name that is taken or no word."""
        _refuse_viewers(read)
        if name in self.names:
            raise ValueError(f"there is a cache {name!r} already")
        self.name = name
        self.read = read
        self.cleared_by = cleared_by
        self.shape = Shape(record, version=version)
        self.place = f"{name}.{self.shape.digest}"
        keys.last_good(self.place, b"")
        self.names.add(name)
        declared(self, Degrades.STALE)

    def key(self, asked: K) -> str:
        """The key in Redis of what was asked. Raises TypeError for what is no id, text or number, such as a scope."""
        return keys.last_good(self.place, ascii(_plain(asked)).encode())


class Cache:
    """The last good values of one process. `now` answers seconds since 1970; `renew`: see `write_behind.RENEW`."""

    def __init__(self, stores: Stores, *, now: Callable[[], float] = time, renew: float = RENEW) -> None:
        self._stores = stores
        self._now = now
        self._behind = WriteBehind(stores.redis, renew=renew)

    async def read(self, cached: Cached[K, R], asked: Sequence[K]) -> list[R | StoreUnavailable | None]:
        """The records in the order of `asked`, None where there is none. Where the store fails: each that was kept, and
        the failure in place of each other. Raises StoreUnavailable where none was kept, TypeError as `Cached.key`."""
        distinct = list(dict.fromkeys(asked))
        for each in distinct:
            _plain(each)
        began, heard = int(self._now() * 1_000_000), self._behind.heard(cached)
        try:
            records = await cached.read(Everyone(self._stores), distinct)
        except StoreUnavailable as failure:
            kept = await self._last_good(cached, distinct, failure)
            return [kept.get(each, failure) for each in asked]
        found = dict(zip(distinct, records, strict=True))
        self._behind.keep(cached, found, began=began, heard=heard)
        return [found[each] for each in asked]

    async def clear(self, cached: Cached[K, R], changed: Sequence[K]) -> None:
        """Forget what was kept of these records; called after the commit of the write that changed them. Never fails
        because Redis does: what is owed then is cleared later, and this process uses it no more."""
        await self._behind.clear(cached, changed)

    async def settled(self) -> None:
        """Wait until what was found so far is kept."""
        await self._behind.settled()

    async def close(self) -> None:
        """Keep what waits. Before Redis is closed."""
        await self._behind.close()

    async def _last_good(self, cached: Cached[K, R], asked: Sequence[K], failure: StoreUnavailable) -> dict[K, R]:
        """What was kept of these. Raises `failure` where that is nothing."""
        places = [cached.key(each) for each in asked]
        texts: Sequence[str | None] = []
        try:
            texts = await self._stores.redis.read_many(places)
        except StoreError:
            READS.labels(cached.name, "unreachable").inc(len(places))
        except UnicodeDecodeError:
            # Bytes that we never wrote: which key they are under, the driver does not say.
            READS.labels(cached.name, "unreadable").inc(len(places))
        now = self._now()
        kept: dict[K, R] = {}
        oldest = 0.0
        for key, where, text in zip(asked, places, texts, strict=False):  # no texts where Redis failed
            if text is None or text.startswith(MARK) or self._behind.owes(where):
                READS.labels(cached.name, "miss").inc()
                continue
            try:
                age = max(0.0, now - _began(text))
                record = cached.shape.read(text[HEAD:])
            except ValueError:
                READS.labels(cached.name, "unreadable").inc()
                continue
            if age >= keys.CACHE_TTL:
                READS.labels(cached.name, "miss").inc()
                continue
            READS.labels(cached.name, "hit").inc()
            kept[key] = record
            oldest = max(oldest, age)
        if not kept:
            raise failure
        calls = ledger.current.get()
        if calls is not None:
            calls.stale(failure.store, oldest)
        return kept


def _began(text: str) -> float:
    """When the read of an entry began, in seconds since 1970. Raises ValueError."""
    sign, moment = text[:1], text[1:HEAD]
    if sign != ENTRY or not (moment.isascii() and moment.isdecimal()):
        raise ValueError("not an entry")
    return int(moment) / 1_000_000


def _plain(asked: Hashable) -> Any:
    if isinstance(asked, UUID):
        return str(asked)
    if isinstance(asked, tuple):
        return [_plain(each) for each in asked]
    if asked is None or isinstance(asked, str | int):
        return asked
    raise TypeError(f"a key is made of ids, texts and numbers, not of a {type(asked).__qualname__}")


def _refuse_viewers(read: Callable[..., Any]) -> None:
    name = getattr(read, "__qualname__", repr(read))
    if not inspect.isfunction(read) or read.__closure__ or read.__defaults__ or read.__kwdefaults__:
        raise ViewerDependent(f"{name} is not a plain function: what it carries may be a viewer's")
    parameters = list(inspect.signature(read).parameters.values())
    # Annotations are texts where a module postpones them.
    first = str(getattr(parameters[0].annotation, "__name__", parameters[0].annotation)) if parameters else ""
    if len(parameters) != 2 or first.rpartition(".")[2] != Everyone.__name__:
        raise ViewerDependent(f"{name} does not take Everyone and keys: what else it takes may be a viewer's")
