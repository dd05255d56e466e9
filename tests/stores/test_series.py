"""Do PostgreSQL's tables keep the promise of the series? Cassandra: `tests/real`."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cassandra.cluster import EXEC_PROFILE_DEFAULT
from cassandra.policies import FallthroughRetryPolicy, TokenAwarePolicy

from datadir.cassandra import cql, opening
from datadir.cassandra.client import CassandraSeries
from datadir.cassandra.embedded import EmbeddedSeries, prepare
from datadir.cassandra.page_tokens import PageTokens
from datadir.cassandra.tables import EVENTS, USER_ENGAGEMENT, Column, Kind, SeriesTable, UserEngagement
from datadir.errors import BadPageToken, StoreMisconfigured, StoreTimeout
from datadir.names import StoreName
from datadir.postgresql.client import Postgres
from tests.stores.postgres_fixture import Database
from tests.stores.series_contract import CONTRACT_TABLES, NOON, SHORT_LIVED, SeriesContract, tracked


class TestEmbedded(SeriesContract):
    """Tables of schema `embedded`."""

    implementation = "PostgreSQL 18, embedded"

    @pytest.fixture
    def series(self, database: Database) -> EmbeddedSeries:
        return EmbeddedSeries(database.pg, secret="one")

    async def test_rows_whose_time_is_over_are_removed_at_the_next_start(
        self, series: EmbeddedSeries, database: Database
    ) -> None:
        hour = f"h-{uuid4()}"
        await series.write(SHORT_LIVED, [tracked(hour, NOON)])
        await database.owner.execute("update embedded.contract_short_lived set expires_at = now() - interval '1 s'")
        await prepare(database.owner, CONTRACT_TABLES)
        assert await database.owner.fetchval("select count(*) from embedded.contract_short_lived") == 0

    async def test_rows_live_as_long_as_the_table_says(self, series: EmbeddedSeries, database: Database) -> None:
        hour = f"h-{uuid4()}"
        await series.write(EVENTS, [tracked(hour, NOON)])
        left = await database.owner.fetchval(
            "select expires_at - now() from embedded.events where partition_key = $1", hour
        )
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)

    async def test_another_secrets_tokens_open_nothing(self, series: EmbeddedSeries, database: Database) -> None:
        hour = f"h-{uuid4()}"
        await series.write(EVENTS, [tracked(hour, NOON + timedelta(seconds=nth)) for nth in range(3)])
        _, token = await EmbeddedSeries(database.pg, secret="two").read_page(EVENTS, (hour,), limit=1)
        with pytest.raises(BadPageToken):
            await series.read_page(EVENTS, (hour,), limit=1, page_token=token)

    async def test_a_read_that_hangs_is_given_up_at_the_deadline(self, database: Database) -> None:
        pg = await Postgres.open(database.dsn, min_size=1)
        lock = database.owner.transaction()
        await lock.start()
        await database.owner.execute("lock table embedded.user_engagement in access exclusive mode")
        started = time.perf_counter()
        with pytest.raises(StoreTimeout) as slow:
            await EmbeddedSeries(pg, secret="one").read(USER_ENGAGEMENT, [(uuid4(),)])
        assert 0.35 < time.perf_counter() - started < 1.0
        assert slow.value.store is StoreName.CASSANDRA
        await lock.rollback()
        await pg.close()


async def test_a_cassandra_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(StoreMisconfigured) as refused:
        await CassandraSeries.open(["127.0.0.1"], port=9, secret="one")
    sentence = "CASSANDRA_HOST names a server that does not answer: nothing listens at 127.0.0.1:9."
    assert str(refused.value) == sentence


async def test_a_cassandra_host_that_has_no_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(StoreMisconfigured, match=r"^CASSANDRA_HOST names a host that nobody knows: cassandra\.$"):
        await CassandraSeries.open(["cassandra"], secret="one")


def test_a_cluster_is_reached_as_its_driver_recommends() -> None:
    nodes = opening.Nodes(("127.0.0.1",), datacenter="dc1")
    cluster = opening.cluster(nodes, None, read_seconds=0.4, write_seconds=5.0)
    try:
        # A node that is away is looked for at a constant pace, for as long as it takes.
        assert list(islice(cluster.reconnection_policy.new_schedule(), 1000)) == [0.25] * 1000
        profiles = cluster.profile_manager.profiles
        for name, seconds in ((EXEC_PROFILE_DEFAULT, 0.4), (opening.WRITES, 5.0)):
            assert isinstance(profiles[name].load_balancing_policy, TokenAwarePolicy)
            assert profiles[name].load_balancing_policy._child_policy.local_dc == "dc1"
            assert isinstance(profiles[name].retry_policy, FallthroughRetryPolicy)
            assert profiles[name].request_timeout == seconds
    finally:
        cluster.shutdown()


@pytest.mark.parametrize("name", ["keyspaces.cql", "tables.cql"])
def test_the_cql_files_say_what_the_tables_are(name: str) -> None:
    assert (Path(cql.__file__).parent / name).read_text(encoding="utf-8") == cql.files()[name]


def test_a_page_token_of_one_store_opens_nothing_in_the_other() -> None:
    read = (EVENTS.name, ("2026-03-01-12",), None, None)
    cassandras, tables = PageTokens("one", "cassandra 5"), PageTokens("one", "embedded")
    token = cassandras.seal(b"where it stood", *read)
    assert cassandras.open(token, *read) == b"where it stood"
    with pytest.raises(BadPageToken):
        tables.open(token, *read)


def test_no_statement_scans() -> None:
    for table in CONTRACT_TABLES:
        for lower in (False, True):
            for upper in (False, True):
                statement = cql.select(table, "analytics", lower=lower, upper=upper)
                assert "ALLOW FILTERING" not in statement
                assert " IN " not in statement
                for column in table.partition:
                    assert f"{column.name} = ?" in statement


def test_a_row_type_that_differs_from_its_table_is_found_at_once() -> None:
    with pytest.raises(TypeError, match="other fields"):
        SeriesTable("wrong", UserEngagement, (Column("user_id", Kind.UUID),), (), (), about="")


def test_engagement_has_the_columns_of_the_seed() -> None:
    assert UserEngagement._fields == (
        "user_id", "date", "total_events", "unique_pages", "session_count", "total_time_minutes", "engagement_score",
    )  # fmt: skip
    assert [column.kind for column in USER_ENGAGEMENT.columns] == [
        "uuid", "date", "bigint", "int", "int", "int", "double",
    ]  # fmt: skip
    assert UserEngagement(UUID(int=1), NOON.date(), 1, 1, 1, 1, 1.0).user_id == UUID(int=1)
