"""Can whoever has a shell on the server make the first administrator, and nobody's account be taken by that?"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.process.served import LOG_IN, ORDINARY, PATIENCE, ROOT, environment, serving

PASSWORD: Final = "seven green bottles fell"
EMAIL: Final = "head@demo.school"


async def create(data: Path, password: str, *more: str, email: str = EMAIL) -> tuple[int, list[str]]:
    """The exit status of `admin create` with a password on its standard input, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "admin", "create", "--email", email, *more),
        cwd=ROOT,
        env=environment(STUDYGRAPH_DATA_DIR=data),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, said = await asyncio.wait_for(process.communicate(f"{password}\n".encode()), PATIENCE)
    assert out == b""
    assert process.returncode is not None
    lines = said.decode().splitlines()
    assert not any(password and password in line for line in lines)
    return process.returncode, [line for line in lines if not ORDINARY.fullmatch(line)]


async def test_the_first_administrator_is_made_from_a_shell(data: Path) -> None:
    assert await create(data, PASSWORD, "--name", "Head of School") == (0, ["There is another administrator now."])
    taken = "studygraph: There is an account with this e-mail address: an administrator can give it another role."
    assert await create(data, "another fine password 7", email="HEAD@demo.school") == (1, [taken])
    weak = "studygraph: This is no e-mail address. At least 10 characters."
    assert await create(data, "", email="nobody") == (1, [weak])

    async with serving(data) as served:
        busy = await create(data, PASSWORD, email="second@demo.school")
        assert busy[0] == 1, "the data folder is in use"
        given = {"input": {"email": EMAIL, "password": PASSWORD}}
        token = (await served.ask(LOG_IN, given))["logIn"]["accessToken"]
        served.tokens["head"] = token
        answer = await served.ask("{ viewer { name role } users { totalCount } }", account="head")
        assert answer == {"viewer": {"name": "Head of School", "role": "ADMIN"}, "users": {"totalCount": 1}}
