"""Where are the series when no Cassandra is given? In tables of the embedded PostgreSQL, one statement a batch.

Not imitated: tombstones and their costs, last-write-wins by time stamp, tunable consistency, replicas, hints and
repairs, limits on the size of partitions and batches, `writetime` and `ttl()`, counters that lose or double
an increment when a node fails. A batch of writes is one transaction here: all rows or none. UUIDs of different
versions sort by their bytes (Cassandra sorts by version first). A text with the NUL character is refused. Rows whose
time to live is over are invisible at once and are removed when the program starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from datadir.cassandra.columns import from_sql
from datadir.cassandra.page_tokens import PageTokens
from datadir.cassandra.pending import Step
from datadir.cassandra.tables import TABLES, Column, Kind, R, SeriesTable, aligned, checked_limit
from datadir.names import StoreName
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.cassandra.client import Series
    from datadir.postgresql.client import Postgres

_ROWS_AT_ONCE: Final = 5000

_SQL: Final = {
    Kind.UUID: "uuid",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz",
    Kind.TEXT: "text",
    Kind.INT: "int",
    Kind.BIGINT: "bigint",
    Kind.DOUBLE: "double precision",
    Kind.COUNTER: "bigint",
    Kind.TEXT_SET: "jsonb",
    Kind.TEXT_MAP: "jsonb",
}
_JSON: Final = (Kind.TEXT_SET, Kind.TEXT_MAP)

_SCHEMA: Final = "create schema if not exists embedded; grant usage on schema embedded to studygraph_app"
_COLUMNS: Final = """
select t.relname, a.attname from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0
where t.relnamespace = to_regnamespace('embedded') and t.relkind = 'r' and not a.attisdropped
"""


async def missing(owner: asyncpg.Connection, tables: Iterable[SeriesTable[Any]] = TABLES) -> list[Step]:
    """What brings the schema `embedded` to what the tables say; one request."""
    there: dict[str, set[str]] = {}
    for table, column in await owner.fetch(_COLUMNS):
        there.setdefault(table, set()).add(column)
    found: list[Step] = []
    for table in tables:
        if table.name not in there:
            found.append(Step(f"table {table.name}", _create(table)))
            continue
        found += [
            Step(f"column {column.name} of {table.name}", _add(table, column))
            for column in table.values
            if column.name not in there[table.name]
        ]
    return found


async def prepare(owner: asyncpg.Connection, tables: Iterable[SeriesTable[Any]] = TABLES) -> None:
    """Make what is missing, as the owner of the database, and remove rows whose time is over. May be repeated, by one
    at a time."""
    wanted = list(tables)
    steps = await missing(owner, wanted)
    if steps:
        async with owner.transaction():
            await owner.execute(_SCHEMA)
            await owner.execute(";".join(step.statement for step in steps))
    over = [f"delete from {_name(table)} where expires_at <= clock_timestamp()" for table in wanted if table.ttl]
    if over:
        await owner.execute(";".join(over))


class EmbeddedSeries:
    """The series in PostgreSQL. `secret` signs page tokens."""

    def __init__(self, pg: Postgres, *, secret: str) -> None:
        self._pg = pg
        self.circuit = pg.circuit
        self._tokens = PageTokens(secret, "embedded")

    async def read(
        self,
        table: SeriesTable[R],
        partitions: Iterable[Sequence[Any]],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int | None = None,
    ) -> list[list[R]]:
        wanted = table.checked_partitions(partitions)
        if limit is not None:
            checked_limit(limit)
        if not wanted:
            return []
        each_once = list(dict.fromkeys(wanted))
        bounds = [table.checked_bound(bound) for bound in (lower, upper) if bound is not None]
        rows = await self._pg.read(
            _select(table, lower is not None, upper is not None),
            *map(list, zip(*each_once, strict=True)),
            limit,
            *bounds,
            store=StoreName.CASSANDRA,
        )
        make = from_sql(table)
        found: list[list[R]] = [[] for _ in each_once]
        for row in rows:
            found[row[0] - 1].append(make(row[1:]))
        return aligned(wanted, each_once, found)

    async def read_page(
        self,
        table: SeriesTable[R],
        partition: Sequence[Any],
        *,
        lower: Any = None,
        upper: Any = None,
        limit: int,
        page_token: str | None = None,
    ) -> tuple[list[R], str | None]:
        [wanted] = table.checked_partitions([partition])
        read = (table.name, wanted, lower, upper)
        last = [] if page_token is None else json.loads(self._tokens.open(page_token, *read))
        bounds = [table.checked_bound(bound) for bound in (lower, upper) if bound is not None]
        rows = await self._pg.read(
            _select(table, lower is not None, upper is not None, bool(last)),
            *([value] for value in wanted),
            checked_limit(limit) + 1,  # one more says whether anything follows
            *bounds,
            *last,
            store=StoreName.CASSANDRA,
        )
        make = from_sql(table)
        found = [make(row[1:]) for row in map(tuple, rows)]
        if len(found) <= limit:
            return found, None
        page = found[:limit]
        first = len(table.partition)
        state = json.dumps([str(value) for value in page[-1][first : first + len(table.clustering)]])
        return page, self._tokens.seal(state.encode(), *read)

    async def write(self, table: SeriesTable[R], rows: Iterable[Sequence[Any]]) -> None:
        written = table.checked_rows(rows)
        if not written:
            return
        async with self._pg.transaction(SYSTEM, store=StoreName.CASSANDRA) as tx:
            for start in range(0, len(written), _ROWS_AT_ONCE):
                columns = zip(*written[start : start + _ROWS_AT_ONCE], strict=True)
                await tx.execute(
                    _upsert(table),
                    *(_as_sql(column, values) for column, values in zip(table.columns, columns, strict=True)),
                    *([table.ttl] if table.ttl else []),
                )

    async def increment(self, table: SeriesTable[R], key: Sequence[Any], by: int = 1) -> None:
        whole = table.checked_counter_key(key)
        async with self._pg.transaction(SYSTEM, store=StoreName.CASSANDRA) as tx:
            await tx.execute(_increment(table), *whole, by)

    async def ping(self) -> str:
        await self._pg.read("select 1", store=StoreName.CASSANDRA)
        return "tables"

    async def close(self) -> None:
        """Nothing of its own is open: the pool belongs to PostgreSQL."""


def _name(table: SeriesTable[Any]) -> str:
    return f'embedded."{table.name}"'


def _names(columns: Iterable[Column], before: str = "") -> list[str]:
    return [f'{before}"{column.name}"' for column in columns]


def _order(table: SeriesTable[Any], before: str) -> str:
    return ", ".join(f'{before}"{each.name}" {"desc" if each.descending else "asc"}' for each in table.clustering)


def _create(table: SeriesTable[Any]) -> str:
    columns = [_column(column) for column in table.columns]
    if table.ttl:
        columns.append("expires_at timestamptz not null")
    return (
        f"create table if not exists {_name(table)} "
        f"({', '.join(columns)}, primary key ({', '.join(_names(table.key))}));"
        f"grant select, insert, update, delete on {_name(table)} to studygraph_app"
    )


def _add(table: SeriesTable[Any], column: Column) -> str:
    return f"alter table {_name(table)} add column if not exists {_column(column)}"


def _column(column: Column) -> str:
    # Cassandra compares texts by their bytes.
    return f'"{column.name}" {_SQL[column.kind]}' + (' collate "C"' if column.kind is Kind.TEXT else "")


@cache
def _select(table: SeriesTable[Any], lower: bool, upper: bool, after: bool = False) -> str:
    """Arguments: one array per partition column, the limit (null: none), the bounds, the last key as texts."""
    partition = [f"w{n}" for n in range(len(table.partition))]
    arrays = ", ".join(f"${n}::{_SQL[column.kind]}[]" for n, column in enumerate(table.partition, 1))
    where = [f"t.{own} = w.{asked}" for own, asked in zip(_names(table.partition), partition, strict=True)]
    argument = len(partition) + 1
    limit = f"${argument}::bigint"
    first = table.clustering[0]
    for has_bound, comparison in ((lower, ">="), (upper, "<")):
        if has_bound:
            argument += 1
            where.append(f't."{first.name}" {comparison} ${argument}::{_SQL[first.kind]}')
    if after:
        where.append(_behind(table, argument + 1))
    if table.ttl:
        where.append("t.expires_at > clock_timestamp()")
    return (
        f"select w.nth, r.* from unnest({arrays}) with ordinality as w ({', '.join(partition)}, nth) "
        f"cross join lateral (select {', '.join(_names(table.columns, 't.'))} from {_name(table)} t "
        f"where {' and '.join(where)} order by {_order(table, 't.')} limit {limit}) as r "
        f"order by w.nth, {_order(table, 'r.')}"
    )


def _behind(table: SeriesTable[Any], argument: int) -> str:
    """The rows that follow a key in the order of the clustering columns, which may differ in direction."""
    ways = []
    for n, column in enumerate(table.clustering):
        same = [
            f't."{each.name}" = ${argument + at}::text::{_SQL[each.kind]}'
            for at, each in enumerate(table.clustering[:n])
        ]
        further = f't."{column.name}" {"<" if column.descending else ">"} ${argument + n}::text::{_SQL[column.kind]}'
        ways.append(" and ".join([*same, further]))
    return "(" + " or ".join(f"({way})" for way in ways) + ")"


@cache
def _upsert(table: SeriesTable[Any]) -> str:
    arrays = ", ".join(
        f"${n}::{'text' if column.kind in _JSON else _SQL[column.kind]}[]" for n, column in enumerate(table.columns, 1)
    )
    names = _names(table.columns)
    values = [
        f"{name}::jsonb" if column.kind in _JSON else name for name, column in zip(names, table.columns, strict=True)
    ]
    replaced = _names(table.values)
    if table.ttl:
        values.append(f"clock_timestamp() + ${len(names) + 1}::interval")
        replaced.append("expires_at")
    columns = names + (["expires_at"] if table.ttl else [])
    return (
        f"insert into {_name(table)} ({', '.join(columns)}) "
        f"select {', '.join(values)} from unnest({arrays}) as rows ({', '.join(names)}) "
        f"on conflict ({', '.join(_names(table.key))}) do update set "
        + ", ".join(f"{name} = excluded.{name}" for name in replaced)
    )


@cache
def _increment(table: SeriesTable[Any]) -> str:
    names = _names(table.columns)
    [value] = _names(table.values)
    return (
        f"insert into {_name(table)} as t ({', '.join(names)}) "
        f"values ({', '.join(f'${n}' for n in range(1, len(names) + 1))}) "
        f"on conflict ({', '.join(_names(table.key))}) do update set {value} = t.{value} + excluded.{value}"
    )


def _as_sql(column: Column, values: Sequence[Any]) -> list[Any]:
    if column.kind is Kind.TEXT_SET:
        return [None if value is None else json.dumps(sorted(value)) for value in values]
    if column.kind is Kind.TEXT_MAP:
        return [None if value is None else json.dumps(dict(value)) for value in values]
    return list(values)


if TYPE_CHECKING:
    _: type[Series] = EmbeddedSeries
