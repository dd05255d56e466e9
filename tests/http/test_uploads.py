"""Do files come in by the multipart request specification, and is every other form refused? (threats 10, 12, 14)

`tests/accounts/test_avatars.py` says what becomes of a picture; here the form itself is the subject.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.errors import RequestError
from graph.http.envelope import LARGEST_BODY, Envelope
from graph.http.form import MOST_HEADERS, MOST_PARTS, Part, boundary_of, parts
from graph.http.uploads import AT_ONCE, LARGEST_FILE, MOST_PLACES, Uploads, from_parts
from graph.uploaded import UploadedFile
from tests.accounts.picture_files import PREFLIGHT, UPLOAD, picture, sent
from tests.fuzz.uploads import BOUNDARY, form, part
from tests.http.refusals import refusal
from tests.listening import listening
from tests.process.wire import wire
from tests.running_school import RunningSchool

OPERATIONS: dict[str, Any] = {"query": UPLOAD, "variables": {"input": {"file": None}}}
MAP = {"0": ["variables.input.file"]}
FORM = f"multipart/form-data; boundary={BOUNDARY}"
FILE = part("0", b"x", 'filename="me.png"')


def operations(value: Any = OPERATIONS) -> bytes:
    """The first part."""
    return part("operations", json.dumps(value).encode())


def mapped(value: Any = MAP) -> bytes:
    """The second part."""
    return part("map", json.dumps(value).encode())


async def posted(school: RunningSchool, body: bytes, kind: str = FORM, **headers: str) -> httpx.Response:
    """A form's bytes."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return await school.http.post("/graphql", content=body, headers={"content-type": kind, **PREFLIGHT, **more})


async def test_threat_14_a_form_without_the_header_is_a_forged_one(school: RunningSchool) -> None:
    """Any page can make a browser send one; no page can make it send this header unasked."""
    response = await sent(None, school, OPERATIONS, MAP, {"0": picture()}, {})
    assert (refusal(response).code, response.status_code) == ("CSRF", 400)
    for name in ("apollo-require-preflight", "x-apollo-operation-name"):
        response = await sent(None, school, OPERATIONS, MAP, {"0": picture()}, {name: "UploadAvatar"})
        assert (refusal(response).code, response.status_code) == ("UNAUTHENTICATED", 401)


async def test_whoever_is_not_logged_in_uploads_nothing(school: RunningSchool) -> None:
    response = await sent(None, school, OPERATIONS, MAP, {"0": picture()})
    assert refusal(response).code == "UNAUTHENTICATED"


async def test_a_form_may_ask_whatever_json_may(school: RunningSchool) -> None:
    asks = {"query": "query ($x: Upload) { __typename }", "variables": {"x": None}}
    response = await sent(None, school, asks, {"0": ["variables.x"]}, {"0": b"x"})
    assert refusal(response).message == "Variable '$x' is never used."


@pytest.mark.parametrize("value", ["me.png", 5, {}, {"data": "x"}, [], True])
async def test_an_upload_in_json_is_no_file(school: RunningSchool, value: Any) -> None:
    response = await school.post(UPLOAD, {"input": {"file": value}}, "student")
    error = refusal(response)
    assert error.code == "BAD_USER_INPUT"
    assert "GraphQL multipart request specification" in error.message or "Upload" in error.message


async def test_an_upload_in_the_document_is_no_file(school: RunningSchool) -> None:
    response = await school.post(
        UPLOAD.replace("$input)", '{ file: "x" })').replace("($input: UploadAvatarInput!)", "")
    )
    assert refusal(response).code == "GRAPHQL_VALIDATION_FAILED"


