"""Which vector collections and payload indexes are missing? A start makes them, `migrate --check` names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datadir.names import StoreName
from datadir.qdrant.collections import COLLECTIONS

if TYPE_CHECKING:
    from datadir.migrations.pending import Place
    from datadir.qdrant.client import Vectors


async def pending(place: Place) -> list[str]:
    """What is missing: "collection web_content", "index topic of web_content". In the embedded engine a collection
    without points is not: it is made with its first."""
    vectors: Vectors
    if place.is_embedded(StoreName.QDRANT):
        from datadir.qdrant import embedded

        vectors = await embedded.opened(place.storage(StoreName.QDRANT))
    else:
        from datadir.qdrant import opening

        where = place.addresses
        vectors = await opening.connected(
            where.qdrant_host or "",
            where.qdrant_port,
            api_key=where.qdrant_api_key,
            tls=where.tls_of(StoreName.QDRANT),
        )
    try:
        return await vectors.missing(COLLECTIONS)
    finally:
        await vectors.close()
