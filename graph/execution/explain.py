"""What will this operation ask of the stores? Read off its plan, before and without asking any.

The prediction is an upper bound for each document path and edge, and exact where no level is empty: store calls are a
function of the document, never of the data. Of a subscription it is what one event asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from graph.execution.compiler import OperationPlan
from graph.execution.completion import AbstractCompleter, Completer, ListCompleter, ObjectCompleter
from graph.execution.edge import Calls, Edge, Root, Spec, Stream
from graph.execution.keyed import Keyed
from graph.execution.plan import FieldPlan, ObjectPlan
from graph.types.node import Node

# The session with the mark of presence; the classrooms of the viewer, where no statement of a root field takes the
# question for them along.
PREAMBLE: Calls = {"redis": 1}
SCOPE: Calls = {"postgresql": 1}


class Step(NamedTuple):
    """One edge of the plan: its document path, the level it runs on, its predicted store calls."""

    path: str
    level: int
    calls: Calls


def explained(plan: OperationPlan, *, viewer: bool, keys: Keyed | None = None) -> dict[str, Any]:
    """The shape of `extensions.plan`: levels of edges with their stores, and the predicted calls by store. `keys` are
    those under which its fields ask: done for the first time, that is a look, a row for each, and their answers."""
    steps = list(_steps(plan.root, "", 1, None))
    calls: Counter[str] = Counter()
    for step in steps:
        calls.update(step.calls)
    if viewer:
        calls.update(PREAMBLE)
        if asks_for_scope((field.spec, _own_calls(field, None)) for field in plan.root.fields.values()):
            calls.update(SCOPE)
        if keys is not None:
            calls.update({"postgresql": len(keys.fields) + 2})
    levels: dict[int, list[dict[str, Any]]] = {}
    for step in steps:
        levels.setdefault(step.level, []).append({"path": step.path, "calls": dict(step.calls)})
    return {
        "levels": [{"level": level, "edges": edges} for level, edges in sorted(levels.items())],
        "calls": dict(sorted(calls.items())),
        "total": sum(calls.values()),
    }


def deepest(plan: OperationPlan) -> int:
    """How many levels a plan has."""
    return max((step.level for step in _steps(plan.root, "", 1, None)), default=0)


def asks_for_scope(roots: Iterable[tuple[Spec | None, Calls]]) -> bool:
    """Whether the viewer's scope is a call of its own: root fields read with it, all but those that ask no store, and
    none of them has a statement that takes the question along. Of a stream's event nothing has."""
    asked = False
    for spec, calls in roots:
        if isinstance(spec, Stream):
            return spec.reads
        if "postgresql" in calls:
            return False
        asked = asked or bool(calls)
    return asked


def _steps(plan: ObjectPlan, above: str, level: int, edge: FieldPlan | None) -> Iterator[Step]:
    for key, field in plan.fields.items():
        path = f"{above}.{key}" if above else key
        waits = isinstance(field.spec, (Edge, Root, Stream))
        if waits:
            yield Step(path, level, _own_calls(field, edge))
        for below in _plans(field.completer):
            yield from _steps(below, path, level + 1 if waits else level, field if waits else edge)


def _own_calls(field: FieldPlan, edge: FieldPlan | None) -> Calls:
    abstract = isinstance(_innermost(field.completer), AbstractCompleter)
    return calls_of(
        field.spec, field.name, field.parent.name, edge.spec if edge is not None else None, abstract=abstract
    )


def calls_of(spec: Spec, name: str, parent: str, above: Spec | None, *, abstract: bool) -> Calls:
    """The store calls of one field for a whole level. `parent` is the type it stands on, `above` the edge it is below;
    `abstract` whether it answers an interface."""
    if not isinstance(spec, (Edge, Root, Stream)):
        return {}
    if isinstance(above, Edge) and above.includes == name:
        # What the edge above brings along is not asked again.
        return {}
    if parent == "TranscriptSegmentConnection":
        # A transcript's segments are counted where they are sliced.
        return {}
    if isinstance(spec, Root) and abstract:
        return _each_type()
    return spec.calls


def _each_type() -> Calls:
    """A field that takes any id reads each concrete type once."""
    calls: Counter[str] = Counter()
    for kind in Node.__subclasses__():
        calls[kind.store] += 1
    return dict(calls)


def _innermost(completer: Completer) -> Completer:
    while isinstance(completer, ListCompleter):
        completer = completer.inner
    return completer


def _plans(completer: Completer) -> list[ObjectPlan]:
    inner = _innermost(completer)
    if isinstance(inner, ObjectCompleter):
        return [inner.plan]
    if isinstance(inner, AbstractCompleter):
        return [member.plan for _, member in inner.members]
    return []
