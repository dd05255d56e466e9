"""Do a compiled plan and graphql-core answer the same?

*Data* is equal to the byte, key order included. *Errors* are compared as the response shows them (message, path,
locations) together with the class of the exception underneath, which decides the code; in no particular order, since
errors of different fields come as they come.

One thing is left to the executor. A *nulled position* is the nearest place above an error that may be null where the
error's own may not: the error propagates there. Below it several errors compete, and nobody can see what else stood
there; graphql-core stops at the first one it meets and reports what it had met before, a plan may have met others.
So, for every position P that is null in the answer and under which errors are reported:

1. errors at P itself (P's own field failed) are the same in both answers;
2. each answer reports exactly one error below P that *explains* P: every position from the error's own up to P,
   without P, is non-null in the schema;
3. every other error reported below P, and the explaining one too, is an error that an execution which never stops
   would meet: `Exhaustive` is such an execution, graphql-core's own with every error kept at its place;
4. both answers have errors below the same positions P.

Numbers in "answered n values for m parents" are not compared: how many parents are asked of a level of which a part
is already lost is the executor's business.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, is_non_null_type
from graphql.error import located_error
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import Path

from graph.context import Context
from graph.execution.compiler import OperationPlan
from graph.execution.documents import Document, Documents
from graph.execution.plans import Plans
from tests.corpus import injection
from tests.corpus.generator import Case
from tests.corpus.memory_records import VIEWERS
from tests.corpus.memory_school import SERVICES, MemoryOperation, event_of

Place = tuple[str | int, ...]
_COUNTS: Final = re.compile(r"answered \d+ values for \d+ parents")


@dataclass(frozen=True, slots=True)
class Shown:
    """An error as it is compared."""

    message: str
    path: Place
    locations: tuple[tuple[int, int], ...]
    original: str


class Difference(AssertionError):
    """The two answers differ; the message says where."""


def shown(error: GraphQLError) -> Shown:
    """An error as it is compared."""
    formatted = error.formatted
    original: BaseException | None = error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return Shown(
        _COUNTS.sub("answered n values for m parents", formatted["message"]),
        tuple(formatted.get("path", ())),
        tuple((each["line"], each["column"]) for each in formatted.get("locations", ())),
        type(original).__name__,
    )


class Exhaustive(Executor[None]):
    """graphql-core without propagation: every error stays at its place, null stands there, nothing else is lost."""

    def __init__(self, *args: Any, errors: list[GraphQLError], required: set[Place], **more: Any) -> None:
        """`errors` and `required` (the positions that may not be null) are filled."""
        super().__init__(*args, **more)
        self._met = errors
        self._required = required

    def handle_field_error(
        self, raw_error: Exception, return_type: Any, field_details_list: FieldDetailsList, path: Path
    ) -> None:
        """Keep the error."""
        if is_non_null_type(return_type):
            self._required.add(tuple(path.as_list()))
        self._met.append(located_error(raw_error, [each.node for each in field_details_list], path.as_list()))

    def complete_value(
        self, return_type: Any, field_details_list: FieldDetailsList, info: Any, path: Path, *more: Any
    ) -> Any:
        """Remember where null is not allowed."""
        if is_non_null_type(return_type):
            self._required.add(tuple(path.as_list()))
        return super().complete_value(return_type, field_details_list, info, path, *more)


@dataclass(frozen=True, slots=True)
class Both:
    """The answers to one case; `compiled` is None where the compiler left it to graphql-core, an exception where the
    plan raised one."""

    compiled: ExecutionResult | Exception | None
    core: ExecutionResult
    plan: OperationPlan | None
    # How often each has logged in: what comes after a failure of the whole answer must not happen.
    log_ins: tuple[int, int]


class Executions:
    """Runs cases in both ways, with one cache of documents and plans."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.documents = Documents(schema)
        self.plans = Plans(schema)

    def forget(self) -> None:
        """Begin with an empty cache of documents."""
        self.documents = Documents(self.schema)

    def variables(self, case: Case, document: Document) -> VariableValues | None:
        """The coerced variables, None where they are refused before anything is executed."""
        definition = document.operation(case.operation_name)
        values = get_variable_values(self.schema, definition.variable_definitions or (), case.variables)
        return values if isinstance(values, VariableValues) else None

    async def both(self, case: Case, document: Document, variables: VariableValues) -> Both:
        """Run a case on its plan and by graphql-core."""
        plan = self.plans.plan(document, case.operation_name, variables.coerced)
        ours, theirs = _operation(case), _operation(case)
        token = injection.current.set(case.injection)
        try:
            compiled = await self._by_plan(ours, plan, variables, await _event(case))
            core = await self._by_core(theirs, case, document)
            return Both(compiled, core, plan, (ours.log_ins, theirs.log_ins))
        finally:
            injection.current.reset(token)

    async def compare(self, case: Case, document: Document, both: Both) -> None:
        """Raises Difference where the answers to a case differ."""
        assert both.compiled is not None
        if isinstance(both.compiled, Exception):
            raise Difference(f"the plan raised {_traced(both.compiled)}\n{case}")
        errors: list[GraphQLError] = []
        required: set[Place] = set()

        async def possible() -> tuple[set[Shown], set[Place]]:
            token = injection.current.set(case.injection)
            try:
                await self._by_core(
                    _operation(case), case, document, executor_class=Exhaustive, errors=errors, required=required
                )
            finally:
                injection.current.reset(token)
            return set(map(shown, errors)), required

        ours, core = both.compiled, both.core
        try:
            same_data(ours.data, core.data)
            if both.log_ins[0] != both.log_ins[1]:
                raise Difference("compiled logged in {} times, core {} times".format(*both.log_ins))
            sets = Counter(map(shown, ours.errors or ())), Counter(map(shown, core.errors or ()))
            if sets[0] != sets[1]:
                same_errors(core.data, *sets, *await possible())
        except Difference as difference:
            raise Difference(f"{difference}\n{case}") from None

    async def _by_plan(
        self, operation: MemoryOperation, plan: OperationPlan | None, variables: VariableValues, event: Any
    ) -> ExecutionResult | Exception | None:
        if plan is None:
            return None
        try:
            return await plan.execute(operation, variables, event)
        except Exception as error:
            return error

    async def _by_core(
        self,
        operation: MemoryOperation,
        case: Case,
        document: Document,
        executor_class: type[Executor[None]] = Executor,
        **more: Any,
    ) -> ExecutionResult:
        executor = executor_class.build(
            self.schema,
            document.node,
            context_value=Context(operation, "corpus"),
            raw_variable_values=case.variables,
            operation_name=case.operation_name,
            **more,
        )
        assert isinstance(executor, Executor)
        if executor.operation.operation is OperationType.SUBSCRIPTION:
            executor = executor.build_per_event_executor(await _event(case))
        result: Any = executor.execute_operation()
        return result if isinstance(result, ExecutionResult) else await result


