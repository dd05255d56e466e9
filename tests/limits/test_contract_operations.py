"""Does every operation of the contract pass the defaults, those of parts that have landed priced and all?"""

from __future__ import annotations

import pytest

from graph.execution.documents import Documents
from graph.execution.explain import explained
from graph.execution.plans import Plans
from graph.execution.prices import Prices
from graph.schema import graphql_schema
from tests.contract.test_operations import DOCUMENTS, EXAMPLES
from tests.limits.judging import DEFAULTS, refusals


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_it_is_taken_and_costs_less_than_half_of_the_most(name: str) -> None:
    assert refusals(DOCUMENTS[name]) == []
    schema = graphql_schema()
    document = Documents(schema, DEFAULTS).document(DOCUMENTS[name])
    variables = EXAMPLES[name]["variables"]
    price = Prices(schema).price(document, name, variables)
    assert price.requested * 2 < DEFAULTS.cost
    assert price.nodes * 2 < DEFAULTS.nodes
    plan = Plans(schema).plan(document, name, variables)
    if plan is not None:
        shown = price.shown(DEFAULTS.cost, viewer=True)["stores"]
        assert {store: each["calls"] for store, each in shown.items()} == explained(plan, viewer=True)["calls"]
