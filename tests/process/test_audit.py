"""Is every answer that an administrator got in the audit log, however the server ended? And does a shell say so?

And does it say what somebody has done to the log since? (threat 40)"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from datadir.data_folder import claim
from datadir.launcher import Launcher
from datadir.postgresql import embedded
from tests.accounts.somebody import REGISTER
from tests.process.served import LOG_IN, ORDINARY, PATIENCE, ROOT, Served, environment, refusal, serving
from tests.process.test_admin import EMAIL, PASSWORD, create

READ: Final = "query Look { users { nodes { email } } }"
LOUD: Final = {"STUDYGRAPH_LIMIT_BUDGET": "0", "STUDYGRAPH_LOG_LEVEL": "warning"}


async def verify(data: Path) -> tuple[int, list[str]]:
    """The exit status of `audit verify`, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "audit", "verify"),
        cwd=ROOT,
        env=environment(STUDYGRAPH_DATA_DIR=data),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (out, process.returncode is None) == (b"", False)
    lines = said.decode().splitlines()
    assert "looking at the audit log ..." in lines or process.returncode
    return process.returncode or 0, [line for line in lines if not ORDINARY.fullmatch(line)]


async def token(served: Served) -> str:
    """The administrator's, after somebody else has come."""
    person = {"email": "ada@demo.school", "password": PASSWORD}
    await served.ask(REGISTER, {"input": person})
    found: str = (await served.ask(LOG_IN, {"input": {"email": EMAIL, "password": PASSWORD}}))["logIn"]["accessToken"]
    return found


async def looks(served: Served, sent: str, count: int) -> int:
    """How many of so many reads at once are answered."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:

        async def look() -> Any:
            headers = {"authorization": f"Bearer {sent}"}
            return (await client.post(f"{served.url}/graphql", json={"query": READ}, headers=headers)).json()

        answers = await asyncio.gather(*(look() for _ in range(count)), return_exceptions=True)
    found = [each for each in answers if not isinstance(each, BaseException)]
    assert all(len(each["data"]["users"]["nodes"]) == 2 for each in found)
    return len(found)


async def test_no_answer_leaves_without_its_row_and_the_shell_knows_what_is_broken(data: Path) -> None:
    missing = await refusal(data, "audit verify")
    assert missing == "There is no audit log yet: `python -m graph migrate` makes it."
    assert (await create(data, PASSWORD))[0] == 0
    assert await verify(data) == (0, ["The audit log is whole: 1 row, and a head is kept of row 1."])
    async with serving(data, **LOUD) as served:
        sent = await token(served)
        answered = await looks(served, sent, 10)
        assert answered == 10
        served.process.kill()
        await served.process.wait()
    rows = 1 + answered
    assert await verify(data) == (0, [f"The audit log is whole: {rows} rows, and a head is kept of row {rows}."])

    async with serving(data, **LOUD) as served:
        sent = (await served.ask(LOG_IN, {"input": {"email": EMAIL, "password": PASSWORD}}))["logIn"]["accessToken"]
        assert (await verify(data))[0] == 1, "the data folder is in use"
        first = asyncio.create_task(looks(served, sent, 1))
        crowd = asyncio.create_task(looks(served, sent, 30))
        rows += await first
        served.process.send_signal(signal.SIGTERM)
        rows += await crowd
        assert await served.ended() == (0, [])
    assert await verify(data) == (0, [f"The audit log is whole: {rows} rows, and a head is kept of row {rows}."])

    with claim(data) as folder:
        async with Launcher(folder) as launcher:
            place = await embedded.start(launcher, folder)
            owner = await asyncpg.connect(place.owner_dsn)
            await owner.execute("update audit_log set subjects = '{}' where position = 2")
            await owner.execute("delete from audit_log where position = 4 or position = $1", rows)
            await owner.close()
    status, said = await verify(data)
    assert (status, said) == (
        1,
        [
            "Row 2 was changed: its hash is not that of what it says.",
            "Row 4 is missing.",
            f"Rows after row {rows - 1} are gone: a head is kept of row {rows}.",
            f"studygraph: The audit log is not as it was written: {rows - 2} rows were looked at.",
        ],
    )
