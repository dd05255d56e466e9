"""Which types make up the graph? The Strawberry schema, checked for labels, printed to `schema.graphql`."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from graph.execution.edge import spec_of
from graph.execution.executor import PlannedExecutor
from graph.execution.in_process import ProcessDocuments
from graph.execution.incremental import DIRECTIVES
from graph.types.accounts import AccountMutations, AccountQueries, Session, User
from graph.types.activity import Activity
from graph.types.assessments import Assessment
from graph.types.audit import AuditEntry, AuditQueries
from graph.types.classrooms import Classroom, ClassroomMember, ClassroomQueries
from graph.types.courses import Course, Enrollment
from graph.types.federation import DEFINITIONS, as_entities
from graph.types.governance import GovernanceQueries, GovernanceSubscriptions
from graph.types.library import Document, DocumentChunk
from graph.types.meetings import Meeting, Recording, Transcript, TranscriptSegment
from graph.types.refetch import RefetchQueries
from graph.types.scalars import SCALARS

NODES = (
    Activity,
    Assessment,
    AuditEntry,
    Classroom,
    ClassroomMember,
    Course,
    Document,
    DocumentChunk,
    Enrollment,
    Meeting,
    Recording,
    Session,
    Transcript,
    TranscriptSegment,
    User,
)


FederationQueries: Any = as_entities(NODES)


@strawberry.type(description="What may be read.")
class Query(
    AccountQueries,
    AuditQueries,
    ClassroomQueries,
    GovernanceQueries,
    RefetchQueries,
    FederationQueries,  # type: ignore[misc]
):
    """The root of reads."""


@strawberry.type(description="What may be done.")
class Mutation(AccountMutations):
    """The root of writes."""


@strawberry.type(description="What may be followed.")
class Subscription(GovernanceSubscriptions):
    """The root of streams."""


class UnlabelledField(Exception):
    """A field does not say who may read it: the program does not start."""


class Schema(strawberry.federation.Schema):
    """Strawberry's, which leaves the log to us: its own would hold whole documents, passwords included."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `graph/errors.py` logs each defect once."""


@cache
def schema() -> Schema:
    """The schema of this program. Raises UnlabelledField."""
    built = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(NODES),
        extensions=[ProcessDocuments],
        execution_context_class=PlannedExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    for kind in _graphql(built).type_map.values():
        # Names with an underscore are GraphQL's introspection and Federation's own.
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("_"):
            for name, field in kind.fields.items():
                if not name.startswith("_") and spec_of(field.extensions["strawberry-definition"]) is None:
                    raise UnlabelledField(f"{kind.name}.{name} does not say who may read it")
    return built


def graphql_schema() -> GraphQLSchema:
    """The graphql-core schema underneath."""
    return _graphql(schema())


@cache
def offered_schema() -> GraphQLSchema:
    """The same with `@defer` and `@stream`: by it documents are read and introspected. graphql-core's `execute`, and
    Strawberry with it, refuses a schema that has them."""
    ours = graphql_schema()
    members: dict[str, Any] = {**ours.to_kwargs(), "directives": (*ours.directives, *DIRECTIVES)}
    offered = GraphQLSchema(**members)
    offered._strawberry_schema = schema()  # type: ignore[attr-defined]
    return offered


def sdl() -> str:
    """The schema as `schema.graphql` holds it: whole, every directive in it is defined there."""
    offered = copy(schema())
    offered._schema = offered_schema()
    return DEFINITIONS + offered.as_str() + "\n"


def _graphql(built: strawberry.federation.Schema) -> GraphQLSchema:
    return built._schema
