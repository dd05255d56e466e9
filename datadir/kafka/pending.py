"""Which topics does a Kafka lack? A start makes them, `migrate --check` names them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from datadir.errors import StoreMisconfigured
from datadir.kafka.topics import BY_NAME, TOPICS, Topic
from datadir.names import StoreName

if TYPE_CHECKING:
    from datadir.addresses import Addresses
    from datadir.migrations.pending import Place

PATIENCE: Final = 20.0
_EXISTS_ALREADY: Final = 36


async def pending(place: Place) -> list[str]:
    """What is missing: "topic tutor.requests"; of the stand-in, "table log_end" and its like of schema `embedded`."""
    if place.is_embedded(StoreName.KAFKA):
        import asyncpg

        from datadir.kafka import embedded

        owner = await asyncpg.connect(place.owner_dsn, timeout=10)
        try:
            return [f"table {name}" for name in await embedded.missing(owner)]
        finally:
            await owner.close()
    return [f"topic {each.name}" for each in await _missing_of(place.addresses)]


async def _missing_of(where: Addresses) -> list[Topic]:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    from datadir.kafka import opening

    brokers = await opening.Brokers.at(where).with_context()
    admin = AIOKafkaAdminClient(**brokers.connection(), request_timeout_ms=int(PATIENCE * 1000))
    try:
        async with asyncio.timeout(PATIENCE):
            await admin.start()
            return await missing(admin)
    except (KafkaError, OSError, TimeoutError, ValueError) as error:
        said = await opening.sentence(error, brokers)
        if said is None:
            raise
        raise opening.misconfigured(said) from error
    finally:
        with contextlib.suppress(KafkaError):
            await admin.close()


async def missing(admin: Any) -> list[Topic]:
    """The topics that a start would make; one request. StoreMisconfigured for a topic that has fewer partitions than
    `topics.py` says: the order of its keys would not be ours."""
    # Of all topics: a broker may create what it is asked about by name.
    there = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    for name, partitions in there.items():
        # One that was made a moment ago has none yet.
        if name in BY_NAME and 0 < partitions < BY_NAME[name].partitions:
            raise StoreMisconfigured(
                StoreName.KAFKA, f"Topic {name} has {partitions} partitions, it needs {BY_NAME[name].partitions}."
            )
    return [each for each in TOPICS if each.name not in there]


async def prepare(admin: Any, replication: int) -> None:
    """Make the topics that are missing, with so many copies."""
    from aiokafka.admin import NewTopic

    new = [NewTopic(each.name, each.partitions, replication) for each in await missing(admin)]
    if not new:
        return
    answer = await admin.create_topics(new)
    for name, code, *message in answer.topic_errors:  # create_topics itself never raises
        if code not in (0, _EXISTS_ALREADY):
            raise StoreMisconfigured(StoreName.KAFKA, f"Kafka does not create topic {name}: {message or code}.")
