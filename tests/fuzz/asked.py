"""Which requests are good before they go wrong? The questions on disk, the contract's operations, generated ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import cycle
from typing import Any, Final, NamedTuple

from graph.explorer.tabs import demo_ids
from tests.contract.test_operations import DOCUMENTS, EXAMPLES, variables
from tests.corpus.mutation import generated
from tests.queries.triple import triples

ACCOUNTS: Final = ("student", "teacher", "admin", "outsider")
VICTIM: Final = "victim"
"""An account that nobody else asks with: what is done to it, or by it to itself, ends no other session."""
GENERATED_FROM: Final = 22_232
# What the examples' names stand for where a test makes them just before.
_NEVER: Final = {
    "session": "U2Vzc2lvbjpub25l",
    "refreshToken": "none",
    "resetToken": "none",
}


class Asked(NamedTuple):
    """One operation. `account` is one of ACCOUNTS, VICTIM or None; `writes`: it may leave the school another one."""

    document: str
    variables: Mapping[str, Any]
    account: str | None
    writes: bool


@cache
def good() -> tuple[Asked, ...]:
    """All of them, always in the same order."""
    return (*_questions(), *_contract(), *_generated())


def _questions() -> list[Asked]:
    ids = demo_ids()
    asked = [(triple, triple.question.read_text(encoding="utf-8")) for triple in triples()]
    return [_as(text, triple.variables(ids), triple.account()) for triple, text in asked]


def _contract() -> list[Asked]:
    # Whoever administrates does so to somebody of no account.
    ids = demo_ids() | _NEVER | {"spareStudent": "$victim", "student": "$victim"}
    return [
        _as(document, variables(name, ids), None if EXAMPLES[name]["as"] == "anonymous" else EXAMPLES[name]["as"])
        for name, document in DOCUMENTS.items()
    ]


def _generated() -> list[Asked]:
    whose = cycle((*ACCOUNTS, None))
    return [_as(case.document, case.variables, next(whose)) for case in generated(GENERATED_FROM)]


def _as(document: str, given: Mapping[str, Any], account: str | None) -> Asked:
    # Some of those that are generated are no documents.
    writes = "mutation" in document
    # Files have requests of their own.
    given = json.loads(json.dumps(given, default=repr))
    return Asked(document, given, VICTIM if writes and account not in (None, "admin") else account, writes)
