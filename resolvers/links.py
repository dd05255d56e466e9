"""May these bytes be downloaded? Signed links: one key, one method, fifteen minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from resolvers.degrading import Degrades, degrades
from resolvers.operation import Operation

LIFETIME: Final = timedelta(seconds=900)


@degrades(Degrades.NULL)
async def signed(operation: Operation, keys: Sequence[str]) -> list[str]:
    """A link to each key. Signing is local: no store is asked."""
    objects = operation.stores.objects
    return [await objects.link(key, expires=LIFETIME) for key in keys]
