"""What does one running operation carry through its plan? Its operation, its variables, its event, its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.execution.values import VariableValues

from resolvers.operation import Operation


class Run:
    """One execution of a plan. `event` is what a subscription's source said."""

    __slots__ = ("errors", "event", "operation", "variables")

    def __init__(self, operation: Operation, variables: VariableValues, event: Any = None) -> None:
        self.operation = operation
        self.variables = variables
        self.event = event
        self.errors: list[GraphQLError] = []

    async def together(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Wait for all of it; one alone is awaited as it is, without a task."""
        if len(work) == 1:
            return [await work[0]]
        return list(await asyncio.gather(*work))
