"""Does every question get its answer at its cost? TRIPLES=write pytest tests/queries writes new ones."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import pytest_asyncio

from resolvers.demo.named import NAMED
from tests.queries.triple import Triple, masked, triples
from tests.running_school import RunningSchool


@pytest_asyncio.fixture(scope="module", autouse=True)
async def present(school: RunningSchool) -> None:
    """Whoever asks is here, and nobody whom other tests have let in."""
    redis = school.services.stores.redis.raw
    seen = await redis.keys("presence:*")
    if seen:
        await redis.delete(*seen)
    for account in NAMED.accounts:
        await school.ask("{ viewer { id } }", None, account)


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
async def test_answers_as_written_with_the_store_calls_as_written(triple: Triple, school: RunningSchool) -> None:
    response = await school.ask(
        triple.question.read_text(encoding="utf-8"), triple.variables(school.ids), triple.account()
    )
    ledger = response.pop("extensions", {}).get("ledger", {})
    answer = masked(response, school.start, school.now)
    # Errors of different fields come in no particular order.
    answer.get("errors", []).sort(key=lambda error: json.dumps([error.get("path"), error["message"]]))
    calls = {store: entry["calls"] for store, entry in ledger.items()}
    if os.environ.get("TRIPLES") == "write":
        triple.answer.write_text(_text(answer), encoding="utf-8")
        triple.calls.write_text(_text(calls), encoding="utf-8")
    assert answer == json.loads(triple.answer.read_text(encoding="utf-8"))
    assert calls == json.loads(triple.calls.read_text(encoding="utf-8"))


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
