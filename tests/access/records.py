"""How does one get to each record of the promise? One question each; `it` is the record, FIELDS is what is asked of it.

`$name` stands for the id that `found_ids` found under that name.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, parse

from datadir.names import StoreName
from tests.access.viewers import CLASSROOM, FELLOW, PASSWORD, Eyes

_LOG_IN: Final = f'logIn(input: {{ email: "{FELLOW}", password: "{PASSWORD}" }})'
_WRONG: Final = f'logIn(input: {{ email: "{FELLOW}", password: "" }})'
_OF_THIS_NAME: Final = f'classrooms(first: 1, filter: {{ name: {{ eq: "{CLASSROOM}" }} }})'


def _of(name: str, kind: str, below: str = "FIELDS") -> str:
    """A record by its id, or what is below it."""
    if below == "FIELDS":
        return f"{{ it: node(id: ${name}) {{ ... on {kind} {{ FIELDS }} }} }}"
    return f"{{ node(id: ${name}) {{ ... on {kind} {{ {below} }} }} }}"


QUESTIONS: Final = {
    "Query: the roots": "{ FIELDS }",
    "Mutation: the roots": "mutation { FIELDS }",
    "Subscription: the roots": "subscription { FIELDS }",
    "_Service: the schema": "{ it: _service { FIELDS } }",
    "Node: the classroom": "{ it: node(id: $classroom) { FIELDS } }",
    "Store: any": "{ it: stores { FIELDS } }",
    "StoresEvent: the first": "subscription { it: storesLive { FIELDS } }",
    "StoresSnapshot: the first": "subscription { storesLive { it: snapshot { FIELDS } } }",
    "StoreChange: of Kafka": "subscription { storesLive(after: $change) { it: changes { FIELDS } } }",
    "LogInPayload: a log-in": f"mutation {{ it: {_LOG_IN} {{ FIELDS }} }}",
    "LogInError: a wrong password": f"mutation {{ {_WRONG} {{ it: errors {{ FIELDS }} }} }}",
    "User: oneself": "{ it: viewer { FIELDS } }",
    "Presence: one's own": "{ viewer { it: presence { FIELDS } } }",
    "EngagementDay: one's own": "{ viewer { it: engagement(days: 90) { FIELDS } } }",
    "User: a fellow student": _of("fellow", "User"),
    "Presence: a fellow student's": _of("fellow", "User", "it: presence { FIELDS }"),
    "EngagementDay: a fellow student's": _of("fellow", "User", "it: engagement(days: 90) { FIELDS }"),
    "User: the teacher of the classroom": _of("teacher", "User"),
    "Classroom: of mathematics": _of("classroom", "Classroom"),
    "ClassroomConnection: those of this name": f"{{ it: {_OF_THIS_NAME} {{ FIELDS }} }}",
    "ClassroomEdge: of those of this name": f"{{ {_OF_THIS_NAME} {{ it: edges {{ FIELDS }} }} }}",
    "ClassroomMember: a fellow student's place": _of("member", "ClassroomMember"),
    "ClassroomMemberConnection: of mathematics": _of("classroom", "Classroom", "it: members(first: 1) { FIELDS }"),
    "ClassroomMemberEdge: of mathematics": _of("classroom", "Classroom", "members(first: 1) { it: edges { FIELDS } }"),
    "PageInfo: of the members": _of("classroom", "Classroom", "members(first: 1) { it: pageInfo { FIELDS } }"),
    "Meeting: a recorded lesson": _of("meeting", "Meeting"),
    "MeetingConnection: of mathematics": _of("classroom", "Classroom", "it: meetings(first: 1) { FIELDS }"),
    "MeetingEdge: of mathematics": _of("classroom", "Classroom", "meetings(first: 1) { it: edges { FIELDS } }"),
    "Recording: of the lesson": _of("recording", "Recording"),
    "Transcript: of the lesson": _of("transcript", "Transcript"),
    "TranscriptSegmentConnection: of the lesson": _of("transcript", "Transcript", "it: segments(first: 1) { FIELDS }"),
    "TranscriptSegmentEdge: of the lesson": _of(
        "transcript", "Transcript", "segments(first: 1) { it: edges { FIELDS } }"
    ),
    "TranscriptSegment: the first": _of("segment", "TranscriptSegment"),
    "Assessment: handed in by some": _of("assessment", "Assessment"),
    "SubmissionSummary: of it": _of("assessment", "Assessment", "it: submissionSummary { FIELDS }"),
    "AssessmentConnection: of mathematics": _of("classroom", "Classroom", "it: assessments(first: 1) { FIELDS }"),
    "AssessmentEdge: of mathematics": _of("classroom", "Classroom", "assessments(first: 1) { it: edges { FIELDS } }"),
    "Document: of mathematics": _of("document", "Document"),
    "DocumentChunk: of it": _of("chunk", "DocumentChunk"),
    "DocumentChunkSearchConnection: of mathematics": _of(
        "classroom", "Classroom", 'it: search(query: "limits", first: 1) { FIELDS }'
    ),
    "DocumentChunkSearchEdge: of mathematics": _of(
        "classroom", "Classroom", 'search(query: "limits", first: 1) { it: edges { FIELDS } }'
    ),
}
# What a field cannot be asked without.
ARGUMENTS: Final = {
    "Query.classroom": "(id: $classroom)",
    "Query.node": "(id: $classroom)",
    "Query.nodes": "(ids: [$classroom])",
    "Mutation.logIn": f'(input: {{ email: "{FELLOW}", password: "{PASSWORD}" }})',
    "Classroom.search": '(query: "limits")',
}


class Asked(NamedTuple):
    """A question for some fields of a record, and the record's place in the answer."""

    query: str
    place: tuple[str, ...]


