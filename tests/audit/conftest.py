"""Whose audit log do these tests read? That of the school whose accounts tests may change, run both ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import pytest_asyncio

from datadir.scope import SYSTEM
from graph.app import Answer, Graph
from graph.http.envelope import Envelope
from graph.ids import decode
from tests.running_school import RunningSchool

EXECUTIONS = ("compiled", "graphql-core")


class Row(NamedTuple):
    """A row of the log, as far as a test can know it."""

    actor: str | None
    action: str
    operation: str
    outcome: str
    subjects: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass
class Audited:
    """A school whose log is looked at from now on."""

    school: RunningSchool
    graph: Graph
    people: dict[str, UUID] = field(default_factory=dict)
    since: int = 0

    async def ask(self, account: str, query: str, variables: dict[str, Any] | None = None) -> Answer:
        """The answer to one operation of this account."""
        sent = f"Bearer {await self.school.token(account)}"
        return await self.graph.answer(Envelope(query, variables or {}), authorization=sent)

    async def data(self, account: str, query: str, variables: dict[str, Any] | None = None) -> Any:
        """The data of one that has no errors."""
        answer = await self.ask(account, query, variables)
        assert (answer.status, answer.body.get("errors")) == (200, None)
        return answer.body["data"]

    async def rows(self) -> list[Row]:
        """What was written since the test began, or since it asked last."""
        async with self.school.services.stores.postgresql.transaction(SYSTEM) as tx:
            found = await tx.fetch(
                "select position, actor_id, action, operation, outcome, subjects, fields from audit_log "
                "where position > $1 order by position",
                self.since,
            )
        self.since = max([self.since, *(row["position"] for row in found)])
        return [Row(self.name(row[1]), *row[2:5], tuple(row[5]), tuple(row[6])) for row in found]

    def name(self, actor: UUID | None) -> str | None:
        """The demo account with this key, else the key."""
        named = {key: name for name, key in self.people.items()}
        return None if actor is None else named.get(actor, str(actor))

    def user(self, name: str) -> str:
        """A demo account as the log names it."""
        return f"User:{self.people[name]}"

    def key(self, name: str) -> str:
        """A record of the demo as the log names it."""
        node = decode(self.school.ids[name])
        return f"{node.type_name}:{node.key}"


@pytest_asyncio.fixture(params=EXECUTIONS)
async def audited(request: pytest.FixtureRequest, changing_school: RunningSchool) -> Audited:
    """The log of a school, run one way and then the other."""
    settings = changing_school.settings.model_copy(update={"execution": request.param})
    found = Audited(changing_school, Graph(changing_school.services, settings))
    for name in ("admin", "teacher", "student"):
        claims = changing_school.services.tokens.verified(await changing_school.token(name))
        found.people[name] = claims.user_id
    await found.rows()
    return found
