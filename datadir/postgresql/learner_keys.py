"""Where are the keys of learners, and when is a text erased? A row for each learner who has one: no row, no text.

Keys are read by the program itself only, and kept in this process for `KEY_LIFETIME` seconds: so long may another
process still open what a dropped key closed. A key that the running transaction has made is not kept, since that
transaction may yet fail and the key with it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag

from datadir.errors import StoreMisconfigured, StoreUnavailable
from datadir.kafka.sealing import LearnerKey, UnknownSecret, Wrapping, new_key
from datadir.names import StoreName
from datadir.scope import SYSTEM

if TYPE_CHECKING:
    from datadir.postgresql.client import Postgres, Transaction

log = logging.getLogger(__name__)

KEY_LIFETIME: Final = 5.0
"""Seconds for which a key that was read is used without reading it again."""
MOST_KEPT: Final = 10_000
"""Keys that one process keeps; those that lay longest go first."""
_TRIES: Final = 3

# Beside the keys that are there, makes those that are missing. A learner without an account gets none. `settled`: the
# key was there before this transaction. One that another transaction has made meanwhile is seen by the next try only.
_FIND_OR_MAKE: Final = """
with asked as (
    select * from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as a (user_id, id, wrapped_key)
), there as (
    select k.user_id, k.id, k.wrapped_key, k.wrapped_by, k.created_at <> now() as settled
    from learner_keys k where k.user_id = any($1)
), fresh as (
    insert into learner_keys (user_id, id, wrapped_key, wrapped_by)
    select a.user_id, a.id, a.wrapped_key, $4 from asked a join users u on u.id = a.user_id
    where not exists (select from there t where t.user_id = a.user_id) order by a.user_id
    on conflict (user_id) do nothing
    returning user_id, id, wrapped_key, wrapped_by, false as settled
), found as (
    select * from there union all select * from fresh
)
select a.user_id, u.id is not null as has_account, f.id, f.wrapped_key, f.wrapped_by, f.settled
from asked a left join users u on u.id = a.user_id left join found f on f.user_id = a.user_id
"""
_READ: Final = "select user_id, id, wrapped_key, wrapped_by from learner_keys where user_id = any($1)"
# The program acts within the transaction of whoever acts, and says so for this one statement.
_BECOME_THE_PROGRAM: Final = """
with before as materialized (select coalesce(current_setting('app.role', true), '') as role)
select role, set_config('app.role', 'system', true) from before
"""
_BECOME: Final = "select set_config('app.role', $1, true)"


class LearnerKeys:
    """The keys of one database. `clock` in seconds."""

    def __init__(
        self,
        pg: Postgres,
        wrapping: Wrapping,
        *,
        lifetime: float = KEY_LIFETIME,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pg = pg
        self._wrapping = wrapping
        self._lifetime = lifetime
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[UUID, tuple[LearnerKey, float]] = OrderedDict()

    async def for_sealing(self, tx: Transaction, learners: Collection[UUID]) -> dict[UUID, LearnerKey]:
        """The keys of these learners, made where there is none, in the caller's transaction, whoever it acts for. Who
        has no account gets one that nobody keeps: what it closes is erased at once.

        No store call where all are kept, else one (a second where another process makes the same key just now).
        StoreMisconfigured where a key is damaged, or wrapped under a secret that this process does not have."""
        found = {learner: key for learner in learners if (key := self._kept_key(learner)) is not None}
        for _ in range(_TRIES):
            missing = sorted(set(learners) - found.keys())
            if not missing:
                return found
            for row in await self._find_or_make(tx, missing):
                if not row["has_account"]:
                    log.warning("an event of a learner without an account is closed for ever")
                    found[row["user_id"]] = LearnerKey.of(uuid4(), new_key())
                elif row["id"] is not None:
                    key = self._unwrapped(row)
                    if key is None:
                        raise StoreMisconfigured(StoreName.POSTGRESQL, "A learner's key is damaged.")
                    found[row["user_id"]] = key
                    if row["settled"]:
                        self._keep(row["user_id"], key)
        if set(learners) - found.keys():
            raise StoreUnavailable(StoreName.POSTGRESQL, "keys of learners are dropped as fast as they are made")
        return found

    async def for_opening(
        self, wanted: Mapping[UUID, Collection[UUID]], tx: Transaction | None = None
    ) -> dict[UUID, LearnerKey]:
        """The keys of these learners as far as they still have one; `wanted` says which keys their texts name. `tx` is
        the program's own transaction if there is one. No store call where all are kept, else one."""
        found = {learner: key for learner in wanted if (key := self._kept_key(learner)) is not None}
        # A text may name a newer key than the one that is kept.
        missing = [each for each, ids in wanted.items() if each not in found or set(ids) - {found[each].id}]
        if missing:
            if tx is not None:
                rows = await tx.fetch(_READ, missing)
            else:
                async with self._pg.transaction(SYSTEM) as own:
                    rows = await own.fetch(_READ, missing)
            for learner in missing:
                found.pop(learner, None)
                self._kept.pop(learner, None)
            for row in rows:
                if (key := self._unwrapped(row)) is not None:
                    found[row["user_id"]] = key
                    self._keep(row["user_id"], key)
        return found

    async def drop(self, tx: Transaction, learners: Collection[UUID]) -> int:
        """Drop the keys of these learners; how many there were. `tx` is the program's own. When it has committed, no
        process opens what they closed once KEY_LIFETIME seconds are over; events appended later get a new key."""
        dropped = await tx.execute("delete from learner_keys where user_id = any($1)", list(learners))
        for learner in learners:
            self._kept.pop(learner, None)
        return dropped

    async def under_other_secrets(self) -> tuple[int, int]:
        """How many keys are wrapped under the secret before this one, and how many under a secret that this process
        does not have."""
        async with self._pg.transaction(SYSTEM) as tx:
            [row] = await tx.fetch(
                "select count(*) filter (where wrapped_by <> $1 and wrapped_by = any($2)) as before, "
                "count(*) filter (where wrapped_by <> all($2)) as unknown from learner_keys",
                self._wrapping.current,
                sorted(self._wrapping.known),
            )
        return row["before"], row["unknown"]

    async def rewrap(self, most: int = 1000) -> int:
        """Wrap up to `most` keys anew that are wrapped under the secret before this one; how many. Several processes
        may do so at once, and the keys themselves stay what they are."""
        async with self._pg.transaction(SYSTEM) as tx:
            rows = await tx.fetch(
                "select user_id, id, wrapped_key, wrapped_by from learner_keys "
                "where wrapped_by <> $1 and wrapped_by = any($2) order by user_id limit $3 for update skip locked",
                self._wrapping.current,
                sorted(self._wrapping.known),
                most,
            )
            opened = [self._wrapping.unwrap(row["wrapped_key"], row["wrapped_by"], row[0], row[1]) for row in rows]
            return await tx.execute(
                "update learner_keys k set wrapped_key = w.wrapped_key, wrapped_by = $3, updated_at = now() "
                "from unnest($1::uuid[], $2::bytea[]) as w (user_id, wrapped_key) where k.user_id = w.user_id",
                [row["user_id"] for row in rows],
                [self._wrapping.wrap(key, row[0], row[1]) for key, row in zip(opened, rows, strict=True)],
                self._wrapping.current,
            )

    async def _find_or_make(self, tx: Transaction, learners: list[UUID]) -> list[Any]:
        ids = [uuid4() for _ in learners]
        wrapped = [self._wrapping.wrap(new_key(), *each) for each in zip(learners, ids, strict=True)]
        # Neither is a store call, as `begin` is none. Where the statement fails the transaction is over, and its
        # settings with it.
        before = await tx.connection.fetchval(_BECOME_THE_PROGRAM, timeout=tx.deadline)
        rows = await tx.fetch(_FIND_OR_MAKE, learners, ids, wrapped, self._wrapping.current)
        await tx.connection.execute(_BECOME, before, timeout=tx.deadline)
        return rows

    def _unwrapped(self, row: Any) -> LearnerKey | None:
        """None for a row that is damaged: what its key closed is lost, and nobody shall wait for it."""
        try:
            key = self._wrapping.unwrap(row["wrapped_key"], row["wrapped_by"], row["user_id"], row["id"])
        except UnknownSecret as error:
            raise StoreMisconfigured(
                StoreName.POSTGRESQL, "A learner's key is wrapped under a secret that this process does not have."
            ) from error
        except InvalidTag:
            log.error("the key %s of a learner is damaged", row["id"])
            return None
        return LearnerKey.of(row["id"], key)

    def _kept_key(self, learner: UUID) -> LearnerKey | None:
        entry = self._kept.get(learner)
        if entry is None or self._clock() - entry[1] > self._lifetime:
            return None
        self._kept.move_to_end(learner)
        return entry[0]

    def _keep(self, learner: UUID, key: LearnerKey) -> None:
        self._kept[learner] = key, self._clock()
        self._kept.move_to_end(learner)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
