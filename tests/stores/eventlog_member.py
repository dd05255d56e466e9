"""What does a member of a group do that dies before it commits? Started by the contract, killed by it.

Arguments: `embedded` or Kafka's brokers, the database, the group, the topic. Prints the id of each event it is handed.
"""

import asyncio
import sys

from datadir.kafka.client import EventLog, KafkaEventLog
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.kafka.opening import Brokers
from datadir.kafka.sealing import Wrapping
from datadir.postgresql.client import Postgres
from datadir.postgresql.learner_keys import LearnerKeys
from tests.stores.postgres_fixture import SECRET


async def main(where: str, dsn: str, group: str, topic: str) -> None:
    pg = await Postgres.open(dsn)
    keys = LearnerKeys(pg, Wrapping(SECRET))
    log: EventLog
    if where == "embedded":
        log = EmbeddedEventLog(pg, keys, lease=1.0, poll=0.02)
    else:
        log = await KafkaEventLog.open(Brokers(where), pg, keys, session=6.0)
    async with log.subscribe(group, [topic]) as batches:
        async for batch in batches:
            for each in batch.deliveries:
                sys.stdout.write(f"{each.event.event_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
