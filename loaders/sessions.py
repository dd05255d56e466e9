"""Where is somebody logged in? Rows that outlive Redis, and the sessions there that they bring back.

Whoever changes where somebody is logged in, or what they may, first holds that person's row (`held_account`): a log-in
and a change of role come one after another, never at once. What Redis must know is written while the row is held,
before the transaction commits: where Redis does not answer, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from datadir.postgresql.record import Row
from datadir.redis import keys
from loaders.degrading import Degrades, degrades

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from datadir.stores import Stores

LONGEST_USER_AGENT: Final = 500


class UserSessionRecord(Row):
    """A place where somebody is logged in, as its row says."""

    __slots__ = ()
    id: UUID
    user_id: UUID
    user_agent: str | None
    created_at: datetime
    last_activity_at: datetime
    expires_at: datetime


class HeldAccount(NamedTuple):
    """An account whose row is held until the end of the transaction."""

    id: UUID
    email: str
    role: str
    is_active: bool
    password_hash: str


class KeptSession(NamedTuple):
    """A row of `user_sessions`, as a refresh finds it."""

    id: UUID
    refresh_token_hash: str
    remember_me: bool
    expires_at: datetime
    revoked_at: datetime | None


# A day's rest of sessions that are over, so that a row goes at the next log-in and never before its token has ended.
_INSERT: Final = """
with over as (delete from user_sessions where user_id = $2 and expires_at < $5)
insert into user_sessions
    (id, user_id, refresh_token_hash, remember_me, last_activity, expires_at, user_agent, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $5, $5)
"""
# One role for every session of a person that there is; one that has ended does not come back.
_SET_ROLE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'role', ARGV[1]) end
return 1
"""
SCRIPTS: Final = (_SET_ROLE,)


def session_of(user_id: UUID, record_id: UUID) -> str:
    """The id, in tokens and in Redis, of the session that a row brings back."""
    return keys.session_id(user_id, record_id)


def record_of(session_id: str, user_id: UUID) -> UUID | None:
    """The row of a session of this person; None for an id that was not made here, or for somebody else."""
    try:
        return keys.session_record(session_id) if keys.session_owner(session_id) == user_id else None
    except ValueError:
        return None


async def held_account(tx: Transaction, user_id: UUID) -> HeldAccount | None:
    """The account, whose row nobody else changes before this transaction is over; None where there is none."""
    # Not `for update`: the row of an idempotency key refers to this one, and of two who both have that they would wait
    # for each other.
    rows = await tx.fetch(
        "select id, email, role, is_active, password_hash from users where id = $1 for no key update", user_id
    )
    return HeldAccount(*rows[0]) if rows else None


async def insert_session(
    tx: Transaction,
    record_id: UUID,
    user_id: UUID,
    *,
    token_hash: str,
    remember_me: bool,
    at: datetime,
    expires_at: datetime,
    user_agent: str | None,
) -> None:
    """A row for a new log-in; those of the same person that are over go."""
    agent = user_agent[:LONGEST_USER_AGENT] if user_agent else None
    await tx.execute(_INSERT, record_id, user_id, token_hash, remember_me, at, expires_at, agent)


async def kept_session(tx: Transaction, record_id: UUID, user_id: UUID) -> KeptSession | None:
    """The row of a session of this person, None where there is none."""
    rows = await tx.fetch(
        "select id, refresh_token_hash, remember_me, expires_at, revoked_at from user_sessions "
        "where id = $1 and user_id = $2",
        record_id,
        user_id,
    )
    return KeptSession(*rows[0]) if rows else None


async def rotate(tx: Transaction, record_id: UUID, token_hash: str, at: datetime) -> None:
    """From now on another refresh token brings this session back."""
    await tx.execute(
        "update user_sessions set refresh_token_hash = $2, last_activity = $3, updated_at = $3 where id = $1",
        record_id,
        token_hash,
        at,
    )


async def revoke(
    tx: Transaction, user_id: UUID, at: datetime, *, only: UUID | None = None, but: UUID | None = None
) -> list[UUID]:
    """End this person's rows, `only` one of them or all `but` one; which ones ended now."""
    rows = await tx.fetch(
        "update user_sessions set revoked_at = $2, updated_at = $2 where user_id = $1 and revoked_at is null "
        "and ($3::uuid is null or id = $3) and ($4::uuid is null or id <> $4) returning id",
        user_id,
        at,
        only,
        but,
    )
    return [row["id"] for row in rows]


async def standing(tx: Transaction, user_id: UUID) -> list[UUID]:
    """The rows of this person that have not been ended."""
    rows = await tx.fetch("select id from user_sessions where user_id = $1 and revoked_at is null", user_id)
    return [row["id"] for row in rows]


@degrades(Degrades.ERROR)
async def write_session(stores: Stores, account: HeldAccount, record_id: UUID, now: datetime, *, ends: datetime) -> str:
    """Let the session of a row live in Redis from now on, `ends` at the latest; its id. One store call."""
    session_id = session_of(account.id, record_id)
    # A session ends a day after its beginning: one that must end before then has begun earlier.
    begun = min(now, ends - timedelta(seconds=keys.SESSION_LIFE))
    await stores.redis.write_hash(
        keys.session(session_id),
        {
            "user_id": str(account.id),
            "email": account.email,
            "role": account.role,
            "created_at": str(begun.timestamp()),
            "last_activity": str(now.timestamp()),
        },
        ttl=min(keys.SESSION_TTL, max(1, int((ends - now).total_seconds()))),
    )
    return session_id


@degrades(Degrades.ERROR)
async def end_sessions(stores: Stores, user_id: UUID, record_ids: Iterable[UUID]) -> None:
    """End the sessions of these rows in Redis, at once and everywhere. At most one store call."""
    await stores.redis.delete(*(keys.session(keys.session_id(user_id, each)) for each in record_ids))


@degrades(Degrades.ERROR)
async def set_role(stores: Stores, user_id: UUID, record_ids: Iterable[UUID], role: str) -> None:
    """Give the sessions of these rows another role, at once and everywhere. At most one store call."""
    script, pipeline = stores.redis.script(_SET_ROLE, repeatable=True), stores.redis.pipeline()
    for each in record_ids:
        pipeline.script(script, [keys.session(keys.session_id(user_id, each))], [role])
    await pipeline.send()


@degrades(Degrades.ERROR)
async def roles(stores: Stores, sessions: Sequence[tuple[str, UUID]]) -> list[str | None]:
    """The roles of sessions, each given by its id and whose it must be; None for one that has ended. None is prolonged,
    nobody is marked as present. One store call, whatever their number; none for none."""
    asked = [("HMGET", keys.session(session_id), "user_id", "role") for session_id, _ in sessions]
    found = await stores.redis.send(asked, repeatable=True)
    return [
        role if owner == str(user_id) else None for (_, user_id), (owner, role) in zip(sessions, found, strict=True)
    ]
