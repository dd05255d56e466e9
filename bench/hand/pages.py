"""How are `big` and `small` answered by hand? One statement per level and relation, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from starlette.requests import Request

from bench.hand import statements
from bench.hand.desk import Desk
from bench.hand.shapes import identity, key_of, moment, person


async def big(desk: Desk, request: Request) -> dict[str, Any]:
    """Fifty classrooms with teacher, 20 members with their user, 5 meetings each."""
    async with desk.reading(request) as (viewer, connection):
        me = await connection.fetch(statements.USERS, [viewer.id])
        rooms = (await connection.fetch(statements.CLASSROOMS_OF_USER, [me[0]["id"]], viewer.id, 51))[:50]
        ids = [room["id"] for room in rooms]
        teachers = await connection.fetch(statements.USERS, list({room["teacher_id"] for room in rooms}))
        members = _by_classroom(await connection.fetch(statements.MEMBERS, ids, 21), 20)
        meetings = _by_classroom(await connection.fetch(statements.MEETINGS, ids, 6), 5)
        seen = list({row["user_id"] for rows in members.values() for row in rows})
        users = await connection.fetch(statements.USERS, seen)

    teacher_by_id = {row["id"]: person(row) for row in teachers}
    user_by_id = {row["id"]: person(row) for row in users}
    nodes = [
        {
            "id": identity("Classroom", room["id"]),
            "name": room["name"],
            "subject": room["subject"],
            "teacher": teacher_by_id[room["teacher_id"]],
            "members": {
                "nodes": [
                    {
                        "id": identity("ClassroomMember", row["id"]),
                        "role": row["role"].upper(),
                        "joinedAt": moment(row["joined_at"]),
                        "user": user_by_id[row["user_id"]],
                    }
                    for row in members[room["id"]]
                ]
            },
            "meetings": {
                "nodes": [
                    {
                        "id": identity("Meeting", row["id"]),
                        "title": row["title"],
                        "scheduledAt": moment(row["scheduled_at"]),
                        "status": row["status"].upper(),
                    }
                    for row in meetings[room["id"]]
                ]
            },
        }
        for room in rooms
    ]
    return {"viewer": {"classrooms": {"nodes": nodes}}}


async def small(desk: Desk, request: Request) -> dict[str, Any]:
    """One classroom with its teacher."""
    key = key_of(request.query_params["id"])
    async with desk.reading(request) as (viewer, connection):
        [room] = await connection.fetch(statements.CLASSROOM, [key], viewer.id)
        [teacher] = await connection.fetch(statements.USERS, [room["teacher_id"]])
    return {
        "classroom": {
            "id": identity("Classroom", room["id"]),
            "name": room["name"],
            "subject": room["subject"],
            "teacher": person(teacher),
        }
    }


def _by_classroom(rows: list[Any], size: int) -> dict[UUID, list[Any]]:
    """Each classroom's page; the row more than asked for would say that the list goes on."""
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row["classroom_id"]].append(row)
    return defaultdict(list, {key: group[:size] for key, group in groups.items()})
