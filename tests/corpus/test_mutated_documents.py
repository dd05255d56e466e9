"""Do documents that went wrong get an answer? An error with a code, or what graphql-core answers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.corpus import mutation, served

pytestmark = pytest.mark.usefixtures("memory", "from_memory")


@pytest.fixture(scope="module")
def from_memory() -> Iterator[None]:
    with served.installed():
        yield


async def test_a_thousand_mutated_documents_are_answered() -> None:
    report = await mutation.run(1_000, seed=5)
    assert report.wrong == [], mutation.told(report.wrong)
    # It is no use to mutate everything beyond recognition.
    assert report.codes["data"] > 50
    assert report.codes["GRAPHQL_PARSE_FAILED"] > 100
    assert report.codes["GRAPHQL_VALIDATION_FAILED"] > 100


def test_a_mutation_keeps_most_of_a_document() -> None:
    document = "query ($id: ID!) { classroom(id: $id) { ...F name } } fragment F on Classroom { teacher { id } }"
    mutants = {mutation.mutated(Random(seed), document) for seed in range(50)}
    assert len(mutants) > 40
    assert all(abs(len(mutant.split()) - 33) <= 3 for mutant in mutants)
