"""Who asks the memory school, and with what? An `Operation` whose loaders answer from lists.

Everything above the loaders is the program's own. `installed` lets the faces take the memory school's rows for theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from datadir.postgresql.record import Row
from datadir.scope import Scope
from datadir.stores import StoreHealth
from graph.execution.edge import spec_of
from graph.schema import NODES, graphql_schema
from resolvers import accounts
from resolvers.accounts import LogIn, Problem
from resolvers.accounts.people import PreferencesView
from resolvers.deadline import Deadline
from resolvers.governance import StoreChange, StoresEvent, StoresSnapshot
from resolvers.operation import Operation, Services, Viewer
from tests.corpus.memory_loaders import CURSORS, MemoryLoaders
from tests.corpus.memory_records import NOW, SCHOOL, held

HEALTH = (
    StoreHealth("postgresql", "relational", "ok", "embedded", 0.5, "18", None),
    StoreHealth("qdrant", "vectors", "warming", "real", None, None, 40),
)


def event_of(number: int) -> StoresEvent:
    """An event of the stream of stores; there are three."""
    snapshot = StoresSnapshot(HEALTH)
    return (
        StoresEvent("cursor 0", "snapshot", NOW, 0, snapshot, None),
        StoresEvent(
            "cursor 4", "change", NOW, 1, None, [StoreChange("updated", HEALTH[1]), StoreChange("added", HEALTH[0])]
        ),
        StoresEvent("cursor 9", "reset", NOW, 0, snapshot, None),
    )[number % 3]


class _Objects:
    async def link(self, key: str, *, expires: timedelta) -> str:
        return f"https://corpus.school/objects/{key}"


class _Audit:
    async def write(self, rows: Sequence[object]) -> None:
        """Nothing: nobody reads it here."""


class _Stores:
    objects = _Objects()
    audit = _Audit()

    async def health(self) -> list[StoreHealth]:
        return list(HEALTH)


SERVICES = Services(_Stores(), None, CURSORS, None, None, now=lambda: NOW)  # type: ignore[arg-type]


class MemoryOperation(Operation):
    """An operation that reads from the memory school. `opens`: whether the viewer's scope can be read."""

    def __init__(
        self, services: Services, viewer: Viewer | None, deadline: Deadline | None = None, *, opens: bool = True
    ) -> None:
        super().__init__(services, viewer, deadline)
        self.log_ins = 0
        self._opens = opens

    @property
    def loaders(self) -> Any:
        """The memory school's, with the viewer's scope."""
        if self._opened is not None:
            return self._opened
        user, role = (self.viewer.user_id, self.viewer.role) if self.viewer else (None, "anonymous")
        rooms = tuple(each.classroom_id for each in SCHOOL.members if each.user_id == user)
        taught = tuple(each.classroom_id for each in SCHOOL.members if each.user_id == user and each.role != "student")
        scope = Scope(user_id=user, role=role, classroom_ids=rooms, taught_ids=taught)
        loaders: Any = MemoryLoaders(scope, known=self._opens)
        self._opened = loaders
        return loaders


async def log_in(operation: MemoryOperation, input: Any) -> LogIn:
    """As `resolvers.accounts.log_in`, without stores: tokens say how many log-ins this operation has seen."""
    operation.log_ins += 1
    number = operation.log_ins
    person = next((each for each in SCHOOL.users if each.email == input.email), None)
    if person is None:
        return LogIn(errors=(Problem("INVALID_CREDENTIALS", f"Refused as number {number}.", ["input"]),))
    operation.become(Viewer(person.id, person.role, f"session {number}"))
    viewer = await accounts.viewer(operation)
    return LogIn(f"access {number}", f"refresh {number}", NOW + timedelta(minutes=15), viewer)


async def verb(operation: MemoryOperation, input: Any) -> Any:
    """Any other verb, without stores: it has done everything that any of them does, and something was wrong with it."""
    viewer = await accounts.viewer(operation)
    return SimpleNamespace(
        access_token="access",
        refresh_token=None,
        expires_at=NOW,
        user=viewer,
        logged_out=True,
        revoked_session_id=UUID(int=9),
        changed=None,
        requested=True,
        preferences=PreferencesView(),
        errors=[Problem("TOO_LONG", "Said in so many words.", ["input", "name"])],
    )


@contextmanager
def installed() -> Iterator[None]:
    """Let the faces take the memory school's records for theirs, and verbs do without stores."""
    with pytest.MonkeyPatch.context() as patch:
        for face in NODES:
            if issubclass(face.record, Row):
                patch.setattr(face, "record", held(face.record))
        mutation: Any = graphql_schema().mutation_type
        specs: list[Any] = [spec_of(each.extensions["strawberry-definition"]) for each in mutation.fields.values()]
        real = [spec.call for spec in specs]
        for name, spec in zip(mutation.fields, specs, strict=True):
            object.__setattr__(spec, "call", log_in if name == "logIn" else verb)
        try:
            yield
        finally:
            for spec, call in zip(specs, real, strict=True):
                object.__setattr__(spec, "call", call)
