"""Who answers streams here? A graph on the running school, in both ways of execution."""

from __future__ import annotations

from typing import Any

import pytest

from graph.app import Graph
from tests.accounts.conftest import ada, admin, coming  # noqa: F401 - fixtures
from tests.running_school import RunningSchool


@pytest.fixture(params=["compiled", "graphql-core"])
def graph(request: Any, school: RunningSchool) -> Graph:
    """What a transport asks."""
    return Graph(school.services, school.settings.model_copy(update={"execution": request.param}))
