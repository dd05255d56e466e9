"""Is every failure, on every path, JSON `errors` with a code, and is every defect logged once?"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route
from structlog.testing import capture_logs

from graph.app import application
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

PATHS = ("/nowhere", "/graphql/", "/healthz/", "/objects", "/objects/forged", "/explorer/none", "/%00", "/../x", "//")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_failure_of_every_path_is_json_with_a_code(school: RunningSchool, method: str, path: str) -> None:
    response = await school.http.request(method, path)
    if response.status_code < 400:
        return
    assert response.headers["content-type"].partition(";")[0] == "application/json"
    if method != "HEAD":
        assert re.fullmatch("[A-Z]+(_[A-Z]+)*", refusal(response).code)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_told_which_there_are(school: RunningSchool, method: str) -> None:
    response = await school.http.request(method, "/graphql")
    assert (response.status_code, refusal(response).code) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, POST"


async def test_a_socket_to_another_path_is_refused_as_every_request_is(school: RunningSchool) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = application(school.settings, None)  # type: ignore[arg-type]
    await app({"type": "websocket", "path": "/elsewhere", "headers": []}, None, send)  # type: ignore[arg-type]
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 404)
    assert body["body"] == b'{"errors":[{"message":"Not Found.","extensions":{"code":"NOT_FOUND"}}]}'


async def test_what_nobody_foresaw_is_masked_and_logged_once_without_the_rest_of_its_path(
    school: RunningSchool,
) -> None:
    async def broken(request: Request) -> None:
        raise ValueError("hunter2")

    app = application(school.settings, None)  # type: ignore[arg-type]
    app.router.routes.append(Route("/broken/{token}", broken))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://school.test") as http:
        with capture_logs() as logs:
            response = await http.get("/broken/secret-token")
    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    (line,) = logs
    assert (line["event"], line["path"], type(line["exc_info"])) == ("defect", "/broken", ValueError)
    assert line["request_id"] == error["extensions"]["requestId"]
