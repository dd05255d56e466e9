"""What does the production client send to a Qdrant server, and what do the server's answers mean to us?"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from datadir import ledger
from datadir.errors import StoreError, StoreMisconfigured, StoreTimeout, StoreUnavailable
from datadir.names import StoreName
from datadir.qdrant import client
from datadir.qdrant.client import QdrantVectors
from datadir.qdrant.collections import DOCUMENTS
from tests.stores.qdrant_contract import equals, only, point_id, search

Answer = Callable[[str, bytes], Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def wire(answer: Answer) -> AsyncIterator[tuple[QdrantVectors, list[str]]]:
    """A client of a server on loopback that answers each request with `answer(path, body)`; and what was asked."""
    asked: list[str] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = next((line[16:] for line in head.lower().split("\r\n") if line[:16] == "content-length: "), 0)
                body = await reader.readexactly(int(length))
                method, path, _ = head.split(" ", 2)
                asked.append(f"{method} {path}")
                status, content = await answer(path, body)
                payload = json.dumps(content).encode()
                writer.write(
                    f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
                    .encode() + payload
                )  # fmt: skip
        except (asyncio.IncompleteReadError, ConnectionResetError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    vectors = await client.opened("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield vectors, asked
    finally:
        await vectors.close()
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


def always(status: int, content: Any) -> Answer:
    async def answer(path: str, body: bytes) -> tuple[int, Any]:
        return status, content

    return answer


async def test_a_batch_of_searches_is_one_request_on_the_wire() -> None:
    sent: list[Any] = []

    async def answer(path: str, body: bytes) -> tuple[int, Any]:
        sent.append(json.loads(body))
        hit = {"id": point_id(1), "version": 1, "score": 0.5, "payload": {"page_number": 7}}
        return 200, {"time": 0.1, "status": "ok", "result": [{"points": [hit]}, {"points": []}]}

    async with wire(answer) as (vectors, asked):
        with ledger.kept() as book:
            mine = only(must=[equals("classroom_id", "c")])
            answers = await vectors.query_batch("documents", [search(filter=mine, limit=3), search()])
    assert asked == ["POST /collections/documents/points/query/batch"]
    assert book.stores[StoreName.QDRANT].calls == 1
    first = sent[0]["searches"][0]
    assert (first["query"], first["limit"]) == ({"nearest": [1.0, 0.0, 0.0, 0.0]}, 3)
    assert first["filter"]["must"] == [{"key": "classroom_id", "match": {"value": "c"}}]
    assert answers == [[(point_id(1), 0.5, {"page_number": 7})], []]


async def test_points_are_retrieved_in_the_order_asked_whatever_the_servers() -> None:
    found = [{"id": point_id(number), "payload": {"page_number": number}} for number in (1, 2, 3)]
    async with wire(always(200, {"time": 0.1, "status": "ok", "result": found})) as (vectors, asked):
        records = await vectors.retrieve("documents", [point_id(3), point_id(1), point_id(2)])
    assert asked == ["POST /collections/documents/points"]
    assert [record.payload["page_number"] for record in records] == [3, 1, 2]


async def test_a_missing_collection_is_created_as_declared_even_when_another_process_was_faster() -> None:
    sent: dict[str, list[Any]] = {}
    shape = {"size": 384, "distance": "Cosine"}
    config = {
        "params": {"vectors": shape},
        "hnsw_config": {"m": 16, "ef_construct": 128, "full_scan_threshold": 10000},
        "optimizer_config": {
            "deleted_threshold": 0.2,
            "vacuum_min_vector_number": 1000,
            "default_segment_number": 0,
            "flush_interval_sec": 5,
        },
    }
    indexed = {"classroom_id": {"data_type": "keyword", "points": 0}}
    info = {
        "status": "green", "optimizer_status": "ok", "segments_count": 1, "config": config, "payload_schema": indexed,
    }  # fmt: skip

    async def answer(path: str, body: bytes) -> tuple[int, Any]:
        sent.setdefault(path, []).append(json.loads(body) if body else None)
        result: Any = {"operation_id": 1, "status": "completed"}
        if path == "/collections":
            result = {"collections": [{"name": "another"}]}
        elif path.endswith("/exists"):
            result = {"exists": True}
        elif path == "/collections/documents" and body:
            return 409, {"status": {"error": "already exists"}, "time": 0.1}
        elif path == "/collections/documents":
            result = info
        return 200, {"time": 0.1, "status": "ok", "result": result}

    async with wire(answer) as (vectors, _):
        assert await vectors.missing([DOCUMENTS]) == ["collection documents"]
        assert list(sent) == ["/collections"]
        await vectors.ensure([DOCUMENTS])
    created = sent["/collections/documents"][0]
    assert (created["vectors"], created["hnsw_config"]) == (shape, {"m": 16, "ef_construct": 128})
    assert [
        (index["field_name"], index["field_schema"]) for index in sent["/collections/documents/index?wait=true"]
    ] == [
        ("document_type", "keyword"),
        ("document_id", "keyword"),
        ("created_at", "datetime"),
    ]


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, StoreMisconfigured, "refuses the API key: set QDRANT_API_KEY"),
        (403, StoreMisconfigured, "refuses the API key: set QDRANT_API_KEY"),
        (404, StoreMisconfigured, "python -m datadir.qdrant.setup"),
        (400, StoreError, "400"),
        (429, StoreUnavailable, "not available"),
        (500, StoreUnavailable, "not available"),
        (503, StoreUnavailable, "not available"),
    ],
)
async def test_a_refusal_of_the_server_becomes_our_error(status: int, error: type[StoreError], sentence: str) -> None:
    async with wire(always(status, {"status": {"error": "no"}, "time": 0.1})) as (vectors, _):
        with pytest.raises(error, match=sentence) as caught:
            await vectors.count("documents")
        assert type(caught.value) is error
        assert caught.value.__cause__ is not None


async def test_a_server_that_does_not_answer_costs_the_deadline() -> None:
    async def answer(path: str, body: bytes) -> tuple[int, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async with wire(answer) as (vectors, _):
        with ledger.kept() as book, pytest.raises(StoreTimeout, match=r"within 0\.40 s"):
            await vectors.query_batch("documents", [search()])
    assert 400 <= book.stores[StoreName.QDRANT].ms < 2000


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    vectors = await client.opened("127.0.0.1", port)
    try:
        with pytest.raises(StoreUnavailable, match="ConnectError"):
            await vectors.ping()
    finally:
        await vectors.close()
