"""How does an operation reach its plan through graphql-core? By an executor: Strawberry's `execution_context_class`.

`schema.execute` and `schema.subscribe` come this way, and so do all streams: their source is graphql-core's, each of
their events runs on the plan of the stream. What the compiler does not take graphql-core runs itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, MiddlewareManager, OperationType, create_source_event_stream
from graphql.pyutils import AwaitableOrValue
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.context import Context
from graph.execution.by_graphql_core import watching
from graph.execution.compiler import OperationPlan
from graph.execution.documents import passing
from graph.execution.edge import Stream, spec_of
from graph.execution.selections import fields_of
from resolvers.audit import settled
from resolvers.operation import Operation


class PlannedExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with the plans of its context. A stream's events each have a copy of it, and with it the
    one plan that was found when the stream began."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._stream = self._declared() if self.operation.operation is OperationType.SUBSCRIPTION else None
        self.plan = self._found()
        if self.plan is None and isinstance(self.context_value, Context):
            self._watch(self.context_value.operation)

    def source(self) -> AsyncGenerator[Any, None]:
        """The events of a subscription. Raises GraphQLError where its arguments are refused."""
        source = create_source_event_stream(self)
        if isinstance(source, ExecutionResult):
            raise (source.errors or [GraphQLError("This subscription has no source.")])[0]
        assert isinstance(source, AsyncGenerator)
        return source

    def build_per_event_executor(self, payload: Any) -> PlannedExecutor:
        """The executor of one event: with an operation of its own, so that what was read before is read again."""
        executor = cast("PlannedExecutor", super().build_per_event_executor(payload))
        if isinstance(self.context_value, Context):
            executor.context_value = self.context_value.again()
        return executor

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        """The operation's answer, or that to one event."""
        if not isinstance(self.context_value, Context):
            return super().execute_operation(serially)
        operation = self.context_value.operation
        operation.name = self.operation.name.value if self.operation.name else None
        if self._stream is not None:
            return self._settled(operation, self._event(self._stream))
        if self.plan is not None:
            return self._settled(operation, self.plan.execute(operation, self.variable_values))
        answer = super().execute_operation(serially)
        return self._settled(operation, answer) if self.is_awaitable(answer) else answer

    async def _settled(self, operation: Operation, answer: Awaitable[ExecutionResult]) -> ExecutionResult:
        """An answer, once the audit log has what was read for it."""
        result = await answer
        if operation.reads is not None or operation.audited:
            try:
                await settled(operation)
            except Exception as error:
                return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
        return result

    def _watch(self, operation: Operation) -> None:
        watch = watching(operation, self.operation.operation)
        if watch is not None:
            theirs = self.middleware_manager.middlewares if self.middleware_manager is not None else ()
            self.middleware_manager = MiddlewareManager(*theirs, *watch.middlewares)

    async def _event(self, stream: Stream) -> ExecutionResult:
        operation = self.context_value.operation
        if stream.reads:
            try:
                await operation.deadline.within(operation.whole_scope())
            except Exception as error:
                self.root_value = error
        if self.plan is not None:
            return await self.plan.execute(operation, self.variable_values, self.root_value)
        answer: Any = super().execute_operation(serially=False)
        result: ExecutionResult = await answer if self.is_awaitable(answer) else answer
        return result

    def _found(self) -> OperationPlan | None:
        context = self.context_value
        if not isinstance(context, Context) or context.plans is None:
            return None
        if self.middleware_manager is not None and self.middleware_manager.middlewares:
            context.plans.fallback("an extension resolves fields")
            return None
        if self.abort_signal is not None or self.hooks is not None:
            context.plans.fallback("graphql-core's own signals and hooks")
            return None
        document = context.documents.of(self.operation) if context.documents is not None else None
        if document is None:
            document = passing(self.operation, self.fragment_definitions.values())
        name = self.operation.name.value if self.operation.name else None
        plan = context.plans.plan(document, name, self.variable_values.coerced)
        # Nothing but `__typename`: graphql-core answers at once, also to who does not wait.
        return plan if plan is not None and plan.root.asynchronous else None

    def _declared(self) -> Stream | None:
        """How the field of a subscription is declared."""
        kind = self.schema.subscription_type
        if kind is None:
            return None
        # Validation has seen to it that there is one field, without @skip and @include.
        found = fields_of(self.schema, self.fragment_definitions, {}, kind, [self.operation.selection_set])
        node = next(iter(found.values()))[0]
        spec = spec_of(kind.fields[node.name.value].extensions["strawberry-definition"])
        return spec if isinstance(spec, Stream) else None
