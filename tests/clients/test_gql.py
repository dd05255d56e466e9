"""Does Python's gql work against our server: by httpx, aiohttp and a socket, and by the schema it fetches?"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any

import httpx
import pytest
from gql import Client, FileVar, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.async_transport import AsyncTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError, print_type
from PIL import Image
from websockets.exceptions import ConnectionClosedError

from graph.explorer.tabs import demo_ids
from graph.schema import graphql_schema
from tests.accounts.picture_files import RED, UPLOAD, picture
from tests.clients.conftest import shown, warmed
from tests.process.served import Served

VIEWER = gql("{ viewer { name role } }")
CLASSROOM = gql("query One($id: ID!) { classroom(id: $id) { id name joinCode teacher { name } } }")
LIVE = gql("subscription { storesLive { kind snapshot { stores { name } } changes { op store { name status } } } }")
STORES = ["postgresql", "redis", "mongodb", "qdrant", "cassandra", "kafka", "minio"]
TRANSPORTS = [HTTPXAsyncTransport, AIOHTTPTransport, WebsocketsTransport]


async def transport(
    kind: type, served: Served, account: str | None, token: str | None = None, **headers: str
) -> AsyncTransport:
    """A way of gql's to the server, as an account."""
    if account is not None:
        await served.ask("{ __typename }", account=account)
        token = served.tokens[account]
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{served.url}/graphql"
    if kind is WebsocketsTransport:
        return WebsocketsTransport(url=url.replace("http", "ws"), init_payload=headers)
    made: AsyncTransport = kind(url=url, headers=headers)
    return made


@asynccontextmanager
async def session(
    served: Served, account: str | None, kind: type = HTTPXAsyncTransport, **more: Any
) -> AsyncIterator[Any]:
    """An open session of a client."""
    async with Client(transport=await transport(kind, served, account), **more) as opened:
        yield opened


def codes(refused: pytest.ExceptionInfo[TransportQueryError]) -> list[str]:
    """The codes of a refusal."""
    return [each["extensions"]["code"] for each in refused.value.errors or ()]


