"""Which fields of a person may this viewer read, and whose account may they change? The doors of fields take the whole
level and answer one yes or no each; those of verbs raise."""

from __future__ import annotations

from collections.abc import Sequence

from datadir.scope import Scope
from loaders.accounts import UserRecord
from resolvers.errors import Forbidden


def reads_as_member(scope: Scope, users: Sequence[UserRecord]) -> list[bool]:
    """Role, picture and presence: members of shared classrooms, oneself, administrators. Row policies show people to
    nobody else but programs, and those learn a name and no more."""
    return [scope.role != "service" or user.id == scope.user_id for user in users]


def reads_as_teacher(scope: Scope, users: Sequence[UserRecord]) -> list[bool]:
    """E-mail and engagement: oneself, members of classrooms one teaches, administrators."""
    if scope.sees_all:
        return [True] * len(users)
    return [user.taught or user.id == scope.user_id for user in users]


def reads_as_self(scope: Scope, users: Sequence[UserRecord]) -> list[bool]:
    """Private fields of an account: oneself and administrators."""
    if scope.sees_all:
        return [True] * len(users)
    return [user.id == scope.user_id for user in users]


def administers(scope: Scope) -> None:
    """Other people's roles, plans and accounts: administrators, whoever the account is and whether there is one. Raises
    Forbidden."""
    if scope.role != "admin":
        raise Forbidden("Administrators alone may do this.")
