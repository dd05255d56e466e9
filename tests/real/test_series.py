"""Do Cassandra, with and without accounts, and the tables in an old PostgreSQL keep the promise of the series?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.cassandra.client import CassandraSeries
from datadir.cassandra.embedded import EmbeddedSeries
from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.errors import StoreMisconfigured
from datadir.ledger import kept
from datadir.names import StoreName
from tests.servers.server import Server
from tests.stores.postgres_fixture import Database
from tests.stores.series_contract import CONTRACT_TABLES, SeriesContract, day


async def opened(server: Server, keyspace: str, **account: str | None) -> CassandraSeries:
    """The series in a keyspace, as whom the server's settings name unless told otherwise."""
    settings = server.settings
    known = {name: settings.get(f"CASSANDRA_{name.upper()}") for name in ("username", "password")}
    return await CassandraSeries.open(
        [settings["CASSANDRA_HOST"]],
        port=int(settings["CASSANDRA_PORT"]),
        secret="one",
        keyspace=keyspace,
        tables=CONTRACT_TABLES,
        deadline=10.0,  # two cores that a node and many workers share
        **(known | account),
    )


class Node(NamedTuple):
    """A server, and the series in a keyspace of the contract's own there."""

    server: Server
    keyspace: str
    series: CassandraSeries


@asynccontextmanager
async def node_of(server: Server) -> AsyncIterator[Node]:
    """The keyspace is gone afterwards."""
    keyspace = f"contract_{uuid4().hex[:12]}"
    series = await opened(server, keyspace)
    yield Node(server, keyspace, series)
    await asyncio.to_thread(series._session.execute, f"DROP KEYSPACE {keyspace}", timeout=20)
    await series.close()


@pytest_asyncio.fixture(scope="module")
async def open_node(cassandra_server: Server) -> AsyncIterator[Node]:
    async with node_of(cassandra_server) as node:
        yield node


@pytest_asyncio.fixture(scope="module")
async def node_with_accounts(cassandra_with_accounts: Server) -> AsyncIterator[Node]:
    async with node_of(cassandra_with_accounts) as node:
        yield node


class CassandraContract(SeriesContract):
    """The contract and what only Cassandra does, on `node`."""

    @pytest.fixture
    def series(self, node: Node) -> CassandraSeries:
        return node.series

    async def test_a_batch_says_how_many_partitions_it_read(self, series: CassandraSeries) -> None:
        one, two = uuid4(), uuid4()
        await series.write(USER_ENGAGEMENT, [day(one, 0), day(one, 1)])
        with kept() as ledger:
            await series.read(USER_ENGAGEMENT, [(one,), (two,), (one,)])
        entry = ledger.stores[StoreName.CASSANDRA]
        assert (entry.calls, entry.rows, entry.fanout) == (1, 2, 2)

    async def test_a_second_process_finds_keyspace_and_tables(self, series: CassandraSeries, node: Node) -> None:
        user = uuid4()
        await series.write(USER_ENGAGEMENT, [day(user, 0)])
        second = await opened(node.server, node.keyspace)
        assert await second.read(USER_ENGAGEMENT, [(user,)]) == [[day(user, 0)]]
        await second.close()


class TestCassandra(CassandraContract):
    """A node that asks for no account."""

    implementation = "Cassandra 5"

    @pytest.fixture
    def node(self, open_node: Node) -> Node:
        return open_node


class TestCassandraWithAccounts(CassandraContract):
    """A node that lets in only who has one, and lets that one touch only what is its own."""

    implementation = "Cassandra 5 with accounts"

    @pytest.fixture
    def node(self, node_with_accounts: Node) -> Node:
        return node_with_accounts

    @pytest.mark.parametrize("account", [{"password": "wrong-secret"}, {"username": None, "password": None}])
    async def test_whoever_has_no_account_is_told_in_a_sentence_that_repeats_no_password(
        self, node: Node, account: dict[str, str | None]
    ) -> None:
        with pytest.raises(StoreMisconfigured, match=r"^Cassandra refuses the user or password at ") as refused:
            await opened(node.server, "contract_of_nobody", **account)
        assert "wrong-secret" not in repr(refused.value)


class TestSeriesOnPostgreSQL15(SeriesContract):
    """The stand-in's tables on the oldest server that the program runs on."""

    implementation = "PostgreSQL 15"

    @pytest.fixture
    def series(self, database_15: Database) -> EmbeddedSeries:
        return EmbeddedSeries(database_15.pg, secret="one")
