"""Is the explorer's page whole and harmless: one inert block of configuration, and nothing from anywhere else?"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from graph.explorer.page import STATIC, DemoHints, Tab, page

DEMO = DemoHints(password="studygraph-demo", accounts={"teacher": "teacher@demo.school"}, ids={"classroom": "Q2w"})
FRONT = Tab("Front page", "query F($id: ID!) { classroom(id: $id) { id } }", {"id": "Q2w", "first": 5}, "teacher")


class Seen(HTMLParser):
    """Every tag with its attributes, and the text of each script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data

    def config(self) -> Any:
        return json.loads(self.scripts[0])


def development(*tabs: Tab) -> str:
    return page(endpoint="/graphql", production=False, demo=DEMO, tabs=tabs)


def test_the_configuration_arrives_as_the_scripts_expect_it() -> None:
    seen = Seen(development(FRONT, Tab("Stores", "{ stores { name } }")))
    assert seen.config() == {
        "endpoint": "/graphql",
        "production": False,
        "other": None,
        "demo": {
            "password": "studygraph-demo",
            "accounts": {"teacher": "teacher@demo.school"},
            "ids": {"classroom": "Q2w"},
        },
        "tabs": [
            {"name": "Front page", "query": FRONT.query, "variables": {"id": "Q2w", "first": 5}, "as": "teacher"},
            {"name": "Stores", "query": "{ stores { name } }", "variables": {}, "as": None},
        ],
    }


def test_production_knows_no_demo_account() -> None:
    html = page(endpoint="/graphql", production=True, demo=None, tabs=[FRONT])
    assert Seen(html).config()["demo"] is None
    assert Seen(html).config()["production"] is True
    assert "studygraph-demo" not in html


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>alert(1)</script>",
        "<!-- <script>",
        "]]> & &amp; &quot; '\"",
        "line\u2028and\u2029paragraph",
        "{{config}}",
        "Grüße, 世界 🌱 \\ \x00",
    ],
)
def test_no_text_can_leave_the_configuration_block(text: str) -> None:
    html = development(Tab(text, f"# {text}", {text: text}))
    seen = Seen(html)
    [tab] = seen.config()["tabs"]
    assert tab == {"name": text, "query": f"# {text}", "variables": {text: text}, "as": None}
    assert len(seen.scripts) == 2
    block = html.split('id="config">')[1].split("</script>")[0]
    assert not set(block) & set("<>&\u2028\u2029")


def test_nothing_on_the_page_needs_an_exception_from_a_strict_policy() -> None:
    seen = Seen(development(FRONT))
    for tag, attributes in seen.tags:
        assert tag not in {"style", "base", "iframe", "object", "embed"}
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    scripts = [attributes for tag, attributes in seen.tags if tag == "script"]
    assert scripts == [
        {"type": "application/json", "id": "config"},
        {"type": "module", "src": "/explorer/explorer.js"},
    ]


def test_every_file_the_page_names_lies_in_the_static_folder() -> None:
    named = [
        value
        for tag, attributes in Seen(development()).tags
        for name, value in attributes.items()
        if tag != "use" and name in {"src", "href"} and value
    ]
    assert len(named) == 6
    for address in named:
        assert address.startswith("/explorer/")
        assert (STATIC / address.removeprefix("/explorer/")).is_file()


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_every_script_imports_only_its_neighbours(script: Path) -> None:
    imported = re.findall(r"from '(.*)'", script.read_text(encoding="utf-8"))
    for name in imported:
        assert name.startswith("./")
        assert (STATIC / name).is_file()


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_no_file_names_another_host(file: Path) -> None:
    hosts = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", file.read_text(encoding="utf-8")))
    # The name of the SVG language; nothing is fetched from there.
    assert hosts <= {"http://www.w3.org"}


def test_every_symbol_that_is_used_is_drawn() -> None:
    html = development()
    drawn = set(re.findall(r'<symbol id="icon-([a-z]+)"', html))
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    used = set(re.findall(r'href="#icon-([a-z]+)"', html)) | set(re.findall(r"icon\('([a-z]+)'\)", scripts)) | {"stop"}
    assert used == drawn


def test_demo_accounts_in_production_are_refused() -> None:
    with pytest.raises(ValueError, match="never shown in production"):
        page(endpoint="/graphql", production=True, demo=DEMO, tabs=[])


def test_two_tabs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        development(FRONT, FRONT)


def test_a_tab_for_an_unknown_account_is_refused() -> None:
    with pytest.raises(ValueError, match="asks for the account 'head'"):
        development(Tab("Desk", "{ viewer { id } }", {}, "head"))


def test_variables_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        development(Tab("Desk", "{ viewer { id } }", {"x": float("nan")}))
