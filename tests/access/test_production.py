"""Who may look at the schema in production? Administrators; to everybody else no way leads there."""

from __future__ import annotations

import pytest

from graph.app import Graph
from graph.http.envelope import Envelope
from tests.access.viewers import VIEWERS, Eyes
from tests.running_school import RunningSchool

WAYS = {
    "__schema": "{ __schema { types { name } } }",
    "__type": '{ __type(name: "User") { name } }',
    "_service": "{ _service { sdl } }",
    "within a fragment": "{ ...F } fragment F on Query { ... { s: _service { __typename } } }",
}


@pytest.mark.parametrize("viewer", [name for name in VIEWERS if name != "anonymous"])
@pytest.mark.parametrize("way", WAYS)
async def test_the_schema_is_shown_to_administrators(way: str, viewer: str, school: RunningSchool, eyes: Eyes) -> None:
    production = Graph(school.services, school.settings.model_copy(update={"env": "production"}))
    answer = await production.answer(Envelope(WAYS[way]), authorization=f"Bearer {await eyes.token(viewer)}")
    if viewer == "admin":
        assert (answer.status, "errors" in answer.body) == (200, False)
    else:
        assert answer.status == 400
        assert {error["extensions"]["code"] for error in answer.body["errors"]} == {"INTROSPECTION_DISABLED"}
        assert "data" not in answer.body