REFUSED: dict[str, tuple[bytes, str, int, str]] = {
    "nothing": (b"", "BAD_REQUEST", 400, "The form does not end"),
    "no end": (form([operations(), mapped(), FILE])[:-6], "BAD_REQUEST", 400, "The form does not end"),
    "another boundary": (form([operations(), mapped(), FILE], "other"), "BAD_REQUEST", 400, "The form does not end"),
    "a longer boundary": (
        form([operations(), mapped(), FILE]).replace(b"ours\r\n", b"ours and more\r\n", 1),
        "BAD_REQUEST",
        400,
        "A line of the form begins with its boundary",
    ),
    "a boundary within a file": (
        form([operations(), mapped(), part("0", b"x\r\n--" + BOUNDARY.encode() + b"x", 'filename="x"')]),
        "BAD_REQUEST",
        400,
        "A line of the form begins with its boundary",
    ),
    "white space behind a boundary": (
        form([operations(), mapped(), FILE]).replace(b"ours\r\ncontent", b"ours" + b" " * 200_000 + b"\r\ncontent"),
        "BAD_REQUEST",
        400,
        "A line of the form begins with its boundary",
    ),
    "parts behind the last": (
        form([operations(), mapped()]) + form([FILE]),
        "BAD_REQUEST",
        400,
        "A line of the form begins with its boundary",
    ),
    "headers without end": (
        form([b"x-a: b\r\n" * 300 + FILE, operations(), mapped()]),
        "BAD_REQUEST",
        400,
        "A part of the form has no headers",
    ),
    "a header without end": (
        form([b"x-a: " + b"b" * MOST_HEADERS + b"\r\n" + FILE, operations(), mapped()]),
        "BAD_REQUEST",
        400,
        "A part of the form has no headers",
    ),
    "a header that is none": (
        form([b"x a: b\r\n" + FILE, operations(), mapped()]),
        "BAD_REQUEST",
        400,
        "A part of the form has no headers",
    ),
    "a part without headers": (form([b"\r\nx"]), "BAD_REQUEST", 400, "A part of the form has no"),
    "a part without a name": (
        form([b"content-disposition: form-data\r\n\r\nx"]),
        "BAD_REQUEST",
        400,
        "A part of the form has no name",
    ),
    "too many parts": (form([operations()] * (MOST_PARTS + 1)), "BAD_REQUEST", 400, "A form has at most"),
    "the same part twice": (form([operations(), operations(), mapped()]), "BAD_REQUEST", 400, "Two parts"),
    "no operations": (form([mapped(), FILE]), "BAD_REQUEST", 400, "A form has a part `operations`"),
    "operations as a file": (
        form([part("operations", b"{}", 'filename="x"'), mapped(), FILE]),
        "BAD_REQUEST",
        400,
        "A form has a part `operations`",
    ),
    "operations that are no JSON": (form([part("operations", b"{"), mapped(), FILE]), "BAD_JSON", 400, "`operations`"),
    "operations that are null": (form([operations(None), mapped(), FILE]), "BAD_REQUEST", 400, "The `map` names"),
    "operations without end": (
        form([part("operations", b"[" * 5_000), mapped(), FILE]),
        "JSON_TOO_DEEP",
        400,
        "JSON is nested",
    ),
    "no map": (form([operations(), FILE]), "BAD_REQUEST", 400, "A form has a part `map`"),
    "a map that is no JSON": (form([operations(), part("map", b"x"), FILE]), "BAD_JSON", 400, "`map`"),
    "a map that is a list": (form([operations(), mapped([]), FILE]), "BAD_REQUEST", 400, "`map` is an object"),
    "an empty map": (form([operations(), mapped({}), FILE]), "BAD_REQUEST", 400, "`map` is an object"),
    "a map of texts": (form([operations(), mapped({"0": "x"}), FILE]), "BAD_REQUEST", 400, "`map` names the places"),
    "a map of numbers": (form([operations(), mapped({"0": [5]}), FILE]), "BAD_REQUEST", 400, "`map` names the places"),
    "a map of no places": (form([operations(), mapped({"0": []}), FILE]), "BAD_REQUEST", 400, "`map` names the places"),
    "many places": (
        form([operations(), mapped({"0": ["variables.input.file"] * (MOST_PLACES + 1)}), FILE]),
        "BAD_REQUEST",
        400,
        "A file has at most",
    ),
    "one place twice": (
        form([operations(), mapped({"0": ["variables.input.file"] * 2}), FILE]),
        "BAD_REQUEST",
        400,
        "A file's place in the variables holds null",
    ),
    "a place that is not there": (
        form([operations(), mapped({"0": ["variables.input.picture"]}), FILE]),
        "BAD_REQUEST",
        400,
        "The `map` names a place",
    ),
    "a place in a text": (
        form([operations(), mapped({"0": ["variables.input.file.0"]}), FILE]),
        "BAD_REQUEST",
        400,
        "The `map` names a place",
    ),
    "a place that is taken": (
        form([operations(), mapped({"0": ["variables.input"]}), FILE]),
        "BAD_REQUEST",
        400,
        "A file's place in the variables holds null",
    ),
    "the document's place": (
        form([operations(), mapped({"0": ["query"]}), FILE]),
        "BAD_REQUEST",
        400,
        "A file's place",
    ),
    "all variables": (form([operations(), mapped({"0": ["variables"]}), FILE]), "BAD_REQUEST", 400, "A file's place"),
    "a file that is not there": (form([operations(), mapped()]), "BAD_REQUEST", 400, "The `map` names a file"),
    "a file that is not in the map": (
        form([operations(), mapped({"1": ["variables.input.file"]}), FILE]),
        "BAD_REQUEST",
        400,
        "A part of the form is no file",
    ),
    "a text in place of a file": (
        form([operations(), mapped(), part("0", b"x")]),
        "BAD_REQUEST",
        400,
        "A part of the form is no file",
    ),
    "two files": (
        form([operations(), mapped({"0": ["variables.input.file"], "1": ["variables.x"]}), FILE]),
        "BAD_REQUEST",
        400,
        "A request holds at most 1 file",
    ),
    "a file too large": (
        form([operations(), mapped(), part("0", b"x" * (LARGEST_FILE + 1), 'filename="x"')]),
        "BODY_TOO_LARGE",
        413,
        "A file has at most",
    ),
    "operations too large": (
        form([part("operations", b" " * (LARGEST_BODY + 1)), mapped(), FILE]),
        "BODY_TOO_LARGE",
        413,
        "`operations` holds at most",
    ),
    "a body too large": (b"x" * (LARGEST_BODY + LARGEST_FILE + 1), "BODY_TOO_LARGE", 413, "A request with a file"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_form_that_is_none_of_the_specification_is_refused(
    school: RunningSchool, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    body, code, status, sentence = REFUSED[name]
    response = await posted(school, body)
    error = refusal(response)
    assert (error.code, response.status_code) == (code, status)
    assert error.message.startswith(sentence)
    assert [each.name for each in caplog.records if each.name.startswith("python_multipart")] == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 71}"]
)
async def test_a_form_says_what_stands_between_its_parts(school: RunningSchool, kind: str) -> None:
    response = await posted(school, form([operations(), mapped(), FILE]), kind)
    assert (refusal(response).code, response.status_code) == ("BAD_REQUEST", 400)


async def test_a_packed_form_is_refused(school: RunningSchool) -> None:
    response = await posted(school, b"x", content_encoding="gzip")
    assert (refusal(response).code, response.status_code) == ("UNSUPPORTED_ENCODING", 415)


async def test_threat_12_a_body_without_length_is_counted_while_it_is_read(school: RunningSchool) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while taken < 100:
            taken += 1
            yield b"x" * 65_536

    headers = {"content-type": FORM, **PREFLIGHT}
    response = await school.http.post("/graphql", content=endless(), headers=headers)
    assert (refusal(response).code, response.status_code) == ("BODY_TOO_LARGE", 413)


def test_parts_are_told_apart_as_browsers_write_them() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
        b'--b\r\nContent-Type: image/png\r\nContent-Disposition: form-data; filename="x; name=c.png"; name="b"\r\n\r\n'
        b"\r\n--\r\ntwo\r\n\r\n"
        b"--b  \r\ncontent-disposition: form-data; name=c; filename*=utf-8''x\r\n\r\n\r\n--b--\r\n"
    )
    assert list(parts(body, boundary_of('multipart/form-data; boundary="b"'))) == [
        Part("a", False, b"one"),
        Part("b", True, b"\r\n--\r\ntwo\r\n"),
        Part("c", True, b""),
    ]


