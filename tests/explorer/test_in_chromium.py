"""Does the explorer work in a real browser that is cut off from every host but the server?"""

import json

import pytest
from playwright.async_api import Route, expect

from tests.explorer.conftest import Visitor
from tests.explorer.mock_school import FRONT_PAGE, LEDGER, School


async def test_a_newcomer_who_only_presses_play_sees_the_answer(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await expect(visitor.page.get_by_role("tab", selected=True)).to_have_text("Front page")
    await expect(visitor.variables).to_have_value('{\n  "id": "Q2xhc3Nyb29tOjE",\n  "search": "photosynthesis"\n}')
    await visitor.run()
    await expect(visitor.tree).to_contain_text('"name": "Biology 9b"')
    await expect(visitor.tree).to_contain_text('"joinCode": "LEAF-4271"')
    await expect(visitor.page.locator(".who")).to_have_text("Signed in as teacher@demo.schoolTEACHER")
    await expect(visitor.notices).to_contain_text("Signed in as teacher")
    await expect(visitor.status).to_contain_text("ms")
    await expect(visitor.status).to_contain_text("kB")
    [asked] = school.questions("ClassroomFrontPage")
    assert asked["authorization"] == "Bearer token-teacher-1"
    assert asked["x-studygraph-ledger"] == "1"


async def test_store_calls_are_drawn_one_card_a_store(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.run()
    await expect(visitor.page.locator(".ledger-total")).to_have_text("17 store calls to 5 stores")
    cards = visitor.page.locator(".store")
    titles = [await cards.nth(index).get_attribute("title") for index in range(await cards.count())]
    assert titles == [
        "PostgreSQL: 11 calls, 118 rows, 7.8 ms",
        "MongoDB: 1 call, 5 rows, 2.4 ms",
        "Qdrant: 1 call, 5 rows, 3.1 ms",
        "Cassandra: 1 call, 280 rows, 4.9 ms",
        "Redis: 3 calls, 23 rows, 0.9 ms",
        "Kafka: 0 calls, 0 rows, 0.0 ms",
        "MinIO: 0 calls, 0 rows, 0.0 ms",
    ]
    widths = {
        store: await visitor.page.locator(f"[data-store={store}] .store-time").evaluate("bar => bar.style.width")
        for store in ("postgresql", "redis", "kafka")
    }
    assert widths["postgresql"] == "100%"
    assert float(widths["redis"].rstrip("%")) == pytest.approx(100 * LEDGER["redis"]["ms"] / 7.83, abs=0.01)
    assert widths["kafka"] == "0px"


async def test_without_the_switch_no_store_calls_are_asked_for(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.page.get_by_role("checkbox", name="Store calls").uncheck()
    await visitor.run()
    await expect(visitor.page.locator("#ledger")).to_be_hidden()
    [asked] = school.questions("ClassroomFrontPage")
    assert "x-studygraph-ledger" not in asked
    await visitor.open()
    await expect(visitor.page.get_by_role("checkbox", name="Store calls")).not_to_be_checked()


async def test_refused_fields_are_sentences_that_lead_to_their_place(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.sign_in("student")
    await visitor.run("200 · partial")
    await expect(visitor.status).to_contain_text("21 errors")
    errors = visitor.page.locator("li.error")
    await expect(errors).to_have_text(
        [
            "FORBIDDENYou may not read this field.classroom.joinCode",
            "FORBIDDENYou may not read this field.× 20classroom.members.nodes.*.user.engagement",
        ]
    )
    await expect(visitor.page.locator(".row", has_text='"joinCode": null')).to_contain_text("FORBIDDEN")
    await visitor.page.get_by_role("button", name="Fold the answer", exact=True).click()
    place = visitor.page.locator(".row", has_text='"engagement": null').first
    await expect(place).to_be_hidden()
    await errors.nth(1).get_by_role("button").click()
    await expect(place).to_be_in_viewport()


async def test_a_download_link_opens_in_a_tab_of_its_own(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.run()
    link = visitor.page.get_by_role("link", name="/files/recordings/0.wav").first
    async with visitor.context.expect_page() as opened:
        await link.click()
    other = await opened.value
    assert other.url.startswith(f"{visitor.origin}/files/recordings/0.wav?signature=")
    assert await other.evaluate("window.opener") is None


async def test_a_demo_session_that_ended_is_renewed_once_and_the_question_repeated(
    visitor: Visitor, school: School
) -> None:
    await visitor.open()
    await visitor.run()
    school.end_sessions()
    await visitor.run("200 OK")
    await expect(visitor.notices).to_have_text("The session was over: signed in again as teacher and asked once more.")
    tokens = [headers["authorization"] for headers in school.questions("ClassroomFrontPage")]
    assert tokens == ["Bearer token-teacher-1", "Bearer token-teacher-1", "Bearer token-teacher-2"]
    assert "authorization" not in school.questions("LogIn")[1]
    visitor.expect_refusals()


async def test_a_reload_stays_signed_in_and_signing_out_forgets_the_token(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.sign_in("admin")
    await visitor.open()
    await expect(visitor.page.locator(".who-email")).to_have_text("admin@demo.school")
    await visitor.page.get_by_role("button", name="Sign out").click()
    await expect(visitor.page.locator(".nobody")).to_have_text("Sign in as")
    await visitor.ask("{ viewer { name } }")
    await expect(visitor.tree).to_contain_text('"viewer": null')
    assert "authorization" not in school.asked[-1][1]


async def test_a_question_that_needs_an_account_says_so(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.ask('{ classroom(id: "Q") { name } }', "401")
    await expect(visitor.notices).to_contain_text("needs an account: choose one above")
    await expect(visitor.page.locator("li.error")).to_have_text("UNAUTHENTICATEDLog in first.")
    assert school.logins == 0
    visitor.expect_refusals()


async def test_production_signs_in_by_form_and_offers_no_demo(visitor: Visitor, school: School) -> None:
    await visitor.open("/production")
    await expect(visitor.page.get_by_role("button", name="teacher")).to_have_count(0)
    await expect(visitor.page.get_by_role("checkbox", name="Store calls")).not_to_be_checked()
    await visitor.page.get_by_role("button", name="Sign in").click()
    form = visitor.page.get_by_role("dialog")
    await form.get_by_label("E-mail").fill("teacher@demo.school")
    await form.get_by_label("Password").fill("wrong")
    await form.get_by_role("button", name="Sign in").click()
    await expect(form.get_by_role("alert")).to_have_text("The e-mail or the password is not right.")
    await form.get_by_label("Password").fill("studygraph-demo")
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.locator(".who-email")).to_have_text("teacher@demo.school")
    await expect(form).to_be_hidden()
    await visitor.run()
    school.end_sessions()
    await visitor.run("401")
    await expect(visitor.notices).to_contain_text("The session of teacher@demo.school is over. Sign in again.")
    await expect(form).to_be_visible()
    visitor.expect_refusals()


async def test_texts_survive_a_reload(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.page.get_by_role("button", name="New tab").click()
    await visitor.question.fill("query Mine { viewer { name } }")
    await visitor.variables.fill('{"a": 1}')
    await visitor.open()
    await expect(visitor.page.get_by_role("tab")).to_have_text(["Front page", "Stores", "Mine"])
    await expect(visitor.page.get_by_role("tab", selected=True)).to_have_text("Mine")
    await expect(visitor.question).to_have_value("query Mine { viewer { name } }")
    await expect(visitor.variables).to_have_value('{"a": 1}')


async def test_an_example_follows_the_server_until_somebody_edits_it(visitor: Visitor, school: School) -> None:
    await visitor.open()
    school.front_page = FRONT_PAGE.replace("# One request", "# One better request")
    await visitor.open()
    await expect(visitor.question).to_have_value(school.front_page.rstrip())

    await visitor.question.fill("{ mine }")
    school.front_page = FRONT_PAGE
    await visitor.open()
    await expect(visitor.question).to_have_value("{ mine }")
    await visitor.page.get_by_role("button", name="Restore").click()
    await expect(visitor.question).to_have_value(FRONT_PAGE.rstrip())
    await expect(visitor.page.get_by_role("button", name="Restore")).to_be_hidden()


async def test_tabs_are_renamed_closed_and_brought_back(visitor: Visitor) -> None:
    await visitor.open()
    tabs = visitor.page.get_by_role("tab")
    await tabs.nth(1).dblclick()
    await visitor.page.get_by_label("Name of the tab").fill("Health")
    await visitor.page.keyboard.press("Enter")
    await expect(tabs).to_have_text(["Front page", "Health"])
    await visitor.page.keyboard.press("ArrowLeft")
    await expect(visitor.page.get_by_role("tab", selected=True)).to_have_text("Front page")
    await visitor.page.get_by_role("button", name="Close Front page").click()
    await visitor.open()
    await expect(tabs).to_have_text(["Health"])
    await visitor.page.get_by_role("button", name="Examples").click()
    await expect(tabs).to_have_text(["Front page", "Health"])
    await expect(visitor.question).to_have_value(FRONT_PAGE.rstrip())


async def test_every_tab_keeps_its_own_answer(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.page.get_by_role("tab", name="Stores").click()
    await visitor.run()
    await visitor.page.get_by_role("tab", name="Front page").click()
    await expect(visitor.page.locator(".welcome")).to_be_visible()
    await visitor.page.get_by_role("tab", name="Stores").click()
    await expect(visitor.tree).to_contain_text('{ "name": "qdrant", "status": "UP" }')


async def test_control_enter_runs_from_anywhere(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.variables.press("Control+Enter")
    await expect(visitor.tree).to_contain_text("Biology 9b")


async def test_own_headers_travel_and_win(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.sign_in("teacher")
    await visitor.page.locator("#headers-drawer summary").click()
    await visitor.page.get_by_label("Headers in JSON").fill('{"x-mine": "yes", "Authorization": "Bearer other"}')
    await visitor.run("401")
    _, headers = school.asked[-1]
    assert headers["x-mine"] == "yes"
    assert headers["authorization"] == "Bearer other"
    assert school.logins == 1
    visitor.expect_refusals()


async def test_long_lists_are_shortened_and_everything_folds_by_keyboard(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.run()
    more = visitor.page.get_by_role("button", name="show 15 more of 20")
    await expect(visitor.page.locator(".row", has_text='"role": "STUDENT"')).to_have_count(5)
    await more.click()
    await expect(visitor.page.locator(".row", has_text='"role": "STUDENT"')).to_have_count(20)
    await expect(visitor.page.locator(".row", has_text='"extensions"')).to_contain_text("1 field")
    fold = visitor.page.get_by_role("button", name="data, 1 field")
    await fold.press("ArrowLeft")
    await expect(visitor.page.locator(".row", has_text="Biology 9b")).to_be_hidden()
    await fold.press("ArrowRight")
    await expect(visitor.page.locator(".row", has_text="Biology 9b")).to_be_visible()
    await fold.press("ArrowDown")
    await expect(visitor.page.get_by_role("button", name="classroom, 9 fields")).to_be_focused()


async def test_a_server_that_is_gone_is_named(visitor: Visitor) -> None:
    await visitor.open()

    async def refuse(route: Route) -> None:
        await route.abort("connectionrefused")

    await visitor.page.route("**/graphql", refuse)
    await visitor.page.get_by_role("tab", name="Stores").click()
    await visitor.run("Unreachable")
    await expect(visitor.page.get_by_role("alert").filter(has_text="No answer")).to_contain_text(
        f"No answer from {visitor.origin}/graphql."
    )
    visitor.complaints[:] = [text for text in visitor.complaints if "ERR_CONNECTION_REFUSED" not in text]


async def test_an_answer_that_is_no_json_is_shown_as_it_is(visitor: Visitor) -> None:
    await visitor.open()

    async def stumble(route: Route) -> None:
        await route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html")

    await visitor.page.route("**/graphql", stumble)
    await visitor.page.get_by_role("tab", name="Stores").click()
    await visitor.run("502")
    await expect(visitor.page.locator(".failure")).to_have_text(
        "The server answered 502 without JSON: <h1>Bad gateway</h1>"
    )
    visitor.complaints[:] = [text for text in visitor.complaints if "status of 502" not in text]


async def test_a_question_that_takes_long_can_be_stopped(visitor: Visitor) -> None:
    await visitor.open()

    async def wait(_route: Route) -> None:
        """Never answered."""

    await visitor.page.route("**/graphql", wait)
    await visitor.page.get_by_role("tab", name="Stores").click()
    await visitor.page.get_by_role("button", name="Run", exact=True).click()
    await expect(visitor.status).to_contain_text("Asking")
    await visitor.page.get_by_role("button", name="Stop").click()
    await expect(visitor.status).to_contain_text("Stopped")
    await expect(visitor.page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    await visitor.page.unroute_all(behavior="ignoreErrors")


async def test_what_the_stores_hold_is_text_and_never_markup(visitor: Visitor) -> None:
    await visitor.open()
    hostile = {
        "<img src=x onerror=alert(1)>": "<script>alert(1)</script>",
        "homeUrl": "javascript:alert(1)",
        "fileUrl": "//evil.example/x",
        "site": "https://example.org/page",
    }

    async def answer(route: Route) -> None:
        errors = [{"message": "<b>bold</b>", "path": ["<i>"], "extensions": {"code": "<u>"}}]
        await route.fulfill(json={"data": hostile, "errors": errors})

    await visitor.page.route("**/graphql", answer)
    await visitor.page.get_by_role("tab", name="Stores").click()
    await visitor.run("200 · partial")
    await expect(visitor.tree).to_contain_text(json.dumps("<script>alert(1)</script>"))
    assert await visitor.page.locator("#result").locator("img, script, b, i, u").count() == 0
    links = visitor.page.locator("#result a")
    await expect(links).to_have_count(1)
    assert await links.get_attribute("href") == "https://example.org/page"


@pytest.mark.parametrize("size", [(1440, 900), (1280, 800), (1024, 700), (600, 800)], ids=str)
async def test_the_page_fits_its_window(visitor: Visitor, size: tuple[int, int]) -> None:
    await visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
    await visitor.open()
    await visitor.run()
    too_wide = await visitor.page.evaluate(
        """() => [...document.querySelectorAll('body, .top, .bar, .tabs, .stores, .store, .answer-body, .editor')]
          .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.className || part.tagName)"""
    )
    assert too_wide == []
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_colour_of_text_is_readable(visitor: Visitor, scheme: str) -> None:
    await visitor.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await visitor.open()
    ratios = await visitor.page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement);
          const light = (name) => {
            const hex = style.getPropertyValue(`--${name}`).trim();
            const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
              .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
          const words = ['ink', 'soft', 'faint', 'keyword', 'field', 'argument', 'variable', 'type', 'string', 'number',
            'literal', 'comment', 'punctuation', 'directive', 'key', 'bad', 'warn', 'fine'];
          const pairs = [...words.flatMap((word) => [[word, 'surface'], [word, 'sunken']]), ['on-accent', 'accent'],
            ['bad', 'bad-ground'], ['warn', 'warn-ground'], ['note', 'note-ground'], ['accent-strong', 'accent-ground'],
            ['fine', 'accent-ground'], ['soft', 'ground']];
          return Object.fromEntries(pairs.map(([a, b]) => [`${a} on ${b}`, ratio(a, b)]));
        }"""
    )
    assert {pair: ratio for pair, ratio in ratios.items() if not ratio >= 4.5} == {}
