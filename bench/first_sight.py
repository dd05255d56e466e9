"""What does a document cost when it is seen for the first time? Parsed, validated, compiled, in ms of this process."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, Final

from graphql import parse, validate

from bench.variants import Operation
from graph.execution.documents import Documents
from graph.execution.plans import Plans
from graph.limits.bounds import AMPLE
from graph.schema import graphql_schema

TIMES: Final = 15


def first_sight(operation: Operation) -> dict[str, float]:
    """Medians by step."""
    schema = graphql_schema()
    node = parse(operation.query, max_tokens=AMPLE.tokens)

    def compiled() -> Callable[[], Any]:
        document = Documents(schema).document(operation.query)
        return lambda: Plans(schema).plan(document, None, operation.variables)

    return {
        "parse": _median(lambda: lambda: parse(operation.query, max_tokens=AMPLE.tokens)),
        "validate": _median(lambda: lambda: validate(schema, node, max_errors=AMPLE.errors)),
        "compile": _median(compiled),
    }


def _median(prepared: Callable[[], Callable[[], Any]]) -> float:
    found = []
    for _ in range(TIMES):
        work = prepared()
        started = perf_counter()
        work()
        found.append((perf_counter() - started) * 1000)
    return median(found)
