"""Who is a person, and what belongs to an account? Reads: people, presence, names, preferences, plans, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from datadir.minio.prefixes import AVATARS
from loaders.accounts import Accounts, PreferencesRecord, UserRecord
from loaders.classrooms import Classrooms, OwnClassroomRecord
from loaders.page import Page, PageRequest, Pages
from loaders.sessions import UserSessionRecord, record_of
from resolvers.access.accounts import administers
from resolvers.degrading import degrades_with
from resolvers.links import signed
from resolvers.operation import Operation

__all__ = [
    "PreferencesView",
    "ProfileView",
    "SessionView",
    "SubscriptionView",
    "UserRecord",
    "by_ids",
    "classrooms",
    "current_session",
    "page",
    "pictures",
    "preferences",
    "presence",
    "profiles",
    "sessions",
    "sessions_by_ids",
    "subscriptions",
    "viewer",
]

ONLINE_WITHIN: Final = timedelta(minutes=2)
IDLE_WITHIN: Final = timedelta(minutes=15)


class PresenceView(NamedTuple):
    """Whether and when somebody was last here."""

    status: str
    last_seen_at: datetime | None


class ProfileView(NamedTuple):
    """Somebody's full name, where it is known."""

    first_name: str | None = None
    last_name: str | None = None


class PreferencesView(NamedTuple):
    """How somebody likes it. What nobody has said is as the seeds have it."""

    theme: str = "light"
    language: str = "en"
    notification_email: bool = True
    notification_push: bool = True
    difficulty_preference: int = 3


class SubscriptionView(NamedTuple):
    """Somebody's plan."""

    plan: str
    status: str
    started_at: datetime
    renews_at: datetime | None


class SessionView(NamedTuple):
    """A place where somebody is logged in."""

    id: UUID
    user_id: UUID
    user_agent: str | None
    created_at: datetime
    last_activity_at: datetime
    is_current: bool


@degrades_with(Accounts.users_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[UserRecord | None]:
    """People whom the viewer may know of."""
    return await operation.loaders.accounts.users_by_id(ids)


@degrades_with(Accounts.users_by_id)
async def viewer(operation: Operation) -> UserRecord | None:
    """The account of whoever asks."""
    if operation.viewer is None:
        return None
    return (await by_ids(operation, [operation.viewer.user_id]))[0]


@degrades_with(Classrooms.classrooms_by_user_id)
async def classrooms(
    operation: Operation, users: Sequence[UserRecord], request: PageRequest
) -> Pages[OwnClassroomRecord]:
    """One page of the classrooms that each person is a member of."""
    return await operation.loaders.classrooms.classrooms_by_user_id([each.id for each in users], request)


@degrades_with(Accounts.presence_by_user_id)
async def presence(operation: Operation, users: Sequence[UserRecord]) -> list[PresenceView]:
    """Whether each person is here now."""
    seen = await operation.loaders.accounts.presence_by_user_id([each.id for each in users])
    now = operation.services.now()
    return [PresenceView(_status(each.last_seen_at, now), each.last_seen_at) for each in seen]


def _status(last_seen_at: datetime | None, now: datetime) -> str:
    if last_seen_at is None or now - last_seen_at > IDLE_WITHIN:
        return "offline"
    return "online" if now - last_seen_at <= ONLINE_WITHIN else "idle"


@degrades_with(Accounts.users)
async def page(operation: Operation, request: PageRequest) -> Page[UserRecord]:
    """One page of all accounts, for administrators. Raises Forbidden."""
    administers(operation.scope)
    return await operation.loaders.accounts.users(request)


@degrades_with(signed)
async def pictures(operation: Operation, users: Sequence[UserRecord]) -> list[str | None]:
    """Where each person's picture is: an address that the person gave, or a signed link to what they uploaded."""
    found = [each.avatar_url for each in users]
    ours = {place: each for place, each in enumerate(found) if each is not None and AVATARS.holds(each)}
    if ours:
        for place, link in zip(ours, await signed(operation, list(ours.values())), strict=True):
            found[place] = link
    return found


@degrades_with(Accounts.profiles_by_user_id)
async def profiles(operation: Operation, users: Sequence[UserRecord]) -> list[ProfileView]:
    """Each person's full name."""
    found = await operation.loaders.accounts.profiles_by_user_id([each.id for each in users])
    return [ProfileView() if each is None else ProfileView(each.first_name, each.last_name) for each in found]


@degrades_with(Accounts.preferences_by_user_id)
async def preferences(operation: Operation, users: Sequence[UserRecord]) -> list[PreferencesView]:
    """How each person likes it."""
    found = await operation.loaders.accounts.preferences_by_user_id([each.id for each in users])
    return [PreferencesView() if each is None else _preferences(each) for each in found]


def _preferences(record: PreferencesRecord) -> PreferencesView:
    _, *values = record
    return PreferencesView(*values)


@degrades_with(Accounts.subscriptions_by_user_id)
async def subscriptions(operation: Operation, users: Sequence[UserRecord]) -> list[SubscriptionView]:
    """Each person's plan; whoever never had one is on the free one since their account was made."""
    found = await operation.loaders.accounts.subscriptions_by_user_id([each.id for each in users])
    return [
        SubscriptionView("free", "active", user.created_at, None)
        if each is None
        else SubscriptionView(each.plan, each.status, each.started_at, each.renews_at)
        for user, each in zip(users, found, strict=True)
    ]


@degrades_with(Accounts.sessions_by_user_id)
async def sessions(operation: Operation, users: Sequence[UserRecord]) -> list[list[SessionView]]:
    """Where each person is logged in, the latest log-in first."""
    found = await operation.loaders.accounts.sessions_by_user_id([each.id for each in users], operation.services.now())
    here = current_session(operation)
    return [[_session(each, here) for each in of_one] for of_one in found]


@degrades_with(Accounts.sessions_by_id)
async def sessions_by_ids(operation: Operation, ids: Sequence[UUID]) -> list[SessionView | None]:
    """Sessions that the viewer may know of."""
    found = await operation.loaders.accounts.sessions_by_id(ids, operation.services.now())
    here = current_session(operation)
    return [None if each is None else _session(each, here) for each in found]


def current_session(operation: Operation) -> UUID | None:
    """The row of the session that this operation came with."""
    viewer = operation.viewer
    return None if viewer is None else record_of(viewer.session_id, viewer.user_id)


def _session(record: UserSessionRecord, here: UUID | None) -> SessionView:
    return SessionView(
        record.id, record.user_id, record.user_agent, record.created_at, record.last_activity_at, record.id == here
    )
