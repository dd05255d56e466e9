"""What is written about accounts? Each change is one statement in its caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction

# Which columns a change may name: everything else is a defect, not an input.
_PROFILE: Final = frozenset({"first_name", "last_name"})
_ACCOUNT: Final = frozenset({"name", "avatar_url"})
_PREFERENCES: Final = frozenset(
    {"theme", "language", "notification_email", "notification_push", "difficulty_preference"}
)


class NewAccount(NamedTuple):
    """An account that there is not yet. `email` is normalised."""

    id: UUID
    email: str
    password_hash: str
    name: str | None
    role: str
    at: datetime


async def insert_account(tx: Transaction, account: NewAccount) -> bool:
    """Write a new account; False where the address is taken."""
    written = await tx.execute(
        "insert into users (id, email, password_hash, name, role, created_at, updated_at) "
        "values ($1, $2, $3, $4, $5, $6, $6) on conflict (email) do nothing",
        *account,
    )
    return written == 1


async def logged_in(tx: Transaction, user_id: UUID, at: datetime, rehashed: str | None) -> None:
    """Write the time of a log-in; and the same password's new hash, where parameters have grown."""
    await tx.execute(
        "update users set last_login = $2, updated_at = $2, password_hash = coalesce($3, password_hash) where id = $1",
        user_id,
        at,
        rehashed,
    )


async def set_password(tx: Transaction, user_id: UUID, password_hash: str, at: datetime) -> None:
    """Another password."""
    await tx.execute("update users set password_hash = $2, updated_at = $3 where id = $1", user_id, password_hash, at)


async def set_role(tx: Transaction, user_id: UUID, role: str, at: datetime) -> None:
    """Another role."""
    await tx.execute("update users set role = $2, updated_at = $3 where id = $1", user_id, role, at)


async def deactivate(tx: Transaction, user_id: UUID, at: datetime) -> None:
    """Nobody logs in with this account any more."""
    await tx.execute("update users set is_active = false, updated_at = $2 where id = $1", user_id, at)


async def set_subscription(tx: Transaction, user_id: UUID, plan: str, renews_at: datetime | None, at: datetime) -> None:
    """An active plan; one that stays the same goes on since when it did."""
    await tx.execute(
        "insert into subscriptions (user_id, plan, status, started_at, renews_at, created_at, updated_at) "
        "values ($1, $2, 'active', $4, $3, $4, $4) on conflict (user_id) do update set plan = excluded.plan, "
        "status = 'active', renews_at = excluded.renews_at, updated_at = excluded.updated_at, started_at = case "
        "when subscriptions.plan = excluded.plan and subscriptions.status = 'active' "
        "then subscriptions.started_at else excluded.started_at end",
        user_id,
        plan,
        renews_at,
        at,
    )


async def change_account(tx: Transaction, user_id: UUID, changes: Mapping[str, Any], at: datetime) -> str | None:
    """Other values in these columns of the account. Answers the picture of before: an address, the key of an object, or
    None."""
    _known(changes, _ACCOUNT)
    terms = ", ".join(f"{column} = ${number}" for number, column in enumerate(changes, start=3))
    # Held from here on: of two who change the picture together each is told another one of before.
    before = "select id, avatar_url from users where id = $1 for no key update"
    rows = await tx.fetch(
        f"update users u set updated_at = $2, {terms} from ({before}) before where u.id = before.id "
        "returning before.avatar_url",
        user_id,
        at,
        *changes.values(),
    )
    found: str | None = rows[0][0] if rows else None
    return found


async def change_profile(tx: Transaction, user_id: UUID, changes: Mapping[str, Any], at: datetime) -> None:
    """Other values in these columns of the profile, which is made where there is none."""
    await _upsert(tx, "profiles", _PROFILE, user_id, changes, at)


async def change_preferences(tx: Transaction, user_id: UUID, changes: Mapping[str, Any], at: datetime) -> None:
    """Other values in these columns of the preferences, which are made where there are none."""
    await _upsert(tx, "user_preferences", _PREFERENCES, user_id, changes, at)


async def _upsert(
    tx: Transaction, table: str, known: frozenset[str], user_id: UUID, changes: Mapping[str, Any], at: datetime
) -> None:
    _known(changes, known)
    columns = ", ".join(changes)
    places = ", ".join(f"${number}" for number in range(3, len(changes) + 3))
    terms = ", ".join(f"{column} = excluded.{column}" for column in changes)
    await tx.execute(
        f"insert into {table} (user_id, created_at, updated_at, {columns}) values ($1, $2, $2, {places}) "
        f"on conflict (user_id) do update set updated_at = excluded.updated_at, {terms}",
        user_id,
        at,
        *changes.values(),
    )


def _known(changes: Mapping[str, Any], columns: frozenset[str]) -> None:
    if not changes or not changes.keys() <= columns:
        raise ValueError(f"not columns that change: {sorted(changes)}")
