"""Is Kafka reached by TLS, as a user, as the settings say, and by nobody else?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
import pytest_asyncio

from datadir.errors import StoreMisconfigured
from datadir.kafka.client import KafkaEventLog
from datadir.kafka.opening import Brokers
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.certificates import GOOD_HOST, Authority
from tests.real.conftest import had
from tests.servers import kafka
from tests.servers.server import Server
from tests.stores.eventlog_contract import append, event, receive
from tests.stores.postgres_fixture import Database
from tests.stores.tls_contract import Door, TlsContract

USER, PASSWORD = "school", "pass-of-tests"
_LOGIN = "org.apache.kafka.common.security"


@pytest_asyncio.fixture(scope="module")
async def door(authority: Authority, kafka_server: Server) -> AsyncIterator[Door]:
    """A broker with TLS that wants a client's certificate and a user; another has neither."""
    server = authority.server("kafka")
    listener = "listener.name.clients"
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server.both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        f"{listener}.ssl.client.auth": "required",
        f"{listener}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        f"{listener}.plain.sasl.jaas.config": f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        f"{listener}.scram-sha-512.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required;",
    }
    async with had(kafka.running(properties, "SASL_SSL", {USER: PASSWORD})) as running:
        tls, plain = (
            int(each.settings["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2]) for each in (running, kafka_server)
        )
        yield Door(tls, plain)


class TestKafka(TlsContract):
    """By aiokafka's admin client, producer and consumer."""

    implementation = "Kafka 4"
    store = StoreName.KAFKA
    called = "Kafka"

    @pytest.fixture(autouse=True)
    def outbox(self, database_16: Database) -> None:
        """Where events come from."""
        self.database = database_16

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        await self.used(Brokers(f"{host}:{port}", USER, PASSWORD, tls=tls))

    async def used(self, brokers: Brokers) -> None:
        """Send an event and receive it."""
        log = await KafkaEventLog.open(brokers, self.database.pg, self.database.keys, session=6.0)
        stop, key = asyncio.Event(), str(uuid4())
        relay = asyncio.create_task(log.publish_until(stop))
        try:
            sent = event(key)
            await append(log, self.database, sent)
            [received] = await receive(log, f"g-{uuid4()}", [key], 1)
            assert received.event.event_id == sent.event_id
        finally:
            stop.set()
            await relay
            await log.close()

    async def said(self, brokers: Brokers) -> str:
        """The sentence with which a start fails."""
        with pytest.raises(StoreMisconfigured) as refused:
            await self.used(brokers)
        return str(refused.value)

    @pytest.fixture
    def brokers(self, door: Door, files: TlsFiles) -> Brokers:
        """What is right."""
        return Brokers(f"{GOOD_HOST}:{door.tls}", USER, PASSWORD, tls=files)

    async def test_a_user_logs_in_by_plain_too(self, brokers: Brokers) -> None:
        await self.used(replace(brokers, mechanism="PLAIN"))

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
    async def test_a_wrong_password_is_a_sentence(self, brokers: Brokers, mechanism: str) -> None:
        assert await self.said(replace(brokers, password="wrong", mechanism=mechanism)) == (
            f"Kafka at {brokers.bootstrap_servers} refuses the user or password in KAFKA_USERNAME and KAFKA_PASSWORD."
        )

    async def test_another_mechanism_is_a_sentence(self, brokers: Brokers) -> None:
        assert await self.said(replace(brokers, mechanism="SCRAM-SHA-256")) == (
            f"Kafka at {brokers.bootstrap_servers} takes no user by SCRAM-SHA-256: set KAFKA_SASL_MECHANISM, "
            "or unset KAFKA_USERNAME."
        )

    async def test_no_user_where_one_is_asked_for_is_a_sentence(self, brokers: Brokers) -> None:
        assert await self.said(replace(brokers, username=None, password=None)) == (
            f"Kafka at {brokers.bootstrap_servers} asks for a user: set KAFKA_USERNAME and KAFKA_PASSWORD."
        )

    async def test_a_user_where_none_is_asked_for_is_a_sentence(self, door: Door) -> None:
        place = f"{GOOD_HOST}:{door.plain}"
        assert await self.said(Brokers(place, USER, PASSWORD)) == (
            f"Kafka at {place} takes no user by SCRAM-SHA-512: set KAFKA_SASL_MECHANISM, or unset KAFKA_USERNAME."
        )
