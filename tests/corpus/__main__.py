"""`python -m tests.corpus`: generated operations, mutated documents, many documents; with progress and the seed.

Exits with 1 where the two executions differ, too few operations run on plans, or memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import warnings

from graph.execution.documents import MOST_KEPT
from tests.corpus import corpus, injection, many_documents, memory_school, mutation, served
from tests.progress import progress, say

MOST_GROWTH = 16 * 2**20


def main() -> int:
    """Run the three parts, each if asked for more than nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="generated operations, run in both ways")
    parser.add_argument("--mutated", type=int, default=0, help="mutated documents, sent through the whole hot path")
    parser.add_argument("--documents", type=int, default=0, help="different documents, after which memory is flat")
    parser.add_argument("--seed", type=int, default=None, help="chosen at random if not given")
    asked = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    # graphql-core drops the coroutines of what it gave up when a sibling failed.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    right = True
    with memory_school.installed():
        if asked.count:
            with injection.installed():
                report = asyncio.run(corpus.run(asked.count, seed, done=progress(seed, "operations", asked.count)))
            say(*report.differences, report)
            right = not report.differences and report.on_plans >= 0.95
        with served.installed():
            if asked.mutated:
                mutated = asyncio.run(mutation.run(asked.mutated, seed, done=progress(seed, "mutated", asked.mutated)))
                say(*mutated.wrong, mutated)
                right = right and not mutated.wrong
            if asked.documents:
                left = asyncio.run(
                    many_documents.run(asked.documents, done=progress(seed, "documents", asked.documents))
                )
                say(left)
                right = right and left.documents <= MOST_KEPT and left.grown < MOST_GROWTH
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
