"""What happens to a request, in which order? The hot path as one list, and the application around it.

bytes -> envelope -> document -> viewer (preamble) -> guard -> execution -> bytes

A subscription goes the same way up to its source; each event then has a viewer and an execution of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final, cast

import structlog
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType, execute
from graphql.execution.values import VariableValues, get_variable_values
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from datadir import ledger
from datadir.minio.embedded import FolderObjects
from graph.authn import claimed_role, needs_account, seconds_left, viewer_of
from graph.context import Context
from graph.errors import RequestError, coded, formatted, of_variable
from graph.execution.compiler import OperationPlan
from graph.execution.documents import Document, DocumentErrors, Documents
from graph.execution.executor import PlannedExecutor
from graph.execution.explain import explained
from graph.execution.plans import Plans
from graph.explorer.served import BUILT, Explorer
from graph.http.endpoint import GraphQLEndpoint
from graph.http.envelope import Envelope
from graph.http.failures import handlers
from graph.http.objects import ObjectDownload
from graph.limits.introspection import introspection
from graph.limits.list_length import long_lists
from graph.limits.page_size import oversized_pages
from graph.limits.text import nul_variables
from graph.schema import graphql_schema
from graph.settings import Settings
from resolvers.downloads import Downloads
from resolvers.errors import Unauthenticated
from resolvers.operation import Operation, Services, Viewer

log = structlog.get_logger("studygraph.operations")


@dataclass(slots=True)
class Answer:
    """What goes back: the response's members, the HTTP status, whether anything was executed."""

    body: dict[str, Any]
    status: int = 200
    executed: bool = True


