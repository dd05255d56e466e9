"""How is the platform, outside? Its stores, and any record by its id."""

from collections.abc import AsyncGenerator
from datetime import datetime
from enum import Enum

import strawberry
from strawberry import UNSET

from graph.execution.edge import NO_CALLS, face, leaf, root, stream
from graph.types.live import After, ChangeOp, EventKind
from resolvers import governance
from resolvers.access.governance import reads_details
from resolvers.access.labels import Label
from resolvers.operation import Operation


@strawberry.enum(description="How a store is.")
class StoreStatus(Enum):
    """Store states."""

    OK = strawberry.enum_value("ok", description="It answers.")
    WARMING = strawberry.enum_value("warming", description="It answers; background work such as embedding goes on.")
    DEGRADED = strawberry.enum_value("degraded", description="It answers slowly or not always.")
    DOWN = strawberry.enum_value("down", description="It does not answer.")


@strawberry.enum(description="What a store runs on.")
class StoreMode(Enum):
    """Store modes."""

    EMBEDDED = strawberry.enum_value("embedded", description="The stand-in that comes with the program.")
    REAL = strawberry.enum_value("real", description="The server that the settings name.")


@strawberry.type(description="One of the datastores behind the graph.")
class Store:
    """Source: a ping to the store itself, at most one a second."""

    name: str = leaf("postgresql, redis, mongodb, qdrant, cassandra, kafka or minio.", label=Label.PUBLIC)
    kind: str = leaf("What kind of store it is.", label=Label.PUBLIC)
    status: StoreStatus = leaf("How it is.", label=Label.PUBLIC)
    progress_percent: int | None = leaf("How far its background work is; null without any.", label=Label.PUBLIC)
    latency_ms: float | None = leaf("How long a ping took, in ms.", label=Label.ADMIN, door=reads_details)
    version: str | None = leaf("What it says it is.", label=Label.ADMIN, door=reads_details)
    mode: StoreMode | None = leaf("What it runs on.", label=Label.ADMIN, door=reads_details)


@strawberry.type(description="All stores at one moment.")
class StoresSnapshot:
    """Source: the latest pings, which serve all who follow."""

    stores: list[Store] = leaf("The seven stores and how they are.", label=Label.PUBLIC, many=7)


@strawberry.type(description="What became of one store.")
class StoreChange:
    """Source: two pings, one after the other."""

    op: ChangeOp = leaf("What became of it.", label=Label.PUBLIC)
    store: Store = leaf("The store.", label=Label.PUBLIC)


@strawberry.type(description="What is told of the stores to who follows them.")
class StoresEvent:
    """Source: pings to the stores, once a second for all who follow."""

    cursor: str = leaf("Where one is: `after` goes on from here.", label=Label.PUBLIC)
    kind: EventKind = leaf("What is told: all stores, or some changes.", label=Label.PUBLIC)
    at: datetime = leaf("When it was told.", label=Label.PUBLIC)
    dropped: int = leaf("How many changes a later one of the same store took the place of.", label=Label.PUBLIC)
    snapshot: StoresSnapshot | None = leaf("All stores, on SNAPSHOT and RESET.", label=Label.PUBLIC)
    changes: list[StoreChange] | None = leaf("Those that changed, on CHANGE.", label=Label.PUBLIC, many=7)


@strawberry.type
class GovernanceSubscriptions:
    """Streams about the platform."""

    @stream(governance.stores_live, calls=NO_CALLS, label=Label.PUBLIC, reads=False)
    @staticmethod
    def stores_live(operation: Operation, after: After = UNSET) -> AsyncGenerator[StoresEvent, None]:
        """The stores, and then each change of one. Health is looked at once a second."""
        return face(governance.stores_live(operation, after if isinstance(after, str) else None))


@strawberry.type
class GovernanceQueries:
    """Root fields about the platform."""

    @root(governance.stores, calls=NO_CALLS, label=Label.PUBLIC, many=7)
    @staticmethod
    async def stores(operation: Operation) -> list[Store]:
        """The seven stores and how they are."""
        return face(await governance.stores(operation))
