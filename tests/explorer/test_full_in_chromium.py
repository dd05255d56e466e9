"""Does the full explorer work in a real browser, on the real demo school, with every other host cut off?"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Error, Locator, Page, Request, expect

from graph.app import application
from graph.explorer.tabs import tabs
from graph.http.socket_connection import SocketConnection
from tests.explorer.conftest import REPORT_VIOLATIONS
from tests.explorer.mock_socket import SUBSCRIPTION, TOKEN, counting
from tests.running_school import RunningSchool

# The editor is three megabytes, which a busy machine reads slowly.
PATIENCE = 20_000
KEYWORD = {"light": "rgb(138, 58, 185)", "dark": "rgb(211, 162, 242)"}


class Quiet(uvicorn.Server):
    """uvicorn that leaves the test runner's signals alone."""

    def capture_signals(self) -> Any:
        """Nothing."""
        return nullcontext()


@dataclass
class Guest:
    """One visit of the full page, in a context of its own. `complaints` are console errors, warnings, exceptions and
    policy violations; `foreign` every request to another host; `asked` the headers and bodies of POSTs."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    asked: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def open(self) -> None:
        await self.page.goto(f"{self.origin}/graphql")
        await expect(self.play).to_be_visible(timeout=PATIENCE)
        await expect(self.editor("Operation Editor").locator(".view-line").first).to_be_visible(timeout=PATIENCE)

    @property
    def play(self) -> Locator:
        return self.page.locator(".graphiql-execute-button")

    @property
    def total(self) -> Locator:
        return self.page.locator(".plan-total")

    @property
    def status(self) -> Locator:
        return self.page.locator(".status")

    @property
    def answer(self) -> Locator:
        return self.page.locator(".graphiql-response .view-lines")

    @property
    def names(self) -> Locator:
        return self.page.locator(".graphiql-tab-button")

    @property
    def front(self) -> Locator:
        return self.page.locator(".graphiql-tab-active .graphiql-tab-button")

    def editor(self, name: str) -> Locator:
        return self.page.get_by_label(name, exact=True)

    def line(self, name: str) -> Locator:
        return self.page.locator(f'.totals tr[data-line="{name}"] td')

    async def sign_in(self, account: str) -> None:
        await self.page.get_by_role("button", name=account, exact=True).click()
        await expect(self.page.locator(".who-email")).to_have_text(f"{account}@demo.school")

    async def run(self, status: str = "200 OK") -> None:
        await self.play.click()
        await expect(self.status).to_contain_text(status, timeout=PATIENCE)

    async def write(self, text: str) -> None:
        await self.page.get_by_role("button", name="New tab").click()
        await self.editor("Operation Editor").locator(".view-lines").click()
        # Typed text would get closing brackets from the editor.
        await self.page.keyboard.insert_text(text)

    async def keeps(self, words: str) -> None:
        """GraphiQL writes its tabs down a moment after the last key."""
        wait = """async (words) => {
          while (!localStorage.getItem('studygraph.graphiql:tabState')?.includes(words))
            await new Promise(requestAnimationFrame);
        }"""
        async with asyncio.timeout(PATIENCE / 1000):
            await self.page.evaluate(wait, words)

    def expect_refusals(self) -> None:
        """Chromium writes every 4xx and every lost socket to the console; here they are the subject."""
        self.complaints[:] = [text for text in self.complaints if not re.search("status of 4|WebSocket", text)]


@asynccontextmanager
async def visiting(browser: Browser, origin: str, scheme: Any = "light") -> AsyncIterator[Guest]:
    context = await browser.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(REPORT_VIOLATIONS)
    guest = Guest(await context.new_page(), origin)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            guest.complaints.append(message.text)

    def fall(error: Error) -> None:
        guest.complaints.append(str(error))

    def see(request: Request) -> None:
        if not request.url.startswith(origin + "/"):
            guest.foreign.append(request.url)
        if request.method == "POST":
            guest.asked.append((request.headers, request.post_data_json))

    context.on("request", see)
    guest.page.on("console", note)
    guest.page.on("pageerror", fall)
    yield guest
    await context.close()
    assert guest.foreign == []
    assert guest.complaints == []


@pytest_asyncio.fixture(scope="session")
async def origin(demo_school: RunningSchool, built_explorer: Path) -> AsyncIterator[str]:
    """The demo school with the full explorer, on a free port; its texts can be searched."""
    services = demo_school.services
    await services.indexed.wait()
    app = application(demo_school.settings, nullcontext(services), built=built_explorer)
    async with app.router.lifespan_context(app):
        server = Quiet(uvicorn.Config(app, port=0, log_level="error", ws=SocketConnection, lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest_asyncio.fixture
async def guest(browser: Browser, origin: str) -> AsyncIterator[Guest]:
    async with visiting(browser, origin) as guest:
        yield guest


async def test_it_loads_with_other_hosts_cut_off_and_nothing_to_complain_about(guest: Guest) -> None:
    await guest.open()
    await expect(guest.names).to_have_text(["ClassroomFrontPage", "Classrooms", "Refetch", "Stores"])
    await expect(guest.editor("Variables").locator(".graphiql-editor:not(.hidden) .view-lines")).to_contain_text(
        "How do plants turn light into"
    )
    await expect(guest.page.locator(".plan-nothing")).to_contain_text("Run an operation")


async def test_a_newcomer_who_only_presses_play_sees_the_front_page_and_its_plan(guest: Guest) -> None:
    await guest.open()
    await guest.run()
    await expect(guest.page.locator(".who")).to_have_text("teacher@demo.schoolTEACHER")
    await expect(guest.status).to_contain_text("Signed in as teacher, for whom this operation is made.")
    await expect(guest.answer).to_contain_text("Plant Biology")
    await expect(guest.total).to_have_text("17 store calls on 5 levelsas planned")
    await expect(guest.page.locator(".names text")).to_have_text(
        ["PostgreSQL", "MongoDB", "Qdrant", "Cassandra", "Redis"]
    )
    await expect(guest.line("asked")).to_have_text(["11", "1", "1", "1", "3"])
    await expect(guest.page.locator(".idle")).to_have_text("Not asked: Kafka, S3")


async def test_each_level_shows_its_edges_and_each_disc_stands_in_the_lane_of_its_store(guest: Guest) -> None:
    await guest.open()
    await guest.run()
    levels = {}
    for band in await guest.page.locator(".band").all():
        edges = await band.locator(".edge").all_text_contents()
        levels[await band.get_attribute("data-level")] = edges
    assert levels == {
        "0": ["who asks"],
        "1": ["classroom"],
        "2": ["teacher", "members", "meetings", "assessments", "search"],
        "3": [
            *("avatarUrl", "presence", "totalCount", "user"),
            *("recordings", "transcript", "submissionSummary", "document"),
        ],
        "4": ["presence", "engagement", "downloadUrl", "segments"],
        "5": ["speaker"],
    }
    engagement = guest.page.locator('[data-path="classroom.members.nodes.user.engagement"]')
    assert await engagement.get_attribute("title") == "classroom.members.nodes.user.engagement\nCassandra: 1 call"
    discs = await guest.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.lane')].map(({dataset, x1}) => [
          dataset.store,
          [...document.querySelectorAll('.disc')]
            .filter((disc) => disc.cx.baseVal.value === x1.baseVal.value
              && disc.parentElement.dataset.store === dataset.store).length]))"""
    )
    assert discs == {"postgresql": 11, "mongodb": 1, "qdrant": 1, "cassandra": 1, "redis": 3}


