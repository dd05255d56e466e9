"""How does an answer come in parts? `@defer` and `@stream` in the form of graphql-js 17, executed by graphql-core;
whoever takes one body has the same operation without them, on its plan."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLSchema,
    GraphQLStreamDirective,
    InitialIncrementalExecutionResult,
    OperationType,
    SubsequentIncrementalExecutionResult,
    Visitor,
    experimental_execute_incrementally,
    visit,
)
from graphql.language.visitor import REMOVE, VisitorActionEnum

from graph.context import Context
from graph.errors import formatted
from graph.execution.by_graphql_core import watching

DIRECTIVES: Final = (GraphQLDeferDirective, GraphQLStreamDirective)
_NAMES: Final = frozenset(each.name for each in DIRECTIVES)


class _Undeferring(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> VisitorActionEnum | None:
        return REMOVE if node.name.value in _NAMES else None


def undeferred(node: DocumentNode) -> DocumentNode:
    """The document without its wish to come in parts; the very same where it has none."""
    found: DocumentNode = visit(node, _Undeferring())
    return found


async def in_parts(
    schema: GraphQLSchema,
    document: DocumentNode,
    context: Context,
    variables: dict[str, Any],
    operation_name: str | None,
) -> AsyncGenerator[ExecutionResult | dict[str, Any], None]:
    """The parts of an answer as the response holds them; one ExecutionResult where there is but one."""
    running: Any = experimental_execute_incrementally(
        schema,
        document,
        context_value=context,
        variable_values=variables,
        operation_name=operation_name,
        hide_suggestions=True,
        middleware=watching(context.operation, OperationType.QUERY),
    )
    result: Any = await running if isawaitable(running) else running
    if isinstance(result, ExecutionResult):
        yield result
        return
    async with aclosing(result.subsequent_results) as more:
        yield _first(result.initial_result, context.request_id)
        async for each in more:
            yield _further(each, context.request_id)


def _first(result: InitialIncrementalExecutionResult, request_id: str) -> dict[str, Any]:
    pending = [each.formatted for each in result.pending]
    return {**_errors(result.errors, request_id), "data": result.data, "pending": pending, "hasNext": result.has_next}


def _further(result: SubsequentIncrementalExecutionResult, request_id: str) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if result.pending:
        part["pending"] = [each.formatted for each in result.pending]
    for name in ("incremental", "completed"):
        told = [{**each.formatted, **_errors(each.errors, request_id)} for each in getattr(result, name, None) or ()]
        if told:
            part[name] = told
    return {**part, "hasNext": result.has_next}


def _errors(errors: Sequence[GraphQLError] | None, request_id: str) -> dict[str, Any]:
    return {"errors": formatted(errors, request_id)} if errors else {}
