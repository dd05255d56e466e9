"""How are people gathered? Accounts by id and by e-mail, sessions and presence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from datadir.kafka.event import Event
from datadir.postgresql.record import Row
from datadir.redis import keys
from datadir.scope import Scope
from loaders.degrading import Degrades, degrades

if TYPE_CHECKING:
    from datadir.postgresql.client import Lease
    from datadir.stores import Stores
    from loaders import Loaders


class UserRecord(Row):
    """An account. `taught` says whether the viewer teaches a classroom that this person is a member of."""

    __slots__ = ()
    id: UUID
    email: str
    name: str
    role: str
    avatar_url: str | None
    is_active: bool
    created_at: datetime
    last_login_at: datetime | None
    taught: bool


_USER = """
    u.id, u.email, coalesce(nullif(u.name, ''), split_part(u.email, '@', 1)) as name, u.role, u.avatar_url,
    u.is_active, u.created_at, u.last_login as last_login_at,
    exists (
        select from classroom_members m where m.user_id = u.id and m.classroom_id = any($2::uuid[])
    ) as taught
"""


class CredentialsRecord(Row):
    """What a log-in is checked against."""

    __slots__ = ()
    id: UUID
    email: str
    password_hash: str
    role: str
    is_active: bool


class MembershipRecord(Row):
    """One classroom of the viewer, and the viewer's role in it."""

    __slots__ = ()
    classroom_id: UUID
    role: str


class SessionRecord(NamedTuple):
    """A live session as Redis holds it."""

    id: str
    user_id: UUID
    role: str
    created_at: datetime


# KEYS: session, presence. ARGV: now (s), sliding TTL (s), longest life (s), presence TTL (s), whose session it must be.
# One script, so that only a live session marks its user as present; both keys lie in one slot.
PREAMBLE: Final = """
local session = redis.call('HMGET', KEYS[1], 'user_id', 'role', 'created_at')
if session[1] ~= ARGV[5] or not (session[2] and tonumber(session[3])) then return nil end
local left = tonumber(session[3]) + tonumber(ARGV[3]) - tonumber(ARGV[1])
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return nil
end
redis.call('HSET', KEYS[1], 'last_activity', ARGV[1])
redis.call('EXPIRE', KEYS[1], math.max(1, math.floor(math.min(left, tonumber(ARGV[2])))))
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
return session
"""


class PresenceRecord(NamedTuple):
    """When a person was last seen, None if not within `keys.PRESENCE_TTL`."""

    user_id: UUID
    last_seen_at: datetime | None


class Accounts:
    """Reads of people for one operation."""

    __slots__ = ("_loaders",)

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    @degrades(Degrades.NULL)
    async def users_by_id(self, ids: Sequence[UUID]) -> list[UserRecord | None]:
        """Accounts in the order of `ids`, None where the viewer's scope holds none."""
        rows = await self._loaders.lease.fetch(
            UserRecord,
            f"select {_USER} from users u where u.id = any($1::uuid[])",
            list(set(ids)),
            list(self._loaders.scope.taught_ids),
        )
        found = {row.id: row for row in rows}
        return [found.get(each) for each in ids]

    @degrades(Degrades.NULL)
    async def presence_by_user_id(self, ids: Sequence[UUID]) -> list[PresenceRecord]:
        """When these people were last seen, in the order of `ids`."""
        distinct = list(dict.fromkeys(ids))
        values = await self._loaders.stores.redis.read_many([keys.presence(each) for each in distinct])
        found = {
            each: PresenceRecord(each, datetime.fromtimestamp(float(value), UTC) if value is not None else None)
            for each, value in zip(distinct, values, strict=True)
        }
        return [found[each] for each in ids]


@degrades(Degrades.NULL)
async def memberships(lease: Lease, user_id: UUID) -> list[MembershipRecord]:
    """The viewer's own classrooms: what the rest of the scope is made of. The lease's scope is the user alone."""
    return await lease.fetch(
        MembershipRecord,
        "select classroom_id, role from classroom_members where user_id = $1 order by classroom_id",
        user_id,
    )


@degrades(Degrades.ERROR)
async def credentials_by_email(stores: Stores, email: str) -> CredentialsRecord | None:
    """The one account that a log-in names, None where there is none."""
    rows = await stores.postgresql.lease(Scope(login_email=email)).fetch(
        CredentialsRecord, "select id, email, password_hash, role, is_active from users where email = $1", email
    )
    return rows[0] if rows else None


@degrades(Degrades.ERROR)
async def record_log_in(stores: Stores, user_id: UUID, at: datetime, events: Sequence[Event]) -> None:
    """Write the time of the last log-in and what happened, in one transaction."""
    async with stores.postgresql.transaction(Scope(user_id=user_id)) as tx:
        await tx.execute("update users set last_login = $2, updated_at = $2 where id = $1", user_id, at)
        await stores.events.append(tx, events)


@degrades(Degrades.ERROR)
async def live_session(stores: Stores, user_id: UUID, session_id: str, now: datetime) -> SessionRecord | None:
    """The preamble of an operation: read the session, slide its hour, mark the user as present. One store call; none
    where the session's id is of nobody or of somebody else."""
    try:
        key = keys.session(session_id)
    except ValueError:
        return None
    if keys.session_owner(session_id) != user_id:
        return None
    found: list[Any] | None = await stores.redis.script(PREAMBLE, repeatable=True)(
        [key, keys.presence(user_id)],
        [
            now.timestamp(),
            keys.SESSION_TTL,
            keys.SESSION_LIFE,
            keys.PRESENCE_TTL,
            str(user_id),
        ],
    )
    if found is None:
        return None
    return SessionRecord(session_id, UUID(found[0]), found[1], datetime.fromtimestamp(float(found[2]), UTC))


@degrades(Degrades.ERROR)
async def start_session(stores: Stores, credentials: CredentialsRecord, now: datetime) -> str:
    """A new session for this account; its id. One store call."""
    session_id = keys.new_session_id(credentials.id)
    key = keys.session(session_id)
    at = str(now.timestamp())
    await stores.redis.write_hash(
        key,
        {
            "user_id": str(credentials.id),
            "email": credentials.email,
            "role": credentials.role,
            "created_at": at,
            "last_activity": at,
        },
        ttl=keys.SESSION_TTL,
    )
    return session_id
