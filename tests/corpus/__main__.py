"""`python -m tests.corpus --count 20000 --seed 7`: compare that many operations, with progress."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from time import perf_counter

from tests.corpus import corpus, injection, memory_school


def main() -> int:
    """Run the corpus; 1 where a difference was found or too few operations ran on plans."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=None, help="chosen at random if not given")
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    started = perf_counter()

    def done(cases: int) -> None:
        if (cases % 50 == 0 and sys.stderr.isatty()) or cases % 2_000 == 0:
            end = "\r" if sys.stderr.isatty() else "\n"
            sys.stderr.write(f"seed {seed}: {cases:,} of {asked.count:,}, {perf_counter() - started:.0f} s{end}")
            sys.stderr.flush()

    with memory_school.installed(), injection.installed():
        report = asyncio.run(corpus.run(asked.count, seed, done=done))
    for difference in report.differences:
        sys.stdout.write(difference + "\n\n")
    sys.stdout.write(f"{report}\n")
    return 0 if not report.differences and report.on_plans >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
