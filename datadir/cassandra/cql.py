"""How does a series look in CQL? `python -m datadir.cassandra.cql` writes keyspaces.cql and tables.cql."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from datadir.cassandra.tables import KEYSPACE, TABLES, Column, SeriesTable

HERE: Final = Path(__file__).resolve().parent


def create_keyspace(keyspace: str, *, replication: int, datacenter: str | None = None) -> str:
    """The statement that makes a keyspace with so many copies, in one datacenter where that is named."""
    strategy = (
        f"{{'class': 'SimpleStrategy', 'replication_factor': {replication}}}"
        if datacenter is None
        else f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replication}}}"
    )
    return f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {strategy}"


def create_table(table: SeriesTable[Any], keyspace: str) -> str:
    """The statement that makes a series' table."""
    columns = "".join(f"    {column.name} {column.kind},\n" for column in table.columns)
    partition = ", ".join(column.name for column in table.partition)
    clustering = ", ".join(column.name for column in table.clustering)
    order = ", ".join(f"{column.name} {'DESC' if column.descending else 'ASC'}" for column in table.clustering)
    ttl = f"\n  AND default_time_to_live = {int(table.ttl.total_seconds())}" if table.ttl else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {keyspace}.{table.name} (\n{columns}"
        f"    PRIMARY KEY (({partition}), {clustering})\n) WITH CLUSTERING ORDER BY ({order}){ttl}"
    )


def add_column(table: SeriesTable[Any], column: Column, keyspace: str) -> str:
    """The statement that gives a table a column which a newer release has; rows that are there have none of it."""
    return f"ALTER TABLE {keyspace}.{table.name} ADD IF NOT EXISTS {column.name} {column.kind}"


def select(table: SeriesTable[Any], keyspace: str, *, lower: bool, upper: bool) -> str:
    """One partition, with bounds on the first clustering column; takes the partition key, the bounds, the limit."""
    first = table.clustering[0].name
    where = [f"{column.name} = ?" for column in table.partition]
    where += [f"{first} >= ?"] if lower else []
    where += [f"{first} < ?"] if upper else []
    columns = ", ".join(column.name for column in table.columns)
    return f"SELECT {columns} FROM {keyspace}.{table.name} WHERE {' AND '.join(where)} LIMIT ?"


def insert(table: SeriesTable[Any], keyspace: str) -> str:
    """One row, all columns."""
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {keyspace}.{table.name} ({names}) VALUES ({', '.join('?' * len(table.columns))})"


def increment(table: SeriesTable[Any], keyspace: str) -> str:
    """Adds to the counter of one key; takes the amount, then the key."""
    value = table.values[0].name
    where = " AND ".join(f"{column.name} = ?" for column in table.key)
    return f"UPDATE {keyspace}.{table.name} SET {value} = {value} + ? WHERE {where}"


def files() -> dict[str, str]:
    """What the schema files say, by name."""
    head = "-- Made from tables.py by `python -m datadir.cassandra.cql`; a test compares.\n"
    keyspace = (
        f"{head}-- One copy, for one node. On a cluster name the datacenter and at least three copies:\n"
        f"-- {create_keyspace(KEYSPACE, replication=3, datacenter='dc1')};\n\n"
        f"{create_keyspace(KEYSPACE, replication=1)};\n"
    )
    tables = "\n".join(f"-- {table.about}.\n{create_table(table, KEYSPACE)};\n" for table in TABLES)
    return {"keyspaces.cql": keyspace, "tables.cql": f"{head}\n{tables}"}


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
