"""How are people gathered? Accounts by id and by e-mail, sessions and presence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from datadir.postgresql.lease import Reach
from datadir.postgresql.record import Row
from datadir.redis import keys
from datadir.scope import Scope
from loaders.by_key import all_by_key, one_by_key
from loaders.charges import Charge, TooMuch, arguments_of, counting, keys_of, too_much
from loaders.degrading import Degrades, degrades
from loaders.page import Listing, Order, OrderColumn, Page, PageRequest, root_page
from loaders.sessions import UserSessionRecord

if TYPE_CHECKING:
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
        select from classroom_members m
        where m.user_id = u.id and m.classroom_id = any((select app_taught_ids())::uuid[])
    ) as taught
"""
_NAME: Final = "coalesce(nullif(u.name, ''), split_part(u.email, '@', 1))"

USERS: Final = Listing(
    name="users",
    select=_USER,
    source="users u",
    id="u.id",
    default_order=(Order("CREATED_AT"),),
    orders={
        "CREATED_AT": OrderColumn("u.created_at", "timestamptz", "created_at"),
        "NAME": OrderColumn(_NAME, "text", "name"),
        "EMAIL": OrderColumn("u.email", "text", "email"),
        "LAST_LOGIN_AT": OrderColumn("u.last_login", "timestamptz", "last_login_at", nullable=True),
    },
    filters={
        "email": ("u.email", "text"),
        "name": (_NAME, "text"),
        "role": ("u.role", "text"),
        "isActive": ("u.is_active", "boolean"),
        "createdAt": ("u.created_at", "timestamptz"),
        "lastLoginAt": ("u.last_login", "timestamptz"),
    },
)


class ProfileRecord(Row):
    """Somebody's full name."""

    __slots__ = ()
    user_id: UUID
    first_name: str | None
    last_name: str | None


class PreferencesRecord(Row):
    """How somebody likes it."""

    __slots__ = ()
    user_id: UUID
    theme: str
    language: str
    notification_email: bool
    notification_push: bool
    difficulty_preference: int


class SubscriptionRecord(Row):
    """Somebody's plan."""

    __slots__ = ()
    user_id: UUID
    plan: str
    status: str
    started_at: datetime
    renews_at: datetime | None


_SESSION: Final = "s.id, s.user_id, s.user_agent, s.created_at, s.last_activity as last_activity_at, s.expires_at"
_STANDS: Final = "s.revoked_at is null and s.expires_at > $2"


class CredentialsRecord(Row):
    """What a log-in is checked against."""

    __slots__ = ()
    id: UUID
    email: str
    password_hash: str
    role: str
    is_active: bool


class SessionRecord(NamedTuple):
    """A live session as Redis holds it."""

    id: str
    user_id: UUID
    role: str
    created_at: datetime
    too_much: TooMuch | None = None


# KEYS: session, presence. ARGV: now (s), sliding TTL (s), longest life (s), presence TTL (s), whose session it must be.
# One script, so that only a live session marks its user as present and is charged; all keys lie in one slot.
PREAMBLE: Final = f"""
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
{counting("session", 3, 6)}
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
        return await one_by_key(
            self._loaders, UserRecord, f"select {_USER} from users u where u.id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def users(self, request: PageRequest) -> Page[UserRecord]:
        """One page of the accounts in the viewer's scope."""
        return await root_page(self._loaders, USERS, UserRecord, request)

    @degrades(Degrades.NULL)
    async def profiles_by_user_id(self, ids: Sequence[UUID]) -> list[ProfileRecord | None]:
        """Profiles in the order of `ids`, None where there is none, or none in the viewer's scope."""
        return await self._by_user_id(
            ProfileRecord, "select user_id, first_name, last_name from profiles where user_id = any($1::uuid[])", ids
        )

    @degrades(Degrades.NULL)
    async def preferences_by_user_id(self, ids: Sequence[UUID]) -> list[PreferencesRecord | None]:
        """Preferences in the order of `ids`, None where there are none, or none in the viewer's scope."""
        return await self._by_user_id(
            PreferencesRecord,
            "select user_id, theme, language, notification_email, notification_push, difficulty_preference "
            "from user_preferences where user_id = any($1::uuid[])",
            ids,
        )

    @degrades(Degrades.NULL)
    async def subscriptions_by_user_id(self, ids: Sequence[UUID]) -> list[SubscriptionRecord | None]:
        """Plans in the order of `ids`, None where there is none, or none in the viewer's scope."""
        return await self._by_user_id(
            SubscriptionRecord,
            "select user_id, plan, status, started_at, renews_at from subscriptions where user_id = any($1::uuid[])",
            ids,
        )

    async def _by_user_id(self, record: type[Any], sql: str, ids: Sequence[UUID]) -> list[Any]:
        return await one_by_key(self._loaders, record, sql, ids, key="user_id")

    @degrades(Degrades.NULL)
    async def sessions_by_user_id(self, ids: Sequence[UUID], now: datetime) -> list[list[UserSessionRecord]]:
        """Where each person is logged in, the latest log-in first; what has ended is left out."""
        return await all_by_key(
            self._loaders,
            UserSessionRecord,
            f"select {_SESSION} from user_sessions s where s.user_id = any($1::uuid[]) and {_STANDS} "
            "order by s.created_at desc, s.id",
            ids,
            now,
            key="user_id",
        )

    @degrades(Degrades.NULL)
    async def sessions_by_id(self, ids: Sequence[UUID], now: datetime) -> list[UserSessionRecord | None]:
        """Sessions that have not ended, in the order of `ids`, None where the viewer's scope holds none."""
        return await one_by_key(
            self._loaders,
            UserSessionRecord,
            f"select {_SESSION} from user_sessions s where s.id = any($1::uuid[]) and {_STANDS}",
            ids,
            now,
        )

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


