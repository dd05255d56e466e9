"""Who are the people of the demo school, as rows? Accounts, classrooms and memberships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from datadir.postgresql.tables import Classroom, ClassroomMember, User
from resolvers.demo.identity import fixed_id
from resolvers.demo.roster import ACCOUNTS, ASSISTANT, BY_KEY, CLASSROOMS, VISITING, ClassroomPlan, email_of

SCHOOL_AGE: Final = timedelta(days=60)
"""How long before the first start the classrooms were made."""


class Person(NamedTuple):
    """Somebody with an account. `home` is the key of the classroom that a student belongs to, None for others."""

    id: UUID
    name: str
    email: str
    role: str
    home: str | None = None


class Membership(NamedTuple):
    """Somebody's place in a classroom; `nth` is the order of joining."""

    person: Person
    classroom: str
    role: str
    nth: int


def user_id(name: str) -> UUID:
    """The account id of a person of the roster."""
    return fixed_id("user", name)


def classroom_id(key: str) -> UUID:
    """The id of a classroom."""
    return fixed_id("classroom", key)


def member_id(key: str, name: str) -> UUID:
    """The id of a person's membership."""
    return fixed_id("member", key, name)


def _person(name: str, role: str, home: str | None = None) -> Person:
    return Person(user_id(name), name, email_of(name), role, home)


def staff() -> list[Person]:
    """The six teachers, the administrator and the account that programs use."""
    return [
        *(_person(plan.teacher, "teacher") for plan in CLASSROOMS),
        _person(ACCOUNTS["admin"], "admin"),
        _person(ACCOUNTS["service"], "service"),
    ]


def students(size: int) -> list[Person]:
    """120 students for each unit of size; the first 120 are those of the roster."""
    named = [_person(name, "student", plan.key) for plan in CLASSROOMS for name in (*plan.speakers, *plan.others)]
    more = _more_names([each.name for each in named])
    extra = [
        _person(next(more), "student", CLASSROOMS[number % len(CLASSROOMS)].key)
        for number in range((size - 1) * len(named))
    ]
    return named + extra


def _more_names(known: list[str]) -> Iterator[str]:
    """Names that the roster lacks: every first name with the last name of someone further down."""
    firsts, lasts = zip(*(name.split(" ") for name in known), strict=True)
    taken = set(known)
    for step in range(7, len(known)):
        for place, first in enumerate(firsts):
            name = f"{first} {lasts[(place + step) % len(lasts)]}"
            if name not in taken:
                taken.add(name)
                yield name


def memberships(everybody: list[Person]) -> list[Membership]:
    """Who is in which classroom: its teacher, an assistant, its home students, its visitors, whoever came later."""
    by_name = {person.name: person for person in everybody}
    made = []
    for plan in CLASSROOMS:
        names = [(plan.teacher, "teacher")]
        if ASSISTANT[1] == plan.key:
            names.append((ASSISTANT[0], "assistant"))
        roster = (*plan.speakers, *plan.others, *_visitors(plan))
        names += [(name, "student") for name in roster]
        known = set(roster)
        names += [
            (person.name, "student") for person in everybody if person.home == plan.key and person.name not in known
        ]
        made += [Membership(by_name[name], plan.key, role, nth) for nth, (name, role) in enumerate(names)]
    return made


def _visitors(plan: ClassroomPlan) -> list[str]:
    return [other.others[place] for other in CLASSROOMS if other.second == plan.key for place in VISITING]


def user_rows(
    everybody: list[Person], hashes: Mapping[str, str], last_logins: Mapping[UUID, datetime], start: datetime
) -> list[User]:
    """Accounts. `hashes` has the password hash of each named account by its name, and of all others under ''."""
    made_at = start - SCHOOL_AGE - timedelta(days=2)
    return [
        User(
            id=person.id,
            email=person.email,
            password_hash=hashes.get(person.name) or hashes[""],
            name=person.name,
            role=person.role,
            last_login=last_logins.get(person.id),
            created_at=made_at + timedelta(minutes=nth),
            updated_at=made_at + timedelta(minutes=nth),
        )
        for nth, person in enumerate(everybody)
    ]


def classroom_rows(start: datetime) -> list[Classroom]:
    """The six classrooms."""
    made_at = start - SCHOOL_AGE
    return [
        Classroom(
            id=classroom_id(plan.key),
            name=plan.name,
            description=plan.description,
            subject=plan.subject,
            teacher_id=user_id(plan.teacher),
            join_code=plan.join_code,
            created_at=made_at,
            updated_at=made_at,
        )
        for plan in BY_KEY.values()
    ]


def member_rows(places: list[Membership], start: datetime) -> list[ClassroomMember]:
    """Memberships: the teacher since the classroom exists, the others minute by minute from the next day on."""
    made_at = start - SCHOOL_AGE
    rows = []
    for place in places:
        at = made_at if place.nth == 0 else made_at + timedelta(days=1, minutes=place.nth)
        rows.append(
            ClassroomMember(
                id=member_id(place.classroom, place.person.name),
                classroom_id=classroom_id(place.classroom),
                user_id=place.person.id,
                role=place.role,
                joined_at=at,
                created_at=at,
                updated_at=at,
            )
        )
    return rows
