"""Does memory stay flat, however many different documents come?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from graph.execution import documents
from graph.execution.compiler import MOST_FIELDS
from graph.execution.documents import LEAST_FIELDS, MOST_KEPT, Documents
from graph.execution.plans import MOST_PER_DOCUMENT, Plans
from graph.schema import graphql_schema
from tests.corpus import many_documents, served
from tests.corpus.placed import answered

pytestmark = pytest.mark.usefixtures("memory")


@pytest.fixture(autouse=True)
def from_memory() -> Iterator[None]:
    with served.installed():
        yield


async def test_two_thousand_documents_leave_a_thousand_and_no_memory() -> None:
    left = await many_documents.run(2_000)
    assert left.documents == MOST_KEPT
    assert left.plans == 2 * MOST_KEPT <= MOST_PER_DOCUMENT * MOST_KEPT
    assert left.grown < 12 * 2**20, left


def nested(count: int) -> str:
    """Fragments of which each asks for the next one twice."""
    asked = ["{ viewer { ...F0 } }"]
    for number in range(count):
        below = f"...F{number + 1}"
        asked.append(
            f"fragment F{number} on User {{ classrooms(first: 1) {{ nodes {{"
            f" a: teacher {{ {below} }} b: teacher {{ {below} }} }} }} }}"
        )
    return "\n".join([*asked, f"fragment F{count} on User {{ name }}"])


async def test_what_fragments_multiply_is_left_to_graphql_core() -> None:
    assert len(nested(12)) < 1_500
    schema = graphql_schema()
    plans = Plans(schema)
    assert plans.plan(Documents(schema).document(nested(12)), None, {}) is None
    assert plans.counts.fallbacks == {f"more than {MOST_FIELDS:,} fields": 1}
    result = await answered(nested(12), viewer="admin", on_plan=False)
    assert result.data == {"viewer": {"classrooms": {"nodes": []}}}


def test_the_plans_of_a_document_hold_no_more_fields_than_its_size_allows() -> None:
    schema = graphql_schema()
    names = [f"v{number}" for number in range(5)]
    fields = " ".join(f"{name}: name @include(if: ${name})" for name in names)
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    more = " ".join(f"k{number}: email" for number in range(40))
    document = Documents(schema).document(f"query ({declared}) {{ viewer {{ {fields} {more} }} }}")
    assert document.most_fields == LEAST_FIELDS
    plans = Plans(schema)
    for settings in product((True, False), repeat=5):
        assert plans.plan(document, None, dict(zip(names, settings, strict=True))) is not None
        assert sum(plan.fields for plan in document.plans.values()) <= document.most_fields
    assert len(document.plans) == 4


def test_a_plan_larger_than_its_document_allows_is_made_and_not_kept() -> None:
    schema = graphql_schema()
    document = Documents(schema).document(nested(6))
    plans = Plans(schema)
    plan = plans.plan(document, None, {})
    assert plan is not None
    assert plan.fields > document.most_fields
    assert document.plans == {}


def test_long_documents_are_kept_up_to_a_total_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_TEXT_KEPT", 1_000)
    kept = Documents(graphql_schema())
    made = [kept.document(f"{{ viewer {{ name }} }} #{number:<277}") for number in range(9)]
    assert kept.kept() == made[-3:]
