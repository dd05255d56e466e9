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
        """Wait for all of it. The last is awaited right here, a task less: one alone takes none at all."""
        if len(work) < 2:
            return [await each for each in work]
        *others, here = work
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(each) for each in others]
        try:
            # They begin first: what all of them ask of a store in this turn goes out together.
            await asyncio.sleep(0)
            last = await here
            return [*[await task for task in tasks], last]
        except BaseException:
            here.close()
            for task in tasks:
                task.cancel()
            # Nobody is at work any more when this is over.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
