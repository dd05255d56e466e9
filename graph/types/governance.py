"""How is the platform, outside? Its stores, and any record by its id."""

from enum import Enum

import strawberry

from graph.execution.edge import NO_CALLS, face, leaf, root
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


@strawberry.type
class GovernanceQueries:
    """Root fields about the platform."""

    @root(calls=NO_CALLS, label=Label.PUBLIC)
    @staticmethod
    async def stores(operation: Operation) -> list[Store]:
        """The seven stores and how they are."""
        return face(await governance.stores(operation))
