"""Is each test that a store's README names, as the proof of what differs between its implementations, there?"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
READMES = sorted((TESTS.parent / "datadir").glob("*/README.md"))
STORES = {"cassandra", "kafka", "minio", "mongodb", "postgresql", "qdrant", "redis"}
HEADING = "## Differences that remain\n"


@cache
def names_of_all_tests() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for module in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }


def test_every_store_says_what_differs_and_names_a_test_of_it() -> None:
    pages = {readme.parent.name: readme.read_text(encoding="utf-8") for readme in READMES}
    differing = {store: page.partition(HEADING)[2] for store, page in pages.items() if store in STORES}
    assert differing.keys() == STORES
    assert [store for store, text in differing.items() if "`test_" not in text] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_every_test_that_is_named_is_there(readme: Path) -> None:
    named = re.findall(r"`(test_[a-z0-9_]+)`", readme.read_text(encoding="utf-8"))
    assert sorted(set(named) - names_of_all_tests()) == []
