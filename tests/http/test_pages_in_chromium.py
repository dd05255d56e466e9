"""What does a real browser let a page do here? One of an allowed origin asks and reads by every transport; one of a
foreign origin gets nothing, and nothing is run for it. (Threats 14, 15.)"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright
from structlog.testing import capture_logs

from tests.listening import Listening, listening
from tests.running_school import RunningSchool

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Nothing but this machine has an address: not even what Chromium itself would like to fetch.
NO_OTHER_HOST = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
PAGE = b"<!doctype html><title>A page</title>"
ASKS = """async (url) => {
  const body = JSON.stringify({ query: '{ __typename }' });
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const get = `${url}?query=${encodeURIComponent('{ __typename }')}`;
  const live = `${url}?query=${encodeURIComponent('subscription { storesLive { kind } }')}`;
  const read = async (...asked) => {
    try {
      return (await (await fetch(...asked)).json()).data.__typename;
    } catch (error) {
      return error.name;
    }
  };
  // What a form or a picture sends without asking first: what becomes of it is not shown to the page.
  const form = { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body };
  const embedded = [await fetch(url, form), await fetch(get, { mode: 'no-cors' })].map(({ type }) => type);
  return {
    embedded,
    post: await read(url, json),
    get: await read(get),
    socket: await new Promise((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
      socket.onopen = () => resolve('open');
      socket.onclose = ({ code }) => resolve(`closed ${code}`);
    }),
    events: await new Promise((resolve) => {
      const events = new EventSource(live);
      const told = (what) => resolve(what) ?? events.close();
      events.addEventListener('next', ({ data }) => told(JSON.parse(data).data.storesLive.kind));
      events.onerror = () => told('nothing');
    }),
  };
}"""


async def _give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE)
    writer.write(head + PAGE)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest_asyncio.fixture(scope="session")
async def pages() -> AsyncIterator[int]:
    """The port of another site on this machine."""
    async with await asyncio.start_server(_give, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest_asyncio.fixture(scope="session")
async def choosy(school: RunningSchool, pages: int) -> AsyncIterator[Listening]:
    """A server whose list holds that site by one of its two names."""
    async with listening(school, allowed_origins=f"http://127.0.0.1:{pages}") as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def page() -> AsyncIterator[Page]:
    """A page of a real Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"There is no Chromium at {CHROMIUM} (the variable CHROMIUM may name another).")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[NO_OTHER_HOST])
        yield await browser.new_page()
        await browser.close()


async def test_a_page_of_an_allowed_origin_works(page: Page, pages: int, choosy: Listening) -> None:
    await page.goto(f"http://127.0.0.1:{pages}/")
    shown = await page.evaluate(ASKS, choosy.url)
    embedded = ["opaque", "opaque"]
    assert shown == {"embedded": embedded, "post": "Query", "get": "Query", "socket": "open", "events": "SNAPSHOT"}


async def test_a_page_of_a_foreign_origin_gets_nothing(page: Page, pages: int, choosy: Listening) -> None:
    await page.goto(f"http://localhost:{pages}/")
    with capture_logs() as logged:
        shown = await page.evaluate(ASKS, choosy.url)
    assert shown == {
        "embedded": ["opaque", "opaque"],
        "post": "TypeError",
        "get": "TypeError",
        "socket": "closed 1006",
        "events": "nothing",
    }
    assert [each for each in logged if each["event"] in ("operation", "stream")] == []
