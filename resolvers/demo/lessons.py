"""When do the demo classrooms meet, and what was said? Meetings, transcripts and recordings, as rows and documents."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID

from datadir.minio.prefixes import RECORDINGS
from datadir.postgresql.tables import Meeting, Recording
from loaders.writing import StoredObject
from resolvers.demo import reading
from resolvers.demo.identity import fixed_id, fixed_object_id
from resolvers.demo.people import classroom_id, user_id
from resolvers.demo.recordings import SECONDS, chord
from resolvers.demo.roster import BY_KEY, CLASSROOMS, ClassroomPlan

LESSON_MINUTES: Final = 60
# Days before the start, oldest first, of what was held; what is going on and what is to come are counted from it too.
HELD: Final = (33, 30, 26, 23, 19, 16, 9, 5, 2)
COMING: Final = -2
# A live lesson is long enough to be found going on by whoever looks around after the first start.
LIVE_MINUTES: Final = 120
MEETING_URL: Final = "https://meet.example.org/"

WORDS_PER_SECOND: Final = 2.4


class HeldLesson(NamedTuple):
    """A meeting with its text and its place in time."""

    id: UUID
    plan: ClassroomPlan
    text: reading.LessonText
    scheduled_at: datetime
    minutes: int
    status: str

    @property
    def transcript(self) -> str | None:
        """The number of its transcript, None where it has none."""
        return self.text.mark if self.text.mark in reading.LESSONS_WITH_TRANSCRIPT else None

    @property
    def ends_at(self) -> datetime:
        """When it was or will be over."""
        return self.scheduled_at + timedelta(minutes=self.minutes)


def meeting_id(key: str, title: str) -> UUID:
    """The id of a meeting."""
    return fixed_id("meeting", key, title)


def lessons(start: datetime, size: int) -> list[HeldLesson]:
    """Ten meetings of each classroom and unit of size, oldest first; what size adds is older than all others."""
    made = []
    for nth, plan in enumerate(CLASSROOMS):
        # Each classroom has its hour, so that no two lessons of a day fall together.
        hour = start - timedelta(hours=nth)
        made += [_study_hour(plan, number, hour) for number in reversed(range(10 * (size - 1)))]
        texts = reading.lessons(plan.key)
        days = [days for days in HELD if days != HELD[1]] if any(text.mark == "!" for text in texts) else [*HELD]
        for text in texts:
            if text.mark == "!":
                made.append(_lesson(plan, text, start, LIVE_MINUTES, "live"))
            elif text.mark == ">":
                made.append(_lesson(plan, text, hour - timedelta(days=COMING), LESSON_MINUTES, "scheduled"))
            else:
                status = "cancelled" if text.mark == "x" else "ended"
                made.append(_lesson(plan, text, hour - timedelta(days=days.pop(0)), LESSON_MINUTES, status))
    return made


def _lesson(plan: ClassroomPlan, text: reading.LessonText, at: datetime, minutes: int, status: str) -> HeldLesson:
    return HeldLesson(meeting_id(plan.key, text.title), plan, text, at, minutes, status)


def _study_hour(plan: ClassroomPlan, number: int, hour: datetime) -> HeldLesson:
    text = reading.LessonText("-", f"Study hour {number + 1}", "Homework together, with somebody to ask.", None)
    days, hours = 36 + number % 20, 6 * (number // 20)
    return _lesson(plan, text, hour - timedelta(days=days, hours=hours), LESSON_MINUTES, "ended")


def meeting_rows(held: list[HeldLesson]) -> list[Meeting]:
    """The meetings, each put into the calendar a week ahead by the classroom's teacher."""
    return [
        Meeting(
            id=each.id,
            classroom_id=classroom_id(each.plan.key),
            title=each.text.title,
            description=each.text.description,
            scheduled_at=each.scheduled_at,
            duration_minutes=each.minutes,
            status=each.status,
            meeting_url=MEETING_URL + each.plan.name.lower().replace(" ", "-"),
            created_by=user_id(each.plan.teacher),
            created_at=each.scheduled_at - timedelta(days=7),
            updated_at=each.scheduled_at - timedelta(days=7),
        )
        for each in held
    ]


def transcript_id(key: str, number: str) -> str:
    """The id of a transcript, as the document store likes it."""
    return fixed_object_id("transcript", key, number)


def transcripts(held: list[HeldLesson]) -> list[dict[str, Any]]:
    """The transcripts as documents of the collection, `_id` as text."""
    return [_transcript(each, each.transcript) for each in held if each.transcript is not None]


def _transcript(lesson: HeldLesson, number: str) -> dict[str, Any]:
    key = lesson.plan.key
    text = reading.transcript(key, number)
    # Where each turn begins and ends: as long as its words take, with a breath between.
    random = Random(f"transcript {key} {number}")
    segments: list[dict[str, Any]] = []
    clock = 2.0
    for turn in text.turns:
        seconds = len(turn.text.split()) / (WORDS_PER_SECOND * random.uniform(0.9, 1.15))
        speaker, name = _speaker(lesson.plan, turn.speaker)
        segments.append(
            {
                "speaker_id": str(speaker) if speaker else None,
                "speaker_name": name,
                "start_time": round(clock, 1),
                "end_time": round(clock + seconds, 1),
                "text": turn.text,
                "confidence": round(random.uniform(0.88, 0.99), 2),
            }
        )
        clock += seconds + random.uniform(0.4, 2.2)
    return {
        "_id": transcript_id(key, number),
        "meeting_id": str(lesson.id),
        "classroom_id": str(classroom_id(key)),
        "segments": segments,
        "full_text": "\n".join(f"{segment['speaker_name']}: {segment['text']}" for segment in segments),
        "word_count": sum(len(turn.text.split()) for turn in text.turns),
        "duration_seconds": round(clock),
        "language": text.language,
        "created_at": lesson.ends_at,
    }


def _speaker(plan: ClassroomPlan, label: str) -> tuple[UUID | None, str]:
    """The account and name behind a turn's label; a guest has no account."""
    if label == "T":
        return user_id(plan.teacher), plan.teacher
    if len(label) == 2 and label[0] == "S":
        name = plan.speakers[int(label[1]) - 1]
        return user_id(name), name
    return None, label


def _recording_id(lesson: HeldLesson) -> UUID:
    return fixed_id("recording", lesson.plan.key, lesson.text.title)


def recording_files(held: list[HeldLesson]) -> list[StoredObject]:
    """A short chord for each lesson with a transcript: it plays, and no two sound alike."""
    keys = list(BY_KEY)
    return [
        StoredObject(
            RECORDINGS.key(
                classroom=classroom_id(each.plan.key), meeting=each.id, recording=_recording_id(each), suffix="wav"
            ),
            chord(3 * keys.index(each.plan.key) + int(each.transcript) - 1),
            "audio/wav",
        )
        for each in held
        if each.transcript is not None
    ]


def recording_rows(held: list[HeldLesson], files: list[StoredObject]) -> list[Recording]:
    """One recording for each lesson with a transcript. Length and size are those of its file."""
    recorded = [each for each in held if each.transcript is not None]
    return [
        Recording(
            id=_recording_id(each),
            meeting_id=each.id,
            file_url=file.key,
            duration_seconds=SECONDS,
            file_size_bytes=len(file.data),
            summary=each.text.summary,
            created_at=each.ends_at,
            updated_at=each.ends_at,
        )
        for each, file in zip(recorded, files, strict=True)
    ]
