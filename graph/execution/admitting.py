"""May this operation run, with these variables, for this role, and what will it cost? The step before its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues

from graph.errors import coded, of_variable
from graph.execution.documents import Document, DocumentErrors
from graph.execution.prices import Price, Prices
from graph.execution.variables import Variables
from graph.limits.bounds import ANONYMOUS, Limits
from graph.limits.cost import too_costly
from graph.limits.guard import hidden
from graph.limits.nodes import too_many_nodes
from graph.limits.page_size import oversized_pages
from resolvers.sessions import Spends


class Admitted(NamedTuple):
    """An operation that no limit refuses: its coerced variables, its price, the limits of who sent it."""

    variables: VariableValues
    price: Price
    limits: Limits

    @property
    def spends(self) -> Spends | None:
        """What it takes of its sender's minute; None where nobody counts."""
        limits = self.limits
        return Spends(limits.rate, self.price.requested, limits.budget) if limits.budget or limits.rate.most else None

    def cost(self, *, viewer: bool) -> dict[str, Any]:
        """The shape of `extensions.cost`. `viewer`: whether an account asks."""
        return self.price.shown(self.limits.cost, viewer=viewer)


class TooCostly(DocumentErrors):
    """The operation would cost more than it may; `cost` as the response's `extensions` hold it."""

    def __init__(self, errors: list[dict[str, Any]], cost: dict[str, Any]) -> None:
        super().__init__(errors)
        self.cost = cost


class Gate:
    """Admits operations by the limits of each role."""

    def __init__(self, schema: GraphQLSchema, limits: Mapping[str, Limits], *, production: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._production = production
        self._prices = Prices(schema)

    def admitted(
        self, document: Document, definition: OperationDefinitionNode, variables: dict[str, Any], role: str | None
    ) -> Admitted:
        """The operation, if it may run. `role` is None without an account. Raises DocumentErrors."""
        viewer, role = role is not None, role or ANONYMOUS
        limits = self._limits.get(role) or self._limits[ANONYMOUS]
        name = definition.name.value if definition.name else None
        demands = document.demands[name]
        if looks := hidden(demands, role, production=self._production):
            raise DocumentErrors(looks)
        judged = document.judged
        if judged is not None and (
            refused := judged.refused(role, limits) or judged.refused_values(definition, variables, limits)
        ):
            raise DocumentErrors(refused)
        coercion = document.variables.get(name)
        if coercion is None:
            coercion = document.variables[name] = Variables(self._schema, definition)
        values = coercion.values(variables, most_errors=limits.errors, hide_suggestions=self._production)
        if isinstance(values, list):
            raise DocumentErrors([of_variable(each, hints=not self._production) for each in values[: limits.errors]])
        if pages := oversized_pages(demands, values.coerced, limits):
            raise DocumentErrors([coded(each, "PAGE_SIZE") for each in pages[: limits.errors]])
        price = self._prices.price(document, name, values.coerced)
        if refused_price := too_many_nodes(price, definition, limits) or too_costly(price, definition, limits):
            shown = price.shown(limits.cost, viewer=viewer)
            raise TooCostly([coded(each, "COST_LIMIT") for each in refused_price], shown)
        return Admitted(values, price, limits)
