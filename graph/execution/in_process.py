"""What do callers of `schema.execute` and `schema.subscribe` get? The documents, plans and errors that HTTP has.

`Graph.context` makes the context value that they need (`graph/app.py`). What guards HTTP against its clients (page
sizes, introspection by role) does not stand here: who calls functions of this process is no stranger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from graph.authn import needs_account
from graph.context import Context
from graph.errors import RequestError, Told, cause_of, formatted, of_variable
from graph.execution.documents import DocumentErrors
from resolvers.errors import Unauthenticated


class ProcessDocuments(SchemaExtension):
    """Takes documents from the process's cache, and shows errors as clients see them."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._known = False
        self._refused: list[dict[str, Any]] = []

    def on_operation(self) -> Iterator[None]:
        """The answer is on its way back."""
        yield
        self._tell(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """So is one of a stream's."""
        self._tell(result)
        yield

    def on_parse(self) -> Iterator[None]:
        """A document that the cache has is not parsed again."""
        asked, context = self.execution_context, self.execution_context.context
        if isinstance(context, Context) and context.documents is not None and asked.query:
            try:
                document = context.documents.document(asked.query)
                operation = document.operation(asked._provided_operation_name)
                if context.operation.viewer is None and needs_account(asked.schema._schema, document.node, operation):
                    raise Unauthenticated
                asked.graphql_document = document.node
                self._known = True
            except DocumentErrors as error:
                self._refused = error.errors
            except RequestError as error:
                self._refused = [error.formatted()]
            except Unauthenticated as error:
                self._refused = formatted([GraphQLError(str(error), original_error=error)], context.request_id)
            if self._refused:
                asked.graphql_document = self._stand_in()
        yield

    def on_validate(self) -> Iterator[None]:
        """It was validated when it was taken into the cache."""
        if self._refused:
            self.execution_context.pre_execution_errors = [Told(each) for each in self._refused]
        elif self._known:
            self.execution_context.pre_execution_errors = []
        yield

    def _stand_in(self) -> DocumentNode:
        """For a document that is refused: Strawberry wants one whose operation it may run, before it hears of that."""
        kind, name = next(iter(self.execution_context.allowed_operations)), self.execution_context.operation_name
        operation = OperationDefinitionNode(
            operation=OperationType(kind.value),
            name=None if name is None else NameNode(value=name),
            selection_set=SelectionSetNode(selections=()),
        )
        return DocumentNode(definitions=(operation,))

    def _tell(self, result: Any) -> None:
        context = self.execution_context.context
        if result is not None and result.errors and isinstance(context, Context):
            result.errors = _told(result.errors, context.request_id)


def _told(errors: list[GraphQLError], request_id: str) -> list[GraphQLError]:
    if all(isinstance(each, Told) for each in errors):
        return errors
    # Without a place and by no exception but its own they are graphql-core's words about variables.
    if all(each.path is None and isinstance(cause_of(each), GraphQLError) for each in errors):
        shapes = list(map(of_variable, errors))
    else:
        shapes = formatted(errors, request_id)
    return [Told(shape, error) for shape, error in zip(shapes, errors, strict=True)]
