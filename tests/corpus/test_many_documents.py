"""Does memory stay flat, however many different documents come?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graph.execution.documents import MOST_KEPT
from graph.execution.plans import MOST_PER_DOCUMENT
from tests.corpus import many_documents, served

pytestmark = pytest.mark.usefixtures("memory")


@pytest.fixture(autouse=True)
def from_memory() -> Iterator[None]:
    with served.installed():
        yield


async def test_three_thousand_documents_leave_a_thousand_and_no_memory() -> None:
    left = await many_documents.run(3_000)
    assert left.documents == MOST_KEPT
    assert left.plans == 2 * MOST_KEPT <= MOST_PER_DOCUMENT * MOST_KEPT
    assert left.grown < 12 * 2**20, left
