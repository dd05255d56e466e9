"""What does `auditLog` show an administrator, and how is something found in it?"""

from __future__ import annotations

from typing import Any, Final

import pytest

from graph.ids import encode
from tests.accounts.somebody import newcomer
from tests.audit.conftest import Audited

LOG: Final = """
query Log($filter: AuditFilter, $first: Int, $after: String) {
    auditLog(filter: $filter, first: $first, after: $after) {
        nodes { id at actor { id name } action subject { id } fields operation outcome requestId }
        pageInfo { hasNextPage endCursor }
        totalCount
    }
}
"""


async def log(audited: Audited, where: Any = None, **more: Any) -> Any:
    """A page of the log."""
    return (await audited.data("admin", LOG, {"filter": where, "first": 5, **more}))["auditLog"]


async def test_an_entry_says_who_read_what_of_whom(audited: Audited) -> None:
    ids = audited.school.ids
    face = "query Face($id: ID!) { node(id: $id) { ... on User { email } } }"
    await audited.data("admin", face, {"id": ids["student"]})
    entry = (await log(audited))["nodes"][0]
    assert entry["at"].endswith("Z")
    assert len(entry["requestId"]) == 16
    assert {name: entry[name] for name in ("action", "subject", "fields", "operation", "outcome")} == {
        "action": "read",
        "subject": [{"id": ids["student"]}],
        "fields": ["User.email"],
        "operation": "Face",
        "outcome": "DONE",
    }
    assert entry["actor"] == {"id": encode("User", audited.people["admin"]), "name": "Ruth Calloway"}
    again = await audited.data("admin", "query ($id: ID!) { node(id: $id) { ... on AuditEntry { operation } } }", entry)
    assert again == {"node": {"operation": "Face"}}


async def test_entries_are_found_by_whom_they_are_about_who_did_it_what_and_when(audited: Audited) -> None:
    ada = await newcomer(audited.school)
    me, her = encode("User", audited.people["admin"]), encode("User", ada.user_id)
    nobody = encode("User", (await newcomer(audited.school)).user_id)
    promote = "mutation ($id: ID!) { setUserRole(input: { userId: $id, role: TEACHER }) { errors { code } } }"
    await audited.data("admin", promote, {"id": her})
    await audited.data("admin", "query ($id: ID!) { node(id: $id) { ... on User { email } } }", {"id": her})
    [read, made] = (await log(audited, {"subjectId": {"eq": her}}))["nodes"]
    assert (read["action"], made["action"]) == ("read", "setUserRole")
    assert made["operation"] is None
    for where, found in (
        ({"subjectId": {"in": [her, nobody]}, "action": {"eq": "read"}}, read),
        ({"subjectId": {"eq": her}, "action": {"startsWith": "set"}}, made),
        ({"subjectId": {"eq": her}, "at": {"lt": read["at"]}}, made),
        ({"subjectId": {"eq": her}, "not": {"action": {"eq": "read"}}}, made),
        ({"subjectId": {"eq": her}, "and": [{"actorId": {"eq": me}}, {"action": {"contains": "ROLE"}}]}, made),
    ):
        assert (await log(audited, where))["nodes"] == [found], where
    assert (await log(audited, {"subjectId": {"eq": her}, "actorId": {"eq": her}}))["nodes"] == []
    assert (await log(audited, {"subjectId": {"eq": her}, "at": {"gt": read["at"]}}))["totalCount"] in (0, 1)


async def test_pages_show_each_entry_once_the_latest_first(audited: Audited) -> None:
    ada = await newcomer(audited.school)
    where = {"subjectId": {"eq": encode("User", ada.user_id)}}
    for number in range(7):
        query = f"query Look{number}($id: ID!) {{ node(id: $id) {{ ... on User {{ name }} }} }}"
        await audited.data("admin", query, {"id": encode("User", ada.user_id)})
    first = await log(audited, where)
    second = await log(audited, where, after=first["pageInfo"]["endCursor"])
    assert [each["operation"] for each in first["nodes"] + second["nodes"]] == [f"Look{n}" for n in range(6, -1, -1)]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert [page["totalCount"] for page in (first, second)] == [7, 7]


@pytest.mark.parametrize("account", ["student", "teacher", "service"])
async def test_to_all_others_it_is_forbidden_and_its_entries_are_not_there(audited: Audited, account: str) -> None:
    answer = await audited.ask(account, LOG)
    assert (answer.body["data"], answer.body["errors"][0]["extensions"]["code"]) == ({"auditLog": None}, "FORBIDDEN")
    await audited.data("admin", "{ users(first: 2) { nodes { name } } }")
    entry = (await log(audited))["nodes"][0]["id"]
    hidden = await audited.ask(account, "query ($id: ID!) { node(id: $id) { id } }", {"id": entry})
    assert hidden.body["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_what_is_no_id_finds_nothing_in_words(audited: Audited) -> None:
    answer = await audited.ask("admin", LOG, {"filter": {"subjectId": {"eq": "nonsense"}}})
    assert answer.body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
