"""What does the log hear when an administrator reads? Whose records, and which fields: once for an operation."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from datadir.scope import SYSTEM
from graph.app import Graph
from graph.authn import viewer_of
from graph.http.envelope import Envelope
from graph.ids import decode
from graph.schema import NODES, schema
from resolvers.audit import Concern
from tests.audit.conftest import Audited, Row

USERS: Final = "query Look($first: Int!) { users(first: $first) { nodes { id email presence { status } } } }"
# By hand, from the promise: whose each record is. An administrator reads all, audited; but courses, which are for all
# to find, and the log itself.
PERSON: Final = Concern("User", "user_id")
WHOSE: Final = {
    "Activity": PERSON,
    "Assessment": Concern("Assessment", "id"),
    "AuditEntry": None,
    "Classroom": Concern("Classroom", "id"),
    "ClassroomMember": PERSON,
    "Course": None,
    "Document": Concern("Document", "id"),
    "DocumentChunk": Concern("Document", "document_id"),
    "Enrollment": PERSON,
    "Meeting": Concern("Meeting", "id"),
    "Recording": Concern("Recording", "id"),
    "Session": PERSON,
    "Transcript": Concern("Transcript", "id"),
    "TranscriptSegment": Concern("Transcript", "transcript_id"),
    "User": Concern("User", "id"),
}


def test_it_is_decided_of_each_type_whose_its_records_are() -> None:
    assert {kind.__name__: kind.concerns for kind in NODES} == WHOSE


async def test_one_row_names_everybody_whom_an_operation_has_read(audited: Audited) -> None:
    found = await audited.data("admin", USERS, {"first": 20})
    people = {f"User:{decode(each['id']).key}" for each in found["users"]["nodes"]}
    assert len(people) == 20
    others = tuple(sorted(people - {audited.user("admin")}))
    assert await audited.rows() == [
        Row("admin", "read", "Look", "done", others, ("User.email", "User.id", "User.presence"))
    ]


async def test_below_each_record_it_is_the_records_that_are_named(audited: Audited) -> None:
    query = """
    query ($classroom: ID!, $meeting: ID!, $student: ID!, $document: ID!, $course: ID!) {
        room: classroom(id: $classroom) { joinCode teacher { name } }
        node(id: $meeting) {
            __typename
            ... on Meeting { title transcript { language segments(first: 3) { nodes { text } } } }
        }
        nodes(ids: [$student, $document, $course]) {
            __typename
            ... on User { profile { firstName } enrollments(first: 1) { nodes { progressPercent course { title } } } }
            ... on Document { filename }
            ... on Course { title }
        }
        viewer { name email sessions { id userAgent } activity(first: 1) { nodes { action } } }
    }
    """
    wanted = ("classroom", "meeting", "student", "document", "course")
    await audited.data("admin", query, {name: audited.school.ids[name] for name in wanted})
    [row] = await audited.rows()
    transcript = await audited.data("teacher", TRANSCRIPT, {"id": audited.school.ids["meeting"]})
    subjects = {
        audited.key("classroom"),
        audited.key("meeting"),
        audited.key("student"),
        audited.key("document"),
        audited.user("teacher"),
        f"Transcript:{decode(transcript['node']['transcript']['id']).key}",
    }
    fields = """
        Classroom.joinCode Classroom.teacher Document.filename Enrollment.course Enrollment.progressPercent
        Meeting.title Meeting.transcript Transcript.language Transcript.segments TranscriptSegment.text
        User.enrollments User.name User.profile
    """
    assert row == Row("admin", "read", "", "done", tuple(sorted(subjects)), tuple(fields.split()))


TRANSCRIPT: Final = "query ($id: ID!) { node(id: $id) { ... on Meeting { transcript { id } } } }"


@pytest.mark.parametrize(
    ("account", "query"),
    [
        ("admin", "{ viewer { name email sessions { id } preferences { theme } activity { nodes { id } } } }"),
        ("admin", "{ stores { name version } }"),
        ("admin", "{ users(first: 5) { totalCount pageInfo { hasNextPage } nodes { __typename } } }"),
        ("admin", "{ __schema { queryType { name } } }"),
        ("teacher", "{ viewer { email classrooms { nodes { joinCode members { nodes { user { email } } } } } } }"),
        ("student", "{ viewer { email classrooms { nodes { name members { nodes { user { name } } } } } } }"),
    ],
)
async def test_what_is_ones_own_or_nobodys_leaves_no_row(audited: Audited, account: str, query: str) -> None:
    await audited.data(account, query)
    assert await audited.rows() == []


async def test_what_is_not_found_or_refused_is_not_read(audited: Audited) -> None:
    never = "VXNlcjowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA="
    assert (await audited.ask("admin", "query ($id: ID!) { node(id: $id) { id } }", {"id": never})).body["errors"]
    assert (await audited.ask("student", USERS, {"first": 5})).body["errors"]
    assert await audited.rows() == []


async def test_neither_values_nor_names_that_a_client_makes_up_are_written(audited: Audited) -> None:
    canary = "canary7f3a"
    query = f"""
    query ($text: String!) {{
        {canary}: users(first: 3, filter: {{ not: {{ email: {{ eq: $text }} }} }}) {{ nodes {{ {canary}: email }} }}
        # {canary}
        other: users(first: 1, filter: {{ name: {{ contains: "{canary}" }} }}) {{ nodes {{ name }} }}
    }}
    """
    await audited.data("admin", query, {"text": canary})
    assert len(await audited.rows()) == 1
    everything = await whole_log(audited)
    assert canary not in everything
    assert "@" not in everything
    assert "Maya" not in everything


async def whole_log(audited: Audited) -> str:
    """All that the table holds, as text."""
    async with audited.school.services.stores.postgresql.transaction(SYSTEM) as tx:
        return json.dumps([row[0] for row in await tx.fetch("select to_jsonb(a)::text from audit_log a")])


async def test_a_part_leaves_with_its_row(audited: Audited) -> None:
    query = "query Parts { users(first: 2) { nodes { name ... @defer { email } } } }"
    sent = f"Bearer {await audited.school.token('admin')}"
    written: list[tuple[str, ...]] = []
    async for answer in audited.graph.stream(Envelope(query, {}), authorization=sent, in_parts=True):
        assert "errors" not in answer.body
        # The next part may be written down already: it is read while this one is on its way.
        written += [row.fields for row in await audited.rows() if row.operation == "Parts"]
        if "data" in answer.body:
            assert ("User.name",) in written
        if answer.body.get("incremental"):
            assert ("User.email",) in written
    assert sorted(written) == [("User.email",), ("User.name",)]


async def test_callers_in_the_process_are_heard_too(audited: Audited) -> None:
    viewer = await viewer_of(audited.school.services, f"Bearer {await audited.school.token('admin')}", reads=True)
    context = audited.graph.context(viewer)
    result = await schema().execute("query Inside { users(first: 2) { nodes { name } } }", context_value=context)
    assert result.errors is None
    [row] = await audited.rows()
    assert (row.actor, row.operation, row.fields, len(row.subjects)) == ("admin", "Inside", ("User.name",), 2)


async def test_what_waits_for_an_administrators_row_is_no_store_call(audited: Audited) -> None:
    sent = f"Bearer {await audited.school.token('admin')}"
    asked = Envelope("{ users(first: 2) { nodes { name } } }", {})
    answer = await audited.graph.answer(asked, authorization=sent, wants_ledger=True)
    ledger: dict[str, Any] = answer.body["extensions"]["ledger"]
    assert {store: entry["calls"] for store, entry in ledger.items()} == {"postgresql": 1, "redis": 1}
    assert len(await audited.rows()) == 1


async def test_the_request_is_the_one_of_the_log_of_operations(audited: Audited) -> None:
    with capture_logs() as said:
        graph = Graph(audited.school.services, audited.graph.settings)
        sent = f"Bearer {await audited.school.token('admin')}"
        await graph.answer(Envelope("{ users(first: 2) { nodes { name } } }", {}), authorization=sent)
    found = await audited.data("admin", "{ auditLog(first: 1) { nodes { requestId } } }")
    [line] = [line for line in said if line["event"] == "operation"]
    assert found["auditLog"]["nodes"] == [{"requestId": line["request_id"]}]
