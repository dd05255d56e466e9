"""What does this document say? Parsed and validated once, kept in a bounded cache."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
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
from graph.execution.incremental import undeferred
from graph.execution.selections import switch_variables
from graph.execution.variables import Variables
from graph.limits.bounds import AMPLE, Limits
from graph.limits.demands import Demands, demands
from graph.limits.guard import Judged, refused
from graph.limits.measures import measured
from graph.limits.suggestions import without_suggestions
from graph.limits.text import nul_literals

LARGEST_KEPT: Final = 32 * 1024
MOST_KEPT: Final = 1_000
MOST_TEXT_KEPT: Final = 2_000_000
# What a short document's plans may hold all the same.
LEAST_FIELDS: Final = 200
# What graphql-core's parser says when it gives up on a document that may well be right.
_TOO_LONG: Final = re.compile(r"Syntax Error: Document contains more than \d+ tokens\. Parsing aborted\.")
_TOO_DEEP: Final = "Syntax Error: Document is nested too deeply. Parsing aborted."


@dataclass(frozen=True, slots=True)
class Document:
    """A document that this schema can answer."""

    node: DocumentNode
    # SHA-256 of its text in hexadecimal digits: its name in logs, metrics and manifests.
    hash: str
    # The variables that @skip and @include look at: with them a plan changes.
    switches: tuple[str, ...]
    operations: dict[str | None, OperationDefinitionNode]
    demands: dict[str | None, Demands]
    # How many fields its kept plans may have.
    most_fields: int
    # Compiled operations, or why graphql-core runs them; filled by `plans.py`.
    plans: dict[Any, Any] = field(default_factory=dict, compare=False)
    # What each role was told of it; None where no client sent it.
    judged: Judged | None = field(default=None, compare=False)
    # What its operations cost; filled by `prices.py`.
    prices: dict[Any, Any] = field(default_factory=dict, compare=False)
    # The variables of its operations; filled by `admitting.py`.
    variables: dict[str | None, Variables] = field(default_factory=dict, compare=False)
    # As it was sent, where it defers or streams parts of its answer; `node` is then without that.
    in_parts: DocumentNode | None = field(default=None, compare=False)

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
    return Document(node, "", switch_variables(node.definitions), {name: operation}, {}, most_fields=-1)


class DocumentErrors(Exception):
    """The document is wrong; `errors` as the response holds them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the document is wrong")
        self.errors = errors


class Documents:
    """The documents of this process, the most recently used ones kept.

    `hits` and `misses` count texts that were known and were not, `dropped` documents that made room for others."""

    def __init__(self, schema: GraphQLSchema, limits: Limits = AMPLE, *, hints: bool = True) -> None:
        """`limits` are what no role may exceed. `hints`: errors may name what else there is in the schema."""
        self._schema = schema
        self._limits = limits
        self._hints = hints
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._texts: dict[str, str] = {}
        self._text_kept = 0
        self.hits = self.misses = self.dropped = 0

    def document(self, text: str) -> Document:
        """The document of a text. Raises DocumentErrors."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            self.hits += 1
            return found
        self.misses += 1
        made = self._made(text)
        if len(text) <= LARGEST_KEPT:
            self._kept[text] = made
            self._texts[made.hash] = text
            self._text_kept += len(text)
            while len(self._kept) > MOST_KEPT or self._text_kept > MOST_TEXT_KEPT:
                oldest, gone = self._kept.popitem(last=False)
                del self._texts[gone.hash]
                self._text_kept -= len(oldest)
                self.dropped += 1
        return made

    def kept_as(self, digest: str) -> Document | None:
        """The kept document with this hash, None where there is none."""
        text = self._texts.get(digest)
        return None if text is None else self.document(text)

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
            node = parse(text, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            raise DocumentErrors([_unparsed(error)]) from error
        measures = measured(node)
        operations = measures.operations
        if not operations:
            none = GraphQLError("The document holds no operation.")
            raise DocumentErrors([coded(none, "OPERATION_RESOLUTION_FAILURE")])
        if too_much := refused(measures, self._limits):
            raise DocumentErrors(too_much)
        most = self._limits.errors
        wrong = validate(self._schema, node, max_errors=most, hide_suggestions=not self._hints)
        if wrong:
            raise DocumentErrors([_invalid(each, hints=self._hints) for each in wrong[:most]])
        if nul := nul_literals(node):
            raise DocumentErrors([coded(each, "BAD_USER_INPUT") for each in nul[:most]])
        whole = node
        if "@defer" in text or "@stream" in text:
            # From here on everything is about the operation in one piece, also its limits and its price.
            node = undeferred(whole)
            measures = measured(node)
            operations = measures.operations
        asked = {name: demands(each, measures.fragments) for name, each in operations.items()}
        return Document(
            node,
            sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            switch_variables(node.definitions),
            operations,
            asked,
            max(LEAST_FIELDS, len(text) // 4),
            judged=Judged(measures),
            in_parts=whole if whole is not node else None,
        )


def _unparsed(error: GraphQLSyntaxError) -> dict[str, Any]:
    if _TOO_LONG.fullmatch(error.message):
        return coded(error, "TOKEN_LIMIT")
    if error.message == _TOO_DEEP:
        return coded(error, "DEPTH_LIMIT")
    return coded(error, "GRAPHQL_PARSE_FAILED")


def _invalid(error: GraphQLError, *, hints: bool) -> dict[str, Any]:
    # graphql-core gives up where its rules recurse deeper than the interpreter's stack.
    if error.message == "Validation aborted.":
        return coded(GraphQLError("The document's selections are too many, or nested too deep."), "DEPTH_LIMIT")
    found = coded(error, "GRAPHQL_VALIDATION_FAILED")
    if not hints:
        found["message"] = without_suggestions(found["message"])
    return found
