"""In which order is an operation judged? First what the document alone says, then what its variables say.

A document is judged by the loosest limits when it is taken into the cache, before it is validated; by those of a role
once for each role that sends it (`Judged`). At a request only its variables are left to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError, OperationDefinitionNode

from graph.errors import coded
from graph.limits.aliases import too_many_aliases
from graph.limits.bounds import Limits
from graph.limits.demands import Demands
from graph.limits.depth import too_deep
from graph.limits.directives import too_many_directives
from graph.limits.fragment_cycle import fragment_cycle
from graph.limits.introspection import introspection
from graph.limits.list_length import long_literals, long_variables
from graph.limits.measures import Measures
from graph.limits.merges import too_many_merges
from graph.limits.operations import too_many_operations
from graph.limits.root_fields import too_many_root_fields
from graph.limits.selections import too_many_selections
from graph.limits.text import nul_variables
from graph.limits.tokens import too_many_tokens
from graph.limits.values import held
from graph.limits.variables import large_variables, too_many_variables

Rule = Callable[[Measures, Limits], list[GraphQLError]]
Shapes = list[dict[str, Any]]
"""Errors as the response's `errors` holds them."""

# `merges` unfolds fragments: only after `fragment_cycle` and `selections`.
RULES: Final[tuple[tuple[Rule, str], ...]] = (
    (too_many_tokens, "TOKEN_LIMIT"),
    (too_many_operations, "OPERATION_RESOLUTION_FAILURE"),
    (fragment_cycle, "FRAGMENT_CYCLE"),
    (too_many_directives, "TOO_MANY_DIRECTIVES"),
    (too_many_variables, "VARIABLE_LIMIT"),
    (too_deep, "DEPTH_LIMIT"),
    (too_many_aliases, "ALIAS_LIMIT"),
    (too_many_root_fields, "ROOT_FIELD_LIMIT"),
    (too_many_selections, "TOO_MANY_SELECTIONS"),
    (too_many_merges, "TOO_MANY_SELECTIONS"),
    (long_literals, "LIST_TOO_LONG"),
)


def refused(measures: Measures, limits: Limits) -> Shapes:
    """What the first rule that refuses a document says of it; empty where none does."""
    for rule, code in RULES:
        if found := rule(measures, limits):
            return [coded(each, code) for each in found[: limits.errors]]
    return []


@dataclass(slots=True)
class Judged:
    """What each role was told of a document."""

    measures: Measures
    verdicts: dict[str, Shapes] = field(default_factory=dict)

    def refused(self, role: str, limits: Limits) -> Shapes:
        """What refuses this document to that role."""
        verdict = self.verdicts.get(role)
        if verdict is None:
            verdict = self.verdicts[role] = refused(self.measures, limits)
        return verdict

    def refused_values(self, operation: OperationDefinitionNode, variables: dict[str, Any], limits: Limits) -> Shapes:
        """What refuses these variables, as they were sent."""
        if not variables:
            return []
        found = held(variables)
        if large := large_variables(operation, len(variables), found, limits):
            return [coded(each, "VARIABLE_LIMIT") for each in large]
        if found.lists and (long := long_variables(operation, found, self.measures.uses, limits)):
            return [coded(each, "LIST_TOO_LONG") for each in long[: limits.errors]]
        if found.nul and (nul := nul_variables(operation, found)):
            return [coded(each, "BAD_USER_INPUT") for each in nul[: limits.errors]]
        return []


def hidden(demands: Demands, role: str, *, production: bool) -> Shapes:
    """What refuses an operation's look at the schema."""
    if not demands.looks or not production or role == "admin":
        return []
    return [coded(each, "INTROSPECTION_DISABLED") for each in introspection(demands)]
