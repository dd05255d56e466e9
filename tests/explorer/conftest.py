"""Who opens the explorer in the tests? A real Chromium that reaches the mock school alone and notes its complaints."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from graph.explorer.served import BUILT
from tests.explorer.mock_school import School, serving

ROOT = Path(__file__).parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Nothing but this machine has an address: not even what Chromium itself would like to fetch.
NO_OTHER_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# A violation is written to the console in words that change; the event does not.
REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Visitor:
    """One page with empty storage. `complaints` are console errors, exceptions and policy violations; `foreign` every
    request to another host."""

    page: Page
    context: BrowserContext
    origin: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    async def open(self, path: str = "/graphql") -> None:
        await self.page.goto(self.origin + path)
        await expect(self.page.locator("html.ready")).to_be_attached()

    @property
    def question(self) -> Locator:
        return self.page.get_by_label("Question in GraphQL")

    @property
    def variables(self) -> Locator:
        return self.page.get_by_label("Variables in JSON")

    @property
    def status(self) -> Locator:
        return self.page.locator("#status")

    @property
    def tree(self) -> Locator:
        return self.page.locator(".tree")

    @property
    def notices(self) -> Locator:
        return self.page.locator("#notices")

    async def run(self, status: str = "200 OK") -> None:
        await self.page.get_by_role("button", name="Run", exact=True).click()
        await expect(self.status).to_contain_text(status)

    async def ask(self, question: str, status: str = "200 OK") -> None:
        await self.page.get_by_role("button", name="New tab").click()
        await self.question.fill(question)
        await self.run(status)

    async def sign_in(self, account: str) -> None:
        await self.page.get_by_role("button", name=account, exact=True).click()
        await expect(self.page.locator(".who-email")).to_have_text(f"{account}@demo.school")

    def expect_refusals(self) -> None:
        """Chromium writes every 4xx to the console; here they are the subject."""
        self.complaints[:] = [text for text in self.complaints if "the server responded with a status of 4" not in text]


@pytest.fixture(scope="session")
def serving_school() -> Iterator[tuple[School, str]]:
    school = School()
    with serving(school) as origin:
        yield school, origin


@pytest.fixture
def school(serving_school: tuple[School, str]) -> School:
    serving_school[0].forget()
    return serving_school[0]


@pytest.fixture(scope="session")
def chromium() -> Path:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no Chromium at {CHROMIUM} (the variable CHROMIUM may name another).")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=[NO_OTHER_HOST])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session")
async def window(browser: Browser) -> AsyncIterator[Page]:
    """One window for all tests: a new one for each would cost more than the tests themselves."""
    context = await browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(5000)
    await context.add_init_script(REPORT_VIOLATIONS)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture
async def visitor(window: Page, school: School, serving_school: tuple[School, str]) -> AsyncIterator[Visitor]:
    visitor = Visitor(window, window.context, serving_school[1])

    def guard(request: Request) -> None:
        if not request.url.startswith(visitor.origin + "/"):
            visitor.foreign.append(request.url)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visitor.complaints.append(message.text)

    def fall(error: Error) -> None:
        visitor.complaints.append(str(error))

    # A document without scripts: whatever the last visitor left is gone before the page looks for it.
    await window.goto(f"{visitor.origin}/explorer/icon.svg")
    await window.evaluate("localStorage.clear(); sessionStorage.clear()")
    await window.set_viewport_size({"width": 1280, "height": 800})
    await window.emulate_media(color_scheme="light", reduced_motion="reduce")
    window.context.on("request", guard)
    window.on("console", note)
    window.on("pageerror", fall)
    yield visitor
    await window.unroute_all(behavior="ignoreErrors")
    for other in window.context.pages:
        if other is not window:
            await other.close()
    window.context.remove_listener("request", guard)
    window.remove_listener("console", note)
    window.remove_listener("pageerror", fall)
    assert visitor.foreign == []
    assert visitor.complaints == []


def sources() -> Iterator[Path]:
    """Everything the full explorer is built from, but what npm installs."""
    for folder in (ROOT / "graph/explorer/app", ROOT / "graph/explorer/static"):
        yield from (path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts)


@pytest.fixture(scope="session")
def built_explorer() -> Path:
    """The folder of the full explorer: the one that `make explorer` made of these sources, or one made now, once for
    all runs on these sources."""
    changed = max(path.stat().st_mtime for path in sources())
    if (BUILT / "index.html").exists() and (BUILT / "index.html").stat().st_mtime > changed:
        return BUILT
    if shutil.which("npm") is None:
        pytest.skip("The full explorer is not built of these sources (`make explorer`), and there is no Node to do it.")
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "explorer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        building = subprocess.run([ROOT / ".ci/explorer", cache / "explorer"], capture_output=True, text=True)
    if building.returncode:
        pytest.skip(f"The full explorer could not be built: {building.stderr.strip().splitlines()[-1]}")
    return cache / "explorer"
