"""What was done once under a key? The row is written where it is done; what was answered is put there after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from datadir.postgresql.record import Row
from datadir.scope import SYSTEM, Scope
from loaders.degrading import Degrades, degrades

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from datadir.stores import Stores

SWEPT_AT_ONCE: Final = 20
"""Old rows, whoever's, that go where an answer is kept: more than come with it, so that they become fewer."""


class KeyRecord(Row):
    """Something that was done under a key. `answer` is JSON, None where it is not there."""

    __slots__ = ()
    key: str
    fingerprint: str
    answer: str | None
    created_at: datetime


# One that no longer counts is begun anew. Who comes while another writes the same key waits for the end of that one.
_INSERT: Final = """
insert into idempotency_keys as k (user_id, key, fingerprint, created_at, updated_at) values ($1, $2, $3, $4, $4)
on conflict (user_id, key) do update set fingerprint = excluded.fingerprint, answer = null,
created_at = excluded.created_at, updated_at = excluded.updated_at
where k.created_at <= $5 returning k.key
"""
_KEEP: Final = """
with old as (
    delete from idempotency_keys where (user_id, key) in (
        select user_id, key from idempotency_keys where created_at <= $5
        order by created_at limit $6 for update skip locked
    )
)
update idempotency_keys k set answer = kept.answer, updated_at = $4
from unnest($2::text[], $3::text[]) kept(key, answer)
where k.user_id = $1 and k.key = kept.key and k.created_at > $5
"""


@degrades(Degrades.ERROR)
async def known(stores: Stores, user_id: UUID, keys: Sequence[str], after: datetime) -> dict[str, KeyRecord]:
    """What this person has done under these keys after a moment, by key. One store call."""
    lease = stores.postgresql.lease(Scope(user_id=user_id))
    try:
        rows = await lease.fetch(
            KeyRecord,
            "select key, fingerprint, answer, created_at from idempotency_keys "
            "where user_id = $1 and key = any($2::text[]) and created_at > $3",
            user_id,
            list(keys),
            after,
        )
    finally:
        lease.over()
    return {row.key: row for row in rows}


async def begin(tx: Transaction, user_id: UUID, key: str, fingerprint: str, at: datetime, after: datetime) -> bool:
    """Write that this transaction does what is asked under a key; False where that was done after a moment. Waits for
    whoever is about to do the same. One store call."""
    return bool(await tx.fetch(_INSERT, user_id, key, fingerprint, at, after))


@degrades(Degrades.ERROR)
async def keep(stores: Stores, user_id: UUID, answers: Mapping[str, str], at: datetime, after: datetime) -> None:
    """Put the answers to what was done under their keys; some rows of anybody go that are no newer than `after`. One
    store call."""
    async with stores.postgresql.transaction(SYSTEM) as tx:
        await tx.execute(_KEEP, user_id, list(answers), list(answers.values()), at, after, SWEPT_AT_ONCE)
