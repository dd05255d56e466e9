"""Is `events.md` what the program knows of events, and what it writes?"""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from datadir.kafka import event_types
from datadir.kafka.event_types import ANY, EVENT_TYPES, type_of
from datadir.kafka.topics import BY_NAME
from datadir.learners import HELD
from datadir.names import StoreName
from datadir.scope import SYSTEM
from tests.running_school import RunningSchool


def words(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def test_events_md_lists_the_types() -> None:
    table = (Path(event_types.__file__).parent / "events.md").read_text(encoding="utf-8").partition("## Versions")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")]
    assert [
        (topic, name, int(version), fields, personal, learner, about)
        for (name,), (topic,), version, fields, personal, (learner,), about in (
            (words(a), words(b), c, words(d), words(e), words(f), g) for a, b, c, d, e, f, g in rows
        )
    ] == [(*each[:6], each.about) for each in EVENT_TYPES]


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: f"{kind.topic}-{kind.name}")
def test_a_type_fits_its_topic(kind: event_types.EventType) -> None:
    assert kind.topic in BY_NAME
    assert set(kind.personal) <= set(kind.fields)
    [held] = [each for each in HELD if each.store is StoreName.KAFKA and each.name == kind.topic]
    assert kind.learner in held.learner + held.others


@pytest.mark.parametrize("word", ["page_view", "log_in", "quiz.answered", "a", "v2", "a" * 64])
def test_clients_choose_their_words_for_what_they_report(word: str) -> None:
    assert type_of("learning.events", word).name == ANY


@pytest.mark.parametrize("word", ["", "a" * 65, "Page", "2nd", "my day was bad", "page_view\n", "日記", "*"])
def test_a_word_is_no_place_for_a_text(word: str) -> None:
    with pytest.raises(ValueError, match=r"^the name of a type of events in learning\.events is no plain word$"):
        type_of("learning.events", word)


async def test_what_the_program_writes_is_declared_and_sealed(school: RunningSchool) -> None:
    async with school.services.stores.postgresql.transaction(SYSTEM) as tx:
        rows = await tx.fetch("select topic, type, version, payload from outbox")
        keys = await tx.fetch("select user_id from learner_keys")
    assert len(rows) > 1000
    assert len(keys) > 80
    for topic, name, version, text in rows:
        kind, payload = type_of(topic, name), orjson.loads(text)
        assert version == kind.version
        assert set(payload) <= set(kind.fields), name
        for field in kind.personal:
            assert not payload[field] or list(payload[field]) == ["sealed"], (name, field)
    assert not any("/classrooms/" in row["payload"] for row in rows)
