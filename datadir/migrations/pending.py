"""What does each store still lack of this program's schema? Looks, and changes nothing.

How a store takes part: its folder has a `pending.py` with

    async def pending(place: Place) -> list[str]

which reaches the store as `place` says, looks, lets go of what it opened, and answers one phrase for each thing that
a start would make or change ("collection transcripts", "revision 0002_..."), in the order in which it would; an empty
list where there is nothing. It writes nothing, not even what is missing to look. It raises StoreMisconfigured or
StoreUnavailable as opening the store does. CHECKS names it, as a module: no check imports another store's driver. A
store without a schema (Redis) has none.

Embedded servers are started for the look, unless their files were never made: then everything is pending, and said in
one phrase (NO_FILES).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

from datadir.addresses import Addresses
from datadir.data_folder import DataFolder
from datadir.errors import StoreMisconfigured
from datadir.launcher import Launcher
from datadir.names import StoreName
from datadir.stores import Report, start_embedded

NO_FILES: Final = "everything: the data folder has no files of it"
CHECKS: Final[Mapping[StoreName, str]] = {
    StoreName.POSTGRESQL: "datadir.postgresql.pending",
    StoreName.MONGODB: "datadir.mongodb.pending",
    StoreName.QDRANT: "datadir.qdrant.pending",
    StoreName.CASSANDRA: "datadir.cassandra.pending",
    StoreName.KAFKA: "datadir.kafka.pending",
    StoreName.MINIO: "datadir.minio.pending",
}
# Stand-ins that rest in PostgreSQL's tables, and so in its files.
_IN_POSTGRESQL: Final = frozenset({StoreName.CASSANDRA, StoreName.KAFKA})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the stores are while somebody looks. `started` holds what the embedded servers' `start` answered."""

    addresses: Addresses
    folder: DataFolder | None
    started: Mapping[StoreName, Any]

    @property
    def owner_dsn(self) -> str:
        """PostgreSQL as the owner of its schema, for asyncpg; the stand-ins of Cassandra and Kafka rest there too."""
        server = self.started.get(StoreName.POSTGRESQL)
        return str(server.owner_dsn) if server else self.addresses.postgresql_dsn

    def is_embedded(self, store: StoreName) -> bool:
        """Whether no setting names a server for this store."""
        return store in self.addresses.embedded

    def storage(self, store: StoreName) -> Path:
        """The folder of an embedded store's files; it is not made here."""
        if self.folder is None:
            raise StoreMisconfigured(store, f"{store.value} is embedded and needs a data folder.")
        return self.folder.path / store.value


class Check(Protocol):
    """The function `pending` of a store's `pending.py`."""

    def __call__(self, place: Place) -> Awaitable[list[str]]:
        """What is pending; an empty list where nothing is."""


async def pending(
    addresses: Addresses,
    *,
    folder: DataFolder | None,
    launcher: Launcher | None,
    report: Report = lambda step: None,
) -> dict[StoreName, list[str]]:
    """Store by store what is pending, in the order in which stores are opened. Raises StoreMisconfigured or
    StoreUnavailable where a store cannot be looked at. `folder` and `launcher` are needed where any is embedded."""
    nowhere = Place(addresses, folder, {})
    fileless = {store for store in addresses.embedded if not _has_files(nowhere, store)}
    # Nobody looks at Redis, and two stand-ins are looked at in PostgreSQL: no more is started than that takes.
    servers = (frozenset(CHECKS) | {StoreName.POSTGRESQL}) & frozenset(addresses.embedded) - fileless
    started = await start_embedded(addresses, servers, folder=folder, launcher=launcher, report=report)
    place = Place(addresses, folder, started)
    found: dict[StoreName, list[str]] = {}
    for store, module in CHECKS.items():
        report(f"looking at {store.value}")
        if store in fileless:
            found[store] = [NO_FILES]
        else:
            check = cast("Check", import_module(module).pending)
            found[store] = await check(place)
    return found


def _has_files(place: Place, store: StoreName) -> bool:
    if store not in _IN_POSTGRESQL:
        return place.storage(store).exists()
    return not place.is_embedded(StoreName.POSTGRESQL) or _has_files(place, StoreName.POSTGRESQL)
