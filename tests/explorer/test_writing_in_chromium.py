"""Does writing a question in the explorer work: the editor, its suggestions, variables, and the schema beside it?"""

from playwright.async_api import expect

from tests.explorer.conftest import Visitor
from tests.explorer.mock_school import FRONT_PAGE, School


async def test_a_schema_that_is_kept_secret_is_a_friendly_sentence(visitor: Visitor) -> None:
    await visitor.open("/production")
    await visitor.page.get_by_role("button", name="Schema").click()
    await expect(visitor.page.locator(".docs-note")).to_contain_text("keeps its schema to itself")
    await visitor.page.get_by_role("button", name="Close the schema").click()
    await visitor.question.press("Control+ ")
    await expect(visitor.page.locator(".words-about")).to_contain_text("keeps its schema to itself")
    visitor.expect_refusals()


async def test_the_schema_is_asked_for_only_when_the_drawer_opens(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.run()
    assert school.questions("Introspection") == []
    await visitor.page.get_by_role("button", name="Schema").click()
    drawer = visitor.page.get_by_role("complementary", name="Schema")
    await drawer.get_by_role("button", name="Query", exact=True).click()
    await expect(drawer.locator(".docs-title")).to_have_text("type Query")
    await expect(drawer).to_contain_text("classroom(id: ID!): Classroom")
    await expect(drawer).to_contain_text("The classroom's global id.")
    await drawer.get_by_role("button", name="Classroom", exact=True).click()
    await expect(drawer.locator(".deprecated")).to_contain_text("Deprecated: Use joinCode.")
    await drawer.get_by_role("searchbox").fill("engagementsc")
    await expect(drawer.locator(".docs-hit")).to_have_text(["engagementScorein EngagementDay"])
    await drawer.locator(".docs-hit").click()
    await expect(drawer.locator(".docs-title")).to_have_text("type EngagementDay")
    await drawer.get_by_role("button", name="Back").click()
    await expect(drawer.locator(".docs-title")).to_have_text("type Classroom")
    await visitor.page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    assert len(school.questions("Introspection")) == 1


async def test_the_coloured_copy_lies_exactly_behind_the_text(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.question.fill(FRONT_PAGE + "# " + "a long line without any rest " * 30 + "x" * 400 + "\n\n")
    sizes = await visitor.question.evaluate(
        "input => [input.scrollHeight, input.clientHeight, input.previousSibling.getBoundingClientRect().height]"
    )
    assert sizes[0] == sizes[1] == sizes[2]
    copied = await visitor.question.evaluate(
        "input => [...input.previousSibling.children].map((line) => line.textContent).join('\\n') === input.value"
    )
    assert copied is True


async def test_words_have_the_colour_of_their_meaning(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.question.fill(
        'query Q($n: Int = 3) { a: b(x: RED, y: "s", z: $n) @skip(if: true) { ... on T { c } } } # é'
    )
    pieces = await visitor.page.locator("#query .line span").evaluate_all(
        "all => all.map((piece) => [piece.className.slice(3), piece.textContent])"
    )
    assert [piece for piece in pieces if piece[0] not in {"space", "punctuation"}] == [
        ["keyword", "query"],
        ["definition", "Q"],
        ["variable", "$n"],
        ["type", "Int"],
        ["number", "3"],
        ["alias", "a"],
        ["field", "b"],
        ["argument", "x"],
        ["enum", "RED"],
        ["argument", "y"],
        ["string", '"s"'],
        ["argument", "z"],
        ["variable", "$n"],
        ["directive", "@skip"],
        ["argument", "if"],
        ["literal", "true"],
        ["keyword", "..."],
        ["keyword", "on"],
        ["type", "T"],
        ["field", "c"],
        ["comment", "# é"],
    ]


async def test_half_written_documents_are_read_to_their_end(visitor: Visitor) -> None:
    await visitor.open()
    document = FRONT_PAGE + 'mutation M($i: I = {a: [1, {b: "c"}]} @d(x: 1)) { a: b @skip(if: true) ...F ... @d { c } }'
    document += 'fragment F on T @d { """block""" }\n}}) ] : $ @ ... "open'
    read, lost = await visitor.page.evaluate(
        """async (document) => {
          const { read } = await import('/explorer/graphql.js');
          const cuts = Array.from({ length: document.length + 1 }, (_, end) => document.slice(0, end));
          const lost = cuts.filter((cut) => read(cut).lexemes.map(({ text }) => text).join('') !== cut);
          return [cuts.length, lost];
        }""",
        document,
    )
    assert read == len(document) + 1
    assert lost == []


async def test_the_bracket_at_the_cursor_shows_its_partner(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.question.fill("{ a(x: [1]) { b } }")
    await expect(visitor.page.locator("#query .paired")).to_have_text(["{", "}"])
    for _ in range(2):
        await visitor.page.keyboard.press("ArrowLeft")
    paired = await visitor.page.locator("#query .as-punctuation").evaluate_all(
        "all => all.map((one) => one.classList.contains('paired'))"
    )
    assert paired == [False, False, False, False, False, False, True, True, False]


async def test_the_keyboard_writes_indents_and_leaves(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.page.get_by_role("button", name="New tab").click()
    keyboard = visitor.page.keyboard
    for key in ["{", "Enter", "s", "t", "o", "r", "e", "s", "Escape", " ", "{", "Enter", "i", "d", "Escape"]:
        await keyboard.press(key)
    for key in ["Enter", "}", "Enter", "}"]:
        await keyboard.press(key)
    await expect(visitor.question).to_have_value("{\n  stores {\n    id\n  }\n}")
    await keyboard.press("Control+a")
    await keyboard.press("Tab")
    await expect(visitor.question).to_have_value("  {\n    stores {\n      id\n    }\n  }")
    await keyboard.press("Shift+Tab")
    await keyboard.press("Control+z")
    await expect(visitor.question).to_have_value("  {\n    stores {\n      id\n    }\n  }")
    await keyboard.press("Escape")
    await keyboard.press("Tab")
    await expect(visitor.question).not_to_be_focused()


async def test_words_that_fit_are_offered_and_taken(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.page.get_by_role("button", name="New tab").click()
    keyboard = visitor.page.keyboard
    words = visitor.page.locator(".word")
    await keyboard.type("query($id: ID!) { cla")
    await expect(words).to_have_text(["classroomClassroom"])
    await keyboard.press("Enter")
    await keyboard.type("(i")
    await expect(words).to_have_text(["idID!"])
    await keyboard.press("Tab")
    await keyboard.type("$")
    await expect(words).to_have_text(["$idvariable"])
    await keyboard.press("Enter")
    await keyboard.type(") { meetings(orderBy: [{ field: T")
    await expect(words).to_have_text(["TITLE"])
    await keyboard.press("Enter")
    await keyboard.type(" }]) { nodes { ")
    await keyboard.press("Control+ ")
    await expect(words.locator(".word-name")).to_have_text(
        ["id", "title", "scheduledAt", "recordings", "transcript", "__typename"]
    )
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await expect(visitor.question).to_have_value(
        "query($id: ID!) { classroom(id: $id) { meetings(orderBy: [{ field: TITLE }]) { nodes { title"
    )
    await expect(visitor.page.locator(".completion")).to_be_hidden()


async def test_nothing_is_offered_in_comments_and_strings(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.page.get_by_role("button", name="New tab").click()
    keyboard = visitor.page.keyboard
    await keyboard.type("{ v")
    await expect(visitor.page.locator(".word")).to_have_text(["viewerUser"])
    for opening in ("# ", '{ classroom(id: "'):
        await visitor.question.fill(opening)
        await keyboard.press("End")
        await keyboard.type("v")
        await keyboard.press("Control+ ")
        await expect(visitor.page.locator(".words-about")).to_have_text("Nothing fits here.")


async def test_variables_that_are_no_json_are_not_sent(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.variables.fill('{"id": }')
    await expect(visitor.page.locator("#variables-note")).to_contain_text("Not JSON yet")
    await visitor.page.get_by_role("button", name="Run", exact=True).click()
    await expect(visitor.notices).to_have_text("Not sent: the variables have to be a JSON object first.")
    await visitor.variables.fill("[1]")
    await expect(visitor.page.locator("#variables-note")).to_contain_text("Write a JSON object")
    assert school.asked == []


async def test_a_demo_id_is_inserted_by_its_name(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.variables.fill("")
    await visitor.page.locator("#ids").select_option("meeting")
    await expect(visitor.variables).to_have_value('"TWVldGluZzow"')


async def test_of_several_operations_the_one_with_the_cursor_runs(visitor: Visitor, school: School) -> None:
    await visitor.open()
    await visitor.page.get_by_role("button", name="New tab").click()
    await visitor.question.fill("query A { stores { name } }\nquery B { viewer { name } }")
    choice = visitor.page.get_by_label("Operation")
    await expect(choice).to_have_value("B")
    await visitor.run()
    assert school.asked[-1][0]["operationName"] == "B"
    await visitor.question.press("Control+Home")
    await expect(choice).to_have_value("A")
    await choice.select_option("B")
    await choice.press("Control+Enter")
    await expect(visitor.tree).to_contain_text('"viewer": null')
    assert school.asked[-1][0]["operationName"] == "B"


async def test_an_error_in_the_document_marks_its_line(visitor: Visitor) -> None:
    await visitor.open()
    await visitor.ask("{\n  stores { name colour }\n}", "400 Bad Request")
    await expect(visitor.page.locator("#query .marked")).to_have_text("  stores { name colour }")
    await expect(visitor.page.locator(".error-code")).to_have_text("GRAPHQL_VALIDATION_FAILED")
    await visitor.page.get_by_role("button", name="line 2, column 17").click()
    await expect(visitor.question).to_be_focused()
    assert await visitor.question.evaluate("input => input.value.slice(input.selectionStart)") == "colour }\n}"
    await visitor.page.keyboard.type("x")
    await expect(visitor.page.locator("#query .marked")).to_have_count(0)
    visitor.expect_refusals()
