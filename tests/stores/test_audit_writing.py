"""What if many write to the audit log at once, and what if it cannot be written? Whoever waits is told in time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

from datadir.audit import DEADLINE, MOST_WAITING
from datadir.audit_check import Verdict
from datadir.errors import StoreTimeout, StoreUnavailable
from datadir.postgresql.audit_log import AuditRow
from tests.event_loop import ROOT
from tests.stores.audit_kept import ADA, Kept, held


async def test_two_processes_make_one_chain(kept: Kept, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.stores.audit_writer", kept.dsn, str(tmp_path / "minio")]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, action, "60", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for action in ("left", "right")
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    log = kept.process()
    for _ in range(20):
        await log.write([AuditRow(ADA, "read")])
    assert [(await process.communicate(), process.returncode) for process in processes] == [((b"", None), 0)] * 2
    rows = await kept.rows()
    assert [row.position for row in rows] == list(range(1, 141))
    assert {action: sum(row.action == action for row in rows) for action in ("left", "right", "read")} == {
        "left": 60,
        "right": 60,
        "read": 20,
    }
    assert await kept.verified() == Verdict(rows=140, kept=140)
    assert len(await kept.heads()) == 3


async def transactions(kept: Kept) -> list[int]:
    """How many rows each transaction has written, those of the test's beginning aside. A row knows which it was."""
    found = await kept.owner.fetch(
        "select count(*) from audit_log where position > 3 group by xmin::text order by min(position)"
    )
    return [count for (count,) in found]


def named(letters: str) -> list[AuditRow]:
    """A row for each letter."""
    return [AuditRow(ADA, letter) for letter in letters]


async def test_two_hundred_at_once_are_written_by_one_transaction_in_their_order(three: Kept) -> None:
    log = three.logs[0]
    await asyncio.gather(*(log.write([AuditRow(ADA, "read", f"_{number}")]) for number in range(200)))
    assert await transactions(three) == [200]
    assert [row.operation for row in (await three.rows())[3:]] == [f"_{number}" for number in range(200)]
    assert await three.verified() == Verdict(rows=203, kept=203)


async def test_whoever_comes_while_one_is_on_its_way_is_written_by_the_next_one(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        first = asyncio.create_task(log.write(named("A")))
        await wanted()
        others = [asyncio.create_task(log.write(named(letters))) for letters in ("B", "CD", "E" * 97)]
        await asyncio.sleep(0)
        assert not first.done()
    await asyncio.gather(first, *others)
    assert await transactions(three) == [1, 100]
    assert [row.action for row in (await three.rows())[3:]] == list("ABCD" + "E" * 97)
    assert await three.verified() == Verdict(rows=104, kept=104)


async def test_what_fails_fails_for_whoever_waited_for_it_and_for_nobody_else(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        first = [asyncio.create_task(log.write(named(letter))) for letter in "AB"]
        await wanted()
        second = [asyncio.create_task(log.write(named(letter))) for letter in "CD"]
        await asyncio.sleep(0)
        await three.owner.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and wait_event = 'advisory'"
        )
        for each in await asyncio.gather(*first, return_exceptions=True):
            assert isinstance(each, StoreUnavailable)
        await wanted()
    await asyncio.gather(*second)
    assert [row.action for row in (await three.rows())[3:]] == ["C", "D"]
    assert await transactions(three) == [2]
    assert await three.verified() == Verdict(rows=5, kept=5)


async def test_whoever_gives_up_harms_nobody_else(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        sent = [asyncio.create_task(log.write(named(letter))) for letter in "AB"]
        await wanted()
        waiting = [asyncio.create_task(log.write(named(letter))) for letter in "CD"]
        await asyncio.sleep(0)
        sent[0].cancel()
        waiting[0].cancel()
        given_up = await asyncio.gather(sent[0], waiting[0], return_exceptions=True)
        assert [type(each) for each in given_up] == [asyncio.CancelledError] * 2
    await asyncio.gather(sent[1], waiting[1])
    # What was asked for is written: nobody knows how far it was.
    assert [row.action for row in (await three.rows())[3:]] == list("ABCD")
    assert await three.verified() == Verdict(rows=7, kept=7)


async def test_whoever_comes_when_too_many_wait_is_refused_at_once(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        first = asyncio.create_task(log.write([AuditRow(ADA, "first")]))
        await wanted()
        waiting = [asyncio.create_task(log.write([AuditRow(ADA, "later")])) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="more waits to be written to the audit log than may"):
            await log.write([AuditRow(ADA, "never")])
    await asyncio.gather(first, *waiting)
    rows = await three.rows()
    assert [row.action for row in rows[3:]] == ["first", *["later"] * MOST_WAITING]
    assert len({row.created_at for row in rows}) == len(rows)
    assert await three.verified() == Verdict(rows=4 + MOST_WAITING, kept=4 + MOST_WAITING)


async def test_nobody_waits_for_ever_and_closing_waits_for_the_rest(three: Kept) -> None:
    log = three.logs[0]
    async with held(three) as wanted:
        started = perf_counter()
        with pytest.raises(StoreTimeout):
            await log.write([AuditRow(ADA, "slow")])
        assert DEADLINE <= perf_counter() - started < DEADLINE + 1
        await wanted()
        closing = asyncio.create_task(log.close())
        await asyncio.sleep(0)
        assert not closing.done()
    await closing
    assert [row.action for row in await three.rows()][3:] == ["slow"]
    assert await three.verified() == Verdict(rows=4, kept=4)


async def test_rows_stand_while_object_storage_is_away_and_the_next_head_speaks_for_them(
    three: Kept, tmp_path: Path
) -> None:
    folder, away = tmp_path / "minio", tmp_path / "away"
    folder.rename(away)
    folder.write_text("no folder")
    await three.logs[0].write([AuditRow(ADA, "read")])
    folder.unlink()
    away.rename(folder)
    assert await three.verified() == Verdict(rows=4, kept=3)
    await three.logs[0].write([AuditRow(ADA, "read")])
    assert await three.verified() == Verdict(rows=5, kept=5)
