"""Is a blocking call on the event loop noticed, where it matters and nowhere else?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from datadir.minio.embedded import _sync_folder
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.event_loop import ALLOWED, ROOMS, ROOT, Blocked


async def test_our_code_may_not_wait_on_the_loop(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    files = TlsFiles(StoreName.REDIS, str(tmp_path / "ca.pem"))
    with pytest.raises(Blocked, match=r"^Blocking call to "):
        files._context()
    assert "_context" in Blocked.noticed.pop()


async def test_it_may_on_a_thread_of_its_own(tmp_path: Path) -> None:
    await asyncio.to_thread(_sync_folder, tmp_path)
    assert Blocked.noticed == []


def test_it_may_where_no_loop_runs(tmp_path: Path) -> None:
    _sync_folder(tmp_path)
    assert Blocked.noticed == []


@pytest.mark.parametrize("file", [file for file in ALLOWED if file.split("/")[0] in ROOMS])
def test_what_is_allowed_is_there(file: str) -> None:
    code = (ROOT / file).read_text(encoding="utf-8")
    assert [name for name in ALLOWED[file] if f"def {name}(" not in code] == []