async def _event(case: Case) -> Any:
    """What the source of a subscription says in this case."""
    if case.injection is None:
        return event_of(case.seed)

    async def said(operation: None) -> Any:
        return event_of(case.seed)

    try:
        return await case.injection.root("Subscription.storesLive", said, None, {})
    except Exception as error:
        return error


def _operation(case: Case) -> MemoryOperation:
    opens = case.injection is None or case.injection.opens()
    return MemoryOperation(SERVICES, VIEWERS[case.viewer], opens=opens)


def same_data(compiled: Any, core: Any) -> None:
    """Raises Difference where the bytes of two answers differ."""
    ours, theirs = written(compiled), written(core)
    if ours != theirs:
        at = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), -1)
        start = max(0, at - 150)
        raise Difference(
            f"data differ:\n  compiled …{ours[start : at + 150]!r}\n  core     …{theirs[start : at + 150]!r}"
        )


def written(data: Any) -> bytes:
    """The bytes of data; ids that hold a surrogate cannot be written by orjson and are spelled out."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return repr(data).encode("utf-8", "backslashreplace")


def same_errors(
    data: Any, compiled: Counter[Shown], core: Counter[Shown], possible: set[Shown], required: set[Place]
) -> None:
    """Raises Difference where two answers of the same data report errors that the rules above do not allow."""
    groups: list[dict[Place, list[Shown]]] = [defaultdict(list), defaultdict(list)]
    for group, errors in zip(groups, (compiled, core), strict=True):
        for error in errors.elements():
            group[nulled(data, error.path)].append(error)
    if groups[0].keys() != groups[1].keys():
        raise Difference(f"errors at different places:\n  compiled {_told(compiled)}\n  core     {_told(core)}")
    for place in groups[0]:
        ours, theirs = groups[0][place], groups[1][place]
        if Counter(ours) == Counter(theirs):
            continue
        for name, errors in (("compiled", ours), ("core", theirs)):
            explaining = [each for each in errors if stops(each.path, required) == place]
            if len(explaining) != 1 or any(each.path == place for each in errors):
                raise Difference(
                    f"{name} explains null at {place} with {_told(errors)}; the other with "
                    f"{_told(theirs if name == 'compiled' else ours)}"
                )
            if impossible := [each for each in errors if each not in possible]:
                raise Difference(
                    f"{name} reports what nobody could meet: {_told(impossible)}; the other "
                    f"{_told(theirs if name == 'compiled' else ours)}"
                )


def nulled(data: Any, path: Place) -> Place:
    """The position at or above `path` that is null in the answer. Raises Difference where there is none."""
    at = data
    for length, key in enumerate(path):
        if at is None:
            return path[:length]
        try:
            at = at[key]
        except (KeyError, IndexError, TypeError):
            raise Difference(f"an error at {path}, of which the answer knows nothing") from None
    if at is not None:
        raise Difference(f"an error at {path}, where the answer is {at!r}")
    return path


def stops(path: Place, required: set[Place]) -> Place:
    """The position that an error at `path` makes null."""
    while path in required:
        path = path[:-1]
    return path


def _traced(error: Exception) -> str:
    return "".join(traceback.format_exception(error)[-4:])


def _told(errors: Any) -> str:
    return "".join(f"\n    {each}" for each in sorted(errors, key=repr)) or " nothing"
