"""Is the audit log as it was written? Each row against its hash, its place and the row before, then each kept head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import orjson

from datadir.errors import ObjectNotFound, StoreMisconfigured
from datadir.migrations import migrate
from datadir.migrations.pending import Place
from datadir.minio.prefixes import AUDIT
from datadir.names import StoreName
from datadir.postgresql.audit_log import COUNT, NOTHING_BEFORE, ROWS, ChainedRecord, hash_of
from datadir.postgresql.client import Postgres
from datadir.scope import SYSTEM
from datadir.stores import start_embedded

if TYPE_CHECKING:
    from datadir.addresses import Addresses
    from datadir.data_folder import DataFolder
    from datadir.launcher import Launcher
    from datadir.minio.client import Objects
    from datadir.minio.stored import Listed
    from datadir.postgresql.client import Transaction

AT_ONCE: Final = 1000
"""Rows that are read with one statement."""
MOST_SENTENCES: Final = 20
_REVISION: Final = "0004_audit_log"


class KeptHead(NamedTuple):
    """The place in the chain that an object of the store keeps; None where it cannot be read."""

    key: str
    position: int | None
    hash: str


@dataclass(slots=True)
class Verdict:
    """How many rows there are, up to which of them a head is kept elsewhere, and a sentence for each thing that is not
    as it was written."""

    rows: int = 0
    kept: int = 0
    broken: list[str] = field(default_factory=list)


Report = Callable[[int, int], None]
"""Is told how many rows have been looked at, and how many there are."""


async def checked(
    addresses: Addresses,
    *,
    folder: DataFolder | None,
    launcher: Launcher | None,
    step: Callable[[str], None] = lambda name: None,
    report: Report = lambda done, total: None,
) -> Verdict:
    """Open the two stores that the log rests in, look, and close them; nothing is migrated. `folder` and `launcher` are
    needed where either is embedded. Raises StoreMisconfigured, StoreUnavailable."""
    embedded = frozenset({StoreName.POSTGRESQL}) & frozenset(addresses.embedded)
    started = await start_embedded(addresses, embedded, folder=folder, launcher=launcher, report=step)
    place = Place(addresses, folder, started)
    if _REVISION in await migrate.missing(place.owner_dsn):
        raise StoreMisconfigured(StoreName.POSTGRESQL, "There is no audit log yet: `python -m graph migrate` makes it.")
    async with AsyncExitStack() as stack:
        server = started.get(StoreName.POSTGRESQL)
        postgresql = await Postgres.open(
            server.app_dsn if server else addresses.postgresql_dsn,
            min_size=1,
            max_size=2,
            read_deadline=addresses.read_deadline,
            tls=await addresses.tls_of(StoreName.POSTGRESQL).context(),
        )
        stack.push_async_callback(postgresql.close)
        objects = await _objects(place)
        stack.push_async_callback(objects.close)
        step("looking at the audit log")
        return await verified(postgresql, objects, report)


async def _objects(place: Place) -> Objects:
    where = place.addresses
    if place.is_embedded(StoreName.MINIO):
        from datadir.minio.embedded import FolderObjects

        folder = place.storage(StoreName.MINIO)
        return await FolderObjects.open(folder, public_url=where.public_url, secret=where.secret)
    from datadir.minio.client import S3Objects

    return await S3Objects.open(
        where.s3_endpoint_url or "",
        where.s3_bucket,
        access_key=where.s3_access_key,
        secret_key=where.s3_secret_key,
        region=where.s3_region,
        tls=where.tls_of(StoreName.MINIO),
        create=False,
    )


async def verified(
    postgresql: Postgres, objects: Objects, report: Report = lambda done, total: None, *, at_once: int = AT_ONCE
) -> Verdict:
    """Look at the whole log; nothing is changed. Raises StoreUnavailable."""
    heads = [await _head(objects, each.key) for each in await _kept(objects)]
    walk = _Walk({each.position for each in heads if each.position is not None})
    async with postgresql.transaction(SYSTEM) as tx:
        # Writers go on: what comes after this moment is not looked at.
        [[total, last]] = await tx.fetch(COUNT)
        await _walked(tx, walk, last, lambda: report(walk.verdict.rows, total), at_once)
    walk.against(heads)
    return walk.verdict


async def _walked(tx: Transaction, walk: _Walk, last: int, report: Callable[[], None], at_once: int) -> None:
    # By id within a position: two rows with one number are what somebody who began a second chain leaves.
    page = f"{ROWS} where (position, id) > ($1, $2) and position <= $3 order by position, id limit $4"
    after = (-(2**62), UUID(int=0))
    report()
    while rows := await tx.connection.fetch(page, *after, last, at_once, record_class=ChainedRecord):
        for row in rows:
            walk.step(row)
        after = (rows[-1].position, rows[-1].id)
        report()


async def _kept(objects: Objects) -> Sequence[Listed]:
    try:
        return await objects.list(AUDIT.name)
    except ObjectNotFound:  # there is not even a bucket
        return ()


async def _head(objects: Objects, key: str) -> KeptHead:
    try:
        shape = orjson.loads((await objects.get(key)).data)
        return KeptHead(key, int(shape["position"]), str(shape["hash"]))
    except (ValueError, KeyError, TypeError):
        return KeptHead(key, None, "")


class _Walk:
    """What is known after each row. `heads` are the positions of which one has to remember the hashes."""

    def __init__(self, heads: set[int]) -> None:
        self.verdict = Verdict()
        self._heads = heads
        self._found: dict[int, set[str]] = {}
        self._position = 0
        self._hash: str | None = NOTHING_BEFORE

    def step(self, row: ChainedRecord) -> None:
        """Look at the next row."""
        broken, position = self.verdict.broken, row.position
        self.verdict.rows += 1
        if position <= self._position:
            broken.append(f"There are two rows {position}: somebody began a second chain there.")
        elif position > self._position + 1:
            first, last = self._position + 1, position - 1
            broken.append(f"Row {first} is missing." if first == last else f"Rows {first} to {last} are missing.")
            # What the missing row had is known to nobody else.
            self._hash = None
        elif self._hash is not None and row.previous != self._hash:
            broken.append(f"Row {position} does not follow {_row(position - 1)}: one of the two was put there later.")
        if hash_of(row) != row.hash:
            broken.append(f"Row {position} was changed: its hash is not that of what it says.")
        if position in self._heads:
            self._found.setdefault(position, set()).add(row.hash)
        self._position, self._hash = max(position, self._position), row.hash

    def against(self, heads: list[KeptHead]) -> None:
        """Hold the heads that are kept elsewhere against what was found."""
        broken = self.verdict.broken
        gone = 0
        for head in heads:
            if head.position is None:
                broken.append(f"The head kept as {head.key} is no head.")
            elif head.position > self._position:
                gone = max(gone, head.position)
            elif head.hash not in self._found.get(head.position, set()):
                broken.append(
                    f"Row {head.position} is not the one that was there when its head was kept as {head.key}."
                )
            else:
                self.verdict.kept = max(self.verdict.kept, head.position)
        if gone:
            broken.append(f"Rows after {_row(self._position)} are gone: a head is kept of row {gone}.")
        if self.verdict.rows and not heads:
            broken.append("No head is kept in object storage: rows cut off at the end would not be noticed.")


def _row(position: int) -> str:
    return f"row {position}" if position > 0 else "the beginning"


def sentences(broken: list[str]) -> list[str]:
    """What is broken, to be read by somebody: the first of it, and how much more there is."""
    more = len(broken) - MOST_SENTENCES
    return broken if more <= 0 else [*broken[:MOST_SENTENCES], f"And {more} more of the same kind."]
