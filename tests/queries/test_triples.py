"""Does every question get its answer at its cost? TRIPLES=write pytest tests/queries writes new ones."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import pytest_asyncio

from tests.queries.triple import Triple, asked, only_who_asks_is_here, triples
from tests.running_school import RunningSchool


@pytest_asyncio.fixture(scope="module", autouse=True)
async def present(school: RunningSchool) -> None:
    """Whoever asks is here."""
    await only_who_asks_is_here(school)


@pytest.mark.parametrize("triple", triples(), ids=lambda triple: triple.name)
async def test_answers_as_written_with_the_store_calls_as_written(triple: Triple, school: RunningSchool) -> None:
    answer, calls = await asked(triple, school)
    if os.environ.get("TRIPLES") == "write":
        triple.answer.write_text(_text(answer), encoding="utf-8")
        triple.calls.write_text(_text(calls), encoding="utf-8")
    assert answer == json.loads(triple.answer.read_text(encoding="utf-8"))
    assert calls == json.loads(triple.calls.read_text(encoding="utf-8"))


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
