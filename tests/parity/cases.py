"""Does each store tell each viewer what was promised? Cases at random, asked in batches, compared one by one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from tests.parity.asking import Asked
from tests.parity.fields import FIELDS
from tests.parity.oracle import Oracle
from tests.parity.read import Read
from tests.parity.rows import ROWS
from tests.parity.school import Person, School

READS: Final = (*ROWS, *FIELDS)
BATCH: Final = 25
AT_ONCE: Final = 4
SOME: Final = 5


class Case(NamedTuple):
    """One viewer, one record, one way of reading it from a store."""

    viewer: Person
    read: Read
    record: Any


@dataclass
class Report:
    """What came of it."""

    seed: int
    compared: int = 0
    of_store: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    shown: int = 0
    """Cases in which something was to be told."""
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        stores = ", ".join(f"{count:,} of {store}" for store, count in sorted(self.of_store.items()))
        return f"seed {self.seed}: {self.compared:,} cases ({stores}), {len(self.differences):,} differences"


def cases(school: School, count: int, seed: int) -> list[Case]:
    """So many different cases at random, or as many as there are. First some of each viewer and read, so that none is
    left out; and few questions are enough for few cases."""
    every = [
        Case(viewer, read, record) for read in READS for record in read.records(school) for viewer in school.viewers
    ]
    Random(seed).shuffle(every)
    pairs: dict[tuple[object, str], list[Case]] = defaultdict(list)
    for each in every:
        pairs[each.viewer.id, each.read.name].append(each)
    first = [each for pair in pairs.values() for each in pair[:SOME]]
    rest = [each for pair in pairs.values() for each in pair[SOME:]]
    Random(seed).shuffle(rest)
    return [*first, *rest][:count]


async def compared(
    asked: Asked, chosen: Iterable[Case], *, most: int | None = None, done: Callable[[int], None] | None = None
) -> Report:
    """Ask and compare; with `most` it ends soon after so many differences."""
    report, oracle = Report(asked.school.seed), Oracle(asked.school)
    batches = _batches(chosen)
    left = iter(batches)

    async def work() -> None:
        for batch in left:
            if most is not None and len(report.differences) >= most:
                return
            await _compare(asked, oracle, batch, report)
            if done is not None:
                done(report.compared)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return report


async def _compare(asked: Asked, oracle: Oracle, batch: Sequence[Case], report: Report) -> None:
    viewer, read, _ = batch[0]
    records = [each.record for each in batch]
    try:
        answers: Sequence[Any] = await read.ask(asked, viewer, records)
    except Exception as error:
        answers = [f"{type(error).__name__}: {error}"] * len(batch)
    for record, answer in zip(records, answers, strict=True):
        promised = read.rule(oracle, viewer, record)
        report.compared += 1
        report.of_store[read.store.value] += 1
        report.shown += promised not in ("NOT_FOUND", "FORBIDDEN", [])
        if answer != promised:
            report.differences.append(
                f"{viewer.said} ({viewer.id}) asks {read.store.value} for {read.name}, {type(record).__name__} "
                f"{_key(record)}: promised {promised!r}, told {answer!r}"
            )


def _key(record: Any) -> object:
    return record.record_id if hasattr(record, "record_id") else record.id


def _batches(chosen: Iterable[Case]) -> list[list[Case]]:
    """Those of one viewer and one read together, as a list of records is asked for."""
    groups: dict[tuple[object, str], list[Case]] = defaultdict(list)
    for each in chosen:
        groups[each.viewer.id, each.read.name].append(each)
    return [group[at : at + BATCH] for group in groups.values() for at in range(0, len(group), BATCH)]
