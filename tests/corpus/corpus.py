"""How many generated operations are answered alike, and how many of them on plans?"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from graph.execution.documents import DocumentErrors
from graph.schema import graphql_schema
from tests.corpus.comparison import Difference, Executions
from tests.corpus.generator import Generator

Progress = Callable[[int], None]
# No document comes twice: keeping them would only make work for the garbage collector.
FORGOTTEN_AFTER: Final = 100


@dataclass(slots=True)
class Report:
    """What a run of the corpus found."""

    seed: int
    cases: int = 0
    invalid: int = 0
    with_errors: int = 0
    with_null_data: int = 0
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
    count: int, seed: int, *, most_differences: int = 20, generator: Generator | None = None, done: Progress | None = None
) -> Report:
    """Compare `count` operations, made from `seed` on. Stops early at `most_differences`."""
    schema = graphql_schema()
    # What is there already stays; what a case leaves behind is collected with the documents.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        return await _run(count, seed, most_differences, generator or Generator(schema), done)
    finally:
        gc.enable()
        gc.unfreeze()


async def _run(count: int, seed: int, most_differences: int, made: Generator, done: Progress | None) -> Report:
    schema = graphql_schema()
    executions = Executions(schema)
    report = Report(seed)
    number = seed * 1_000_003
    while report.cases < count and len(report.differences) < most_differences:
        case = made.case(number)
        number += 1
        try:
            document = executions.documents.document(case.document)
        except DocumentErrors:
            report.invalid += 1
            continue
        variables = executions.variables(case, document)
        if variables is None:
            report.invalid += 1
            continue
        report.cases += 1
        if report.cases % FORGOTTEN_AFTER == 0:
            executions.forget()
            gc.collect()
        both = await executions.both(case, document, variables)
        report.with_errors += bool(both.core.errors)
        report.with_null_data += both.core.data is None
        if both.compiled is not None:
            try:
                await executions.compare(case, document, both)
            except Difference as difference:
                report.differences.append(str(difference))
        if done is not None:
            done(report.cases)
    report.fallbacks = executions.plans.counts.fallbacks
    return report
