"""Can a text that somebody sends become part of a key of Redis, a pattern over keys, or a command? (threat 29)

The functions that make keys, and what they refuse: `test_redis.py`.
"""

from __future__ import annotations

import base64

import pytest

from tests.event_loop import ROOMS, ROOT
from tests.http.refusals import refusals
from tests.redis_keys import families
from tests.running_school import LOG_IN, RunningSchool

HOSTILE = [
    "*", "?", "[a-z]*", "{*}:*", "}:*:{", "\r\nSET pwned 1\r\n", "*2\r\n$3\r\nDEL\r\n$1\r\n*\r\n", "\x00", "\n",
    "pwned\" 1 \"", "../../session", "session:{00000000-0000-4000-8000-000000000000}",
]  # fmt: skip
# What no question needs: commands that look at many keys, change the server, or bring a script along.
NEVER = ("keys", "scan", "flush", "config", "eval|", "rename", "debug", "shutdown", "monitor", "acl", "sort", "random")


async def keys_of(school: RunningSchool) -> set[str]:
    return {key async for key in school.services.stores.redis.raw.scan_iter()}


async def commands_of(school: RunningSchool) -> set[str]:
    said = await school.services.stores.redis.raw.info("commandstats")
    return {name.removeprefix("cmdstat_") for name in said}


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_sent_becomes_no_key_no_pattern_and_no_command(school: RunningSchool, text: str) -> None:
    redis = school.services.stores.redis
    await school.token("student")
    before = await keys_of(school)
    await redis.raw.config_resetstat()
    ids = [base64.b64encode(f"{kind}:{text}".encode()).decode() for kind in ("User", "Classroom", "Meeting")]
    nodes = await school.post("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, "student")
    found = await school.post(
        "query ($id: ID!, $q: String!) { classroom(id: $id) { search(query: $q) { edges { score } } } }",
        {"id": school.ids["classroom"], "q": text},
        "student",
    )
    await school.post(LOG_IN, {"input": {"email": f"{text}@demo.school", "password": text}})
    forged = await school.http.post(
        "/graphql",
        json={"query": "{ viewer { name } }"},
        headers={"authorization": f"Bearer {base64.urlsafe_b64encode(text.encode()).decode()}.e30.e30"},
    )
    used = await commands_of(school)
    after = await keys_of(school)
    assert nodes.json().get("data") in (None, {"nodes": [None, None, None]})
    assert {each.code for each in refusals(nodes)} <= {"NOT_FOUND", "BAD_USER_INPUT"}
    if "data" in found.json():
        assert found.json()["data"]["classroom"] is not None
    else:  # a text that no text may be, which is refused as a whole
        assert [each.code for each in refusals(found)] == ["BAD_USER_INPUT"]
    assert forged.status_code == 401
    assert [key for key in after - before if not families(key)] == []
    assert [key for key in after - before if text.strip() and text in key] == []
    assert before <= after, "nothing was deleted"
    assert [name for name in used for word in NEVER if f"{name}|".startswith(word)] == ["config|resetstat"], "ours"


def test_no_function_of_the_program_looks_for_keys_by_a_pattern() -> None:
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert not any(word in text for word in ("scan_iter", '"KEYS"', '"SCAN"', "psubscribe(")), file
