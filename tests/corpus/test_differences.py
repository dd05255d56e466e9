"""Which differences between the two executions were found? Each by its smallest operation, so that it stays mended."""

from __future__ import annotations

import pytest
from graphql import GraphQLError, Undefined

from graph.ids import encode
from resolvers.errors import NotFound
from tests.corpus.memory_records import SCHOOL, uuid
from tests.corpus.placed import answered, ran, told

pytestmark = [
    pytest.mark.usefixtures("memory"),
    # graphql-core drops the coroutines of what it gave up when a sibling failed.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]

ROOM = encode("Classroom", uuid(2, 0))
RECORDING = encode("Recording", SCHOOL.recordings[0].id)
DOCUMENT = encode("Document", SCHOOL.documents[0].id)
MEMBER = encode("ClassroomMember", SCHOOL.members[0].id)


def with_value(name: str, value: object):  # type: ignore[no-untyped-def]
    """A record with another value in one column."""
    return lambda record: type(record)(
        value if column == name else old for column, old in zip(record.columns, record, strict=True)
    )


async def test_an_id_that_cannot_be_written_is_an_error_at_its_place() -> None:
    def spoil(page):  # type: ignore[no-untyped-def]
        page.records[1] = with_value("id", "\ud800")(page.records[1])
        return page

    result = await answered("{ classrooms { edges { node { id } } } }", values={"Query.classrooms": spoil})
    assert result.data == {"classrooms": None}
    assert [path for _, path in told(result)] == [["classrooms", "edges", 1, "node", "id"]]


async def test_a_leafs_door_that_breaks_for_one_record_shuts_that_one() -> None:
    result = await answered(
        "{ classrooms { nodes { joinCode } } }",
        viewer="admin",
        doors={"Classroom.joinCode": lambda room: room.name == "Room 1"},
    )
    assert result.data == {"classrooms": {"nodes": [{"joinCode": "JOIN0"}, {"joinCode": None}, {"joinCode": "JOIN2"}]}}
    assert told(result) == [("the door broke", ["classrooms", "nodes", 1, "joinCode"])]


async def test_an_edges_door_that_breaks_shuts_the_level() -> None:
    result = await answered("{ viewer { engagement { date } name } }", doors={"User.engagement": lambda user: True})
    assert result.data == {"viewer": {"engagement": None, "name": "Person 0"}}
    assert told(result) == [("the door broke", ["viewer", "engagement"])]


async def test_an_exception_in_a_column_is_not_written_as_a_text() -> None:
    result = await answered(
        f'{{ node(id: "{RECORDING}") {{ ... on Recording {{ fileSizeBytes }} }} }}',
        values={"Query.node": with_value("file_size_bytes", NotFound())},
    )
    assert result.data == {"node": {"fileSizeBytes": None}}
    assert told(result) == [(NotFound().message, ["node", "fileSizeBytes"])]


async def test_undefined_is_no_text_either() -> None:
    result = await answered(
        f'{{ node(id: "{RECORDING}") {{ ... on Recording {{ fileSizeBytes }} }} }}',
        values={"Query.node": with_value("file_size_bytes", Undefined)},
    )
    assert result.data == {"node": {"fileSizeBytes": None}}
    assert result.errors is None


async def test_undefined_is_no_object() -> None:
    result = await answered("{ viewer { presence { status } } }", values={"User.presence": lambda _: Undefined})
    assert result.data == {"viewer": {"presence": None}}
    assert result.errors is None


@pytest.mark.parametrize("place", ["viewer @skip(if: $no) { name }", "viewer { name @include(if: $no) email }"])
async def test_null_for_skip_or_include_fails_the_selection_around_it(place: str) -> None:
    result = await answered(f"query ($no: Boolean = true) {{ {place} }}", {"no": None}, on_plan=False)
    assert result.errors is not None
    assert "'if' has invalid value" in result.errors[0].message
    assert (result.data or {}).get("viewer") is None


async def test_skip_is_looked_at_before_include() -> None:
    document = "query ($no: Boolean = true) { viewer { role } stores @include(if: false) @skip(if: $no) { name } }"
    assert (await answered(document, {"no": None}, on_plan=False)).data is None
    document = "query ($no: Boolean = true) { viewer { role } stores @include(if: $no) @skip(if: true) { name } }"
    assert (await answered(document, {"no": None})).data == {"viewer": {"role": "TEACHER"}}


async def test_null_for_skip_does_no_harm_where_nothing_looks_at_it() -> None:
    document = "query ($no: Boolean = true) { viewer { ... on User @skip(if: true) { name @skip(if: $no) } role } }"
    assert (await answered(document, {"no": None})).data == {"viewer": {"role": "TEACHER"}}


async def test_a_mutation_after_one_that_left_no_answer_does_not_happen() -> None:
    both = await ran(
        """mutation {
             first: logIn(input: {email: "teacher0@corpus.school", password: "x"}) { accessToken }
             second: logIn(input: {email: "student1@corpus.school", password: "x"}) { accessToken }
           }""",
        values={"Mutation.logIn": lambda _: None},
    )
    assert both.core.data is None
    assert both.log_ins == (1, 1)


async def test_mutations_go_one_after_the_other_each_with_what_is_below_it() -> None:
    both = await ran(
        """mutation {
             a: logIn(input: {email: "teacher0@corpus.school", password: "x"}) { accessToken user { email } }
             b: logIn(input: {email: "nobody@corpus.school", password: "x"}) { accessToken errors { message } }
             c: logIn(input: {email: "student1@corpus.school", password: "x"}) { accessToken user { email } }
           }"""
    )
    assert both.core.data == {
        "a": {"accessToken": "access 1", "user": {"email": "teacher0@corpus.school"}},
        "b": {"accessToken": None, "errors": [{"message": "Refused as number 2."}]},
        "c": {"accessToken": "access 3", "user": {"email": "student1@corpus.school"}},
    }


async def test_one_key_may_mean_another_edge_on_each_type() -> None:
    result = await answered(
        f'{{ nodes(ids: ["{RECORDING}", "{DOCUMENT}"]) {{'
        " ... on Recording { link: downloadUrl } ... on Document { link: downloadUrl } } }"
    )
    assert result.data == {
        "nodes": [
            {"link": "https://corpus.school/objects/r/0"},
            {"link": "https://corpus.school/objects/d/0"},
        ]
    }


async def test_one_key_may_ask_differently_below_each_type() -> None:
    result = await answered(
        f'{{ nodes(ids: ["{ROOM}", "{MEMBER}"]) {{'
        " ... on Classroom { who: teacher { engagement(days: 1) { totalEvents } } }"
        " ... on ClassroomMember { who: user { engagement(days: 9) { totalEvents } } } } }"
    )
    assert result.data is not None
    assert [len(each["who"]["engagement"]) for each in result.data["nodes"]] == [1, 2]


async def test_objects_of_which_nothing_is_asked_are_empty() -> None:
    result = await answered(f'{{ nodes(ids: ["{ROOM}", "{MEMBER}"]) {{ ... on Classroom {{ name }} }} }}')
    assert result.data == {"nodes": [{"name": "Room 0"}, {}]}


async def test_an_operation_of_which_everything_is_skipped_answers_an_empty_object() -> None:
    assert (await answered("{ viewer @skip(if: true) { name } }")).data == {}


async def test_errors_of_graphql_keep_their_words() -> None:
    result = await answered(
        "{ viewer { presence { status } } }", values={"User.presence": lambda _: GraphQLError("So.")}
    )
    assert told(result) == [("So.", ["viewer", "presence"])]


async def test_below_one_null_either_execution_may_tell_another_reason() -> None:
    both = await ran(
        "query ($id: ID!) { classroom(id: $id) { members { edges { cursor node { role } } } } }",
        {"id": ROOM},
        values={"Classroom.members": lambda page: page.records.__setitem__(slice(0, 2), [None, "text"]) or page},
    )
    assert both.core.data == {"classroom": {"members": None}}
