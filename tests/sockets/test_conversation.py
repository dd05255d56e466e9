"""Does a socket say and understand what graphql-transport-ws says, frame by frame?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.listening import Listening, of_work
from tests.sockets.talking import LIVE, talking


def without_cost(message: dict[str, Any]) -> dict[str, Any]:
    """A `next` without what is told beside its data."""
    assert message["payload"].pop("extensions")["cost"]["requested"] >= 0
    return message


async def test_a_query_has_its_answer_and_its_end(served: Listening) -> None:
    async with talking(served) as talk:
        assert talk.connection.subprotocol == "graphql-transport-ws"
        await talk.begin()
        await talk.ask("1", "{ __typename }")
        assert without_cost(await talk.hear()) == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"__typename": "Query"}},
        }
        assert await talk.hear() == {"id": "1", "type": "complete"}


async def test_a_subscription_tells_its_snapshot_then_changes_until_completed(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("live", LIVE)
        event = (await talk.hear())["payload"]["data"]["storesLive"]
        assert (event["kind"], event["changes"]) == ("SNAPSHOT", None)
        with served.at_work():

            async def told() -> Any:
                message = await talk.hear()
                assert (message["id"], message["type"]) == ("live", "next")
                return message["payload"]["data"]["storesLive"]

            event = await of_work(told)
            changed = [{"op": "UPDATED", "store": {"name": "kafka", "status": "WARMING"}}]
            assert (event["kind"], event["changes"]) == ("CHANGE", changed)
        await talk.say(id="live", type="complete")
        # Nothing comes after `complete`, and the id is free again.
        await talk.ask("live", "{ __typename }")
        messages = [await talk.hear() for _ in range(2)]
        while messages[0]["payload"].get("data", {}).get("storesLive"):
            messages = [messages[1], await talk.hear()]
        assert messages[0]["payload"]["data"] == {"__typename": "Query"}
        assert messages[1] == {"id": "live", "type": "complete"}


async def test_a_cursor_goes_on_on_another_socket(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("1", LIVE)
        cursor = (await talk.hear())["payload"]["data"]["storesLive"]["cursor"]
    goes_on = "subscription ($after: String) { storesLive(after: $after) { kind changes { store { name status } } } }"
    with served.at_work():
        async with talking(served) as talk:
            await talk.begin()
            await talk.ask("1", goes_on, variables={"after": cursor})

            async def told() -> Any:
                return (await talk.hear())["payload"]["data"]["storesLive"]

            change = {"kind": "CHANGE", "changes": [{"store": {"name": "kafka", "status": "WARMING"}}]}
            assert await of_work(told) == change


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ shoeSize }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { shoeSize }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("{ classrooms { nodes { id } } }", "UNAUTHENTICATED"),
        ("{ stores { name } classrooms(first: 1000) { nodes { id } } }", "UNAUTHENTICATED"),
    ],
)
async def test_what_is_wrong_with_one_operation_is_its_error_and_ends_no_other(
    served: Listening, query: str, code: str
) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("live", LIVE)
        assert (await talk.hear())["id"] == "live"
        await talk.ask("wrong", query)
        message = await talk.hear()
        while message["id"] == "live":
            message = await talk.hear()
        assert (message["id"], message["type"]) == ("wrong", "error")
        assert [each["extensions"]["code"] for each in message["payload"]] == [code]
        with served.at_work():
            assert (await talk.hear())["id"] == "live"


async def test_the_guard_refuses_on_sockets_as_it_does_elsewhere(served: Listening) -> None:
    token = await served.school.token("teacher")
    async with talking(served) as talk:
        await talk.begin(authorization=f"Bearer {token}")
        await talk.ask("1", "{ classrooms(first: 1000) { nodes { id } } }")
        message = await talk.hear()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "PAGE_SIZE")
        await talk.ask("2", "subscription { " + " ".join(f"a{n}: storesLive {{ kind }}" for n in range(30)) + " }")
        message = await talk.hear()
        assert message["type"] == "error"
        await talk.ask("3", 'subscription { storesLive(after: "made-up") { kind } }')
        message = await talk.hear()
        assert (message["type"], message["payload"]["data"]) == ("next", None)
        assert [each["extensions"]["code"] for each in message["payload"]["errors"]] == ["BAD_CURSOR"]
        assert await talk.hear() == {"id": "3", "type": "complete"}


@pytest.mark.parametrize(
    "key", ["authorization", "Authorization", "AUTHORIZATION", "token", "accessToken", "auth_token"]
)
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
async def test_a_token_is_taken_however_it_is_named(served: Listening, key: str, scheme: str) -> None:
    token = await served.school.token("student")
    async with talking(served) as talk:
        await talk.begin(**{key: scheme + token})
        await talk.ask("1", "{ viewer { role } }")
        assert (await talk.hear())["payload"]["data"] == {"viewer": {"role": "STUDENT"}}


async def test_headers_in_the_payload_count_too(served: Listening) -> None:
    token = await served.school.token("student")
    async with talking(served) as talk:
        await talk.begin(headers={"Authorization": f"Bearer {token}"})
        await talk.ask("1", "{ viewer { role } }")
        assert (await talk.hear())["payload"]["data"] == {"viewer": {"role": "STUDENT"}}


async def test_a_mutation_goes_over_the_socket(served: Listening) -> None:
    wrong = 'mutation { logIn(input: { email: "nobody@demo.school", password: "wrong wrong" }) { errors { code } } }'
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("1", wrong)
        assert (await talk.hear())["payload"]["data"] == {"logIn": {"errors": [{"code": "INVALID_CREDENTIALS"}]}}
        assert await talk.hear() == {"id": "1", "type": "complete"}


async def test_ledger_and_plan_travel_where_they_are_asked_for(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin(token=await served.school.token("teacher"))
        await talk.ask("1", "{ viewer { name } }", extensions={"ledger": True, "explain": True})
        shown = (await talk.hear())["payload"]["extensions"]
        assert shown["plan"]["calls"] == {name: each["calls"] for name, each in shown["ledger"].items()}


async def test_a_ping_has_its_pong_before_and_after_the_beginning(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.say(type="ping", payload={"n": [1]})
        assert await talk.hear() == {"type": "pong", "payload": {"n": [1]}}
        await talk.begin()
        await talk.say(type="pong")
        await talk.say(type="ping")
        assert await talk.hear() == {"type": "pong"}
