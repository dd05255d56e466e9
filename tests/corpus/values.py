"""Which values do arguments get? Right ones, and those that a client gets wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any, Final

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull

from graph.ids import decode, encode
from graph.uploaded import UploadedFile
from loaders.classrooms import CLASSROOMS, CLASSROOMS_OF_USER, MEMBERS
from loaders.meetings import MEETINGS, SegmentPage
from loaders.page import PageRequest
from tests.corpus.memory_loaders import CURSORS, page_of
from tests.corpus.memory_records import SCHOOL, uuid

KEY: Final = "idempotencyKey"
"""What was done under one stands in a table, which nobody has in memory: tests/idempotency has both executions."""

_SIZES: Final = (1, 1, 2, 2, 3, 3, 4, 5, 5, 9, 20, 20, 100, 0, 1000, -1)
_TEXTS: Final = ("Room", "plants", "Biology", "light", "Lesson 1", "", "  ", "ü\u2028\"\\'", "x" * 1001)
_MOMENTS: Final = ("2026-11-21T09:30:00Z", "2025-01-01T00:00:00.123+02:00")
_EMAILS: Final = ("teacher0@corpus.school", "student1@corpus.school", "admin3@corpus.school", "who@corpus.school")


@cache
def ids() -> tuple[Any, ...]:
    """Ids of every type, of nothing, and texts that are none."""
    known = [
        *(encode("Classroom", each.id) for each in SCHOOL.classrooms),
        *(encode("User", each.id) for each in SCHOOL.users[:3]),
        *(encode("ClassroomMember", each.id) for each in SCHOOL.members[:2]),
        *(encode("Meeting", each.id) for each in SCHOOL.meetings[:2]),
        *(encode("Recording", each.id) for each in SCHOOL.recordings[:1]),
        *(encode("Assessment", each.id) for each in SCHOOL.assessments[:2]),
        *(encode("Document", each.id) for each in SCHOOL.documents[:1]),
        *(encode("DocumentChunk", each.id) for each in SCHOOL.chunks[:2]),
        *(encode("Transcript", each) for each in list(SCHOOL.transcripts.values())[:2]),
        encode("TranscriptSegment", f"{next(iter(SCHOOL.transcripts.values()))}:2"),
    ]
    wrong = [encode("Classroom", uuid(2, 77)), encode("Teapot", 7), encode("User", "x"), "no id", "", 5]
    return (*known, *known, *known, *wrong)


@cache
def cursors() -> tuple[str, ...]:
    """Cursors of several lists, and one of none."""
    request = PageRequest()
    room, user = uuid(2, 0), uuid(1, 0)
    members = [each for each in SCHOOL.members if each.classroom_id == room]
    meetings = [each for each in SCHOOL.meetings if each.classroom_id == room]
    pages: list[Any] = [
        page_of(CLASSROOMS, SCHOOL.classrooms, request, None),
        page_of(MEMBERS, members, request, room),
        page_of(MEETINGS, meetings, request, room),
        page_of(CLASSROOMS_OF_USER, SCHOOL.classrooms_of(user), request, user),
        SegmentPage(SCHOOL.segments(next(iter(SCHOOL.transcripts.values()))), 4, CURSORS),
    ]
    return (*(page.cursor(record) for page in pages for record in page.records[:2]), "forged", "")


class Values:
    """Values of input types, as JSON has them."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def of(self, kind: Any, name: str) -> Any:
        """A value for a type; `name` says what it is for."""
        random = self._random
        if isinstance(kind, GraphQLNonNull):
            return self.of(kind.of_type, name)
        if isinstance(kind, GraphQLList):
            return [
                self.of(kind.of_type, name)
                for _ in range(random.choice((0, 2, 5, 9) if name == "ids" else (0, 1, 1, 2, 4)))
            ]
        if isinstance(kind, GraphQLEnumType):
            return random.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            needed = [key for key, each in kind.fields.items() if isinstance(each.type, GraphQLNonNull)]
            others = [key for key in kind.fields if key not in ("and", "or", "not", KEY, *needed)]
            more = [key for key in others if random.random() < 0.4]
            return {key: self.of(kind.fields[key].type, key) for key in (*needed, *more)}
        return self._scalar(kind.name, name)

    def _scalar(self, kind: str, name: str) -> Any:
        random = self._random
        if kind == "Int":
            return random.choice((1, 1, 3, 3, 7, 14, 14, 90, 0, 91) if name == "days" else _SIZES)
        if kind == "ID":
            return random.choice(ids()[:3]) if name == "id" and random.random() < 0.5 else random.choice(ids())
        if kind == "Boolean":
            return random.random() < 0.5
        if kind == "DateTime":
            return random.choice(_MOMENTS)
        if kind == "Date":
            return "2026-11-21"
        if kind == "BigInt":
            return random.choice((2**40, "17"))
        if kind == "_Any":
            return self._representation()
        if kind == "Upload":
            return UploadedFile(b"no picture")
        if kind == "Float":
            return random.choice((0.5, 2))
        if name in ("after", "before"):
            return random.choice(cursors())
        return random.choice(_EMAILS if name == "email" else _TEXTS)

    def _representation(self) -> Any:
        """What a gateway knows of a record: nearly always the type that its id says."""
        identity = self._random.choice(ids())
        name = "Teapot"
        with suppress(Exception):
            name = decode(identity).type_name
        return {"__typename": "Classroom" if self._random.random() < 0.1 else name, "id": identity}

    def literal(self, value: Any) -> str:
        """A value as a document writes it; texts in capitals are taken for enum values."""
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {self.literal(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.literal, value)) + "]"
        if isinstance(value, str) and value.isupper() and value.replace("_", "").isalpha():
            return value
        return json.dumps(value, default=lambda file: None)
