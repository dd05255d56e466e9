"""How does one get to each record of the promise? One question each; `it` is the record, FIELDS is what is asked of it.

`$name` stands for the id that `found_ids` found under that name.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, parse

from datadir.names import StoreName
from datadir.redis.keys import session_record
from graph.ids import encode
from tests.access.viewers import CLASSROOM, FELLOW, PASSWORD, Eyes

_LOG_IN: Final = f'logIn(input: {{ email: "{FELLOW}", password: "{PASSWORD}" }})'
_WRONG: Final = f'logIn(input: {{ email: "{FELLOW}", password: "" }})'
_OF_THIS_NAME: Final = f'classrooms(first: 1, filter: {{ name: {{ eq: "{CLASSROOM}" }} }})'


# Verbs that change nothing, but for the log-out: what they are given is refused, or is as it was.
_VERBS: Final = {
    "register": '(input: { email: "x", password: "seven green bottles" })',
    "refreshSession": '(input: { refreshToken: "x" })',
    "requestPasswordReset": '(input: { email: "x" })',
    "resetPassword": '(input: { token: "x", newPassword: "x" })',
    "revokeSession": "(input: { sessionId: $session })",
    "changePassword": '(input: { currentPassword: "x", newPassword: "x" })',
    "updateProfile": "(input: {})",
    "uploadAvatar": "(input: { file: $file })",
    "updatePreferences": "(input: {})",
    "setUserRole": "(input: { userId: $admin, role: ADMIN })",
    "deactivateUser": "(input: { userId: $admin })",
    "setSubscription": '(input: { userId: $admin, plan: PLUS, renewsAt: "2001-01-01T00:00:00Z" })',
    "logOut": "(input: {})",
}


def _verb(name: str) -> str:
    return f"mutation {{ it: {name}{_VERBS[name]} {{ FIELDS }} }}"


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
    "RegisterPayload: of what is no address": _verb("register"),
    "RefreshSessionPayload: of what is no token": _verb("refreshSession"),
    "RequestPasswordResetPayload: for what is no address": _verb("requestPasswordReset"),
    "ResetPasswordPayload: by what is no token": _verb("resetPassword"),
    "RevokeSessionPayload: somebody's session": _verb("revokeSession"),
    "ChangePasswordPayload: a wrong password": _verb("changePassword"),
    "UpdateProfilePayload: nothing changes": _verb("updateProfile"),
    "UploadAvatarPayload: of what is no picture": _verb("uploadAvatar"),
    "UpdatePreferencesPayload: nothing changes": _verb("updatePreferences"),
    "SetUserRolePayload: the administrator stays one": _verb("setUserRole"),
    "DeactivateUserPayload: the administrator does not end": _verb("deactivateUser"),
    "SetSubscriptionPayload: a plan that renewed long ago": _verb("setSubscription"),
    "LogOutPayload: a log-out": _verb("logOut"),
    "UserError: a wrong password": f"mutation {{ {_WRONG} {{ it: errors {{ FIELDS }} }} }}",
    "User: oneself": "{ it: viewer { FIELDS } }",
    "Presence: one's own": "{ viewer { it: presence { FIELDS } } }",
    "Profile: one's own": "{ viewer { it: profile { FIELDS } } }",
    "Preferences: one's own": "{ viewer { it: preferences { FIELDS } } }",
    "UserSubscription: one's own": "{ viewer { it: subscription { FIELDS } } }",
    "Session: one's own": "{ viewer { it: sessions { FIELDS } } }",
    "EnrollmentConnection: one's own": "{ viewer { it: enrollments { FIELDS } } }",
    "EnrollmentEdge: one's own": "{ viewer { enrollments { it: edges { FIELDS } } } }",
    "Enrollment: one's own": "{ viewer { enrollments { it: nodes { FIELDS } } } }",
    "ActivityConnection: one's own": "{ viewer { it: activity { FIELDS } } }",
    "ActivityEdge: one's own": "{ viewer { activity { it: edges { FIELDS } } } }",
    "EngagementDay: one's own": "{ viewer { it: engagement(days: 90) { FIELDS } } }",
    "User: a fellow student": _of("fellow", "User"),
    "Presence: a fellow student's": _of("fellow", "User", "it: presence { FIELDS }"),
    "EngagementDay: a fellow student's": _of("fellow", "User", "it: engagement(days: 90) { FIELDS }"),
    "Activity: a fellow student's": _of("trace", "Activity"),
    "Course: a draft": _of("draft", "Course"),
    "UserConnection: all accounts": "{ it: users(first: 1) { FIELDS } }",
    "UserEdge: of all accounts": "{ users(first: 1) { it: edges { FIELDS } } }",
    "AuditEntryConnection: the latest": "{ it: auditLog(first: 1) { FIELDS } }",
    "AuditEntryEdge: of the latest": "{ auditLog(first: 1) { it: edges { FIELDS } } }",
    "AuditEntry: of a look around": _of("entry", "AuditEntry"),
    "AuditSubject: of the look around": _of("entry", "AuditEntry", "it: subject { FIELDS }"),
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
    "Document: of the knowledge base": _of("knowledge", "Document"),
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
    "Query._entities": '(representations: [{ __typename: "Classroom", id: $classroom }])',
    "Mutation.logIn": f'(input: {{ email: "{FELLOW}", password: "{PASSWORD}" }})',
    "Classroom.search": '(query: "limits")',
    **{f"Mutation.{name}": arguments for name, arguments in _VERBS.items()},
}


class Asked(NamedTuple):
    """A question for some fields of a record, and the record's place in the answer."""

    query: str
    place: tuple[str, ...]


def asked(record: str, selections: str, ids: dict[str, str]) -> Asked:
    """The question for these fields of a record."""
    query = QUESTIONS[record].replace("FIELDS", selections)
    return Asked(re.sub(r"\$(?!file\b)(\w+)", lambda name: f'"{ids[name[1]]}"', query), _place(QUESTIONS[record]))


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
    whole = f"""query LookAround {{ {_OF_THIS_NAME} {{ nodes {{
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
        "draft": eyes.school.ids["draftCourse"],
        "entry": await _latest_entry(eyes),
        **await _of_people(eyes, fellow["user"]["id"]),
    }


async def _of_people(eyes: Eyes, fellow: str) -> dict[str, str]:
    """A session that nobody of the viewers has, the administrator, and a trace that the fellow student left."""
    traces = "{ ... on User { activity(first: 1) { nodes { id } } } }"
    found = await eyes.data("admin", f'{{ viewer {{ id }} node(id: "{fellow}") {traces} }}')
    claims = eyes.school.services.tokens.verified(await eyes.token_of(FELLOW))
    return {
        "admin": found["viewer"]["id"],
        "session": encode("Session", session_record(claims.session_id)),
        "trace": found["node"]["activity"]["nodes"][0]["id"],
    }


async def _latest_entry(eyes: Eyes) -> str:
    """The audit log's entry of what an administrator has just read here."""
    found = await eyes.data("admin", "{ auditLog(first: 1) { nodes { id operation } } }")
    [entry] = found["auditLog"]["nodes"]
    assert entry["operation"] == "LookAround"
    return str(entry["id"])


async def _before_a_change(eyes: Eyes) -> str:
    """Where somebody stands who followed the stores when Kafka was not as it is now."""
    progress = eyes.school.services.stores.progress
    progress[StoreName.KAFKA] = 50
    try:
        event = (await eyes.ask("anonymous", "subscription { storesLive { cursor } }")).json()
    finally:
        del progress[StoreName.KAFKA]
    return str(event["data"]["storesLive"]["cursor"])
