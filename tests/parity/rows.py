"""What do loaders hand out, with the scope of a viewer? One line a read, and its rule.

Whatever is asked of them: here a store stands alone behind its own filter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from loaders import Loaders
from loaders.accounts import credentials_by_email, live_session
from loaders.audit_log import audit_rows_by_id
from loaders.cursor import InvalidCursor
from loaders.page import PageRequest
from loaders.sessions import roles
from tests.parity.asking import Asked, or_hidden
from tests.parity.oracle import HIDDEN, SESSION_HOURS, Oracle
from tests.parity.read import MONGO, PG, QDRANT, REDIS, Ask, Read, of
from tests.parity.school import LiveSession, Person, School
from tests.parity.written import session_id

WHOLE: Final = PageRequest(size=100)
ById = Callable[[Loaders, list[Any], datetime], Awaitable[Sequence[Any]]]


def _not_over(school: School) -> Sequence[LiveSession]:
    """Those that are not gone as soon as their owner comes back."""
    return [each for each in school.sessions if each.begun > school.now - timedelta(hours=SESSION_HOURS)]


def _by_id(read: ById, value: Callable[[Any], Any], key: Callable[[Any], Any] = lambda each: each.id) -> Ask:
    """Records in the order of their ids."""

    async def ask(asked: Asked, viewer: Person, records: Sequence[Any]) -> Sequence[Any]:
        async with asked.loaders(viewer) as loaders:
            found = await read(loaders, [key(each) for each in records], asked.school.now)
        return [or_hidden(each, value) for each in found]

    return ask


def _lists(read: ById) -> Ask:
    """For each record the ids of a list or of a page."""

    async def ask(asked: Asked, viewer: Person, records: Sequence[Any]) -> Sequence[Any]:
        async with asked.loaders(viewer) as loaders:
            found = await read(loaders, [each.id for each in records], asked.school.now)
        return [sorted(str(each.id) for each in _listed(of_one)) for of_one in found]

    return ask


def _listed(found: Any) -> Sequence[Any]:
    """A list, or a page's."""
    records: Sequence[Any] = getattr(found, "records", found)
    return records


async def _found(asked: Asked, viewer: Person, classrooms: Sequence[Any]) -> Sequence[Any]:
    ids = [each.id for each in classrooms]
    async with asked.loaders(viewer) as loaders:
        pages = await loaders.library.matches_by_classroom_id(ids, "light", WHOLE)
    return [[] if isinstance(page, InvalidCursor) else sorted(each.chunk.id for each in page.records) for page in pages]


async def _traces(asked: Asked, viewer: Person, people: Sequence[Any]) -> Sequence[Any]:
    async with asked.loaders(viewer) as loaders:
        found = await loaders.activity.activity_by_user_id([each.id for each in people], WHOLE, asked.school.now)
        pages = [each for each in found if not isinstance(each, InvalidCursor)]
        totals = await loaders.activity.totals(pages)
    return [(sorted(each.id for each in page.records), total) for page, total in zip(pages, totals, strict=True)]


async def _resumed(asked: Asked, viewer: Person, sessions: Sequence[Any]) -> Sequence[Any]:
    stores, now = asked.services.stores, asked.school.now
    found = [await live_session(stores, viewer.id, session_id(each), now) for each in sessions]
    return [or_hidden(each, lambda session: session.role) for each in found]


async def _listened(asked: Asked, viewer: Person, sessions: Sequence[Any]) -> Sequence[Any]:
    return [
        role or HIDDEN
        for role in await roles(asked.services.stores, [(session_id(each), viewer.id) for each in sessions])
    ]


async def _scope(asked: Asked, viewer: Person, records: Sequence[Any]) -> Sequence[Any]:
    async with asked.loaders(viewer) as loaders:
        scope = await loaders.whole_scope()
    told = (sorted(map(str, scope.classroom_ids)), sorted(map(str, scope.taught_ids)))
    return [told for _ in records]


async def _credentials(asked: Asked, viewer: Person, people: Sequence[Any]) -> Sequence[Any]:
    found = [await credentials_by_email(asked.services.stores, each.email) for each in people]
    return [or_hidden(each, lambda account: str(account.id)) for each in found]


