"""How does the demo school get into the stores? In steps that may be cut off anywhere and are then simply done again.

Accounts and classrooms come first: from a classroom's age a later start knows what the first one called now. The
administrator comes last, together with the events: whoever finds that account finds everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from loaders import founding, writing
from resolvers.demo.people import SCHOOL_AGE, classroom_id, user_id
from resolvers.demo.roster import ACCOUNTS, CLASSROOMS, PASSWORD
from resolvers.passwords import Passwords

if TYPE_CHECKING:
    from datadir.postgresql.tables import User
    from datadir.stores import Stores
    from resolvers.demo.school import School

Report = Callable[[str, int, int], None]
"""Hears (step, done, total)."""

# The steps, as whoever waits for them reads them.
PEOPLE: Final = "people and classrooms"
LESSONS: Final = "lessons and assessments"
ENGAGEMENT: Final = "engagement"
FILES: Final = "recordings and documents"
EVENTS: Final = "events"

LAST_ACCOUNT: Final = user_id(ACCOUNTS["admin"])


async def is_seeded(stores: Stores) -> bool:
    """Whether the whole school is there. One store call."""
    return await founding.account_exists(stores, LAST_ACCOUNT)


async def first_now(stores: Stores) -> datetime | None:
    """The start of the school that is there, or that was begun; None where there is none. One store call."""
    made_at = await founding.classroom_made_at(stores, classroom_id(CLASSROOMS[0].key))
    return None if made_at is None else made_at + SCHOOL_AGE


async def seed(stores: Stores, school: School, report: Report) -> None:
    """Write the school. Done twice it changes nothing; cut off, it goes on where `school` has the same start (see
    `first_now`) and size. Raises StoreError."""
    try:
        async with asyncio.TaskGroup() as group:
            # Files take longest to make, and are the same whenever the school starts.
            group.create_task(_files(stores, school, report))
            users = await _people(stores, school, report)
            group.create_task(_engagement(stores, school, report))
            await _lessons(stores, school, report)
    except ExceptionGroup as failures:
        raise _first(failures) from failures
    # Rows that speak of files follow the files.
    report(EVENTS, 0, 1)
    last = [user for user in users if user.id == LAST_ACCOUNT]
    await writing.insert_rows(stores, [*school.recordings, *school.documents, *last], school.events)
    report(EVENTS, 1, 1)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """What went wrong first: one sentence is enough for whoever starts the program."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, ExceptionGroup) else failure


async def _people(stores: Stores, school: School, report: Report) -> list[User]:
    """Write classrooms and all accounts but the last; all accounts."""
    report(PEOPLE, 0, 1)
    # The time of a last log-in is known from a month of traces.
    hashes, _ = await asyncio.gather(_hashes(), asyncio.to_thread(lambda: school.engagement))
    users = school.users(hashes)
    others = [user for user in users if user.id != LAST_ACCOUNT]
    await writing.insert_rows(stores, [*others, *school.classrooms, *school.members])
    report(PEOPLE, 1, 1)
    return users


async def _hashes() -> dict[str, str]:
    """A hash of its own for each named account, one that all others share: argon2 takes its time on purpose."""
    passwords = await asyncio.to_thread(Passwords)
    try:
        names = [*ACCOUNTS.values(), ""]
        return dict(zip(names, await asyncio.gather(*(passwords.hash(PASSWORD) for _ in names)), strict=True))
    finally:
        passwords.close()


async def _lessons(stores: Stores, school: School, report: Report) -> None:
    report(LESSONS, 0, 2)
    rows = [*school.meetings, *school.assessments, *school.questions, *school.submissions]
    await writing.insert_rows(stores, [*rows, *school.courses, *school.enrollments])
    report(LESSONS, 1, 2)
    await writing.insert_transcripts(stores, school.transcripts)
    report(LESSONS, 2, 2)


async def _engagement(stores: Stores, school: School, report: Report) -> None:
    report(ENGAGEMENT, 0, 1)
    await writing.write_engagement(stores, school.engagement)
    await writing.insert_activity(stores, school.activity)
    report(ENGAGEMENT, 1, 1)


async def _files(stores: Stores, school: School, report: Report) -> None:
    report(FILES, 0, 1)
    files = await asyncio.to_thread(lambda: school.files)
    await writing.put_objects(stores, files, lambda done: report(FILES, done, len(files)))
