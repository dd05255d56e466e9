"""How is a subscription answered? Its source is graphql-core's; each event has a session, a scope and loaders of its
own, and runs on the one plan of the stream."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode

from datadir import ledger
from graph.answers import Answer, answered, refused
from graph.authn import listener_of, seconds_left, viewer_of
from graph.execution.admitting import Admitted
from graph.execution.documents import Document
from graph.execution.executor import PlannedExecutor
from graph.http.envelope import Envelope
from resolvers.deadline import Deadline
from resolvers.errors import Unauthenticated

if TYPE_CHECKING:
    from graph.app import Graph

log = structlog.get_logger("studygraph.operations")

# No event: the source has ended.
_END: Final = object()


class Followed:
    """One subscription of one client."""

    def __init__(
        self,
        graph: Graph,
        document: Document,
        definition: OperationDefinitionNode,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool,
        wants_plan: bool,
    ) -> None:
        self._graph = graph
        self._document = document
        self._definition = definition
        self._envelope = envelope
        self._authorization = authorization
        self._wants_ledger = wants_ledger
        self._wants_plan = wants_plan
        self._request_id = secrets.token_hex(8)

    async def answers(self, after: str | None) -> AsyncGenerator[Answer, None]:
        """The answers, one an event, from the cursor `after` on where there is one. Never raises."""
        started, events = perf_counter(), 0
        try:
            executor, admitted = await self._begun()
            executor.context_value.after = after
            async with aclosing(executor.source()) as source:
                while (event := await self._next(source)) is not _END:
                    events += 1
                    answer = await self._answer(executor, event)
                    cost = admitted.cost(viewer=self._authorization is not None)
                    answer.body.setdefault("extensions", {})["cost"] = cost
                    yield answer
        except GraphQLError as error:
            yield answered(ExecutionResult(None, [error]), self._request_id)
        except Exception as error:
            yield refused(error, self._request_id)
        finally:
            name = self._definition.name.value if self._definition.name else None
            ms = round((perf_counter() - started) * 1000, 2)
            log.info("stream", request_id=self._request_id, name=name, events=events, ms=ms)

    async def _begun(self) -> tuple[PlannedExecutor, Admitted]:
        """The executor of a subscription that its sender may ask, and what it was admitted at: the cost of one event,
        which is charged once. Raises as the way to an answer does."""
        graph, envelope = self._graph, self._envelope
        admitted = graph.admitted(self._document, self._definition, envelope, self._authorization)
        with self._timed() as deadline:
            asking = viewer_of(graph.services, self._authorization, reads=True, spends=admitted.spends)
            viewer = await deadline.within(asking)
        executor = PlannedExecutor.build(
            graph.schema,
            self._document.node,
            context_value=graph.context(viewer, self._request_id),
            raw_variable_values=envelope.variables,
            operation_name=envelope.operation_name,
        )
        assert isinstance(executor, PlannedExecutor)  # the guard has coerced the variables already
        return executor, admitted

    async def _next(self, source: AsyncGenerator[Any, None]) -> Any:
        """The next event, `_END` after the last. Raises Unauthenticated when the token ends."""
        try:
            async with asyncio.timeout(seconds_left(self._graph.services, self._authorization)):
                return await anext(source, _END)
        except TimeoutError:
            raise Unauthenticated("This access token has expired.") from None

    async def _answer(self, executor: PlannedExecutor, event: Any) -> Answer:
        """What is answered to one event. Raises Unauthenticated when the session has ended, as every read does."""
        graph = self._graph
        with ledger.kept() as calls, self._timed() as deadline:
            viewer = await deadline.within(listener_of(graph.services, self._authorization))
            of_event = executor.build_per_event_executor(event)
            of_event.context_value = context = graph.context(viewer, self._request_id, deadline)
            answer = answered(await of_event.execute_operation(), context.request_id)
            plan = executor.plan if self._wants_plan else None
            graph.show(answer, viewer, calls if self._wants_ledger else None, plan)
            if calls.sources:
                answer.body.setdefault("extensions", {})["sources"] = calls.unwell()
        answer.cursor = getattr(event, "cursor", None)
        return answer

    @contextmanager
    def _timed(self) -> Iterator[Deadline]:
        """The time that one event has. Whoever stops listening meanwhile stops what is asked for them."""
        deadline = Deadline(self._graph.seconds)
        try:
            yield deadline
        except asyncio.CancelledError:
            deadline.call_off()
            raise
        finally:
            deadline.over()
