"""Are generated operations answered alike by the stores themselves? asyncpg's own rows, and the same store calls."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import cycle

from graph.app import Graph
from graph.http.envelope import Envelope
from graph.ids import decode
from graph.schema import graphql_schema
from resolvers.errors import NotFound
from tests.corpus.comparison import written
from tests.corpus.generator import Generator
from tests.corpus.values import ids
from tests.running_school import RunningSchool

# What tells the time, links and pings, what has no end, and what is longer each time somebody has looked.
_CLOCKS = frozenset({"logIn", "downloadUrl", "latencyMs", "storesLive", "auditLog"})
_ACCOUNTS = {"teacher": "teacher", "student": "student", "admin": "admin", "nobody": None}


async def test_a_hundred_and_fifty_operations_are_answered_alike_with_the_same_store_calls(
    school: RunningSchool,
) -> None:
    compiled, core = (
        Graph(school.services, school.settings.model_copy(update={"execution": execution}))
        for execution in ("compiled", "graphql-core")
    )
    core.documents = compiled.documents
    made = Generator(graphql_schema(), without=_CLOCKS, failures=False)
    same_ids = demo_ids_of(school.ids)
    met: Counter[str] = Counter()
    for seed in range(150):
        case = made.case(seed)
        asked = Envelope(
            translated(case.document, same_ids),
            json.loads(translated(json.dumps(case.variables), same_ids)),
            case.operation_name,
        )
        account = _ACCOUNTS[case.viewer]
        sent = f"Bearer {await school.token(account)}" if account else None
        ours, theirs = [
            (await each.answer(asked, authorization=sent, wants_ledger=True)).body for each in (compiled, core)
        ]
        if any(each["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" for each in ours.get("errors", ())):
            continue
        assert written(ours.get("data")) == written(theirs.get("data")), case
        assert _errors(ours) == _errors(theirs), case
        assert _calls(ours) == _calls(theirs), case
        met["data" if ours.get("data") else "refused"] += 1
        met["calls"] += sum(_calls(ours).values())
    assert met["data"] > 60
    assert met["calls"] > 300
    assert not set(compiled.plans.counts.fallbacks) - {"null in @skip or @include"}


def demo_ids_of(named: Mapping[str, str]) -> dict[str, str]:
    """For each id of the memory school one of the demo school, of the same type."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for each in named.values():
        by_type[_type_of(each)].append(each)
    next_of = {name: cycle(found) for name, found in by_type.items()}
    ours = [each for each in dict.fromkeys(ids()) if isinstance(each, str) and _type_of(each) in next_of]
    return {each: next(next_of[_type_of(each)]) for each in ours if _type_of(each)}


def _type_of(text: str) -> str:
    """The type of an id, empty for a text that is none."""
    try:
        return decode(text).type_name
    except NotFound:
        return ""


def translated(text: str, pairs: Mapping[str, str]) -> str:
    """A text with one school's ids in place of the other's."""
    for old, new in pairs.items():
        text = text.replace(old, new)
    return text


def _errors(body: dict[str, object]) -> list[str]:
    errors: object = body.get("errors", [])
    assert isinstance(errors, list)
    return sorted(json.dumps(each, sort_keys=True) for each in errors)


def _calls(body: dict[str, object]) -> dict[str, int]:
    extensions: object = body.get("extensions", {})
    assert isinstance(extensions, dict)
    return {store: entry["calls"] for store, entry in extensions.get("ledger", {}).items()}
