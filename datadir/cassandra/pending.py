"""Which of the series' tables and columns does a keyspace lack? A start makes them, `migrate --check` names them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg

from datadir.cassandra import cql
from datadir.cassandra.tables import KEYSPACE, TABLES, SeriesTable
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.addresses import Addresses
    from datadir.migrations.pending import Place

PATIENCE: Final = 5.0


class Step(NamedTuple):
    """One thing that is missing: a phrase for people, and the statement that makes it, which may be run twice."""

    what: str
    statement: str


async def pending(place: Place) -> list[str]:
    """What the keyspace lacks: "keyspace analytics", "table events", "column properties of events"; of the stand-in,
    what the schema `embedded` lacks."""
    if place.is_embedded(StoreName.CASSANDRA):
        from datadir.cassandra import embedded

        owner = await asyncpg.connect(place.owner_dsn, timeout=10)
        try:
            return [step.what for step in await embedded.missing(owner)]
        finally:
            await owner.close()
    return [step.what for step in await _missing_of(place.addresses)]


async def _missing_of(where: Addresses) -> list[Step]:
    from datadir.cassandra import opening

    nodes = opening.Nodes(
        tuple(host.strip() for host in (where.cassandra_host or "").split(",")),
        where.cassandra_port,
        where.cassandra_username,
        where.cassandra_password,
        where.cassandra_datacenter,
        where.tls_of(StoreName.CASSANDRA),
    )
    context = await nodes.tls.context()

    def look() -> list[Step]:
        cluster = opening.cluster(nodes, context, read_seconds=PATIENCE, write_seconds=PATIENCE)
        try:
            cluster.connect()
            return steps(cluster.metadata.keyspaces, TABLES, KEYSPACE, replication=1, datacenter=nodes.datacenter)
        finally:
            cluster.shutdown()

    try:
        return await asyncio.to_thread(look)
    except Exception as error:
        said = await opening.sentence(error, nodes, context, KEYSPACE)
        if said is None:
            raise
        raise StoreMisconfigured(StoreName.CASSANDRA, said) from error


def steps(
    keyspaces: Mapping[str, Any],
    tables: Iterable[SeriesTable[Any]],
    keyspace: str,
    *,
    replication: int,
    datacenter: str | None,
) -> list[Step]:
    """What brings a cluster with these `keyspaces` (the driver's metadata) to what the tables say, in this order.

    StoreMisconfigured where a table of the same name has another key, or a column another type: its rows are not ours,
    and Cassandra changes neither."""
    there = keyspaces.get(keyspace)
    if there is None:
        create = cql.create_keyspace(keyspace, replication=replication, datacenter=datacenter)
        return [
            Step(f"keyspace {keyspace}", create),
            *(Step(f"table {table.name}", cql.create_table(table, keyspace)) for table in tables),
        ]
    found: list[Step] = []
    for table in tables:
        if table.name not in there.tables:
            found.append(Step(f"table {table.name}", cql.create_table(table, keyspace)))
            continue
        columns = _checked(table, keyspace, there.tables[table.name])
        found += [
            Step(f"column {column.name} of {table.name}", cql.add_column(table, column, keyspace))
            for column in table.values
            if column.name not in columns
        ]
    return found


def _checked(table: SeriesTable[Any], keyspace: str, there: Any) -> dict[str, str]:
    """The columns of the table that is there, with their types."""
    columns = {name: str(column.cql_type) for name, column in there.columns.items()}
    keys = (there.partition_key, table.partition), (there.clustering_key, table.clustering)
    for key, wanted in keys:
        if [column.name for column in key] != [column.name for column in wanted]:
            raise StoreMisconfigured(
                StoreName.CASSANDRA, f"Table {keyspace}.{table.name} has another primary key: move it away."
            )
    for column in table.columns:
        kind = columns.get(column.name, column.kind)
        if kind.replace(" ", "") != column.kind.replace(" ", ""):
            raise StoreMisconfigured(
                StoreName.CASSANDRA,
                f"Column {column.name} of {keyspace}.{table.name} is {kind}, not {column.kind}: move the table away.",
            )
    return columns