def test_a_file_goes_to_all_its_places() -> None:
    asks = [
        {"query": "{a}", "variables": {"files": [None, "x", None]}},
        {"query": "{b}", "variables": {"file": None}},
    ]
    places = {"0": ["0.variables.files.0", "0.variables.files.2", "1.variables.file"]}
    found = from_parts(
        [
            Part("operations", False, json.dumps(asks).encode()),
            Part("map", False, json.dumps(places).encode()),
            Part("0", True, b"bytes"),
        ],
        batch_limit=2,
    )
    file = UploadedFile(b"bytes")
    assert found == [
        Envelope("{a}", {"files": [file, "x", file]}),
        Envelope("{b}", {"file": file}),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "0.variables.files.3",
        "0.variables.files.-1",
        "0.variables.files.x",
        "0.variables",
        "variables.file",
        "2.variables.file",
        "0.query.x",
    ],
)
def test_a_place_in_a_batch_begins_with_its_operation(path: str) -> None:
    asks = [{"query": "{a}", "variables": {"files": [None, None, None]}}, {"query": "{b}", "variables": {"file": None}}]
    with pytest.raises(RequestError) as refused:
        from_parts(
            [
                Part("operations", False, json.dumps(asks).encode()),
                Part("map", False, json.dumps({"0": [path]}).encode()),
                Part("0", True, b"bytes"),
            ],
            batch_limit=2,
        )
    assert refused.value.code == "BAD_REQUEST"