@contextmanager
def mongodb_standing_still(environment: dict[str, str]) -> Iterator[None]:
    """MongoDB's process stands still, which whoever follows the stores is told."""
    pid = json.loads(environment["STUDYGRAPH_CLIENTS"])["processes"]["mongodb"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_a_query_is_answered_with_variables_and_a_token(served: Served, kind: type) -> None:
    async with session(served, "teacher", kind) as asking:
        assert await asking.execute(VIEWER) == {"viewer": {"name": "Maya Lindqvist", "role": "TEACHER"}}
        request = GraphQLRequest(CLASSROOM, variable_values={"id": demo_ids()["classroom"]})
        assert await asking.execute(request) == {
            "classroom": {
                "id": demo_ids()["classroom"],
                "name": "Plant Biology",
                "joinCode": "LEAF2K7M",
                "teacher": {"name": "Maya Lindqvist"},
            }
        }


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_an_error_has_its_code_and_what_could_be_had_is_there(served: Served, kind: type) -> None:
    async with session(served, "student", kind) as asking:
        request = GraphQLRequest(CLASSROOM, variable_values={"id": demo_ids()["classroom"]})
        with pytest.raises(TransportQueryError) as refused:
            await asking.execute(request)
        assert codes(refused) == ["FORBIDDEN"]
        assert refused.value.data is not None
        assert refused.value.data["classroom"]["name"] == "Plant Biology"
        with pytest.raises(TransportQueryError) as refused:
            await asking.execute(gql("{ shoeSize }"))
        assert codes(refused) == ["GRAPHQL_VALIDATION_FAILED"]
        assert await asking.execute(VIEWER) == {"viewer": {"name": "Sam Okafor", "role": "STUDENT"}}


async def test_a_mutation_tells_what_is_wrong_with_its_input(served: Served) -> None:
    mutation = gql("mutation ($input: LogInInput!) { logIn(input: $input) { accessToken errors { code path } } }")
    wrong = {"input": {"email": "nobody@demo.school", "password": "wrong wrong wrong"}}
    async with session(served, None) as asking:
        answer = await asking.execute(GraphQLRequest(mutation, variable_values=wrong))
    assert answer == {"logIn": {"accessToken": None, "errors": [{"code": "INVALID_CREDENTIALS", "path": ["input"]}]}}


@pytest.mark.parametrize("kind", [HTTPXAsyncTransport, AIOHTTPTransport])
async def test_a_file_is_uploaded_where_the_client_says_that_it_may(served: Served, kind: type) -> None:
    def asked() -> GraphQLRequest:
        mine = FileVar(BytesIO(picture()), filename="me.png", content_type="image/png")
        return GraphQLRequest(gql(UPLOAD), variable_values={"input": {"file": mine}})

    async with session(served, "outsider", kind) as asking:
        with pytest.raises(TransportQueryError) as refused:
            await asking.execute(asked(), upload_files=True)
        assert codes(refused) == ["CSRF"]
    allowed = {"GraphQL-Require-Preflight": "1"}
    async with Client(transport=await transport(kind, served, "outsider", **allowed)) as asking:
        answer = (await asking.execute(asked(), upload_files=True))["uploadAvatar"]
    assert answer["errors"] == []
    async with httpx.AsyncClient(trust_env=False) as http:
        shown = await http.get(answer["user"]["avatarUrl"])
    red, green, blue = Image.open(BytesIO(shown.content)).convert("RGB").getpixel((32, 32))
    assert max(abs(red - RED[0]), abs(green - RED[1]), abs(blue - RED[2])) < 5


@pytest.mark.parametrize("kind", [HTTPXAsyncTransport, AIOHTTPTransport])
async def test_a_batch_is_one_request_with_answers_in_its_order(served: Served, kind: type) -> None:
    async with session(served, "teacher", kind) as asking:
        batch = [GraphQLRequest("{ stores { name } }"), GraphQLRequest(VIEWER)]
        stores, viewer = await asking.execute_batch(batch)
    assert [each["name"] for each in stores["stores"]] == STORES
    assert viewer["viewer"]["name"] == "Maya Lindqvist"


async def test_a_subscription_tells_its_snapshot_and_then_changes(served: Served) -> None:
    environment = await shown(served)
    async with session(served, None, WebsocketsTransport) as asking:
        events = asking.subscribe(LIVE)
        first = (await anext(events))["storesLive"]
        assert (first["kind"], [each["name"] for each in first["snapshot"]["stores"]]) == ("SNAPSHOT", STORES)
        with mongodb_standing_still(environment):
            async for event in events:
                told = [each for each in event["storesLive"]["changes"] if each["store"]["name"] == "mongodb"]
                if told:
                    break
        assert told == [{"op": "UPDATED", "store": {"name": "mongodb", "status": "DOWN"}}]
        await events.aclose()
    await warmed(served)


async def test_a_token_that_is_not_valid_is_refused(served: Served) -> None:
    async with Client(transport=await transport(HTTPXAsyncTransport, served, None, "made up")) as asking:
        with pytest.raises(TransportQueryError) as refused:
            await asking.execute(VIEWER)
    assert codes(refused) == ["UNAUTHENTICATED"]
    with pytest.raises(TransportConnectionFailed) as closed:
        await (await transport(WebsocketsTransport, served, None, "made up")).connect()
    assert isinstance(closed.value.__cause__, ConnectionClosedError)
    assert closed.value.__cause__.rcvd is not None
    assert closed.value.__cause__.rcvd.code == 4403


async def test_the_schema_that_a_client_fetches_is_ours_and_judges_its_documents(served: Served) -> None:
    async with session(served, "teacher", fetch_schema_from_transport=True) as asking:
        schema = asking.client.schema
        ours = graphql_schema()
        for name in ("Query", "Mutation", "Subscription", "Classroom", "User", "Node", "StoresEvent"):
            assert print_type(schema.type_map[name]) == print_type(ours.type_map[name])
        with pytest.raises(GraphQLError, match="Cannot query field 'shoeSize'"):
            await asking.execute(gql("{ shoeSize }"))
