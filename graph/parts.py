"""How does an answer that comes in parts come about? In a task of its own: one operation with one deadline and one
ledger, whoever hears its parts, and when."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from graphql import ExecutionResult, OperationDefinitionNode

from datadir import ledger
from graph.answers import Answer, answered, refused
from graph.authn import viewer_of
from graph.execution.documents import Document
from graph.execution.incremental import in_parts
from graph.http.envelope import Envelope
from resolvers.audit import settled
from resolvers.deadline import Deadline

if TYPE_CHECKING:
    from graph.app import Graph

log = structlog.get_logger("studygraph.operations")


async def parts(
    graph: Graph,
    document: Document,
    definition: OperationDefinitionNode,
    envelope: Envelope,
    *,
    authorization: str | None,
    wants_ledger: bool,
) -> AsyncGenerator[Answer, None]:
    """The parts of an answer; one alone is the whole. Never raises. `aclose` ends what is still asked."""
    told: asyncio.Queue[Answer | None] = asyncio.Queue(maxsize=1)
    work = _Work(graph, document, definition, envelope, authorization, wants_ledger, told)
    task = asyncio.create_task(work.done())
    try:
        while (answer := await told.get()) is not None:
            yield answer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Work:
    def __init__(
        self,
        graph: Graph,
        document: Document,
        definition: OperationDefinitionNode,
        envelope: Envelope,
        authorization: str | None,
        wants_ledger: bool,
        told: asyncio.Queue[Answer | None],
    ) -> None:
        self._graph = graph
        self._document = document
        self._definition = definition
        self._envelope = envelope
        self._authorization = authorization
        self._wants_ledger = wants_ledger
        self._told = told
        self._request_id = secrets.token_hex(8)

    async def done(self) -> None:
        started, status, errors, count = perf_counter(), 200, 0, 0
        name = self._definition.name.value if self._definition.name else None
        deadline = Deadline(self._graph.seconds)
        with ledger.kept() as calls:
            try:
                async with aclosing(self._answers(deadline, calls)) as answers:
                    async for answer in answers:
                        status, count = answer.status if not count else status, count + 1
                        errors += len(answer.body.get("errors", ()))
                        await self._told.put(answer)
            except Exception as error:
                answer = refused(error, self._request_id)
                status, errors = answer.status, errors + 1
                await self._told.put(answer)
            except asyncio.CancelledError:
                deadline.call_off()
                raise
            finally:
                deadline.over()
        seconds = perf_counter() - started
        self._graph.telemetry.operation(self._document, name, status, (), seconds, calls)
        log.info(
            "operation",
            request_id=self._request_id,
            name=name,
            hash=self._document.hash[:16],
            status=status,
            parts=count,
            errors=errors,
            ms=round(seconds * 1000, 2),
            store_calls=sum(entry.calls for entry in calls.stores.values()),
        )
        await self._told.put(None)

    async def _answers(self, deadline: Deadline, calls: ledger.Ledger) -> AsyncGenerator[Answer, None]:
        graph, envelope, authorization = self._graph, self._envelope, self._authorization
        admitted = graph.admitted(self._document, self._definition, envelope, authorization)
        asking = viewer_of(graph.services, authorization, reads=True, spends=admitted.spends)
        viewer = await deadline.within(asking)
        context = graph.context(viewer, self._request_id, deadline)
        operation = context.operation
        operation.name = self._definition.name.value if self._definition.name else None
        assert self._document.in_parts is not None
        found = in_parts(graph.offered, self._document.in_parts, context, envelope.variables, envelope.operation_name)
        shown = calls if self._wants_ledger and graph.may_look(viewer.role if viewer else None) else None
        async with aclosing(found) as each:
            async for part in each:
                if operation.reads is not None:
                    await settled(operation)
                answer = answered(part, self._request_id) if isinstance(part, ExecutionResult) else Answer(part)
                extensions: dict[str, Any] = {}
                if "data" in answer.body:
                    extensions["cost"] = admitted.cost(viewer=viewer is not None)
                if not answer.body.get("hasNext", False):
                    extensions |= {"sources": calls.unwell()} if calls.sources else {}
                    extensions |= {"ledger": shown.as_dict()} if shown is not None else {}
                if extensions:
                    answer.body["extensions"] = extensions
                yield answer
