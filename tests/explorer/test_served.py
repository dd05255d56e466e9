"""Does a browser get the page that is there, under its policy, with files that are kept as long as they may be?"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from graph.explorer.page import Template
from graph.explorer.served import BUILT, Explorer
from graph.settings import Settings

STRICT = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
INDEX = """<!doctype html>
<script type="application/json" id="config">{{config}}</script>
<script type="module" crossorigin src="./assets/index-LgW5WEsr.js"></script>
<link rel="stylesheet" crossorigin href="./assets/index-BHWDaZot.css">
"""
YEAR = "public, max-age=31536000, immutable"


def in_production(**more: Any) -> Settings:
    return Settings(env="production", **more)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it, two files large."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    (folder / "assets" / "index-LgW5WEsr.js").write_text("export {};", encoding="utf-8")
    (folder / "assets" / "font-_OKyNlAU.woff2").write_bytes(b"wOF2")
    (folder / "assets" / "plain.js").write_text("export {};", encoding="utf-8")
    return folder


@pytest_asyncio.fixture
async def files(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=Explorer(Settings(), built).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://school.test") as client:
        yield client


async def shown(explorer: Explorer, **query: str) -> tuple[dict[str, str], str]:
    page = await explorer.page(query)
    assert page is not None
    return page


def config(html: str) -> Any:
    found = re.search(r'id="config">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


async def test_the_full_page_is_shown_once_it_is_built_and_the_small_one_stays_reachable(built: Path) -> None:
    explorer = Explorer(Settings(), built)
    headers, html = await shown(explorer)
    assert 'src="/explorer/built/assets/index-LgW5WEsr.js"' in html
    assert 'href="/explorer/built/assets/index-BHWDaZot.css"' in html
    assert headers["content-security-policy"] == f"{STRICT}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    assert headers["cache-control"] == "no-store"
    assert config(html)["other"] == "/graphql?page=small"
    headers, html = await shown(explorer, page="small")
    assert 'src="/explorer/explorer.js"' in html
    assert headers["content-security-policy"] == STRICT
    assert config(html)["other"] == "/graphql"


async def test_both_pages_know_the_same_school(built: Path) -> None:
    explorer = Explorer(Settings(demo=True), built)
    full, small = config((await shown(explorer))[1]), config((await shown(explorer, page="small"))[1])
    assert full | {"other": None} == small | {"other": None}
    assert full["demo"]["accounts"]["teacher"] == "teacher@demo.school"
    assert full["tabs"][0]["as"] == "teacher"


async def test_a_page_that_is_built_while_the_server_runs_is_there_without_a_restart(built: Path) -> None:
    later = built.rename(built.with_name("later"))
    explorer = Explorer(Settings(), built)
    headers, html = await shown(explorer)
    assert 'src="/explorer/explorer.js"' in html
    assert headers["content-security-policy"] == STRICT
    assert config(html)["other"] is None
    later.rename(built)
    assert "/explorer/built/assets/" in (await shown(explorer))[1]


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        (Settings(), True),
        (Settings(explorer=False), False),
        (in_production(), False),
        (in_production(explorer=True), True),
    ],
)
async def test_one_setting_shows_and_hides_it_and_production_hides_it_by_itself(
    built: Path, settings: Settings, there: bool
) -> None:
    explorer = Explorer(settings, built)
    assert (await explorer.page({}) is not None) is there
    assert (await explorer.page({"page": "small"}) is not None) is there
    assert bool(explorer.routes()) is there


async def test_a_file_whose_name_has_a_hash_is_kept_for_a_year(files: httpx.AsyncClient) -> None:
    for name, kind in {
        "index-LgW5WEsr.js": "text/javascript; charset=utf-8",
        "font-_OKyNlAU.woff2": "font/woff2",
    }.items():
        response = await files.get(f"/explorer/built/assets/{name}")
        assert (response.status_code, response.headers["content-type"]) == (200, kind)
        assert response.headers["cache-control"] == YEAR
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/explorer/explorer.js", "/explorer/built/assets/plain.js"])
async def test_a_file_without_one_is_asked_for_again_by_its_tag(files: httpx.AsyncClient, path: str) -> None:
    first = await files.get(path)
    assert first.status_code == 200
    assert "cache-control" not in first.headers
    again = await files.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/explorer/built/index.html", "/explorer/built/assets/../index.html", "/explorer/built/assets/nope.js"]
)
async def test_nothing_but_the_files_is_served(files: httpx.AsyncClient, path: str) -> None:
    assert (await files.get(path)).status_code == 404


def test_a_page_without_a_place_for_its_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has lost its \{\{config\}\}"):
        Template.cut("<!doctype html>")


def test_the_build_lies_in_the_package_so_that_a_wheel_carries_it() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert BUILT.parts[-3:] == ("graph", "explorer", "built")
    assert 'artifacts = ["graph/explorer/built"]' in project
    assert "graph/explorer/built/\n" in (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8")
