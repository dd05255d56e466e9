"""How does a column look on the way out? One conversion per kind and driver, chosen once per table.

cassandra-driver gives dates as its own type, times naive, empty sets and maps as None; asyncpg gives jsonb as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC
from functools import cache, partial
from typing import Any

from datadir.cassandra.tables import Kind, R, SeriesTable

_FROM_DRIVER: dict[Kind, Callable[[Any], Any]] = {
    Kind.DATE: lambda value: value and value.date(),
    Kind.TIMESTAMP: lambda value: value and value.replace(tzinfo=UTC),
    Kind.TEXT_SET: lambda value: frozenset(value or ()),
    Kind.TEXT_MAP: lambda value: dict(value or {}),
}
_FROM_SQL: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT_SET: lambda value: frozenset(json.loads(value) if value else ()),
    Kind.TEXT_MAP: lambda value: json.loads(value) if value else {},
}


@cache
def from_driver(table: SeriesTable[R]) -> Callable[[Sequence[Any]], R]:
    """Makes a row of `table` from cassandra-driver's tuple."""
    return _maker(table, _FROM_DRIVER)


@cache
def from_sql(table: SeriesTable[R]) -> Callable[[Sequence[Any]], R]:
    """Makes a row of `table` from the values of a PostgreSQL row."""
    return _maker(table, _FROM_SQL)


def _maker(table: SeriesTable[R], conversions: dict[Kind, Callable[[Any], Any]]) -> Callable[[Sequence[Any]], R]:
    # What `_make` does, without a Python call a row: statements name exactly the table's columns.
    make: Callable[[Sequence[Any]], R] = partial(tuple.__new__, table.row)
    converted = [
        (at, conversions[column.kind]) for at, column in enumerate(table.columns) if column.kind in conversions
    ]
    if not converted:
        return make

    def convert(raw: Sequence[Any]) -> R:
        values = list(raw)
        for at, conversion in converted:
            values[at] = conversion(values[at])
        return make(values)

    return convert
