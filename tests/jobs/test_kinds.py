"""Is what the decision says of jobs what the program does?"""

from __future__ import annotations

import re

from resolvers.job_kinds import KINDS
from resolvers.jobs import AT_ONCE, LEASE, LONGEST_PAUSE, PAUSE, POLL
from tests.event_loop import ROOT

DECISION = (ROOT / "datadir" / "decisions" / "0006-jobs.md").read_text(encoding="utf-8")


def test_it_lists_every_kind_with_its_attempts() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| .+? \| (\d+) \| .+ \|$", DECISION, re.MULTILINE)
    assert {name: int(attempts) for name, attempts in rows} == {name: kind.attempts for name, kind in KINDS.items()}


def test_it_tells_the_numbers() -> None:
    plain = " ".join(DECISION.split())
    assert (AT_ONCE, LEASE, POLL, PAUSE, LONGEST_PAUSE) == (4, 15.0, 2.0, 2.0, 300.0)
    for said in (
        "at most four at once",
        "a lease of fifteen seconds that it renews every three",
        "a poll of two seconds",
        "2 s, 4 s, 8 s and so on up to five minutes",
    ):
        assert said in plain