ROWS: Final = (
    Read(
        "the row of a person",
        PG,
        of("people"),
        _by_id(lambda at, ids, _: at.accounts.users_by_id(ids), lambda user: (user.email, user.taught)),
        Oracle.row_of_person,
    ),
    Read(
        "the row of a classroom",
        PG,
        of("classrooms"),
        _by_id(lambda at, ids, _: at.classrooms.classrooms_by_id(ids), lambda row: (row.join_code, row.viewer_role)),
        Oracle.row_of_classroom,
    ),
    Read(
        "the row of a membership",
        PG,
        of("members"),
        _by_id(lambda at, ids, _: at.classrooms.members_by_id(ids), lambda row: row.role),
        Oracle.row_of_member,
    ),
    Read(
        "the row of a meeting",
        PG,
        of("meetings"),
        _by_id(lambda at, ids, _: at.meetings.meetings_by_id(ids), lambda row: row.title),
        Oracle.title_of_meeting,
    ),
    Read(
        "the row of a recording",
        PG,
        of("recordings"),
        _by_id(lambda at, ids, _: at.meetings.recordings_by_id(ids), lambda row: row.key),
        Oracle.key_of_recording,
    ),
    Read(
        "the row of an assessment",
        PG,
        of("assessments"),
        _by_id(lambda at, ids, _: at.assessments.assessments_by_id(ids), lambda row: row.title),
        Oracle.title_of_assessment,
    ),
    Read(
        "the submissions that are counted",
        PG,
        of("assessments"),
        _by_id(
            lambda at, ids, _: at.assessments.summaries_by_assessment_id(ids), lambda row: (row.count, row.graded_count)
        ),
        Oracle.rows_of_submissions,
    ),
    Read(
        "the row of a document",
        PG,
        of("documents"),
        _by_id(lambda at, ids, _: at.library.documents_by_id(ids), lambda row: row.filename),
        Oracle.name_of_document,
    ),
    Read(
        "the row of a course",
        PG,
        of("courses"),
        _by_id(lambda at, ids, _: at.courses.courses_by_id(ids), lambda row: row.title),
        Oracle.title_of_course,
    ),
    Read(
        "the row of an enrollment",
        PG,
        of("enrollments"),
        _by_id(lambda at, ids, _: at.courses.enrollments_by_id(ids), lambda row: str(row.course_id)),
        Oracle.course_of_enrollment,
    ),
    Read(
        "the row of a log-in",
        PG,
        of("log_ins"),
        _by_id(lambda at, ids, now: at.accounts.sessions_by_id(ids, now), lambda row: str(row.user_id)),
        Oracle.row_of_log_in,
    ),
    Read(
        "a row of the audit log",
        PG,
        of("entries"),
        _by_id(lambda at, ids, _: audit_rows_by_id(at, ids), lambda row: row.action),
        Oracle.row_of_entry,
    ),
    Read(
        "the profile of a person",
        PG,
        of("people"),
        _by_id(lambda at, ids, _: at.accounts.profiles_by_user_id(ids), lambda row: row.first_name),
        Oracle.first_name,
    ),
    Read(
        "the preferences of a person",
        PG,
        of("people"),
        _by_id(lambda at, ids, _: at.accounts.preferences_by_user_id(ids), lambda row: row.theme),
        Oracle.theme,
    ),
    Read(
        "the plan of a person",
        PG,
        of("people"),
        _by_id(lambda at, ids, _: at.accounts.subscriptions_by_user_id(ids), lambda row: row.plan),
        Oracle.plan,
    ),
    Read(
        "the members of a classroom",
        PG,
        of("classrooms"),
        _lists(lambda at, ids, _: at.classrooms.members_by_classroom_id(ids, WHOLE)),
        Oracle.rows_of_members,
    ),
    Read(
        "the meetings of a classroom",
        PG,
        of("classrooms"),
        _lists(lambda at, ids, _: at.meetings.meetings_by_classroom_id(ids, WHOLE)),
        Oracle.rows_of_meetings,
    ),
    Read(
        "the assessments of a classroom",
        PG,
        of("classrooms"),
        _lists(lambda at, ids, _: at.assessments.assessments_by_classroom_id(ids, WHOLE)),
        Oracle.rows_of_assessments,
    ),
    Read(
        "the recordings of a meeting",
        PG,
        of("meetings"),
        _lists(lambda at, ids, _: at.meetings.recordings_by_meeting_id(ids)),
        Oracle.rows_of_recordings,
    ),
    Read(
        "the classrooms of a person",
        PG,
        of("people"),
        _lists(lambda at, ids, _: at.classrooms.classrooms_by_user_id(ids, WHOLE)),
        Oracle.rows_of_classrooms,
    ),
    Read(
        "the enrollments of a person",
        PG,
        of("people"),
        _lists(lambda at, ids, _: at.courses.enrollments_by_user_id(ids, WHOLE)),
        Oracle.rows_of_enrollments,
    ),
    Read(
        "the log-ins of a person",
        PG,
        of("people"),
        _lists(lambda at, ids, now: at.accounts.sessions_by_user_id(ids, now)),
        Oracle.rows_of_log_ins,
    ),
    Read("the viewer's own classrooms", PG, lambda school: school.people[:1], _scope, Oracle.scope),
    Read("the account behind an address", PG, of("people"), _credentials, Oracle.checked_at_log_in),
    Read(
        "a transcript",
        MONGO,
        of("transcripts"),
        _by_id(lambda at, ids, _: at.meetings.transcripts_by_id(ids, ()), lambda each: each.segment_count),
        Oracle.said,
    ),
    Read(
        "the transcript of a meeting",
        MONGO,
        of("meetings"),
        _by_id(lambda at, ids, _: at.meetings.transcripts_by_meeting_id(ids, ()), lambda each: each.segment_count),
        Oracle.said_in,
    ),
    Read(
        "a segment of a transcript",
        MONGO,
        of("segments"),
        _by_id(
            lambda at, keys, _: at.meetings.segments_by_position(keys),
            lambda each: each.text,
            lambda segment: (segment.transcript.id, segment.position),
        ),
        Oracle.text_of_segment,
    ),
    Read(
        "a trace of what somebody did",
        MONGO,
        of("traces"),
        _by_id(lambda at, ids, now: at.activity.activity_by_id(ids, now), lambda each: each.action),
        Oracle.trace,
    ),
    Read("the traces of a person", MONGO, of("people"), _traces, Oracle.traces_of),
    Read(
        "a passage",
        QDRANT,
        of("chunks"),
        _by_id(lambda at, ids, _: at.library.chunks_by_id(ids), lambda each: each.text, lambda chunk: str(chunk.id)),
        Oracle.text_of_chunk,
    ),
    Read("the passages of a classroom", QDRANT, of("classrooms"), _found, Oracle.found_in),
    Read("a session that one goes on with", REDIS, of("sessions"), _resumed, Oracle.resumed),
    Read("a session that listens", REDIS, _not_over, _listened, Oracle.role_in_session),
)
