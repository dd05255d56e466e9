"""Which topics are there, how many partitions has each, and which of them does a key belong to?

`topics.md` is this file in prose; a test compares them. The partition of a key is Kafka's own default (murmur2), so
that the embedded log, the relay and any other producer of the same topic agree.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Topic(NamedTuple):
    """A topic: its name, how many partitions it has for ever, and the field that is the key of its events."""

    name: str
    partitions: int
    key: str
    about: str


TOPICS: Final = (
    Topic("accounts.events", 6, "user id", "registrations, log-ins, changes of profile and role"),
    Topic("learning.events", 12, "user id", "page views and other traces of learning, as clients report them"),
    Topic("classrooms.events", 6, "classroom id", "who joined, left, or became what"),
    Topic("meetings.events", 6, "meeting id", "meetings planned, begun and ended, what was said and recorded there"),
    Topic("assessments.events", 6, "assessment id", "submissions, grades and their release, violations"),
    Topic("courses.events", 6, "course id", "enrolments, lessons completed, attempts at quizzes"),
    Topic("library.events", 6, "document id", "documents uploaded, ingested and removed"),
    Topic("tutor.requests", 6, "session id", "messages to the tutor, for the service that answers them"),
)
BY_NAME: Final = {topic.name: topic for topic in TOPICS}


def partition_of(topic: Topic, key: str) -> int:
    """The partition of a key: all events of one key share it, and are ordered there."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % topic.partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's default partitioner (`org.apache.kafka.common.utils.Utils.murmur2`)."""
    m = 0x5BD1E995
    whole = len(data) & ~3
    h = 0x9747B28C ^ len(data)
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = h * m & 0xFFFFFFFF ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return h ^ h >> 15
