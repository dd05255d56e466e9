"""What can a person do with an account? Be found, be present, log in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from email_validator import EmailNotValidError, validate_email

from datadir.kafka.event import Event
from loaders import accounts as stored
from loaders.accounts import Accounts, UserRecord
from loaders.classrooms import Classrooms, OwnClassroomRecord
from loaders.page import PageRequest, Pages
from resolvers.degrading import degrades_with
from resolvers.operation import Operation, Viewer

__all__ = ["UserRecord", "by_ids", "classrooms", "log_in", "presence", "viewer"]

ONLINE_WITHIN: Final = timedelta(minutes=2)
IDLE_WITHIN: Final = timedelta(minutes=15)
LONGEST_EMAIL: Final = 255
LONGEST_PASSWORD: Final = 200


class PresenceView(NamedTuple):
    """Whether and when somebody was last here."""

    status: str
    last_seen_at: datetime | None


class Problem(NamedTuple):
    """One payload error: a code of the domain, a sentence, where in the input."""

    code: str
    message: str
    path: list[str]


@dataclass(frozen=True, slots=True)
class LogIn:
    """The outcome of a log-in."""

    access_token: str | None = None
    refresh_token: str | None = None
    expires_at: datetime | None = None
    user: UserRecord | None = None
    errors: tuple[Problem, ...] = ()


@degrades_with(Accounts.users_by_id)
async def by_ids(operation: Operation, ids: Sequence[UUID]) -> list[UserRecord | None]:
    """People whom the viewer may know of."""
    loaders = await operation.open()
    return await loaders.accounts.users_by_id(ids)


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


@degrades_with(stored.credentials_by_email, stored.start_session, stored.record_log_in)
async def log_in(operation: Operation, email: str, password: str, remember_me: bool) -> LogIn:
    """Check the password and open a session. An unknown address costs what a wrong password costs."""
    for text, longest, path in ((email, LONGEST_EMAIL, "email"), (password, LONGEST_PASSWORD, "password")):
        if len(text) > longest:
            return LogIn(errors=(Problem("TOO_LONG", f"At most {longest} characters.", ["input", path]),))
    services = operation.services
    address = _normalised(email)
    credentials = await stored.credentials_by_email(services.stores, address) if address else None
    right = await services.passwords.verify(credentials.password_hash if credentials else None, password)
    if credentials is None or not right or not credentials.is_active:
        return LogIn(
            errors=(Problem("INVALID_CREDENTIALS", "No account has this e-mail address and password.", ["input"]),)
        )
    now = services.now()
    session_id = await stored.start_session(services.stores, credentials, now)
    logged_in = Event(
        uuid4(), "accounts.events", str(credentials.id), "user.logged_in", {"role": credentials.role}, now
    )
    await stored.record_log_in(services.stores, credentials.id, now, [logged_in])
    access = services.tokens.access(credentials.id, credentials.role, session_id, now)
    operation.become(Viewer(credentials.id, credentials.role, session_id))
    return LogIn(
        access_token=access.text,
        refresh_token=services.tokens.refresh(credentials.id, session_id, now, remember=remember_me).text,
        expires_at=access.expires_at,
        user=await viewer(operation),
    )


def _normalised(email: str) -> str | None:
    """The address as accounts store it, None for a text that is no address and so nobody's."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        return None