class Graph:
    """Answers operations with the services of this process."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self.services = services
        self.settings = settings
        self.schema = graphql_schema()
        self.documents = Documents(self.schema)
        self.plans = Plans(self.schema)

    def context(self, viewer: Viewer | None, request_id: str | None = None) -> Context:
        """The `context_value` of one operation: with it `schema().execute` runs on this process's plans too."""
        plans = self.plans if self.settings.execution == "compiled" else None
        return Context(Operation(self.services, viewer), request_id or secrets.token_hex(8), self.documents, plans)

    async def answer(
        self,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool = False,
        explain: str | None = None,
        reads_only: bool = False,
    ) -> Answer:
        """One operation, from envelope to response. `explain` is `1` (the plan beside the answer) or `only` (the plan
        instead of it, without any store call). Never raises."""
        request_id = secrets.token_hex(8)
        started = perf_counter()
        name: str | None = None
        with ledger.kept() as calls:
            try:
                document = self.documents.document(envelope.document)
                definition = document.operation(envelope.operation_name)
                name = definition.name.value if definition.name else None
                _refuse_writes(definition, reads_only)
                if explain == "only" and self._may_look(claimed_role(self.services, authorization)):
                    return self._explained(document, definition, envelope, signed_in=authorization is not None)
                if definition.operation is OperationType.SUBSCRIPTION:
                    raise RequestError("BAD_REQUEST", "A subscription is a stream: this request takes one answer.")
                reads = definition.operation is OperationType.QUERY
                viewer = await viewer_of(self.services, authorization, reads=reads)
                if viewer is None and needs_account(self.schema, document.node, definition):
                    raise Unauthenticated
                variables = self._guarded(document, definition, envelope, viewer.role if viewer else None)
                result = await self._executed(document, envelope, variables, self.context(viewer, request_id))
                answer = _response(result, request_id)
                plan = self.plans.plan(document, name, variables.coerced) if explain == "1" else None
                self._show(answer, viewer, calls if wants_ledger else None, plan)
            except Exception as error:
                answer = _refused(error, request_id)
            if calls.sources:
                answer.body.setdefault("extensions", {})["sources"] = calls.unwell()
        log.info(
            "operation",
            request_id=request_id,
            name=name,
            status=answer.status,
            errors=len(answer.body.get("errors", ())),
            ms=round((perf_counter() - started) * 1000, 2),
            store_calls=sum(entry.calls for entry in calls.stores.values()),
        )
        return answer

    async def stream(
        self,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool = False,
        explain: str | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """The answers to a subscription, one an event; a query or mutation has its one answer. Never raises.

        Session, scope and loaders are each event's own. The end comes when the source ends or fails, when the token or
        the session does (the last answer says so), or by `aclose`, which ends the source. One reader at a time."""
        definition = self._subscription(envelope)
        if definition is None or explain == "only":
            yield await self.answer(envelope, authorization=authorization, wants_ledger=wants_ledger, explain=explain)
            return
        request_id, started, events = secrets.token_hex(8), perf_counter(), 0
        try:
            executor = await self._subscribed(envelope, definition, authorization, request_id)
            async with aclosing(executor.source()) as source:
                while (event := await self._next(source, authorization)) is not _END:
                    events += 1
                    yield await self._event(executor, event, authorization, wants_ledger, explain == "1")
        except GraphQLError as error:
            yield _response(ExecutionResult(None, [error]), request_id)
        except Exception as error:
            yield _refused(error, request_id)
        finally:
            name = definition.name.value if definition.name else None
            ms = round((perf_counter() - started) * 1000, 2)
            log.info("stream", request_id=request_id, name=name, events=events, ms=ms)

    def _subscription(self, envelope: Envelope) -> OperationDefinitionNode | None:
        """The subscription that is asked for; None for anything else, and for what is wrong."""
        try:
            found = self.documents.document(envelope.document).operation(envelope.operation_name)
        except (DocumentErrors, RequestError):
            return None
        return found if found.operation is OperationType.SUBSCRIPTION else None

    async def _subscribed(
        self, envelope: Envelope, definition: OperationDefinitionNode, authorization: str | None, request_id: str
    ) -> PlannedExecutor:
        """The executor of a subscription that its sender may ask. Raises as the way to an answer does."""
        document = self.documents.document(envelope.document)
        viewer = await viewer_of(self.services, authorization, reads=True)
        if viewer is None and needs_account(self.schema, document.node, definition):
            raise Unauthenticated
        self._guarded(document, definition, envelope, viewer.role if viewer else None)
        executor = PlannedExecutor.build(
            self.schema,
            document.node,
            context_value=self.context(viewer, request_id),
            raw_variable_values=envelope.variables,
            operation_name=envelope.operation_name,
        )
        assert isinstance(executor, PlannedExecutor)  # the guard has coerced the variables already
        return executor

    async def _next(self, source: AsyncGenerator[Any, None], authorization: str | None) -> Any:
        """The next event, `_END` after the last. Raises Unauthenticated when the token ends."""
        try:
            async with asyncio.timeout(seconds_left(self.services, authorization)):
                return await anext(source, _END)
        except TimeoutError:
            raise Unauthenticated("This access token has expired.") from None

    async def _event(
        self, executor: PlannedExecutor, event: Any, authorization: str | None, wants_ledger: bool, wants_plan: bool
    ) -> Answer:
        """What is answered to one event. Raises Unauthenticated when the session has ended, as every read does."""
        with ledger.kept() as calls:
            viewer = await viewer_of(self.services, authorization, reads=True)
            of_event = executor.build_per_event_executor(event)
            of_event.context_value = context = self.context(viewer, executor.context_value.request_id)
            answer = _response(await of_event.execute_operation(), context.request_id)
            self._show(answer, viewer, calls if wants_ledger else None, executor.plan if wants_plan else None)
            if calls.sources:
                answer.body.setdefault("extensions", {})["sources"] = calls.unwell()
        return answer

    def _show(
        self, answer: Answer, viewer: Viewer | None, calls: ledger.Ledger | None, plan: OperationPlan | None
    ) -> None:
        """Put ledger and plan beside an answer, where the viewer may look."""
        if self._may_look(viewer.role if viewer else None):
            if calls is not None:
                answer.body.setdefault("extensions", {})["ledger"] = calls.as_dict()
            if plan is not None:
                answer.body.setdefault("extensions", {})["plan"] = explained(plan, viewer=viewer is not None)

    def _may_look(self, role: str | None) -> bool:
        """Whether plan and ledger are shown: to everyone in development, to administrators in production."""
        return not self.settings.production or role == "admin"

    def _explained(
        self, document: Document, definition: OperationDefinitionNode, envelope: Envelope, *, signed_in: bool
    ) -> Answer:
        """The plan in place of an answer."""
        variables = self._guarded(document, definition, envelope, "admin")
        plan = self.plans.plan(document, definition.name.value if definition.name else None, variables.coerced)
        if plan is None:
            raise RequestError("BAD_REQUEST", "This operation runs without a plan: introspection does.")
        return Answer({"extensions": {"plan": explained(plan, viewer=signed_in)}})

    def _guarded(
        self, document: Document, definition: OperationDefinitionNode, envelope: Envelope, role: str | None
    ) -> VariableValues:
        """The coerced variables of an operation that no limit refuses. Raises DocumentErrors."""
        demands = document.demands[definition.name.value if definition.name else None]
        if self.settings.production and role != "admin" and (looks := introspection(demands)):
            raise DocumentErrors([coded(each, "INTROSPECTION_DISABLED") for each in looks])
        values = get_variable_values(
            self.schema, definition.variable_definitions or (), envelope.variables, max_errors=20
        )
        if isinstance(values, list):
            raise DocumentErrors([of_variable(each) for each in values])
        if nul := nul_variables(definition, envelope.variables):
            raise DocumentErrors([coded(each, "BAD_USER_INPUT") for each in nul])
        if pages := oversized_pages(demands, values.coerced):
            raise DocumentErrors([coded(each, "PAGE_SIZE") for each in pages])
        if lists := long_lists(demands, values.coerced):
            raise DocumentErrors([coded(each, "LIST_TOO_LONG") for each in lists])
        return values

    async def _executed(
        self, document: Document, envelope: Envelope, variables: VariableValues, context: Context
    ) -> ExecutionResult:
        """On a plan; by graphql-core where the setting or the compiler says so."""
        name = envelope.operation_name
        if self.settings.execution == "compiled":
            plan = self.plans.plan(document, name, variables.coerced)
            if plan is not None:
                return await plan.execute(context.operation, variables)
        result: Any = execute(
            self.schema, document.node, context_value=context, variable_values=envelope.variables, operation_name=name
        )
        return result if isinstance(result, ExecutionResult) else cast("ExecutionResult", await result)


# No event: the source has ended.
_END: Final = object()
_STATUSES: Final = {"UNAUTHENTICATED": 401, "DEPTH_LIMIT": 400, "STORE_UNAVAILABLE": 503}


def _refuse_writes(definition: OperationDefinitionNode, reads_only: bool) -> None:
    if reads_only and definition.operation is not OperationType.QUERY:
        raise RequestError(
            "METHOD_NOT_ALLOWED", "GET answers queries alone: send this by POST.", 405, {"allow": "POST"}
        )


def _response(result: ExecutionResult, request_id: str) -> Answer:
    body: dict[str, Any] = {}
    errors: Sequence[GraphQLError] = result.errors or ()
    if errors:
        body["errors"] = formatted(errors, request_id)
    executed = result.data is not None or any(error.path for error in errors)
    if executed or not errors:
        body["data"] = result.data
    return Answer(body, 200 if executed or not errors else 400, executed=executed)


def _refused(error: Exception, request_id: str) -> Answer:
    """A failure before execution: the document's, the envelope's or the preamble's."""
    if isinstance(error, DocumentErrors):
        return Answer({"errors": error.errors}, 400, executed=False)
    if isinstance(error, RequestError):
        return Answer({"errors": [error.formatted()]}, error.status, executed=False)
    errors = formatted([GraphQLError(str(error), original_error=error)], request_id)
    status = _STATUSES.get(errors[0]["extensions"]["code"], 500)
    return Answer({"errors": errors}, status, executed=False)


class Application(Starlette):
    """Starlette for everything but /graphql, which goes straight to its endpoint: routing and middleware of a general
    framework cost as much there as a small operation."""

    graphql: GraphQLEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def application(
    settings: Settings, services: AbstractAsyncContextManager[Services], *, built: Path = BUILT
) -> Application:
    """The whole ASGI application; its lifespan opens `services` and closes them. `built` is the full explorer's folder,
    which need not be there."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services as opened:
            endpoint.answer = Graph(opened, settings).answer
            if isinstance(opened.stores.objects, FolderObjects):
                downloads.source = Downloads(opened.stores.objects)
            yield

    explorer = Explorer(settings, built)
    endpoint = GraphQLEndpoint(page=explorer.page)
    downloads = ObjectDownload()
    app = Application(
        routes=[
            Route("/", _front),
            Route("/objects/{token}", downloads),
            *explorer.routes(),
        ],
        exception_handlers=handlers(),
        lifespan=lifespan,
    )
    app.graphql = endpoint
    return app


async def _front(request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")
