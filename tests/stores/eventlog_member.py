"""What does a member of a group do that dies before it commits? Started by the contract, killed by it.

Arguments: `embedded` or `kafka`, the database, the group, the topic. Prints the id of each event it is handed.
"""

import asyncio
import os
import sys

from datadir.kafka.client import Brokers, EventLog, KafkaEventLog
from datadir.kafka.embedded import EmbeddedEventLog
from datadir.postgresql.client import Postgres


async def main(kind: str, dsn: str, group: str, topic: str) -> None:
    pg = await Postgres.open(dsn)
    log: EventLog
    if kind == "kafka":
        log = await KafkaEventLog.open(Brokers(os.environ["KAFKA_BOOTSTRAP_SERVERS"]), pg, session=6.0)
    else:
        log = EmbeddedEventLog(pg, lease=1.0, poll=0.02)
    async with log.subscribe(group, [topic]) as batches:
        async for batch in batches:
            for each in batch.deliveries:
                sys.stdout.write(f"{each.event.event_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
