"""What happens to a request, in which order? The hot path as one list, and the application around it.

bytes -> envelope -> document -> viewer (preamble) -> guard -> execution -> bytes

A subscription goes the same way up to its source; each event then has a viewer and an execution of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import structlog
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    experimental_execute_incrementally,
)
from graphql.execution.values import VariableValues
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from datadir import ledger
from datadir.minio.embedded import FolderObjects
from graph.answers import UNHEARD, Answer, answered, refused
from graph.authn import claimed_role, needs_account, seconds_left, viewer_of
from graph.context import Context
from graph.errors import RequestError
from graph.execution.admitting import Admitted, Gate
from graph.execution.by_graphql_core import watching
from graph.execution.compiler import OperationPlan
from graph.execution.documents import Document, Documents
from graph.execution.explain import explained
from graph.execution.keyed import Keyed, keyed
from graph.execution.plans import Plans
from graph.explorer.served import BUILT, Explorer
from graph.http.admission import Admission
from graph.http.application import Application
from graph.http.endpoint import GraphQLEndpoint
from graph.http.envelope import Envelope
from graph.http.failures import handlers
from graph.http.health import Health
from graph.http.key_set import KeySet
from graph.http.listeners import Listeners
from graph.http.objects import ObjectDownload
from graph.http.operations import Kind
from graph.http.origins import Origins
from graph.http.peers import Peers
from graph.http.sockets import Sockets, Terms
from graph.idempotency import answered_once
from graph.limits.bounds import by_role, loosest
from graph.manifests import known
from graph.parts import parts
from graph.persisted import Persisted
from graph.schema import graphql_schema, offered_schema
from graph.settings import Settings
from graph.subscriptions import Followed
from graph.telemetry import Telemetry
from loaders.sessions import roles
from resolvers.audit import settled
from resolvers.deadline import Deadline, Gone
from resolvers.downloads import Downloads
from resolvers.errors import Unauthenticated
from resolvers.operation import Operation, Services, Viewer
from resolvers.viewer_watch import ViewerWatch

log = structlog.get_logger("studygraph.operations")


class Graph:
    """Answers operations with the services of this process."""

    def __init__(self, services: Services, settings: Settings, schema: GraphQLSchema | None = None) -> None:
        """Answers by the program's own schema, where no other is given."""
        self.services = services
        self.settings = settings
        self.seconds = settings.operation_deadline_ms / 1000
        self.schema = schema or graphql_schema()
        self.offered = schema or offered_schema()
        limits = by_role(settings)
        self.documents = Documents(self.offered, loosest(limits), hints=not settings.production)
        self.gate = Gate(self.schema, limits, production=settings.production)
        self.plans = Plans(self.schema)
        only_known = settings.documents == "known"
        self.persisted = Persisted(services.stores, self.documents, known(settings.manifests), only_known=only_known)
        self.telemetry = Telemetry(services.stores, self.documents, self.plans)
        # Bound once: an unbound one is bound anew by each line, a fifth of what a line costs.
        self._log = log.bind()

    def context(
        self, viewer: Viewer | None, request_id: str | None = None, deadline: Deadline | None = None
    ) -> Context:
        """The `context_value` of one operation: with it `schema().execute` runs on this process's plans too."""
        plans = self.plans if self.settings.execution == "compiled" else None
        operation = Operation(self.services, viewer, deadline)
        operation.request_id = request_id = request_id or secrets.token_hex(8)
        return Context(operation, request_id, self.documents, plans)

    async def answer(
        self,
        envelope: Envelope,
        *,
        authorization: str | None,
        wants_ledger: bool = False,
        explain: str | None = None,
        reads_only: bool = False,
        user_agent: str | None = None,
        peer: str | None = None,
        gone: Gone | None = None,
    ) -> Answer:
        """One operation, from envelope to response. `explain` is `1` (the plan beside the answer) or `only` (the plan
        instead of it, without any store call). `gone` returns once nobody waits for the answer: a query that is slow
        is then given up, a mutation runs to its end whoever listens. Never raises."""
        request_id = secrets.token_hex(8)
        started = perf_counter()
        name = role = document = None
        deadline = Deadline(self.seconds)
        with ledger.kept() as calls:
            try:
                document = await self.persisted.document(envelope)
                definition = document.operation(envelope.operation_name)
                name = definition.name.value if definition.name else None
                _refuse_writes(definition, reads_only)
                if explain == "only" and self.may_look(claimed_role(self.services, authorization)):
                    return self._explained(document, definition, envelope, authorization)
                if definition.operation is OperationType.SUBSCRIPTION:
                    raise RequestError("BAD_REQUEST", "A subscription is a stream: this request takes one answer.")
                admitted = self.admitted(document, definition, envelope, authorization)
                variables, reads = admitted.variables, definition.operation is OperationType.QUERY
                if gone is not None and reads:
                    deadline.heard_by(gone)
                asking = viewer_of(self.services, authorization, reads=reads, spends=admitted.spends)
                viewer = await deadline.within(asking)
                role = viewer.role if viewer else None
                context = self.context(viewer, request_id, deadline)
                context.operation.user_agent, context.operation.name = user_agent, name
                context.operation.peer = peer
                keys = None if reads or viewer is None else keyed(self.schema, document, definition, variables)
                try:
                    if keys is not None:
                        run = partial(self._executed, envelope=envelope, variables=variables, context=context)
                        answer = await answered_once(keys, document, context.operation, run)
                    else:
                        result = await self._executed(document, envelope, variables, context)
                        if context.operation.reads is not None or context.operation.audited:
                            await settled(context.operation)
                        answer = answered(result, request_id)
                finally:
                    context.operation.over()
                answer.body.setdefault("extensions", {})["cost"] = admitted.cost(viewer=viewer is not None)
                plan = self.plans.plan(document, name, variables.coerced) if explain == "1" else None
                self.show(answer, viewer, calls if wants_ledger else None, plan, keys)
            except Exception as error:
                answer = refused(error, request_id)
            except asyncio.CancelledError:
                deadline.call_off()
                if not deadline.given_up():
                    raise
                answer = Answer({}, UNHEARD, executed=False)
            finally:
                deadline.over()
            if calls.sources:
                answer.body.setdefault("extensions", {})["sources"] = calls.unwell()
        seconds, errors = perf_counter() - started, answer.body.get("errors", ())
        self.telemetry.operation(document, name, answer.status, errors, seconds, calls)
        self._log.info(
            "operation",
            request_id=request_id,
            name=name,
            hash=document.hash[:16] if document else None,
            role=role,
            status=answer.status,
            errors=len(errors),
            ms=round(seconds * 1000, 2),
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
        reads_only: bool = False,
        user_agent: str | None = None,
        peer: str | None = None,
        after: str | None = None,
        in_parts: bool = False,
    ) -> AsyncGenerator[Answer, None]:
        """The answers to a subscription, one an event; a query or mutation has its one answer. Never raises.

        Session, scope and loaders are each event's own. The end comes when the source ends or fails, when the token or
        the session does (the last answer says so), or by `aclose`, which ends the source. One reader at a time.
        `after` is the cursor from which it goes on, whatever the document says. `in_parts`: whoever asks takes a query
        that defers or streams part by part."""
        document, definition = await self._found(envelope)
        if in_parts and document is not None and definition is not None and _comes_in_parts(document, definition):
            answers = parts(
                self, document, definition, envelope, authorization=authorization, wants_ledger=wants_ledger
            )
            async with aclosing(answers):
                async for each in answers:
                    yield each
            return
        if document is None or definition is None or explain == "only" or not _subscribes(definition):
            yield await self.answer(
                envelope,
                authorization=authorization,
                wants_ledger=wants_ledger,
                explain=explain,
                reads_only=reads_only,
                user_agent=user_agent,
                peer=peer,
            )
            return
        followed = Followed(
            self,
            document,
            definition,
            envelope,
            authorization=authorization,
            wants_ledger=wants_ledger,
            wants_plan=explain == "1",
        )
        async with aclosing(followed.answers(after)) as answers:
            async for each in answers:
                yield each

    async def kind(self, envelope: Envelope) -> Kind:
        """What an operation is; a query where that cannot be said, since it will be refused in words."""
        document, definition = await self._found(envelope)
        if document is None or definition is None:
            return "query"
        return "incremental" if _comes_in_parts(document, definition) else definition.operation.value

    async def viewer(self, authorization: str | None) -> Viewer | None:
        """Whose session it is, None without a token. Raises Unauthenticated, StoreUnavailable."""
        return await viewer_of(self.services, authorization, reads=True)

    def seconds_left(self, authorization: str | None) -> float | None:
        """For how long a token is still taken, None without one. Raises Unauthenticated."""
        return seconds_left(self.services, authorization)

    async def _found(self, envelope: Envelope) -> tuple[Document | None, OperationDefinitionNode | None]:
        """What is asked for; nothing where that is wrong, or cannot be looked up: the way to an answer says how."""
        try:
            document = await self.persisted.document(envelope)
            return document, document.operation(envelope.operation_name)
        except Exception:
            return None, None

    def show(
        self,
        answer: Answer,
        viewer: Viewer | None,
        calls: ledger.Ledger | None,
        plan: OperationPlan | None,
        keys: Keyed | None = None,
    ) -> None:
        """Put ledger and plan beside an answer, where the viewer may look."""
        if self.may_look(viewer.role if viewer else None):
            if calls is not None:
                answer.body.setdefault("extensions", {})["ledger"] = calls.as_dict()
            if plan is not None:
                answer.body.setdefault("extensions", {})["plan"] = explained(plan, viewer=viewer is not None, keys=keys)

    def may_look(self, role: str | None) -> bool:
        """Whether plan and ledger are shown: to everyone in development, to administrators in production."""
        return not self.settings.production or role == "admin"

    def _explained(
        self, document: Document, definition: OperationDefinitionNode, envelope: Envelope, authorization: str | None
    ) -> Answer:
        """The plan in place of an answer."""
        role = claimed_role(self.services, authorization)
        admitted = self.gate.admitted(document, definition, envelope.variables, role)
        name = definition.name.value if definition.name else None
        plan = self.plans.plan(document, name, admitted.variables.coerced)
        if plan is None:
            raise RequestError("BAD_REQUEST", "This operation runs without a plan: introspection does.")
        cost = admitted.cost(viewer=role is not None)
        keys = keyed(self.schema, document, definition, admitted.variables)
        return Answer({"extensions": {"cost": cost, "plan": explained(plan, viewer=role is not None, keys=keys)}})

    def admitted(
        self, document: Document, definition: OperationDefinitionNode, envelope: Envelope, authorization: str | None
    ) -> Admitted:
        """The operation, if no limit refuses it to who sent it. The role is the verified token's: nothing has been
        asked of any store yet. Raises Unauthenticated, DocumentErrors."""
        role = claimed_role(self.services, authorization)
        if role is None and needs_account(self.schema, document.node, definition):
            raise Unauthenticated
        return self.gate.admitted(document, definition, envelope.variables, role)

    async def _executed(
        self, document: Document, envelope: Envelope, variables: VariableValues, context: Context
    ) -> ExecutionResult:
        """On a plan; by graphql-core where the setting or the compiler says so."""
        name = envelope.operation_name
        if self.settings.execution == "compiled":
            plan = self.plans.plan(document, name, variables.coerced)
            if plan is not None:
                return await plan.execute(context.operation, variables)
        # `execute` itself refuses a schema with @defer. The document has none any more: there is one result.
        result: Any = experimental_execute_incrementally(
            self.offered,
            document.node,
            context_value=context,
            variable_values=envelope.variables,
            operation_name=name,
            hide_suggestions=True,
            middleware=watching(context.operation, document.operation(name).operation),
        )
        return result if isinstance(result, ExecutionResult) else cast("ExecutionResult", await result)


