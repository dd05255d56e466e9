"""How is somebody called, and what do they look like? As they say themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from loaders import account_changes
from resolvers.accounts import checks
from resolvers.accounts.people import viewer
from resolvers.accounts.upload_avatar import forget_picture
from resolvers.degrading import Degrades, degrades
from resolvers.operation import Operation, signed_in
from resolvers.problem import Problem

if TYPE_CHECKING:
    from loaders.accounts import UserRecord

# The input's field, the column, its table.
_FIELDS: Final = {
    "name": ("name", account_changes.change_account),
    "avatarUrl": ("avatar_url", account_changes.change_account),
    "firstName": ("first_name", account_changes.change_profile),
    "lastName": ("last_name", account_changes.change_profile),
}


class ProfileUpdate(NamedTuple):
    """The account as it is now."""

    user: UserRecord | None
    errors: tuple[Problem, ...] = ()


@degrades(Degrades.ERROR)
async def update_profile(operation: Operation, given: Mapping[str, str | None]) -> ProfileUpdate:
    """Change what is given, by the input's names; null takes it away. Nothing is written where anything is wrong."""
    person, now = signed_in(operation), operation.services.now()
    changes: dict[Any, dict[str, str | None]] = {}
    problems = []
    for field, text in given.items():
        check = checks.url if field == "avatarUrl" else checks.name
        value, wrong = check(text, field)
        if wrong is not None:
            problems.append(wrong)
        column, change = _FIELDS[field]
        changes.setdefault(change, {})[column] = value
    if problems:
        return ProfileUpdate(None, tuple(problems))
    if changes:
        async with operation.writing(operation.scope) as tx:
            before = [await change(tx, person.user_id, columns, now) for change, columns in changes.items()]
        if "avatarUrl" in given:
            await forget_picture(operation, before[list(changes).index(account_changes.change_account)])
    return ProfileUpdate(await viewer(operation))
