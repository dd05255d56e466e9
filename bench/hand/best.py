"""How cheap can it be when all rules of structure fall? One statement an operation, JSON made by PostgreSQL.

For information: no row policies (the owner asks), no levels, no statement that anything else could use again. The
token and the session are still checked, and the viewer's membership stands in the statement.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from bench.hand.shapes import key_of

_ID: Final = "encode(convert_to('{kind}:' || {column}, 'UTF8'), 'base64')"
_MOMENT: Final = """to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
_NAME: Final = "coalesce(nullif({u}.name, ''), split_part({u}.email, '@', 1))"


def _id(kind: str, column: str) -> str:
    return _ID.format(kind=kind, column=column)


def _moment(column: str) -> str:
    return _MOMENT.format(column=column)


def _person(alias: str) -> str:
    return f"json_build_object('id', {_id('User', alias + '.id')}, 'name', {_NAME.format(u=alias)})"


BIG: Final = f"""
select json_build_object('data', json_build_object('viewer', json_build_object('classrooms', json_build_object(
    'nodes', coalesce(json_agg(room.node order by room.name, room.id), '[]'::json)))))::text
from (
    select c.id, c.name, json_build_object(
        'id', {_id("Classroom", "c.id")}, 'name', c.name, 'subject', c.subject, 'teacher', {_person("t")},
        'members', json_build_object('nodes', members.nodes), 'meetings', json_build_object('nodes', meetings.nodes)
    ) as node
    from classroom_members own
    join classrooms c on c.id = own.classroom_id
    join users t on t.id = c.teacher_id
    cross join lateral (
        select json_agg(json_build_object(
            'id', {_id("ClassroomMember", "m.id")}, 'role', upper(m.role), 'joinedAt', {_moment("m.joined_at")},
            'user', {_person("u")}
        ) order by m.joined_at, m.id) as nodes
        from (
            select * from classroom_members where classroom_id = c.id order by joined_at, id limit 20
        ) m join users u on u.id = m.user_id
    ) members
    cross join lateral (
        select json_agg(json_build_object(
            'id', {_id("Meeting", "m.id")}, 'title', m.title, 'scheduledAt', {_moment("m.scheduled_at")},
            'status', upper(m.status)
        ) order by m.scheduled_at desc, m.id desc) as nodes
        from (
            select * from meetings where classroom_id = c.id order by scheduled_at desc, id desc limit 5
        ) m
    ) meetings
    where own.user_id = $1
    order by c.name, c.id limit 50
) room
"""

SMALL: Final = f"""
select json_build_object('data', json_build_object('classroom', json_build_object(
    'id', {_id("Classroom", "c.id")}, 'name', c.name, 'subject', c.subject, 'teacher', {_person("t")})))::text
from classroom_members own
join classrooms c on c.id = own.classroom_id
join users t on t.id = c.teacher_id
where own.user_id = $1 and c.id = $2
"""


async def big(owner: Any, viewer_id: UUID) -> bytes:
    """The whole body of `big`."""
    return (await owner.fetchval(BIG, viewer_id)).encode()  # type: ignore[no-any-return]


async def small(owner: Any, viewer_id: UUID, identifier: str) -> bytes:
    """The whole body of `small`."""
    return (await owner.fetchval(SMALL, viewer_id, key_of(identifier))).encode()  # type: ignore[no-any-return]
