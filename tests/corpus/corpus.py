"""How many generated operations are answered alike, and how many of them on plans?"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from graph.execution.completion import AbstractCompleter, Completer, ListCompleter, ObjectCompleter
from graph.execution.documents import Document, DocumentErrors
from graph.execution.plan import ObjectPlan
from graph.schema import graphql_schema
from tests.corpus.comparison import Difference, Executions
from tests.corpus.generator import Case, Generator

Progress = Callable[[int], None]
# No document comes again later: keeping them would only make work for the garbage collector.
FORGOTTEN_AFTER: Final = 100


@dataclass(slots=True)
class Report:
    """What a run of the corpus found. `fields` are those that stood in a plan."""

    seed: int
    cases: int = 0
    invalid: int = 0
    with_errors: int = 0
    with_null_data: int = 0
    fields: set[str] = field(default_factory=set)
    fallbacks: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def on_plans(self) -> float:
        """The share of cases that ran wholly on plans."""
        return 1 - self.fallbacks.total() / self.cases

    def __str__(self) -> str:
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.fallbacks.most_common()) or "none"
        return (
            f"{self.cases:,} operations from seed {self.seed}: {len(self.differences)} differences; "
            f"{self.with_errors:,} with errors, {self.with_null_data:,} of them without data; "
            f"{self.on_plans:.1%} on plans, fallbacks: {reasons} ({self.invalid:,} invalid documents left out)"
        )


async def run(
    count: int, seed: int, *, each: int = 1, most_differences: int = 20, done: Progress | None = None
) -> Report:
    """Compare `count` operations, made from `seed` on; with `each` 2 every document is asked twice, by different
    viewers under different failures. Stops early at `most_differences`."""
    schema = graphql_schema()
    made, executions, report = Generator(schema), Executions(schema), Report(seed)
    number = seed * 1_000_003
    with _collected_rarely():
        while report.cases < count and len(report.differences) < most_differences:
            case = made.case(number)
            number += 1
            try:
                document = executions.documents.document(case.document)
            except DocumentErrors:
                report.invalid += 1
                continue
            await _asked(executions, report, document, case)
            if each == 2:
                await _asked(executions, report, document, made.again(case))
            if number % FORGOTTEN_AFTER == 0:
                executions.forget()
                gc.collect()
            if done is not None:
                done(report.cases)
    report.fallbacks = executions.plans.counts.fallbacks
    return report


async def _asked(executions: Executions, report: Report, document: Document, case: Case) -> None:
    variables = executions.variables(case, document)
    if variables is None:
        report.invalid += 1
        return
    both = await executions.both(case, document, variables)
    report.cases += 1
    report.with_errors += bool(both.core.errors)
    report.with_null_data += both.core.data is None
    if both.plan is None:
        return
    report.fields.update(_fields(both.plan.root))
    try:
        await executions.compare(case, document, both)
    except Difference as difference:
        report.differences.append(str(difference))


def _fields(plan: ObjectPlan) -> Iterator[str]:
    for each in plan.fields.values():
        yield f"{each.parent.name}.{each.name}"
        yield from _below(each.completer)


def _below(completer: Completer) -> Iterator[str]:
    if isinstance(completer, ListCompleter):
        yield from _below(completer.inner)
    elif isinstance(completer, ObjectCompleter):
        yield from _fields(completer.plan)
    elif isinstance(completer, AbstractCompleter):
        for _, member in completer.members:
            yield from _fields(member.plan)


@contextmanager
def _collected_rarely() -> Iterator[None]:
    """What is there already stays; what cases leave behind is collected together with their documents."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