async def test_an_edge_under_the_pointer_shows_where_it_comes_from_and_what_hangs_on_it(guest: Guest) -> None:
    await guest.open()
    await guest.run()
    await guest.page.locator('[data-path="classroom.members.nodes.user"]').hover()
    lit = await guest.page.locator(".band li.lit .edge").all_text_contents()
    assert lit == ["classroom", "members", "user", "presence", "engagement"]


async def test_one_click_logs_in_and_what_is_refused_is_in_the_answer(guest: Guest) -> None:
    await guest.open()
    await guest.sign_in("student")
    await guest.run()
    await expect(guest.page.get_by_role("button", name="student", exact=True)).to_have_attribute("aria-pressed", "true")
    await expect(guest.total).to_contain_text(" on 5 levels")
    codes = {error["extensions"]["code"] for error in (await answered(guest))["errors"]}
    assert codes == {"FORBIDDEN"}
    await guest.page.get_by_role("button", name="Sign out").click()
    await expect(guest.page.locator(".who")).to_have_text("Sign in as")


async def test_a_plan_alone_asks_no_store(guest: Guest) -> None:
    await guest.open()
    await guest.sign_in("teacher")
    await guest.page.get_by_role("button", name="Plan only").click()
    await expect(guest.total).to_have_text("17 store calls on 5 levelsplanned, not run")
    await expect(guest.line("planned")).to_have_text(["11", "1", "1", "1", "3"])
    await expect(guest.line("asked")).to_have_count(0)
    answer = await answered(guest)
    assert list(answer) == ["extensions"]
    await guest.run()
    await expect(guest.total).to_contain_text("as planned")


