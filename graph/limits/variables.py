"""How much may stand in variables? 50 of them, 20,000 values in all, 15 levels of lists and objects."""

from __future__ import annotations

from graphql import GraphQLError, OperationDefinitionNode

from graph.limits.bounds import Limits
from graph.limits.measures import Measures
from graph.limits.values import Held


def too_many_variables(measures: Measures, limits: Limits) -> list[GraphQLError]:
    """The operations that declare more."""
    return [
        GraphQLError(f"An operation takes at most {limits.variables} variables.", node)
        for node in measures.operations.values()
        if len(node.variable_definitions or ()) > limits.variables
    ]


def large_variables(operation: OperationDefinitionNode, given: int, held: Held, limits: Limits) -> list[GraphQLError]:
    """What is too large in the variables that were sent: how many of them (`given`), their values, their levels."""
    if given <= limits.variables and held.count <= limits.values and held.depth <= limits.value_depth:
        return []
    sentences = [
        (given > limits.variables, f"An operation takes at most {limits.variables} variables."),
        (held.count > limits.values, f"Variables hold at most {limits.values:,} values."),
        (held.depth > limits.value_depth, f"Variables are nested at most {limits.value_depth} deep."),
    ]
    return [GraphQLError(sentence, operation) for refused, sentence in sentences if refused]