def _comes_in_parts(document: Document, definition: OperationDefinitionNode) -> bool:
    return document.in_parts is not None and definition.operation is OperationType.QUERY


def _subscribes(definition: OperationDefinitionNode) -> bool:
    return definition.operation is OperationType.SUBSCRIPTION


def _refuse_writes(definition: OperationDefinitionNode, reads_only: bool) -> None:
    if reads_only and definition.operation is not OperationType.QUERY:
        raise RequestError(
            "METHOD_NOT_ALLOWED", "GET answers queries alone: send this by POST.", 405, {"allow": "POST"}
        )


def application(
    settings: Settings, services: AbstractAsyncContextManager[Services], *, built: Path = BUILT
) -> Application:
    """The whole ASGI application; its lifespan opens `services` and closes them. `built` is the full explorer's folder,
    which need not be there."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with services as opened:
            graph = Graph(opened, settings)
            key_set.tokens = opened.tokens
            endpoint.answer = graph.answer
            sockets.graph = graph
            watch = ViewerWatch(partial(roles, opened.stores), opened.seen_sessions)
            sockets.listeners = Listeners(watch, settings.sockets_per_user)
            endpoint.streams.graph, endpoint.streams.listeners = graph, sockets.listeners
            graph.telemetry.admission = admission
            health.stores, health.registry = opened.stores.health, graph.telemetry.registry
            if isinstance(opened.stores.objects, FolderObjects):
                downloads.source = Downloads(opened.stores.objects)
            yield

    explorer = Explorer(settings, built)
    admission = Admission(
        most=settings.operations_at_once, queue=settings.operations_waiting, most_sockets=settings.sockets_at_once
    )
    origins = Origins(settings.origins, settings.base_url)
    peers = Peers(settings.trusted_proxies)
    https = settings.base_url.startswith("https://")
    endpoint = GraphQLEndpoint(
        page=explorer.page,
        admission=admission,
        origins=origins,
        peers=peers,
        https=https,
        batch_limit=settings.batch_limit,
        http_spec=settings.http_spec,
    )
    terms = Terms(settings.socket_init_seconds, settings.subscriptions_per_socket)
    sockets = Sockets(terms=terms, admission=admission, origins=origins, peers=peers)
    downloads = ObjectDownload()
    key_set = KeySet()
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    health = Health(token=token)
    app = Application(
        graphql=endpoint,
        admission=admission,
        origins=origins,
        sockets=sockets,
        https=https,
        routes=[
            Route("/", _front),
            Route("/.well-known/jwks.json", key_set.answer),
            Route("/objects/{token}", downloads),
            *health.routes(),
            *explorer.routes(),
        ],
        exception_handlers=handlers(),
        lifespan=lifespan,
    )
    health.stopping = endpoint.streams.stopping = app.stopping
    return app


async def _front(request: Request) -> RedirectResponse:
    return RedirectResponse("/graphql")
