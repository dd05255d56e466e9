"""Do the demo lessons read, sound and stand in the calendar like lessons?"""

from __future__ import annotations

import re
import wave
from collections import defaultdict
from datetime import timedelta
from io import BytesIO
from itertools import combinations
from uuid import UUID

from resolvers.demo import reading
from resolvers.demo.roster import CLASSROOMS
from resolvers.demo.school import School
from tests.demo.conftest import START


def shingles(text: str) -> set[tuple[str, ...]]:
    """Every run of eight words."""
    words = re.findall(r"[a-z0-9']+", text.lower())
    return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}


def test_no_two_texts_share_a_fifth_of_their_runs_of_eight_words() -> None:
    texts = {}
    for plan in CLASSROOMS:
        for number in reading.LESSONS_WITH_TRANSCRIPT:
            turns = reading.transcript(plan.key, number).turns
            texts[plan.key, "transcript", number] = shingles(" ".join(turn.text for turn in turns))
        for nth in (1, 2):
            texts[plan.key, "document", nth] = shingles(" ".join(reading.document(plan.key, nth).pages))
    assert len(texts) == 30
    for (one, left), (other, right) in combinations(texts.items(), 2):
        assert len(left & right) <= 0.2 * min(len(left), len(right)), (one, other)


def test_two_of_the_newest_five_meetings_of_each_classroom_have_a_transcript(demo: School) -> None:
    transcribed = {UUID(transcript["meeting_id"]) for transcript in demo.transcripts}
    by_classroom = defaultdict(list)
    for meeting in sorted(demo.meetings, key=lambda meeting: meeting.scheduled_at, reverse=True):
        by_classroom[meeting.classroom_id].append(meeting)
    for meetings in by_classroom.values():
        assert sum(meeting.id in transcribed for meeting in meetings[:5]) >= 2


def test_lessons_lie_in_the_past_five_weeks_but_for_one_to_come_and_one_going_on(demo: School) -> None:
    for meeting in demo.meetings:
        begins = meeting.scheduled_at
        ends = begins + timedelta(minutes=meeting.duration_minutes)
        if meeting.status == "live":
            assert begins == START
            assert ends - begins >= timedelta(hours=2)
        elif meeting.status == "scheduled":
            assert timedelta(days=1) <= begins - START <= timedelta(days=7)
        else:
            assert meeting.status in ("ended", "cancelled")
            assert START - timedelta(weeks=5) <= begins
            assert ends <= START
    assert [meeting.status for meeting in demo.meetings].count("live") == 1
    assert [meeting.status for meeting in demo.meetings].count("scheduled") == 6
    assert len({(meeting.classroom_id, meeting.title) for meeting in demo.meetings}) == 60


def test_a_transcript_is_titled_as_its_meeting() -> None:
    for plan in CLASSROOMS:
        titles = {lesson.mark: lesson.title for lesson in reading.lessons(plan.key)}
        for number in reading.LESSONS_WITH_TRANSCRIPT:
            assert reading.transcript(plan.key, number).title == titles[number]


def test_segments_follow_each_other_and_add_up(demo: School) -> None:
    names = {str(person.id): person.name for person in demo.everybody}
    guests = set()
    for transcript in demo.transcripts:
        segments = transcript["segments"]
        assert 25 <= len(segments) <= 40
        assert transcript["language"] == "en"
        clock = 0.0
        for segment in segments:
            assert clock <= segment["start_time"] < segment["end_time"]
            clock = segment["end_time"]
            words_per_minute = 60 * len(segment["text"].split()) / (clock - segment["start_time"])
            assert 110 <= words_per_minute <= 180
            assert 0.8 <= segment["confidence"] <= 1
            if segment["speaker_id"] is None:
                guests.add(segment["speaker_name"])
            else:
                assert names[segment["speaker_id"]] == segment["speaker_name"]
            assert segment["text"] in transcript["full_text"]
        assert transcript["word_count"] == sum(len(segment["text"].split()) for segment in segments)
        assert clock <= transcript["duration_seconds"] <= clock + 5
    assert guests == {"Dr. Okonkwo", "Layla Haddad"}


def test_speakers_are_members_of_the_classroom(demo: School) -> None:
    members = {(str(member.classroom_id), str(member.user_id)) for member in demo.members}
    for transcript in demo.transcripts:
        speakers = {segment["speaker_id"] for segment in transcript["segments"]} - {None}
        assert len(speakers) >= 5
        assert {(transcript["classroom_id"], speaker) for speaker in speakers} <= members


def test_recordings_play_for_as_long_as_their_rows_say(demo: School) -> None:
    files = {file.key: file for file in demo.files}
    sounds = set()
    for recording in demo.recordings:
        file = files[recording.file_url]
        assert file.content_type == "audio/wav"
        assert recording.file_size_bytes == len(file.data) == 48_044
        with wave.open(BytesIO(file.data)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
            assert sound.getnframes() / sound.getframerate() == recording.duration_seconds == 3
            samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
        assert max(samples) > 5000
        assert abs(samples[0]) < 100
        assert abs(samples[-1]) < 100
        assert recording.summary
        sounds.add(file.data)
    assert len(sounds) == 18


def test_a_recording_lies_under_its_classroom_and_meeting(demo: School) -> None:
    classrooms = {meeting.id: meeting.classroom_id for meeting in demo.meetings}
    for recording in demo.recordings:
        meeting = recording.meeting_id
        assert recording.file_url == f"recordings/{classrooms[meeting]}/{meeting}/{recording.id}.wav"
