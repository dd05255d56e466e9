"""Can a document be asked by name: by the hash under which somebody registered it, by the id of a manifest?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from datadir.redis import keys
from graph.app import Graph, application
from graph.execution.documents import Documents
from graph.http.envelope import Envelope
from graph.manifests import known
from graph.settings import SettingsError
from loaders import persisted
from resolvers.operation import Services
from resolvers.persisted import hash_of
from tests.http.refusals import refusal
from tests.process.served import ROOT, environment
from tests.running_school import RunningSchool

TEXT = "query Kept { viewer { name } }"
MAYA = {"viewer": {"name": "Maya Lindqvist"}}


def by_hash(digest: str) -> dict[str, Any]:
    """The `extensions` that name a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": digest}}


@asynccontextmanager
async def another(school: RunningSchool, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """Another process on the same stores, which has seen no document yet."""

    @asynccontextmanager
    async def given() -> AsyncIterator[Services]:
        yield school.services

    app = application(school.settings.model_copy(update=settings), given())
    async with app.router.lifespan_context(app):
        headers = {"authorization": f"Bearer {await school.token('teacher')}", "x-studygraph-ledger": "1"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://other.test", headers=headers) as http:
            yield http


async def asked(http: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """The members of an answer."""
    answer: dict[str, Any] = (await http.post("/graphql", json=members)).json()
    return answer


def redis_calls(answer: dict[str, Any]) -> int:
    """How often an operation asked Redis."""
    calls: int = answer["extensions"]["ledger"]["redis"]["calls"]
    return calls


async def test_a_document_is_registered_once_and_then_asked_by_its_hash(school: RunningSchool) -> None:
    digest = hash_of(TEXT)
    async with another(school) as first:
        unknown = await first.post("/graphql", json={"extensions": by_hash(digest)})
        # The status and the words that Apollo's and urql's clients wait for.
        assert unknown.status_code == 200
        assert refusal_of(unknown) == ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        registered = await asked(first, query=TEXT, extensions=by_hash(digest))
        assert (registered["data"], redis_calls(registered)) == (MAYA, 2)
        again = await asked(first, extensions=by_hash(digest))
        assert (again["data"], redis_calls(again)) == (MAYA, 1)
        by_get = await first.get("/graphql", params={"extensions": orjson.dumps(by_hash(digest)).decode()})
        assert by_get.json()["data"] == MAYA


def refusal_of(response: httpx.Response) -> tuple[str, str]:
    (only,) = response.json()["errors"]
    return only["extensions"]["code"], only["message"]


async def test_a_process_that_does_not_know_it_asks_for_it_once(school: RunningSchool) -> None:
    text = "query Once { viewer { name } }"
    digest = hash_of(text)
    async with another(school) as first:
        await asked(first, query=text, extensions=by_hash(digest))
    async with another(school) as second:
        calls = [redis_calls(await asked(second, extensions=by_hash(digest))) for _ in range(3)]
        assert calls == [2, 1, 1]


async def test_what_is_known_is_neither_parsed_nor_validated_again(school: RunningSchool) -> None:
    graph = Graph(school.services, school.settings)
    document = await graph.persisted.document(Envelope(TEXT, hash=hash_of(TEXT)))
    misses = graph.documents.misses
    assert await graph.persisted.document(Envelope("", hash=hash_of(TEXT))) is document
    assert graph.documents.misses == misses


async def test_a_hash_of_another_text_registers_nothing(school: RunningSchool) -> None:
    digest = hash_of("query Another { viewer { name } }")
    async with another(school) as http:
        wrong = await http.post("/graphql", json={"query": TEXT, "extensions": by_hash(digest)})
        assert refusal(wrong) == ("PERSISTED_QUERY_MISMATCH", "`sha256Hash` is not the hash of `query`.", None)
        unknown = await asked(http, extensions=by_hash(digest))
        assert unknown["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_refused_is_not_registered(school: RunningSchool) -> None:
    text = "query Wrong { viewer { shoeSize } }"
    async with another(school) as http:
        refused = await asked(http, query=text, extensions=by_hash(hash_of(text)))
        assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert await persisted.text_by_hash(school.services.stores, hash_of(text)) is None


async def test_a_text_that_somebody_else_put_under_a_hash_is_not_believed(school: RunningSchool) -> None:
    digest = hash_of("query Forged { viewer { name } }")
    await persisted.keep(school.services.stores, digest, "{ stores { name } }")
    async with another(school) as http:
        answer = await asked(http, extensions=by_hash(digest))
    assert answer["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_the_store_is_bounded_and_forgets_what_was_not_used_for_longest(school: RunningSchool) -> None:
    stores = school.services.stores
    await stores.redis.delete(keys.DOCUMENT_TEXTS, keys.DOCUMENTS_USED)
    for number in range(3):
        await persisted.keep(stores, f"{number:064}", f"text {number}", most=3)
    assert await persisted.text_by_hash(stores, f"{0:064}") == "text 0"
    await persisted.keep(stores, f"{3:064}", "text 3", most=3)
    kept = [await persisted.text_by_hash(stores, f"{number:064}") for number in range(4)]
    assert kept == ["text 0", None, "text 2", "text 3"]
    assert keys.DOCUMENTS_TTL - 5 <= await stores.redis.raw.ttl(keys.DOCUMENT_TEXTS) <= keys.DOCUMENTS_TTL
    await stores.redis.delete(keys.DOCUMENT_TEXTS, keys.DOCUMENTS_USED)


@pytest.mark.parametrize(
    "extensions",
    [
        {"persistedQuery": "x"},
        {"persistedQuery": {"sha256Hash": hash_of(TEXT)}},
        {"persistedQuery": {"version": 2, "sha256Hash": hash_of(TEXT)}},
        {"persistedQuery": {"version": 1, "sha256Hash": hash_of(TEXT).upper()}},
        {"persistedQuery": {"version": 1, "sha256Hash": "x\r\nFLUSHALL\r\n"}},
        {"persistedQuery": {"version": 1}},
    ],
)
async def test_what_names_no_document_is_a_bad_request(school: RunningSchool, extensions: dict[str, Any]) -> None:
    response = await school.http.post("/graphql", json={"query": TEXT, "extensions": extensions})
    assert (response.status_code, refusal(response).code) == (400, "BAD_REQUEST")


# Manifests


APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": "kept-1", "name": "Kept", "type": "query", "body": TEXT}],
}


@pytest.mark.parametrize("manifest", [APOLLO, {"kept-1": TEXT}], ids=["Apollo's and ours", "Relay's"])
async def test_a_manifest_lets_clients_ask_by_id(
    school: RunningSchool, tmp_path: Path, manifest: dict[str, Any]
) -> None:
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(manifest))
    async with another(school, manifests=str(tmp_path / "manifest.json")) as http:
        for identity in ("kept-1", hash_of(TEXT), f"sha256:{hash_of(TEXT)}"):
            answer = await asked(http, documentId=identity)
            assert (answer["data"], redis_calls(answer)) == (MAYA, 1)
        assert (await http.get("/graphql", params={"documentId": "kept-1"})).json()["data"] == MAYA
        assert (await asked(http, extensions=by_hash(hash_of(TEXT))))["data"] == MAYA
        unknown = await http.post("/graphql", json={"documentId": "kept-2"})
        assert refusal_of(unknown) == ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        both = await http.post("/graphql", json={"documentId": "kept-1", "query": TEXT})
        assert refusal(both).message == "`documentId` is a text, and stands in the place of `query`."


async def test_where_known_documents_alone_are_answered_nothing_else_is(school: RunningSchool, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(APOLLO))
    other = "query Other { viewer { name } }"
    async with another(school, documents="known", manifests=str(tmp_path / "manifest.json")) as http:
        assert (await asked(http, documentId="kept-1"))["data"] == MAYA
        assert (await asked(http, query=TEXT))["data"] == MAYA
        assert (await asked(http, query=TEXT, extensions=by_hash(hash_of(TEXT))))["data"] == MAYA
        for members in ({"query": other}, {"query": other, "extensions": by_hash(hash_of(other))}):
            response = await http.post("/graphql", json=members)
            assert response.status_code == 403
            assert refusal(response) == (
                "DOCUMENT_NOT_ALLOWED",
                "This server answers the documents of its manifest alone: send `documentId`.",
                None,
            )
        await persisted.keep(school.services.stores, hash_of(other), other)
        answer = await asked(http, extensions=by_hash(hash_of(other)))
        assert answer["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "which is not JSON."),
        ("[]", "which is no manifest of persisted documents."),
        ('{"operations": [{"id": "a"}]}', "which is no manifest of persisted documents."),
        ('{"a": 1}', "which is no manifest of persisted documents."),
    ],
)
def test_a_manifest_that_is_none_stops_the_start(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        known(str(file))
    assert str(refused.value) == f"STUDYGRAPH_MANIFESTS names {file}, {complaint}"


def test_two_manifests_may_not_mean_different_documents_by_one_id(tmp_path: Path) -> None:
    for name, text in (("one", TEXT), ("two", "{ stores { name } }")):
        (tmp_path / name).write_bytes(orjson.dumps({"a": text}))
    with pytest.raises(SettingsError, match=r"^STUDYGRAPH_MANIFESTS gives two documents the id 'a'\.$"):
        known(f"{tmp_path / 'one'}, {tmp_path / 'two'}")


def printed(*files: Path) -> subprocess.CompletedProcess[str]:
    """`python -m graph documents`."""
    command = [sys.executable, "-m", "graph", "documents", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def test_the_command_makes_a_manifest_of_operations_with_their_fragments(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page.graphql").write_text("query Page { viewer { ...Named } } query Bare { __typename }")
    (tmp_path / "named.graphql").write_text("fragment Named on User { name } fragment Unused on User { id }")
    said = printed(tmp_path / "pages", tmp_path / "named.graphql")
    assert (said.returncode, said.stderr) == (0, "")
    manifest = orjson.loads(said.stdout)
    assert (manifest["format"], manifest["version"]) == ("apollo-persisted-query-manifest", 1)
    bare, page = manifest["operations"]
    assert (bare["name"], bare["type"], bare["body"]) == ("Bare", "query", "query Bare {\n  __typename\n}")
    assert "fragment Named on User" in page["body"]
    assert "Unused" not in page["body"]
    assert page["id"] == hash_of(page["body"])
    (tmp_path / "manifest.json").write_text(said.stdout)
    assert known(str(tmp_path / "manifest.json")).text(page["id"]) == page["body"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("query A { shoeSize }", "A: Cannot query field 'shoeSize' on type 'Query'."),
        ("query A { viewer { ...Gone } }", "A: Unknown fragment 'Gone'."),
        ("{ __typename }", "page.graphql holds an operation without a name."),
        ("type A { b: Int }", "page.graphql holds something else than operations and fragments."),
        ("query A { __typename } query A { __typename }", "page.graphql holds a second A: names are given once."),
        ("fragment F on User { id }", "There is no operation in these files."),
        ("query {", "page.graphql is no GraphQL: Syntax Error: Expected Name, found <EOF>."),
    ],
)
def test_what_makes_no_manifest_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    from graph.manifests import ManifestError, made
    from graph.schema import graphql_schema

    (tmp_path / "page.graphql").write_text(text)
    with pytest.raises(ManifestError) as refused:
        made(graphql_schema(), [tmp_path / "page.graphql"])
    assert str(refused.value).removeprefix(f"{tmp_path}/") == sentence


def test_documents_that_make_room_are_forgotten_by_their_hash_too(school: RunningSchool) -> None:
    from graph.schema import graphql_schema

    documents = Documents(graphql_schema())
    first = documents.document("query Q { __typename }")
    assert documents.kept_as(first.hash) is first
    for number in range(1_000):
        documents.document(f"query Q{number} {{ __typename }}")
    assert documents.kept_as(first.hash) is None
    assert len(documents._texts) == len(documents.kept()) == 1_000
