"""What does the audit log look like, outside? Who read or changed whose records."""

from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar

import strawberry
from strawberry import UNSET

from graph.execution.edge import POSTGRESQL, edge, face, leaf, root
from graph.ids import encode
from graph.types.accounts import User
from graph.types.node import Node
from graph.types.paging import (
    After,
    Before,
    Connection,
    DateTimeFilter,
    First,
    IDFilter,
    Last,
    StringFilter,
    page_request,
)
from resolvers import audit_log
from resolvers.access.labels import Label
from resolvers.operation import Operation


@strawberry.enum(description="What became of it.")
class AuditOutcome(Enum):
    """Outcomes, as they are stored."""

    DONE = strawberry.enum_value("done", description="It was read, or done.")
    REFUSED = strawberry.enum_value("refused", description="It was tried, and nothing was done.")


@strawberry.type(description="A record that was read or changed.")
class AuditSubject:
    """Source: PostgreSQL `audit_log.subjects`."""

    id: strawberry.ID = leaf(
        "Its id; the record need not be there any more.",
        read=lambda subject: encode(subject.kind, subject.key),
    )


@strawberry.type(description="One operation that read or changed somebody else's records.")
class AuditEntry(Node):
    """Source: PostgreSQL `audit_log`."""

    record = audit_log.AuditRecord
    by_keys = audit_log.by_ids
    concerns = None  # the ids that it names are what it is there for

    at: datetime = leaf("When it was written down.")
    actor: User | None = edge(
        audit_log.actors,
        "Who did it; null for whoever has a shell on the server, and for an account that is gone.",
        calls=POSTGRESQL,
    )
    action: str = leaf("`read`, or the verb that was called, as the schema names it.")
    subject: list[AuditSubject] = leaf(
        "Whose records: people, and records that are nobody's own.",
        read=audit_log.subjects,
        many=20,
    )
    fields: list[str] = leaf("What of them, as `Type.field`.", many=20)
    operation: str | None = leaf("What the document called itself; null where it did not.")
    request_id: str | None = leaf("How the log of operations knows it; null from a shell.")
    outcome: AuditOutcome = leaf("What became of it.")


@strawberry.input(description="Which entries of the audit log.")
class AuditFilter:
    """All that is given must hold."""

    # An id that names its type too: subjects are of several.
    typed_ids: ClassVar = frozenset({"subject_id"})

    actor_id: IDFilter | None = strawberry.field(default=UNSET, description="By who did it.")
    subject_id: IDFilter | None = strawberry.field(default=UNSET, description="By whose record it was.")
    action: StringFilter | None = strawberry.field(default=UNSET, description="By what was done.")
    at: DateTimeFilter | None = strawberry.field(default=UNSET, description="By when it was written down.")
    and_: list["AuditFilter"] | None = strawberry.field(default=UNSET, name="and", description="All of these.")
    or_: list["AuditFilter"] | None = strawberry.field(default=UNSET, name="or", description="One of these.")
    not_: "AuditFilter | None" = strawberry.field(default=UNSET, name="not", description="Not this.")


@strawberry.type
class AuditQueries:
    """Root fields about the audit log."""

    @root(audit_log.page, calls=POSTGRESQL, label=Label.ADMIN)
    @staticmethod
    async def audit_log(
        operation: Operation,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[AuditFilter | None, strawberry.argument(description="Only these.")] = UNSET,
    ) -> Connection[AuditEntry] | None:
        """Who read or changed whose records; the latest first."""
        return face(await audit_log.page(operation, page_request(first, after, last, before, None, filter)))
