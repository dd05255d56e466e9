"""How is the platform? Its stores."""

from __future__ import annotations

from datadir.stores import StoreHealth
from resolvers.operation import Operation


async def stores(operation: Operation) -> list[StoreHealth]:
    """The stores and how they answer."""
    return await operation.stores.health()