async def test_without_the_switch_no_plan_is_asked_for(guest: Guest) -> None:
    await guest.open()
    await guest.page.get_by_role("checkbox", name="with each run").uncheck()
    await guest.run()
    await expect(guest.page.locator(".plan-nothing")).to_have_text(
        "This answer came without a plan: the switch above asks for one."
    )
    headers, _ = guest.asked[-1]
    assert not {"x-studygraph-explain", "x-studygraph-ledger"} & set(headers)


async def test_tabs_texts_and_headers_are_there_after_a_reload(guest: Guest) -> None:
    await guest.open()
    await guest.write('query Mine { stores { name } } # kept "as it is"')
    await guest.page.get_by_role("button", name="Headers", exact=True).click()
    await guest.editor("Headers").locator(".graphiql-editor:not(.hidden) .view-lines").click()
    await guest.page.keyboard.insert_text('{"x-request-id": "kept"}')
    await guest.keeps("x-request-id")
    await guest.open()
    await expect(guest.names).to_have_text(["ClassroomFrontPage", "Classrooms", "Refetch", "Stores", "Mine"])
    await expect(guest.front).to_have_text("Mine")
    await expect(guest.editor("Operation Editor").locator(".view-lines")).to_contain_text('kept "as it is"')
    await guest.run()
    headers, body = guest.asked[-1]
    assert headers["x-request-id"] == "kept"
    assert body["operationName"] == "Mine"


async def test_variables_that_nobody_touched_are_there_after_a_reload_too(guest: Guest) -> None:
    await guest.open()
    await guest.names.nth(2).click()
    await guest.keeps('"activeTabIndex":2')
    await guest.open()
    await expect(guest.front).to_have_text("Refetch")
    await guest.run()
    await guest.names.nth(0).click()
    await guest.play.click()
    await expect(guest.total).to_contain_text("17 store calls")


@pytest.mark.parametrize("tab", tabs(), ids=lambda tab: tab.name)
async def test_every_prepared_operation_runs_on_demo_data(guest: Guest, tab: Any) -> None:
    await guest.open()
    await guest.page.get_by_role("button", name="Examples").click()
    await guest.page.get_by_role("menuitem", name=tab.name).click()
    await guest.run()
    await expect(guest.page.locator(".who-email")).to_have_text(f"{tab.as_account}@demo.school")
    answer = await answered(guest)
    assert "errors" not in answer
    assert all(value is not None for value in answer["data"].values())
    await expect(guest.names).to_have_count(len(tabs()))


async def test_a_closed_example_opens_again_and_a_demo_id_is_written_where_the_cursor_was(guest: Guest) -> None:
    await guest.open()
    await guest.names.nth(1).click()
    await guest.page.get_by_role("button", name="Close Tab").click()
    await expect(guest.names).to_have_count(3)
    await guest.page.get_by_role("button", name="Examples").click()
    await guest.page.get_by_role("menuitem", name="My classrooms").click()
    await expect(guest.front).to_have_text("Classrooms")
    await guest.write("{ node(id: ")
    await guest.page.get_by_role("button", name="Demo ids").click()
    await guest.page.get_by_role("menuitem", name="teacher", exact=True).click()
    await expect(guest.editor("Operation Editor").locator(".view-lines")).to_have_text(re.compile(r'id:\s"VXNlcjo'))


