"""How do a business row and its event commit together? The event is a row too, in the same transaction.

With Kafka the relay (`datadir/kafka/relay.py`) publishes these rows; without Kafka they are the event log itself
(`datadir/kafka/embedded.py`). Either way a row that is not yet published has no `published_at`, and publishing gives
it the offset at which readers find it.

Why no reader can skip a row: positions are handed out when a row is inserted and become visible when its transaction
commits, so a smaller position may appear after a larger one, and "everything behind the last position I saw" would
miss it. Nothing here remembers a position. Publishing takes *all* visible rows without `published_at`, one publisher
at a time, in the order of positions; a row that commits late is simply taken by the next turn.

Why the order of a key holds: if one transaction committed before another inserted, whoever sees the second row sees
the first as well, with a smaller position; so the first is published earlier, or in the same turn before it. Two
transactions that overlap have no order between them, but every reader sees the one that publishing gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson

from datadir.kafka import personal
from datadir.kafka.event import Event
from datadir.kafka.topics import BY_NAME, partition_of

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from datadir.postgresql.learner_keys import LearnerKeys

MAX_PAYLOAD_BYTES: Final = 256 * 1024  # far below a broker's message.max.bytes: no event can block its partition


_INSERT: Final = """
insert into outbox (event_id, topic, partition, key, type, payload, at, version)
select event_id, topic, partition, key, type, payload::jsonb, at, version
from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::int[])
     with ordinality as e (event_id, topic, partition, key, type, payload, at, version, nth)
order by nth
on conflict do nothing
"""


async def append(tx: Transaction, events: Sequence[Event], keys: LearnerKeys) -> int:
    """Write events into the caller's transaction, in this order, with personal texts closed under `keys`; one store
    call, and one more where a key is needed that this process has not at hand.

    Returns how many are new: an event whose id was appended before is not written again, so a retry is harmless.
    Raises ValueError for an unknown topic, type or version, personal texts of nobody, a time without zone, or a payload
    that would rest in over 256 KiB (sealed texts are longer by a third); a text with the NUL character, where it is not
    sealed, is a defect of the caller (PostgreSQL's jsonb refuses it and the transaction fails).
    """
    if not events:
        return 0
    for event in events:
        if event.topic not in BY_NAME:
            raise ValueError(f"no such topic: {event.topic!r}")
        if event.at.tzinfo is None:
            raise ValueError("an event's time needs a time zone")
    resting = await personal.closed(tx, events, keys)
    # Without `returning`: a row policy may let everybody append and nobody but the program read.
    return await tx.execute(_INSERT, *zip(*map(_columns, resting), strict=True))


def _columns(event: Event) -> tuple[UUID, str, int, str, str, str, datetime, int]:
    topic = BY_NAME[event.topic]
    payload = orjson.dumps(dict(event.payload))
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(payload)} bytes is over {MAX_PAYLOAD_BYTES}")
    at = event.at.replace(microsecond=event.at.microsecond // 1000 * 1000)
    partition = partition_of(topic, event.key)
    return event.event_id, topic.name, partition, event.key, event.type, payload.decode(), at, event.version
