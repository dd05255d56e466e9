"""How is one failure put in one place? By hand, for the tests that show a single difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult

from graph.schema import graphql_schema
from tests.corpus.comparison import Both, Executions
from tests.corpus.generator import Case

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Placed:
    """By "Type.field": what becomes of each value of an edge, of a root field's value, of what a leaf reads; and which
    doors break, for the records of which the predicate holds."""

    values: Mapping[str, Change] = field(default_factory=dict)
    doors: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    rate: float = 1.0

    def opens(self) -> bool:
        """The viewer's scope can be read."""
        return True

    async def batch(
        self, name: str, real: Any, operation: Any, parents: Sequence[Any], request: tuple[Any, ...]
    ) -> Any:
        """A batch function's answer."""
        change = self.values.get(name, _same)
        return [change(value) for value in await real(operation, parents, *request)]

    async def root(self, name: str, real: Any, operation: Any, arguments: dict[str, Any]) -> Any:
        """A root field's answer."""
        return self.values.get(name, _same)(await real(operation, **arguments))

    def read(self, name: str, real: Callable[[Any], Any], record: Any) -> Any:
        """What a leaf reads."""
        return self.values.get(name, _same)(real(record))

    def leaf_door(self, name: str, real: Any, scope: Any, records: Sequence[Any]) -> Any:
        """A leaf's or an edge's door."""
        if any(map(self.doors.get(name, _never), records)):
            raise RuntimeError("the door broke")
        return real(scope, records)

    edge_door = leaf_door


def _same(value: Any) -> Any:
    return value


def _never(record: Any) -> bool:
    return False


async def answered(
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    viewer: str = "teacher",
    values: Mapping[str, Change] | None = None,
    doors: Mapping[str, Callable[[Any], bool]] | None = None,
    on_plan: bool = True,
) -> ExecutionResult:
    """What both executions answer. Raises Difference where they do not agree, AssertionError where the operation ran
    otherwise than on a plan."""
    both = await ran(document, variables, viewer=viewer, values=values, doors=doors)
    assert (both.compiled is not None) is on_plan
    return both.core


async def ran(
    document: str,
    variables: Mapping[str, Any] | None = None,
    *,
    viewer: str = "teacher",
    values: Mapping[str, Change] | None = None,
    doors: Mapping[str, Callable[[Any], bool]] | None = None,
) -> Both:
    """Both answers. Raises Difference where they do not agree."""
    executions = Executions(graphql_schema())
    placed: Any = Placed(values or {}, doors or {})
    case = Case(0, document, dict(variables or {}), None, viewer, placed)
    known = executions.documents.document(document)
    coerced = executions.variables(case, known)
    assert coerced is not None
    both = await executions.both(case, known, coerced)
    if both.compiled is not None:
        await executions.compare(case, known, both)
    return both


def told(result: ExecutionResult) -> list[tuple[str, list[str | int]]]:
    """The messages and paths of the errors, by path."""
    errors = [(each.message, list(each.path or ())) for each in result.errors or ()]
    return sorted(errors, key=lambda error: repr(error[1]))
