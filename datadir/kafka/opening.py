"""How are Kafka's brokers reached, and in which sentence does a start fail that cannot?

By aiokafka's own documentation: one set of arguments for producer, consumer and admin client. Its start tries each
broker and then only says that none would do, with the reasons in its log; so a start that failed asks one once more.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)
from aiokafka.protocol.metadata import MetadataRequest

from datadir import unreachable
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.tls import TlsFiles

if TYPE_CHECKING:
    from datadir.addresses import Addresses

NO_FILES: Final = TlsFiles(StoreName.KAFKA)
_PATIENCE: Final = 3.0
_PORT: Final = 9092
_TOO_OLD: Final = (IncompatibleBrokerVersion, UnsupportedVersionError)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Where Kafka is and who we are there. SASL where a user is given, TLS where files are; `context` is made of them
    by `with_context`."""

    bootstrap_servers: str
    username: str | None = None
    password: str | None = None
    mechanism: str = "SCRAM-SHA-512"
    tls: TlsFiles = NO_FILES
    context: ssl.SSLContext | None = None

    @classmethod
    def at(cls, where: Addresses) -> Brokers:
        """Those that the settings name."""
        return cls(
            where.kafka_bootstrap_servers or "",
            username=where.kafka_username,
            password=where.kafka_password,
            mechanism=where.kafka_sasl_mechanism,
            tls=where.tls_of(StoreName.KAFKA),
        )

    async def with_context(self) -> Brokers:
        """These brokers with the files read. Raises StoreMisconfigured."""
        return replace(self, context=await self.tls.context())

    def connection(self) -> dict[str, Any]:
        """The arguments that aiokafka's producer, consumer and admin client share."""
        sasl = (
            {}
            if self.username is None
            else {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password or "",
            }
        )
        protocol = ("SASL_" if sasl else "") + ("SSL" if self.context else "PLAINTEXT")
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": "studygraph",
            "security_protocol": protocol,
            "ssl_context": self.context,
            **sasl,
        }

    def places(self) -> list[tuple[str, int]]:
        """Host and port of each. ValueError where one is no address."""
        found = []
        for each in self.bootstrap_servers.split(","):
            host, colon, port = each.strip().rpartition(":")
            found.append((host.strip("[]"), int(port)) if colon else (each.strip(), _PORT))
        return found


async def sentence(error: BaseException, brokers: Brokers) -> str | None:
    """What the operator has to know of a start that failed so, None where the error is a defect of ours."""
    where = f"at {brokers.bootstrap_servers}"
    if isinstance(error, TopicAuthorizationFailedError):
        return f"Kafka {where} does not let this user see or create topics: allow it, or create those of topics.md."
    if isinstance(error, _TOO_OLD):
        return f"Kafka {where} is too old for the program."
    if isinstance(error, (KafkaError, OSError, TimeoutError)):
        places = brokers.places()
        plain = await unreachable.sentence("KAFKA_BOOTSTRAP_SERVERS", places, brokers.tls, brokers.context)
        return plain or await _greeted(brokers, places[0]) or f"Kafka does not answer {where}: {error}."
    if isinstance(error, ValueError):
        return f"KAFKA_BOOTSTRAP_SERVERS must look like host:9092,host:9092, and not {brokers.bootstrap_servers}."
    return None


async def _greeted(brokers: Brokers, place: tuple[str, int]) -> str | None:
    """What the first broker says to who we are."""
    where = "{}:{}".format(*place)
    arguments = brokers.connection()
    del arguments["bootstrap_servers"]
    try:
        async with asyncio.timeout(_PATIENCE):
            connection = await create_conn(*place, **arguments)
    except SaslAuthenticationFailed:
        return f"Kafka at {where} refuses the user or password in KAFKA_USERNAME and KAFKA_PASSWORD."
    except (UnsupportedSaslMechanismError, IllegalSaslStateError):
        instead = "set KAFKA_SASL_MECHANISM, or unset KAFKA_USERNAME"
        return f"Kafka at {where} takes no user by {brokers.mechanism}: {instead}."
    except (KafkaError, OSError, TimeoutError):
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            await connection.send(MetadataRequest([]))
    except KafkaConnectionError:
        # It told its versions, as it does everybody, and hung up at the first question.
        return None if brokers.username else f"Kafka at {where} asks for a user: set KAFKA_USERNAME and KAFKA_PASSWORD."
    except _TOO_OLD:
        return f"Kafka at {where} is too old for the program."
    except (KafkaError, TimeoutError):
        return None
    finally:
        connection.close()
    return None


def misconfigured(sentence: str) -> StoreMisconfigured:
    """A start that fails with this sentence."""
    return StoreMisconfigured(StoreName.KAFKA, sentence)
