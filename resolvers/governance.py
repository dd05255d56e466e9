"""How is the platform? Its stores, now and as they change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final, NamedTuple

from datadir.stores import StoreHealth
from loaders.watch import NOWHERE, Change, Told
from resolvers.degrading import degrades
from resolvers.operation import Operation

_CURSOR: Final = "stores.live"


class StoresSnapshot(NamedTuple):
    """All stores at one moment."""

    stores: Sequence[StoreHealth]


class StoreChange(NamedTuple):
    """One store: added, updated or removed, and how it is or was."""

    op: str
    store: StoreHealth


class StoresEvent(NamedTuple):
    """What a follower of the stores hears. `kind` is snapshot, change or reset; a change has `changes`, the others have
    the `snapshot`; `dropped` is how many changes a later one of the same store took the place of."""

    cursor: str
    kind: str
    at: datetime
    dropped: int
    snapshot: StoresSnapshot | None
    changes: Sequence[StoreChange] | None


@degrades(None)  # a store that fails is an answer here
async def stores(operation: Operation) -> list[StoreHealth]:
    """The stores and how they answer."""
    return await operation.stores.health()


@degrades(None)
async def stores_live(operation: Operation, after: str | None) -> AsyncGenerator[StoresEvent, None]:
    """The stores, and then each change of one; after the cursor `after` only what has changed since. Raises
    InvalidCursor. A cursor of another process leads nowhere: what it cannot go on from begins anew."""
    services, watch = operation.services, operation.services.health
    position: int | None = None
    if after is not None:
        epoch, position = services.cursors.decode(_CURSOR, after, 2)
        if epoch != watch.epoch:
            position = NOWHERE

    async def look() -> Mapping[str, StoreHealth]:
        return {store.name: store for store in await services.stores.health()}

    async with aclosing(watch.follow(look, position)) as heard:
        async for told in heard:
            cursor = services.cursors.encode(_CURSOR, [watch.epoch, told.position])
            yield _event(cursor, services.now(), told)


def _event(cursor: str, now: datetime, told: Told[StoreHealth]) -> StoresEvent:
    if told.changes is not None:
        changes = [_change(each) for each in told.changes.values()]
        return StoresEvent(cursor, "change", now, told.dropped, None, changes)
    snapshot = StoresSnapshot(list((told.whole or {}).values()))
    return StoresEvent(cursor, "reset" if told.again else "snapshot", now, 0, snapshot, None)


def _change(change: Change[StoreHealth]) -> StoreChange:
    if change.after is None:
        assert change.before is not None
        return StoreChange("removed", change.before)
    return StoreChange("added" if change.before is None else "updated", change.after)
