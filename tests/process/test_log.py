"""What does the log hold of what people send? Who asked what and how it went; never a value. (Threats 32, 36.)"""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.folders import passable_folder
from tests.process.served import LOG_IN, Served, serving

CANARY = "canary7f3a"


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Served]:
    """A server that writes everything down that it ever does."""
    with passable_folder() as folder:
        async with serving(folder / "data", STUDYGRAPH_LOG_LEVEL="debug") as served:
            yield served


async def test_a_line_an_operation_and_nothing_that_was_sent(served: Served) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=served.url, timeout=30) as client:

        async def ask(document: str, **variables: object) -> int:
            return (await client.post("/graphql", json={"query": document, "variables": variables})).status_code

        credentials = {"email": f"{CANARY}@demo.school", "password": CANARY}
        await ask(LOG_IN.replace("mutation", "mutation Enter"), input=credentials)
        await ask(LOG_IN, input={**credentials, "role": CANARY})
        await ask(LOG_IN, input=CANARY)
        await ask(f'mutation {{ logIn(input: {{ email: "{CANARY}", password: "{CANARY}" }}) {{ accessToken }} }}')
        await ask(f'{{ classroom(id: "{CANARY}") {{ name }} }}')
        await ask(f'{{ viewer(secret: "{CANARY}") {{ name }} }}')
        await ask(f'{{ "{CANARY}" ')
        await ask("{ __typename }", unused=f"{CANARY}\n\r\x1b[31m")
        for headers in ({"authorization": f"Bearer {CANARY}"}, {"cookie": CANARY}, {"user-agent": CANARY}):
            await client.post("/graphql", json={"query": "{ viewer { name } }"}, headers=headers)
        await client.get("/graphql", params={"query": f'{{ node(id: "{CANARY}") {{ id }} }}'})
        await client.post("/graphql", content=f'{{"query": {CANARY}', headers={"content-type": "application/json"})
        await client.get(f"/objects/{CANARY}")
        await client.get(f"/{CANARY}?x={CANARY}")
        assert await ask("query Last { __typename }") == 200
        await served.until('{"request_id"')
        status, out_of_the_ordinary = await served.end(signal.SIGTERM)
    assert (status, out_of_the_ordinary) == (0, [])
    assert not [line for line in served.said if CANARY in line]
    lines = [json.loads(line) for line in served.said if line.startswith("{")]
    operations = [line for line in lines if line["event"] == "operation"]
    assert [line["name"] for line in operations if line["name"]] == ["Enter", "Last"]
    keys = "event request_id name hash role status errors ms store_calls level timestamp"
    assert {frozenset(line) for line in operations} == {frozenset(keys.split())}
    last = operations[-1]
    assert (last["role"], last["status"], last["store_calls"], len(last["hash"])) == (None, 200, 0, 16)
