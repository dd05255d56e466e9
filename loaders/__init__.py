"""How is it gathered in as few trips as possible? One attribute per domain, made for one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loaders.accounts import Accounts
from loaders.activity import Activity
from loaders.assessments import Assessments
from loaders.classrooms import Classrooms
from loaders.courses import Courses
from loaders.engagement import Engagement
from loaders.library import Library
from loaders.meetings import Meetings

if TYPE_CHECKING:
    from datadir.postgresql.lease import Lease
    from datadir.qdrant.embedding import Embedder
    from datadir.scope import Scope
    from datadir.stores import Stores
    from loaders.cursor import Cursors


class Loaders:
    """The reads of one operation, with one viewer's scope. Never outlives it."""

    __slots__ = (
        "accounts",
        "activity",
        "assessments",
        "classrooms",
        "courses",
        "cursors",
        "embedder",
        "engagement",
        "lease",
        "library",
        "meetings",
        "stores",
    )

    def __init__(self, stores: Stores, lease: Lease, cursors: Cursors, embedder: Embedder) -> None:
        """`lease` reads PostgreSQL with the viewer's scope; the other stores get that scope in their own words."""
        self.stores = stores
        self.cursors = cursors
        self.embedder = embedder
        self.lease = lease
        self.accounts = Accounts(self)
        self.activity = Activity(self)
        self.classrooms = Classrooms(self)
        self.courses = Courses(self)
        self.meetings = Meetings(self)
        self.assessments = Assessments(self)
        self.library = Library(self)
        self.engagement = Engagement(self)

    @property
    def scope(self) -> Scope:
        """What is known of the viewer's scope: whose it is. `whole_scope` has the classrooms too."""
        return self.lease.scope

    async def whole_scope(self) -> Scope:
        """The viewer's scope, for stores that get it in their own words. Raises StoreUnavailable."""
        return await self.lease.whole()
