"""What does this document say? Parsed and validated once, kept in a bounded cache."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)

from graph.errors import RequestError, coded
from graph.execution.selections import switch_variables

LARGEST_KEPT: Final = 32 * 1024
MOST_KEPT: Final = 1_000
MOST_ERRORS: Final = 20
MOST_TOKENS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Document:
    """A document that this schema can answer."""

    node: DocumentNode
    # The variables that @skip and @include look at: with them a plan changes.
    switches: tuple[str, ...]
    operations: dict[str | None, OperationDefinitionNode]
    # Compiled operations, or why graphql-core runs them; filled by `plans.py`.
    plans: dict[Any, Any] = field(default_factory=dict, compare=False)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run. Raises RequestError OPERATION_RESOLUTION_FAILURE."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise RequestError(
                "OPERATION_RESOLUTION_FAILURE", "The document holds several operations: say which by `operationName`."
            )
        if name not in self.operations:
            raise RequestError("OPERATION_RESOLUTION_FAILURE", f"The document holds no operation {name!r}.")
        return self.operations[name]


class DocumentErrors(Exception):
    """The document is wrong; `errors` as the response holds them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the document is wrong")
        self.errors = errors


class Documents:
    """The documents of this process, the most recently used ones kept."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def document(self, text: str) -> Document:
        """The document of a text. Raises DocumentErrors."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        made = self._made(text)
        if len(text) <= LARGEST_KEPT:
            self._kept[text] = made
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _made(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=MOST_TOKENS)
        except GraphQLSyntaxError as error:
            code = "TOKEN_LIMIT" if "token" in error.message and "limit" in error.message else "GRAPHQL_PARSE_FAILED"
            raise DocumentErrors([coded(error, code)]) from error
        except RecursionError as error:
            raise DocumentErrors([coded(GraphQLError("The document is nested too deep."), "DEPTH_LIMIT")]) from error
        operations = {
            each.name.value if each.name else None: each
            for each in node.definitions
            if isinstance(each, OperationDefinitionNode)
        }
        if not operations:
            none = GraphQLError("The document holds no operation.")
            raise DocumentErrors([coded(none, "OPERATION_RESOLUTION_FAILURE")])
        wrong = validate(self._schema, node, max_errors=MOST_ERRORS)
        if wrong:
            raise DocumentErrors([coded(each, "GRAPHQL_VALIDATION_FAILED") for each in wrong[:MOST_ERRORS]])
        for each in operations.values():
            if each.operation is OperationType.SUBSCRIPTION:
                raise DocumentErrors(
                    [coded(GraphQLError("This server has no subscriptions.", each), "GRAPHQL_VALIDATION_FAILED")]
                )
        return Document(node, switch_variables(node.definitions), operations)
