"""How does a session begin? A row that brings it back, the session in Redis, and two tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from datadir.kafka.event import Event
from loaders.sessions import HeldAccount, insert_session, session_of, write_session
from resolvers.operation import Operation, Viewer
from resolvers.problem import Problem
from resolvers.tokens import REFRESH_LIFETIME, REMEMBERED_LIFETIME, Token, token_hash

if TYPE_CHECKING:
    from datadir.postgresql.client import Transaction
    from loaders.accounts import UserRecord


@dataclass(frozen=True, slots=True)
class LogIn:
    """A new session with its tokens, or why there is none."""

    access_token: str | None = None
    refresh_token: str | None = None
    expires_at: datetime | None = None
    user: UserRecord | None = None
    errors: tuple[Problem, ...] = ()


class Begun(NamedTuple):
    """A session whose row is written, and whose transaction has yet to commit."""

    viewer: Viewer
    access: Token
    refresh: Token


async def begin_session(
    operation: Operation, tx: Transaction, account: HeldAccount, now: datetime, *, remember_me: bool
) -> Begun:
    """A new session of an account that `tx` holds, with its event. Three store calls."""
    services, record_id = operation.services, uuid4()
    ends = (now + (REMEMBERED_LIFETIME if remember_me else REFRESH_LIFETIME)).replace(microsecond=0)
    await services.stores.events.append(
        tx, [Event(uuid4(), "accounts.events", str(account.id), "user.logged_in", {"role": account.role}, now)]
    )
    session_id = session_of(account.id, record_id)
    refresh = services.tokens.refresh(account.id, session_id, now, ends)
    await insert_session(
        tx,
        record_id,
        account.id,
        token_hash=token_hash(refresh.text),
        remember_me=remember_me,
        at=now,
        expires_at=ends,
        user_agent=operation.user_agent,
    )
    # Last, and before the commit: a session of a row that was never written would be nobody's to end.
    await write_session(services.stores, account, record_id, now, ends=ends)
    access = services.tokens.access(account.id, account.role, session_id, now)
    return Begun(Viewer(account.id, account.role, session_id), access, refresh)
