"""Does the audit log notice whatever is done to it? Rows and heads, by who owns the whole server. (threat 40)

That `python -m graph audit verify` says these sentences: `tests/process/test_audit.py`. What the program itself may do
to the log: `test_audit_log.py`. Heads on an S3 server: `tests/real/test_audit_heads.py`.
"""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import asyncpg
import pytest

from datadir.audit_check import MOST_SENTENCES, Verdict, sentences
from datadir.postgresql.audit_log import AuditRow, ChainedRecord, hash_of
from tests.stores.audit_kept import ADA, Kept

WITHOUT_CHAIN: Final = "set session_replication_role = replica"
"""Whoever owns the server can do this: triggers are silent."""

CHANGES: Final = [
    "actor_id = gen_random_uuid()",
    "action = 'blink'",
    "outcome = 'refused'",
    "operation = 'Other'",
    "request_id = ''",
    "id = gen_random_uuid()",
    "subjects = subjects[1:1]",
    "fields = '{}'",
    "created_at = created_at - interval '1 us'",
]
HEAD_OF_ANOTHER: Final = "Row 3 is not the one that was there when its head was kept as KEY."


@pytest.mark.parametrize("change", CHANGES)
async def test_threat_40_whatever_is_changed_in_a_row_is_noticed(three: Kept, change: str) -> None:
    assert await three.owner.execute(f"update audit_log set {change} where position = 2") == "UPDATE 1"
    assert await three.broken() == ["Row 2 was changed: its hash is not that of what it says."]


async def chained(kept: Kept, position: int) -> None:
    """Give a row the hash of the row before, and the hash that goes with what it says now."""
    await kept.owner.execute(
        "update audit_log a set previous = b.hash from audit_log b where a.position = $1 and b.position = $1 - 1",
        position,
    )
    row = next(row for row in await kept.rows() if row.position == position)
    await kept.owner.execute("update audit_log set hash = $2 where position = $1", position, hash_of(row))


async def test_threat_40_a_row_that_is_changed_with_its_hash_has_no_successor(three: Kept) -> None:
    await three.owner.execute("update audit_log set actor_id = null where position = 2")
    await chained(three, 2)
    assert await three.broken() == ["Row 3 does not follow row 2: one of the two was put there later."]


@pytest.mark.parametrize("first", [1, 2, 3])
async def test_threat_40_a_chain_that_is_made_anew_to_its_end_has_another_head(three: Kept, first: int) -> None:
    await three.owner.execute("update audit_log set actor_id = null where position = $1", first)
    for position in range(first, 4):
        await chained(three, position)
    assert await three.broken() == [HEAD_OF_ANOTHER]


async def test_threat_40_rows_that_change_places_are_noticed(three: Kept) -> None:
    for before, after in ((1, 9), (2, 1), (9, 2)):
        await three.owner.execute("update audit_log set position = $2 where position = $1", before, after)
    assert await three.broken() == [
        "Row 1 does not follow the beginning: one of the two was put there later.",
        "Row 1 was changed: its hash is not that of what it says.",
        "Row 2 does not follow row 1: one of the two was put there later.",
        "Row 2 was changed: its hash is not that of what it says.",
        "Row 3 does not follow row 2: one of the two was put there later.",
    ]


