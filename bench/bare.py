"""What is a server without its guard, its log and its metrics? `python -m graph`, with three of its parts put aside.

No setting does this: it is made here, for a measurement, out of what `graph/app.py` puts together. Documents are read
and validated as ever, and tokens checked; nothing is measured against a limit or priced, nothing counted against a
minute, no line is written and no metric counted.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import GraphQLSchema, OperationDefinitionNode

from bench import roomy
from datadir.ledger import Ledger
from graph import app
from graph.execution.admitting import Gate
from graph.execution.documents import Document
from graph.execution.variables import Variables
from graph.limits.bounds import Limits
from graph.telemetry import Telemetry


class Unpriced:
    """An operation of which nothing is asked but its variables."""

    __slots__ = ("variables",)
    spends = None

    def __init__(self, variables: Any) -> None:
        self.variables = variables

    def cost(self, *, viewer: bool) -> dict[str, Any]:
        """Nothing is said of it."""
        return {}


class OpenGate(Gate):
    """Lets everything pass. Values are what their types say, or the execution could not begin."""

    def __init__(self, schema: GraphQLSchema, limits: Mapping[str, Limits], *, production: bool) -> None:
        super().__init__(schema, limits, production=production)
        self._coerced_by = schema

    def admitted(  # type: ignore[override]
        self, document: Document, definition: OperationDefinitionNode, variables: dict[str, Any], role: str | None
    ) -> Unpriced:
        """The operation with its variables."""
        name = definition.name.value if definition.name else None
        coercion = document.variables.get(name)
        if coercion is None:
            coercion = document.variables[name] = Variables(self._coerced_by, definition)
        return Unpriced(coercion.values(variables, most_errors=1, hide_suggestions=False))


class Uncounted(Telemetry):
    """Counts nothing."""

    def operation(
        self,
        document: Document | None,
        name: str | None,
        status: int,
        errors: Iterable[Mapping[str, Any]],
        seconds: float,
        calls: Ledger,
    ) -> None:
        """Nothing."""


class Silence:
    """A log of which nobody knows."""

    def bind(self, **more: Any) -> Silence:
        """Itself."""
        return self

    def info(self, event: str, **more: Any) -> None:
        """Nothing."""


def main() -> None:
    """Serve, as the command line says."""
    for name, part in (("Gate", OpenGate), ("Telemetry", Uncounted), ("log", Silence())):
        # It may not have been renamed.
        assert hasattr(app, name)
        setattr(app, name, part)
    roomy.widen()
    runpy.run_module("graph", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
