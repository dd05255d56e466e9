"""How are records read by their keys? Those of a level in one statement, answered in the order of the keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from datadir.postgresql.record import Row

if TYPE_CHECKING:
    from loaders import Loaders

R = TypeVar("R", bound=Row)


async def one_by_key(
    loaders: Loaders, record: type[R], sql: str, keys: Sequence[UUID], *args: Any, key: str = "id"
) -> list[R | None]:
    """The record of each of `keys`, None where the viewer's scope holds none. One statement, which takes the keys as
    `$1` and `args` behind them; `key` is the column where they stand."""
    rows = await loaders.lease.fetch(record, sql, list(dict.fromkeys(keys)), *args)
    found = dict(zip(map(_of(record, key), rows), rows, strict=True))
    return list(map(found.get, keys))


async def all_by_key(
    loaders: Loaders, record: type[R], sql: str, keys: Sequence[UUID], *args: Any, key: str
) -> list[list[R]]:
    """All records of each of `keys` in the viewer's scope, in the statement's order. Else as `one_by_key`."""
    rows = await loaders.lease.fetch(record, sql, list(dict.fromkeys(keys)), *args)
    groups: dict[UUID, list[R]] = defaultdict(list)
    for each, row in zip(map(_of(record, key), rows), rows, strict=True):
        groups[each].append(row)
    return [groups.get(each, []) for each in keys]


def _of(record: type[Row], column: str) -> itemgetter[Any]:
    return itemgetter(record.columns.index(column))