async def test_threat_40_a_row_that_is_put_between_others_is_noticed(three: Kept) -> None:
    """Its own hash is right, and so is that of the row which it says it follows."""
    await three.owner.execute("alter table audit_log drop constraint audit_log_previous_key")
    await three.owner.execute(WITHOUT_CHAIN)
    await three.owner.execute("update audit_log set position = 4 where position = 3")
    await three.owner.execute(
        "insert into audit_log (position, action, previous, hash) "
        "select 3, 'read', hash, repeat('0', 64) from audit_log where position = 2"
    )
    await chained(three, 3)
    assert await three.broken() == [
        "Row 4 does not follow row 3: one of the two was put there later.",
        "Row 4 was changed: its hash is not that of what it says.",
        HEAD_OF_ANOTHER,
    ]
    await chained(three, 4)
    assert await three.broken() == [HEAD_OF_ANOTHER]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("position = 2", "Row 2 is missing."),
        ("position = 1", "Row 1 is missing."),
        ("position < 3", "Rows 1 to 2 are missing."),
        ("position = 3", "Rows after row 2 are gone: a head is kept of row 3."),
        ("position > 1", "Rows after row 1 are gone: a head is kept of row 3."),
        ("true", "Rows after the beginning are gone: a head is kept of row 3."),
    ],
)
async def test_threat_40_rows_that_are_taken_away_are_noticed(three: Kept, gone: str, said: str) -> None:
    await three.owner.execute(f"delete from audit_log where {gone}")
    assert await three.broken() == [said]


async def test_threat_40_rows_in_the_place_of_those_that_were_cut_off_hide_nothing(three: Kept) -> None:
    """The same process, another one, and one that starts later: the head of before stays for the check to find."""
    await three.owner.execute("delete from audit_log where position = 3")
    for log in (three.logs[0], three.process(), three.process()):
        await log.write([AuditRow(ADA, "read")])
    assert [row.position for row in await three.rows()] == [1, 2, 3, 4, 5]
    assert sorted(each["position"] for each in (await three.heads()).values()) == [3, 3, 4, 5]
    assert await three.broken() == [HEAD_OF_ANOTHER]


async def test_threat_40_a_second_chain_is_noticed(three: Kept) -> None:
    await three.owner.execute("alter table audit_log drop constraint audit_log_pkey")
    await three.owner.execute("alter table audit_log drop constraint audit_log_previous_key")
    await three.owner.execute(WITHOUT_CHAIN)
    forged = (await three.rows())[2]
    columns = ", ".join(ChainedRecord.columns)
    values = [uuid4() if name == "id" else value for name, value in forged.items()]
    numbers = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await three.owner.execute(f"insert into audit_log ({columns}) values ({numbers})", *values)
    found = await three.broken()
    assert "There are two rows 3: somebody began a second chain there." in found
    assert "Row 3 was changed: its hash is not that of what it says." in found


async def test_threat_40_the_database_takes_no_second_row_after_one(three: Kept) -> None:
    await three.owner.execute(WITHOUT_CHAIN)
    with pytest.raises(asyncpg.UniqueViolationError, match="audit_log_previous_key"):
        await three.owner.execute(
            "insert into audit_log (position, action, previous, hash) "
            "select 4, action, previous, hash from audit_log where position = 3"
        )


async def test_threat_40_heads_that_are_gone_or_unreadable_are_noticed(three: Kept) -> None:
    [key] = await three.heads()
    await three.objects.put(key, b"{}", "application/json")
    assert await three.broken() == ["The head kept as KEY is no head."]
    await three.objects.delete(key)
    assert await three.broken() == ["No head is kept in object storage: rows cut off at the end would not be noticed."]


async def test_page_by_page_it_is_the_same(three: Kept) -> None:
    await three.logs[0].write([AuditRow(ADA, "read"), AuditRow(None, "createAdministrator")])
    heard: list[tuple[int, int]] = []
    assert await three.verified(at_once=2, report=lambda *said: heard.append(said)) == Verdict(rows=5, kept=5)
    assert heard == [(0, 5), (2, 5), (4, 5), (5, 5)]
    await three.owner.execute("delete from audit_log where position in (3, 4)")
    assert (await three.verified(at_once=1)).broken == ["Rows 3 to 4 are missing."]


def test_much_that_is_broken_is_said_in_short() -> None:
    broken = [f"Row {number} is missing." for number in range(30)]
    assert sentences(broken) == [*broken[:MOST_SENTENCES], "And 10 more of the same kind."]
    assert sentences(broken[:20]) == broken[:20]
