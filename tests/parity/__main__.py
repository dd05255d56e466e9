"""`python -m tests.parity`: each store's answers to each viewer against the promise; with progress and the seed.

Exits with 1 where an answer is not what was promised, or where a predicate is gone and nothing is noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Final

import structlog

from tests.folders import passable_folder
from tests.parity.asking import Asked, asked_school
from tests.parity.cases import Case, cases, compared
from tests.parity.predicates import UNNOTICED, predicates
from tests.parity.written import write_sessions
from tests.progress import progress, say

NAMED: Final = 10
"""So many differences are told in words."""
EVERY: Final = 10**9


def main() -> int:
    """Compare, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many cases (10,000)")
    parser.add_argument("--seed", type=int, default=None, help="of school and cases; chosen at random if not given")
    parser.add_argument("--mutate", action="store_true", help="take away one predicate after the other, too")
    parser.add_argument("--only", default="", help="of the predicates, those with this in their name")
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    # Each of them is refused something, as it should be.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    say(f"seed {seed}")
    return asyncio.run(_parity(seed, asked.count, asked.only if asked.mutate else None))


async def _parity(seed: int, count: int, mutated: str | None) -> int:
    with passable_folder() as folder:
        async with asked_school(folder / "data", seed) as asked:
            chosen = cases(asked.school, count, seed)
            report = await compared(asked, chosen, done=progress(seed, "cases", len(chosen)))
            for each in report.differences[:NAMED]:
                say(each)
            say(str(report))
            right = not report.differences
            if mutated is not None:
                # What few cases would notice is not to be missed by chance.
                right = await _noticed(asked, cases(asked.school, EVERY, seed), mutated) and right
    return 0 if right else 1


async def _noticed(asked: Asked, every: Sequence[Case], only: str) -> bool:
    found = [each for each in await predicates(asked.owner_dsn) if only in each.said]
    missed: list[str] = []
    for number, predicate in enumerate(found, start=1):
        await write_sessions(asked.school, asked.services.stores)
        started = perf_counter()
        async with predicate.gone():
            report = await compared(asked, every, most=1)
        noticed, reason = bool(report.differences), UNNOTICED.get(predicate.said)
        if noticed == (reason is not None):
            missed.append(predicate.said)
        what = "noticed" if noticed else f"not noticed: {reason or 'NO REASON IS KNOWN'}"
        seconds = perf_counter() - started
        say(f"{number}/{len(found)} {predicate.said}: {what} ({report.compared:,} cases, {seconds:.1f} s)")
    for each in missed:
        say(f"not as expected: {each}")
    say(f"{len(found)} predicates gone one at a time, {len(missed)} not as expected")
    return not missed


if __name__ == "__main__":
    sys.exit(main())
