"""What does this document say? Parsed and validated once, kept in a bounded cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

from graph.errors import RequestError, coded
from graph.execution.selections import switch_variables
from graph.limits.demands import Demands, demands
from graph.limits.depth import too_deep
from graph.limits.text import nul_literals

LARGEST_KEPT: Final = 32 * 1024
MOST_KEPT: Final = 1_000
MOST_TEXT_KEPT: Final = 2_000_000
# What a short document's plans may hold all the same.
LEAST_FIELDS: Final = 200
MOST_ERRORS: Final = 20
MOST_TOKENS: Final = 2_000
# What graphql-core's parser says when it gives up on a document that may well be right.
_ABORTED: Final = {
    f"Syntax Error: Document contains more than {MOST_TOKENS} tokens. Parsing aborted.": "TOKEN_LIMIT",
    "Syntax Error: Document is nested too deeply. Parsing aborted.": "DEPTH_LIMIT",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A document that this schema can answer."""

    node: DocumentNode
    # The variables that @skip and @include look at: with them a plan changes.
    switches: tuple[str, ...]
    operations: dict[str | None, OperationDefinitionNode]
    demands: dict[str | None, Demands]
    # How many fields its kept plans may have.
    most_fields: int
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
            raise RequestError("OPERATION_RESOLUTION_FAILURE", "The document holds no operation of this name.")
        return self.operations[name]


def passing(operation: OperationDefinitionNode, fragments: Collection[FragmentDefinitionNode]) -> Document:
    """A document that was parsed and validated elsewhere. Nothing of it is kept."""
    name = operation.name.value if operation.name else None
    node = DocumentNode(definitions=(operation, *fragments))
    return Document(node, switch_variables(node.definitions), {name: operation}, {}, most_fields=-1)


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
        self._text_kept = 0

    def document(self, text: str) -> Document:
        """The document of a text. Raises DocumentErrors."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        made = self._made(text)
        if len(text) <= LARGEST_KEPT:
            self._kept[text] = made
            self._text_kept += len(text)
            while len(self._kept) > MOST_KEPT or self._text_kept > MOST_TEXT_KEPT:
                self._text_kept -= len(self._kept.popitem(last=False)[0])
        return made

    def of(self, operation: OperationDefinitionNode) -> Document | None:
        """The kept document of which this very node is an operation; None for one that was parsed elsewhere."""
        found = self._kept.get(operation.loc.source.body) if operation.loc is not None else None
        if found is None or all(each is not operation for each in found.operations.values()):
            return None
        return found

    def kept(self) -> list[Document]:
        """The documents that are kept, the one used last at the end."""
        return list(self._kept.values())

    def _made(self, text: str) -> Document:
        try:
            # `{ }` asks for nothing, and whoever sends it meant something.
            node = parse(text, max_tokens=MOST_TOKENS, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            raise DocumentErrors([coded(error, _ABORTED.get(error.message, "GRAPHQL_PARSE_FAILED"))]) from error
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
            raise DocumentErrors([_invalid(each) for each in wrong[:MOST_ERRORS]])
        if nul := nul_literals(node):
            raise DocumentErrors([coded(each, "BAD_USER_INPUT") for each in nul[:MOST_ERRORS]])
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        if deep := [each for each in (too_deep(one, fragments) for one in operations.values()) if each is not None]:
            raise DocumentErrors([coded(each, "DEPTH_LIMIT") for each in deep])
        asked = {name: demands(each, fragments) for name, each in operations.items()}
        return Document(node, switch_variables(node.definitions), operations, asked, max(LEAST_FIELDS, len(text) // 4))


def _invalid(error: GraphQLError) -> dict[str, Any]:
    # graphql-core gives up where its rules recurse deeper than the interpreter's stack.
    if error.message == "Validation aborted.":
        return coded(GraphQLError("The document's selections are too many, or nested too deep."), "DEPTH_LIMIT")
    return coded(error, "GRAPHQL_VALIDATION_FAILED")
