"""What stays behind of many different documents? A bounded number of them, with a bounded number of plans each."""

from __future__ import annotations

import gc
import resource
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.corpus import Progress
from tests.corpus.generator import Case
from tests.corpus.served import answer, graph


@dataclass(frozen=True, slots=True)
class Left:
    """What is held after `count` documents: documents and plans; and by how many bytes the process has grown since the
    first half of them."""

    count: int
    documents: int
    plans: int
    grown: int

    def __str__(self) -> str:
        return (
            f"{self.count:,} different documents: {self.documents:,} kept with {self.plans:,} plans, "
            f"{self.grown / 2**20:+.1f} MiB since the first half"
        )


async def run(count: int, *, done: Progress | None = None) -> Left:
    """Ask `count` different documents, each once, with plans for both settings of its switch."""
    asked = graph("compiled")
    before = 0
    for number in range(count):
        if number == count // 2:
            before = resident()
        for show in (True, False):
            case = Case(number, _document(number), {"show": show}, None, "teacher", None)
            result = await answer(asked, case)
            assert "errors" not in result.body, result.body
        if done is not None:
            done(number + 1)
    kept = asked.documents.kept()
    return Left(count, len(kept), sum(len(each.plans) for each in kept), resident() - before)


def _document(number: int) -> str:
    return f"query ($show: Boolean!) {{ a{number}: viewer {{ id name @include(if: $show) }} }}"


def resident() -> int:
    """The bytes of memory that this process holds; the most it ever held where the system does not say more."""
    gc.collect()
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