def own_classrooms(taught_by: Collection[str]) -> Reach:
    """An account's classrooms as part of its scope, and those of them where its member role is one of `taught_by`."""
    roles = ", ".join(f"'{role}'" for role in sorted(taught_by))
    ids = "array_agg(m.classroom_id order by m.classroom_id)"
    sql = (
        "select set_config('app.classroom_ids', own.classrooms, true), set_config('app.taught_ids', own.taught, true) "
        f"from (select coalesce({ids}, '{{}}')::text as classrooms, "
        f"coalesce({ids} filter (where m.role in ({roles})), '{{}}')::text as taught "
        "from classroom_members m where m.user_id = (select app_user_id())) own"
    )
    return Reach(sql, _with_classrooms)


def _with_classrooms(account: Scope, ids: Sequence[tuple[UUID, ...]]) -> Scope:
    classrooms, taught = ids
    return Scope(account.user_id, account.role, classrooms, taught)


@degrades(Degrades.ERROR)
async def credentials_by_email(stores: Stores, email: str) -> CredentialsRecord | None:
    """The one account that a log-in names, None where there is none."""
    rows = await stores.postgresql.lease(Scope(login_email=email)).fetch(
        CredentialsRecord, "select id, email, password_hash, role, is_active from users where email = $1", email
    )
    return rows[0] if rows else None


@degrades(Degrades.ERROR)
async def credentials_by_id(stores: Stores, user_id: UUID) -> CredentialsRecord | None:
    """The account whose password is checked anew, None where there is none."""
    rows = await stores.postgresql.lease(Scope(user_id=user_id)).fetch(
        CredentialsRecord, "select id, email, password_hash, role, is_active from users where id = $1", user_id
    )
    return rows[0] if rows else None


@degrades(Degrades.ERROR)
async def live_session(
    stores: Stores, user_id: UUID, session_id: str, now: datetime, charges: Sequence[Charge] = ()
) -> SessionRecord | None:
    """The preamble of an operation: read the session, slide its hour, mark the user as present, count the `charges` on
    keys of this user. One store call; none where the session's id is of nobody or of somebody else."""
    try:
        key = keys.session(session_id)
    except ValueError:
        return None
    if keys.session_owner(session_id) != user_id:
        return None
    owner = str(user_id)
    found: list[Any] | None = await stores.redis.script(PREAMBLE, repeatable=True)(
        [key, keys.presence(user_id), *keys_of(charges)],
        [
            now.timestamp(),
            keys.SESSION_TTL,
            keys.SESSION_LIFE,
            keys.PRESENCE_TTL,
            owner,
            *arguments_of(charges),
        ],
    )
    if found is None:
        return None
    created_at = datetime.fromtimestamp(float(found[2]), UTC)
    whose = user_id if found[0] == owner else UUID(found[0])
    return SessionRecord(session_id, whose, found[1], created_at, too_much(charges, found[3:]))