def test_what_a_file_holds_is_in_no_message() -> None:
    assert repr(UploadedFile(b"secret" * 1_000)) == "<a file of 6,000 bytes>"


def test_so_many_are_in_hand_at_once_and_one_more_comes_again_later() -> None:
    uploads = Uploads()
    held = [uploads.one() for _ in range(AT_ONCE)]
    for each in held:
        each.__enter__()
    with pytest.raises(RequestError) as refused, uploads.one():
        pass
    assert (refused.value.code, refused.value.status, refused.value.headers) == (
        "OVERLOADED",
        503,
        {"retry-after": "1"},
    )
    held[0].__exit__(None, None, None)
    with uploads.one():
        pass


async def test_an_upload_that_is_broken_off_leaves_nothing(school: RunningSchool) -> None:
    before = {each.name for each in Path(tempfile.gettempdir()).iterdir()}
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: school\r\ncontent-type: {FORM}\r\ngraphql-require-preflight: 1\r\n"
        f"authorization: Bearer {await school.token('student')}\r\ncontent-length: 500000\r\n\r\n"
    )
    objects = school.services.stores.objects
    kept = await objects.list("avatars")
    async with listening(school) as served:
        async with wire(served.url) as connection:
            await connection.say(head.encode() + form([operations(), mapped(), FILE])[:-30] + b"x" * 200_000)
            while not served.server.server_state.tasks:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            while served.server.server_state.tasks:
                await asyncio.sleep(0.01)
        assert served.app.graphql._uploads._in_hand == 0
    assert await objects.list("avatars") == kept
    new = {each.name for each in Path(tempfile.gettempdir()).iterdir()} - before
    assert not [name for name in new if "multipart" in name or name.startswith("tmp")], new
