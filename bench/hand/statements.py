"""Which statements does the graph send for these operations? Asked of the loaders themselves.

A loader gets a lease that writes down what it is asked and answers nothing; what is written down is sent by hand, so
that both send the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import date
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from datadir.cassandra.embedded import EmbeddedSeries
from datadir.cassandra.tables import USER_ENGAGEMENT
from datadir.scope import Scope
from loaders.accounts import Accounts
from loaders.assessments import Assessments
from loaders.classrooms import Classrooms
from loaders.cursor import Cursors
from loaders.library import Library
from loaders.meetings import Meetings
from loaders.page import Order, PageRequest, totals

_ANYBODY: Final = UUID(int=0)
FIRST_20: Final = PageRequest(size=20)
NEWEST_5: Final = PageRequest(size=5, order=(Order("SCHEDULED_AT", descending=True),))


class _Listening:
    """A lease, or a pool, that answers no rows."""

    circuit = None

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def fetch(self, record: type[Any], sql: str, *args: Any) -> list[Any]:
        """As `Lease.fetch`."""
        self.heard.append(sql)
        return []

    async def read(self, sql: str, *args: Any, store: object = None) -> list[Any]:
        """As `Postgres.read`."""
        self.heard.append(sql)
        return []

    def lease(self, scope: Scope) -> _Listening:
        """As `Postgres.lease`."""
        return self


def _statement(ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> str:
    """The last statement that `ask` sends, given loaders (or stores) that answer nothing."""
    listening = _Listening()
    given = SimpleNamespace(
        lease=listening, postgresql=listening, scope=Scope(user_id=_ANYBODY), cursors=Cursors("nobody's"), stores=None
    )
    # Nothing in it waits; a loader that misses its rows has been heard all the same.
    with suppress(StopIteration, KeyError):
        ask(given).send(None)
    return listening.heard[-1]


async def _count_of_members(loaders: Any) -> None:
    pages: Any = await Classrooms(loaders).members_by_classroom_id([_ANYBODY], FIRST_20)
    await totals(loaders, pages)


# The one that is written by hand: the graph has the server put its answer into the transaction.
MEMBERSHIPS: Final = "select classroom_id, role from classroom_members where user_id = $1 order by classroom_id"
USERS: Final = _statement(lambda loaders: Accounts(loaders).users_by_id([_ANYBODY]))
CLASSROOM: Final = _statement(lambda loaders: Classrooms(loaders).classrooms_by_id([_ANYBODY]))
CLASSROOMS_OF_USER: Final = _statement(
    lambda loaders: Classrooms(loaders).classrooms_by_user_id([_ANYBODY], PageRequest(size=50))
)
MEMBERS: Final = _statement(lambda loaders: Classrooms(loaders).members_by_classroom_id([_ANYBODY], FIRST_20))
MEMBER_COUNT: Final = _statement(_count_of_members)
MEETINGS: Final = _statement(lambda loaders: Meetings(loaders).meetings_by_classroom_id([_ANYBODY], NEWEST_5))
RECORDINGS: Final = _statement(lambda loaders: Meetings(loaders).recordings_by_meeting_id([_ANYBODY]))
ASSESSMENTS: Final = _statement(
    lambda loaders: Assessments(loaders).assessments_by_classroom_id([_ANYBODY], PageRequest(size=5))
)
SUMMARIES: Final = _statement(lambda loaders: Assessments(loaders).summaries_by_assessment_id([_ANYBODY]))
DOCUMENTS: Final = _statement(lambda loaders: Library(loaders).documents_by_id([_ANYBODY]))
ENGAGEMENT: Final = _statement(
    lambda stores: EmbeddedSeries(stores.postgresql, secret="nobody's").read(
        USER_ENGAGEMENT, [(_ANYBODY,)], lower=date.min
    )
)
