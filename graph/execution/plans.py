"""Which plans are kept? Those of the kept documents: one per operation and setting of its @skip and @include variables.

A plan lives and dies with its document, so the documents' bounds (count, size) bound the plans too: together they hold
no more fields than the document's size allows. Doors are asked at
run time: a plan holds nothing of a viewer and serves every role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import FragmentDefinitionNode, GraphQLSchema

from graph.execution.compiler import OperationPlan, compiled
from graph.execution.documents import Document
from graph.execution.explain import deepest
from graph.execution.selections import Unplannable

MOST_PER_DOCUMENT: Final = 16


@dataclass(slots=True)
class Counts:
    """How plans are found; `fallbacks` to graphql-core by reason."""

    hits: int = 0
    misses: int = 0
    fallbacks: Counter[str] = field(default_factory=Counter)


def _keep(document: Document, key: Any, plan: OperationPlan | str) -> None:
    """Keep a plan, and no more plans of this document than its own size allows: a few lines of fragments can ask for
    thousands of fields."""
    room = document.most_fields - _size(plan)
    if room < 0:
        return
    kept = document.plans
    while kept and (len(kept) >= MOST_PER_DOCUMENT or sum(map(_size, kept.values())) > room):
        kept.pop(next(iter(kept)))
    kept[key] = plan


def _size(plan: OperationPlan | str) -> int:
    return 0 if isinstance(plan, str) else plan.fields


class Plans:
    """Finds and makes plans."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.counts = Counts()

    def plan(self, document: Document, name: str | None, variables: Mapping[str, Any]) -> OperationPlan | None:
        """The plan of this operation under these coerced variables; None where graphql-core has to run it."""
        if name is None:
            # One operation has one plan, whether its name is sent beside it or not.
            name = next(iter(document.operations))
        key: Any = (name, *(variables.get(each) for each in document.switches)) if document.switches else name
        plan = document.plans.get(key)
        if plan is None:
            self.counts.misses += 1
            plan = self._made(document, name, variables)
            _keep(document, key, plan)
        else:
            self.counts.hits += 1
        if isinstance(plan, str):
            self.fallback(plan)
            return None
        return plan

    def fallback(self, reason: str) -> None:
        """Count an operation that graphql-core has to run."""
        self.counts.fallbacks[reason] += 1

    def levels(self, document: Document, name: str | None) -> int:
        """How many levels the kept plan of an operation has, 0 where there is none."""
        kept = list(document.plans.items())
        plans = (plan for key, plan in kept if (key[0] if isinstance(key, tuple) else key) == name)
        return max((deepest(plan) for plan in plans if not isinstance(plan, str)), default=0)

    def _made(self, document: Document, name: str | None, variables: Mapping[str, Any]) -> OperationPlan | str:
        fragments = {
            each.name.value: each for each in document.node.definitions if isinstance(each, FragmentDefinitionNode)
        }
        switches = {each: variables.get(each, False) for each in document.switches}
        try:
            return compiled(self._schema, document.operation(name), fragments, switches)
        except Unplannable as reason:
            return str(reason)