async def test_the_workers_read_the_schema_and_offer_what_fits(guest: Guest) -> None:
    await guest.open()
    await guest.write("{ classroom(id: 1) { joi")
    await guest.page.keyboard.press("Control+Space")
    await expect(guest.page.locator(".suggest-widget .monaco-list-row").first).to_contain_text("joinCode")
    workers = {re.sub(r"-[\w-]{8}\.js$", "", worker.url.rpartition("/")[2]) for worker in guest.page.workers}
    assert workers == {"editor.worker", "graphql.worker", "json.worker"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_both_schemes_have_their_own_colours(browser: Browser, origin: str, scheme: str) -> None:
    async with visiting(browser, origin, scheme) as guest:
        await guest.open()
        keyword = guest.editor("Operation Editor").locator(".view-line span span", has_text="query").first
        await expect(keyword).to_have_css("color", KEYWORD[scheme])
        surface = {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 30, 41)"}[scheme]
        await expect(guest.page.locator("body")).to_have_css("background-color", surface)


async def test_the_two_pages_lead_to_each_other(guest: Guest) -> None:
    await guest.open()
    await guest.page.get_by_role("link", name="Small page").click()
    await expect(guest.page.locator("html.ready")).to_be_attached()
    await expect(guest.page.get_by_label("Question in GraphQL")).to_be_visible()
    await guest.page.get_by_role("link", name="The full explorer").click()
    await expect(guest.play).to_be_visible()


async def test_an_ended_session_of_the_demo_is_renewed_once(guest: Guest) -> None:
    await guest.open()
    await guest.sign_in("teacher")
    await guest.page.evaluate(
        """() => {
          const who = JSON.parse(sessionStorage.getItem('studygraph.session'));
          sessionStorage.setItem('studygraph.session', JSON.stringify({ ...who, token: 'over' }));
        }"""
    )
    await guest.open()
    await guest.run()
    await expect(guest.total).to_contain_text("17 store calls")
    logins = [body for _, body in guest.asked if body.get("operationName") == "LogIn"]
    assert len(logins) == 2
    guest.expect_refusals()


async def test_events_arrive_over_a_socket_as_whoever_is_signed_in(browser: Browser, built_explorer: Path) -> None:
    with counting(built_explorer, sockets=True) as (server, origin):
        async with visiting(browser, origin) as guest:
            await guest.open()
            who = {"token": TOKEN, "email": "teacher@demo.school", "role": "TEACHER", "account": None}
            await guest.page.evaluate("who => sessionStorage.setItem('studygraph.session', JSON.stringify(who))", who)
            await guest.open()
            await guest.write(SUBSCRIPTION)
            await guest.play.click()
            await expect(guest.answer).to_contain_text('"counted": 2')
            init, subscribe = server.said
            assert init == {"type": "connection_init", "payload": {"authorization": f"Bearer {TOKEN}"}}
            assert (subscribe["type"], subscribe["payload"]["query"]) == ("subscribe", SUBSCRIPTION)
            assert not server.ended.is_set()
            await guest.play.click()
            assert await asyncio.to_thread(server.ended.wait, 10)


async def test_the_running_server_tells_its_events(guest: Guest) -> None:
    await guest.open()
    await guest.write("subscription Live { storesLive { kind snapshot { stores { name } } } }")
    await guest.play.click()
    await expect(guest.answer).to_contain_text('"kind": "SNAPSHOT"')
    await expect(guest.play).to_have_attribute("aria-label", re.compile("Stop"))
    await guest.play.click()
    await expect(guest.play).to_have_attribute("aria-label", re.compile("Execute"))


async def test_a_server_without_sockets_is_a_sentence(browser: Browser, built_explorer: Path) -> None:
    with counting(built_explorer, sockets=False) as (_, origin):
        async with visiting(browser, origin) as guest:
            await guest.open()
            await guest.write(SUBSCRIPTION)
            await guest.play.click()
            await expect(guest.answer).to_contain_text("No subscription could be opened")
            await expect(guest.play).to_have_attribute("aria-label", re.compile("Execute"))
            guest.expect_refusals()


async def answered(guest: Guest) -> Any:
    """The whole answer: the editor draws only what is in view."""
    text = await guest.page.evaluate(
        "__MONACO.editor.getModels().find((model) => model.uri.path.endsWith('response.json')).getValue()"
    )
    return json.loads(text)
