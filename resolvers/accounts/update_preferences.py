"""How does somebody like it? Theme, language, notifications, difficulty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from loaders.account_changes import change_preferences
from resolvers.accounts import checks
from resolvers.accounts.people import PreferencesView, preferences, viewer
from resolvers.degrading import Degrades, degrades
from resolvers.operation import Operation, signed_in
from resolvers.problem import Problem, problem

EASIEST: Final = 1
HARDEST: Final = 5


class PreferencesUpdate(NamedTuple):
    """The preferences as they are now."""

    preferences: PreferencesView | None
    errors: tuple[Problem, ...] = ()


@degrades(Degrades.ERROR)
async def update_preferences(operation: Operation, given: Mapping[str, Any]) -> PreferencesUpdate:
    """Change what is given, by column; what is null stays. Nothing is written where anything is wrong."""
    person, now = signed_in(operation), operation.services.now()
    changes = {column: value for column, value in given.items() if value is not None}
    problems = []
    if "language" in changes and (wrong := checks.language(changes["language"], "language")):
        problems.append(wrong)
    if not EASIEST <= changes.get("difficulty_preference", EASIEST) <= HARDEST:
        problems.append(problem("OUT_OF_RANGE", f"From {EASIEST} to {HARDEST}.", "difficultyPreference"))
    if problems:
        return PreferencesUpdate(None, tuple(problems))
    if changes:
        async with operation.writing(operation.scope) as tx:
            await change_preferences(tx, person.user_id, changes, now)
    account = await viewer(operation)
    return PreferencesUpdate((await preferences(operation, [account]))[0] if account is not None else None)
