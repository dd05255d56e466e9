"""`python -m tests.fuzz`: wrong requests against a server with a school of its own; with progress and the seed.

A wrong answer is told with its number: `--seed S --number N` sends that request again, alone. Exits with 1 where an
answer is wrong, the server has noticed a defect or is gone, or its memory has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Final

from tests.folders import passable_folder
from tests.fuzz.fuzzing import Report, sent_and_judged
from tests.fuzz.school import fuzzed_school
from tests.progress import progress, say

MOST_GROWTH: Final = 50 * 2**20
WARM: Final = 0.15
"""The share of all requests that fills caches, before memory is measured."""
MOST_WRONG: Final = 20
EVERY: Final = 500
"""So many requests, and it is seen to that all accounts are still let in."""


def main() -> int:
    """Send, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="how many requests (20,000)")
    parser.add_argument("--seed", type=int, default=None, help="chosen at random if not given")
    parser.add_argument("--number", type=int, action="append", help="this request of the seed alone; repeatable")
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    numbers = asked.number or list(range(asked.count))
    say(f"seed {seed}")
    return asyncio.run(_fuzzed(seed, numbers))


async def _fuzzed(seed: int, numbers: list[int]) -> int:
    report = Report(seed)
    with passable_folder() as folder:
        async with fuzzed_school(folder / "data") as school:
            warm, defects = 0, school.defects()
            done = progress(seed, "requests", len(numbers), every=1_000)
            for part in _parts(numbers):
                if not warm and report.sent >= WARM * len(numbers):
                    warm = school.resident
                await sent_and_judged(
                    "127.0.0.1", school.port, report, part, lambda: school.tokens, most_wrong=MOST_WRONG, done=done
                )
                defects += school.defects()
                if school.gone:
                    defects.append(f"the server has ended with {school.served.process.returncode}")
                if school.gone or len(report.wrong) + len(defects) >= MOST_WRONG:
                    break
                await school.see_to_accounts()
            now = 0 if school.gone else school.resident
    for each in (*report.wrong, *defects, report):
        say(str(each))
    grown = now - (warm or now)
    say(f"memory {grown / 2**20:+.1f} MiB since {WARM:.0%} of the requests, now {now / 2**20:.0f} MiB")
    return 0 if not report.wrong and not defects and grown < MOST_GROWTH else 1


def _parts(numbers: list[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while part := list(islice(left, EVERY)):
        yield part


if __name__ == "__main__":
    sys.exit(main())
