"""Do Cassandra, with and without accounts, and the tables in an old PostgreSQL keep the promise of the series?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.query import PreparedStatement

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

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.settings["CASSANDRA_PORT"])


class Counted:
    """A session that counts the requests which are under way."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.under_way: set[object] = set()
        self.most = 0

    def execute_async(self, *args: Any, **kwargs: Any) -> Any:
        """The session's own, noted until it is answered."""
        asked = self._session.execute_async(*args, **kwargs)
        self.under_way.add(asked)
        self.most = max(self.most, len(self.under_way))
        asked.add_callbacks(lambda _: self.under_way.discard(asked), lambda _: self.under_way.discard(asked))
        return asked


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


def as_superuser(port: int, statement: str) -> None:
    """Run a statement as the operator of a new node."""
    operator: Any = Cluster(
        ["127.0.0.1"],
        port=port,
        protocol_version=5,
        connect_timeout=15,
        auth_provider=PlainTextAuthProvider("cassandra", "cassandra"),
    )
    try:
        operator.connect().execute(statement, timeout=20)
    finally:
        operator.shutdown()


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

    async def test_a_crowd_of_reads_waits_for_its_turn(self, series: CassandraSeries) -> None:
        session: Any = Counted(series._session)
        bounded = CassandraSeries(series._cluster, session, series._statements, "one", 4, 10.0)
        users = [uuid4() for _ in range(100)]
        await series.write(USER_ENGAGEMENT, [day(user, 0) for user in users])
        read = [bounded.read(USER_ENGAGEMENT, [(user,) for user in users]) for _ in range(3)]
        assert await asyncio.gather(*read) == [[[day(user, 0)] for user in users]] * 3
        assert session.most <= 4 + 1, "an answer is counted out a moment after the next request may begin"
        assert session.most > 1

    async def test_every_statement_is_prepared_and_knows_the_partition_it_goes_to(
        self, series: CassandraSeries, node: Node
    ) -> None:
        for table in CONTRACT_TABLES:
            for statement in (*series._statements[table.name].selects.values(), series._statements[table.name].write):
                assert isinstance(statement, PreparedStatement)
                # With both the driver asks a node that has the partition.
                assert [statement.column_metadata[at].name for at in statement.routing_key_indexes] == [
                    column.name for column in table.partition
                ]
                assert statement.keyspace in (None, node.keyspace)

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

    async def refusal(self, node: Node, **account: str | None) -> str:
        with pytest.raises(StoreMisconfigured) as refused:
            await opened(node.server, "contract_of_nobody", **account)
        assert "wrong-secret" not in repr(refused.value)
        return str(refused.value)

    async def test_a_wrong_password_is_a_sentence_that_does_not_repeat_it(self, node: Node) -> None:
        sentence = f"Cassandra refuses the user or password at 127.0.0.1:{node.port}."
        assert await self.refusal(node, password="wrong-secret") == sentence

    async def test_without_an_account_it_is_asked_for(self, node: Node) -> None:
        assert await self.refusal(node, username=None, password=None) == (
            f"Cassandra at 127.0.0.1:{node.port} asks for a user: set CASSANDRA_USERNAME and CASSANDRA_PASSWORD."
        )

    async def test_who_may_make_no_keyspace_is_told_who_has_to(self, node: Node) -> None:
        guest = f"guest_{uuid4().hex[:8]}"
        await asyncio.to_thread(
            as_superuser, node.port, f"CREATE ROLE {guest} WITH PASSWORD = 'guest' AND LOGIN = true"
        )
        assert await self.refusal(node, username=guest, password="guest") == (
            "Cassandra lets this user not make keyspace contract_of_nobody: run keyspaces.cql and tables.cql as one "
            "who may."
        )


class TestSeriesOnPostgreSQL15(SeriesContract):
    """The stand-in's tables on the oldest server that the program runs on."""

    implementation = "PostgreSQL 15"

    @pytest.fixture
    def series(self, database_15: Database) -> EmbeddedSeries:
        return EmbeddedSeries(database_15.pg, secret="one")