def asked(record: str, selections: str, ids: dict[str, str]) -> Asked:
    """The question for these fields of a record."""
    query = QUESTIONS[record].replace("FIELDS", selections)
    return Asked(re.sub(r"\$(\w+)", lambda name: f'"{ids[name[1]]}"', query), _place(QUESTIONS[record]))


def _place(question: str) -> tuple[str, ...]:
    """The response keys down to `it`; none where the record is the root."""
    [definition] = parse(question).definitions
    assert isinstance(definition, OperationDefinitionNode)
    keys: list[str] = []
    selection: Any = definition.selection_set.selections[0]
    while selection.selection_set is not None:
        if isinstance(selection, FieldNode):
            keys.append((selection.alias or selection.name).value)
        else:
            assert isinstance(selection, InlineFragmentNode)
        selection = selection.selection_set.selections[0]
    return tuple(keys)


async def found_ids(eyes: Eyes) -> dict[str, str]:
    """The ids of one record of each kind, as an administrator finds them."""
    whole = f"""{{ {_OF_THIS_NAME} {{ nodes {{
        id teacher {{ id }} members(first: 100) {{ nodes {{ id user {{ id email }} }} }}
        meetings(first: 100) {{ nodes {{
            id recordings {{ id }} transcript {{ id segments(first: 1) {{ nodes {{ id }} }} }}
        }} }}
        assessments {{ nodes {{ id submissionSummary {{ averageScore }} timeLimitMinutes dueAt }} }}
        search(query: "limits", first: 1) {{ nodes {{ id document {{ id }} }} }}
    }} }} }}"""
    [classroom] = (await eyes.data("admin", whole))["classrooms"]["nodes"]
    [fellow] = [each for each in classroom["members"]["nodes"] if each["user"]["email"] == FELLOW]
    lesson = next(each for each in classroom["meetings"]["nodes"] if each["recordings"] and each["transcript"])
    summarised = [each for each in classroom["assessments"]["nodes"] if each["submissionSummary"]["averageScore"]]
    [chunk] = classroom["search"]["nodes"]
    return {
        "classroom": classroom["id"],
        "teacher": classroom["teacher"]["id"],
        "member": fellow["id"],
        "fellow": fellow["user"]["id"],
        "meeting": lesson["id"],
        "recording": lesson["recordings"][0]["id"],
        "transcript": lesson["transcript"]["id"],
        "segment": lesson["transcript"]["segments"]["nodes"][0]["id"],
        "assessment": next(each["id"] for each in summarised if each["dueAt"]),
        "document": chunk["document"]["id"],
        "chunk": chunk["id"],
        "change": await _before_a_change(eyes),
    }


async def _before_a_change(eyes: Eyes) -> str:
    """Where somebody stands who followed the stores when Kafka was not as it is now."""
    progress = eyes.school.services.stores.progress
    progress[StoreName.KAFKA] = 50
    try:
        event = (await eyes.ask("anonymous", "subscription { storesLive { cursor } }")).json()
    finally:
        del progress[StoreName.KAFKA]
    return str(event["data"]["storesLive"]["cursor"])
