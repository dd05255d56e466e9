"""Who sees and writes what was kept under somebody's keys? They themselves and the program; PostgreSQL sees to it."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from tests.access.rows import session
from tests.accounts.somebody import Somebody, newcomer
from tests.idempotency.asking import Clock, marked
from tests.running_school import RunningSchool

INSERT = "insert into idempotency_keys (user_id, key, fingerprint) values ($1, 'theirs', 'f')"


async def keeping(school: RunningSchool) -> tuple[Somebody, UUID]:
    """Somebody with one key, and somebody else."""
    mine, other = await newcomer(school), await newcomer(school)
    await marked(mine, "mine", Clock(school.now)())
    return mine, other.user_id


@pytest.mark.parametrize("role", ["student", "teacher", "service", "admin", "anonymous"])
async def test_others_see_and_write_none_of_it_whatever_their_role(changing_school: RunningSchool, role: str) -> None:
    mine, other = await keeping(changing_school)
    of_mine = "where user_id = $1"
    async with session(changing_school, user_id=other, role=role) as theirs:
        assert await theirs.fetch(f"select * from idempotency_keys {of_mine}", mine.user_id) == []
        changed = f"update idempotency_keys set answer = '{{}}' {of_mine}"
        assert await theirs.execute(changed, mine.user_id) == "UPDATE 0"
        assert await theirs.execute(f"delete from idempotency_keys {of_mine}", mine.user_id) == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await theirs.execute(INSERT, mine.user_id)


async def test_one_sees_and_writes_ones_own_and_gives_it_to_nobody(changing_school: RunningSchool) -> None:
    mine, other = await keeping(changing_school)
    async with session(changing_school, user_id=mine.user_id, role="student") as own:
        assert await own.fetchval("select array_agg(key) from idempotency_keys") == ["mine"]
        assert await own.execute(INSERT, mine.user_id) == "INSERT 0 1"
        assert await own.execute("update idempotency_keys set answer = '{}'") == "UPDATE 2"
        assert await own.execute("delete from idempotency_keys where key = 'theirs'") == "DELETE 1"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await own.execute("update idempotency_keys set user_id = $1", other)


async def test_without_a_setting_there_are_no_rows_and_the_program_has_all(changing_school: RunningSchool) -> None:
    mine, _ = await keeping(changing_school)
    async with session(changing_school) as bare:
        assert await bare.fetch("select * from idempotency_keys") == []
    async with session(changing_school, role="system") as system:
        found = await system.fetch("select key from idempotency_keys where user_id = $1", mine.user_id)
        assert [row["key"] for row in found] == ["mine"]
        assert await system.execute("delete from users where id = $1", mine.user_id) == "DELETE 1"
        assert await system.fetch("select key from idempotency_keys where user_id = $1", mine.user_id) == []
