"""Does each way in which a socket ends have its code, and does none of them take the server along?

Threats 15 (cross-site hijack), 16 (idle, tokens, malformed frames, old subprotocol), 17 (floods, readers that vanish or
stop) and 18 (other people's streams, a token that ends).
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from tests.listening import Listening, ending_token, listening
from tests.running_school import RunningSchool
from tests.sockets.talking import LIVE, Talk, talking

MALFORMED = [
    ("null", "A message is a JSON object."),
    ("[]", "A message is a JSON object."),
    ('["subscribe"]', "A message is a JSON object."),
    ('"x"', "A message is a JSON object."),
    ("5", "A message is a JSON object."),
    ("", "A message is not JSON: "),
    ("{", "A message is not JSON: "),
    ("[" * 50_000 + "]" * 50_000, "JSON is nested at most 30 deep."),
    ('{"a":' * 40_000, "JSON is nested at most 30 deep."),
    ('{"type": 5}', "A message has a `type` of graphql-transport-ws."),
    ('{"type": "start", "id": "1"}', "A message has a `type` of graphql-transport-ws."),
    ('{"type": "connection_init", "payload": "x"}', "The payload of `connection_init` is an object."),
    (
        '{"type": "connection_init", "payload": {"token": 5}}',
        "The token in the payload of `connection_init` is a text.",
    ),
    ('{"type": "ping", "payload": []}', "The payload of `ping` is an object."),
    ('{"type": "subscribe"}', "An operation has an `id`, a text of 1 to 255 characters."),
    ('{"type": "subscribe", "id": ""}', "An operation has an `id`, a text of 1 to 255 characters."),
    ('{"type": "complete", "id": {}}', "An operation has an `id`, a text of 1 to 255 characters."),
    ('{"type": "subscribe", "id": "1"}', "The payload of `subscribe` is an object with `query`."),
    ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', "`query` is missing"),
    ('{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}', "`variables` is an object."),
    ('{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 5}}', "`operationName` is a text."),
    ('{"type": "ping", "payload": {"n": ' + "9" * 5_000 + "}}", "A message is not JSON: "),
]


@pytest.mark.parametrize(("text", "reason"), MALFORMED, ids=[text[:40] for text, _ in MALFORMED])
async def test_threat_16_what_is_no_message_closes_4400(served: Listening, text: str, reason: str) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.connection.send(text)
        code, told = await talk.closed()
        assert (code, told[: len(reason)]) == (4400, reason)


async def test_threat_16_a_binary_message_closes_4400(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.connection.send(b"{}")
        assert await talk.closed() == (4400, "Messages are text.")


async def test_threat_16_a_frame_that_is_no_text_closes_1007(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.connection.send(b"\xff\xfe", text=True)
        assert (await talk.closed())[0] == 1007


async def test_threat_16_a_message_beyond_256_kb_closes_1009_and_one_below_is_read(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("1", "{ __typename }" + " " * (255 * 1024))
        assert (await talk.hear())["id"] == "1"
        await talk.ask("2", "{ __typename }" + " " * (256 * 1024))
        assert (await talk.closed())[0] == 1009


@pytest.mark.parametrize("subprotocol", ["graphql-ws", "soap", None])
async def test_threat_16_another_subprotocol_closes_4406(served: Listening, subprotocol: str | None) -> None:
    async with talking(served, subprotocol) as talk:
        assert talk.connection.subprotocol is None
        assert await talk.closed() == (4406, "Subprotocol not acceptable: speak graphql-transport-ws.")


async def test_threat_16_who_says_nothing_is_closed_4408(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.say(type="ping")
        assert await talk.hear() == {"type": "pong"}
        assert await talk.closed() == (4408, "Connection initialisation timeout.")


async def test_threat_16_an_operation_before_the_beginning_closes_4401(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.ask("1", "{ __typename }")
        assert await talk.closed() == (4401, "Unauthorized: connection_init comes first.")


async def test_threat_16_a_second_beginning_closes_4429(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.say(type="connection_init")
        assert await talk.closed() == (4429, "Too many initialisation requests.")


async def test_threat_16_an_id_twice_closes_4409(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("1", LIVE)
        await talk.hear()
        await talk.ask("1", LIVE)
        assert await talk.closed() == (4409, "Subscriber for 1 already exists.")


@pytest.mark.parametrize("token", ["", "Bearer ", "made.up.token", "Bearer made.up.token", "Basic dTpw"])
async def test_threat_16_a_bad_token_closes_4403_and_is_nobody(served: Listening, token: str) -> None:
    async with talking(served) as talk:
        await talk.say(type="connection_init", payload={"authorization": token})
        code, reason = await talk.closed()
        assert (code, reason[:11]) == (4403, "Forbidden: ")


async def test_threat_16_an_expired_token_closes_4403(served: Listening) -> None:
    # Before the socket is opened: a log-in may take longer than it waits for its first message.
    expired = await ending_token(served.school, "teacher", timedelta(seconds=-1))
    async with talking(served) as talk:
        await talk.say(type="connection_init", payload={"token": expired})
        assert await talk.closed() == (4403, "Forbidden: This access token has expired.")


async def test_threat_18_a_token_that_ends_ends_the_socket_while_streams_run(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin(token=await ending_token(served.school, "teacher", timedelta(seconds=3)))
        await talk.ask("1", LIVE)
        assert (await talk.hear())["type"] == "next"
        started = asyncio.get_running_loop().time()
        assert await talk.closed() == (4403, "Forbidden: This access token has expired.")
        assert asyncio.get_running_loop().time() - started < 4


async def test_threat_18_a_session_that_ends_elsewhere_ends_the_socket_within_five_seconds(
    served: Listening, fresh_session: Any
) -> None:
    token, end = await fresh_session()
    async with talking(served) as talk:
        await talk.begin(token=token)
        await talk.ask("1", "{ viewer { role } }")
        assert (await talk.hear())["payload"]["data"]["viewer"]["role"] == "STUDENT"
        started = asyncio.get_running_loop().time()
        await end()
        code, reason = await talk.closed()
        assert (code, reason) == (4403, "Forbidden: This session has ended. Log in again.")
        assert asyncio.get_running_loop().time() - started < 5


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null"])
async def test_threat_15_a_page_from_elsewhere_gets_no_socket(served: Listening, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(served, origin=origin):
            pass
    response = refused.value.response
    assert response.status_code == 400
    assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "CSRF"


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:3000", None])
async def test_threat_15_a_page_of_ours_gets_one(served: Listening, origin: str | None) -> None:
    async with talking(served, origin=origin) as talk:
        await talk.begin()


async def test_threat_15_another_path_speaks_no_websocket(served: Listening) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(served, url=served.socket_url + "/other"):
            pass
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body)["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_threat_17_a_socket_carries_twenty_operations_and_goes_on(served: Listening) -> None:
    async with talking(served) as talk:
        await talk.begin()
        for number in range(20):
            await talk.ask(str(number), LIVE)
        assert sorted([(await talk.hear())["id"] for _ in range(20)], key=int) == [str(each) for each in range(20)]
        await talk.ask("20", LIVE)
        message = await talk.hear()
        assert (message["id"], message["type"]) == ("20", "error")
        assert message["payload"] == [
            {
                "message": "A socket carries at most 20 operations at a time: complete one.",
                "extensions": {"code": "SUBSCRIPTION_LIMIT"},
            }
        ]
        await talk.say(id="0", type="complete")
        await talk.ask("20", LIVE)
        assert (await talk.hear())["type"] == "next"


async def test_threat_17_an_account_holds_so_many_sockets(school: RunningSchool) -> None:
    token = await school.token("teacher")
    async with listening(school, sockets_per_user=2) as served, talking(served) as one, talking(served) as two:
        await one.begin(token=token)
        await two.begin(token=token)
        async with talking(served) as three:
            await three.say(type="connection_init", payload={"token": token})
            code, reason = await three.closed()
            assert (code, reason[:19]) == (4429, "SUBSCRIPTION_LIMIT:")
        async with talking(served) as other:
            await other.begin(token=await school.token("student"))
        await one.connection.close()
        async with talking(served) as again:
            await again.begin(token=token)


async def test_threat_17_beyond_its_sockets_the_server_says_so_at_the_door(school: RunningSchool) -> None:
    async with listening(school, sockets_at_once=1) as served, talking(served):
        with pytest.raises(InvalidStatus) as refused:
            async with talking(served):
                pass
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["errors"][0]["extensions"]["code"] == "OVERLOADED"


def rss() -> int:
    """Kilobytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


async def raw(served: Listening) -> socket.socket:
    """A socket whose frames nobody reads: it has begun, the receive buffer is small."""
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await loop.sock_connect(plain, ("127.0.0.1", served.port))
    head = (
        "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    await loop.sock_sendall(plain, head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await loop.sock_recv(plain, 1024)
    assert b" 101 " in answer
    await loop.sock_sendall(plain, frame(1, b'{"type":"connection_init"}'))
    while b"connection_ack" not in answer:
        answer += await loop.sock_recv(plain, 1024)
    return plain


def frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame, with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def until(condition: Any) -> None:
    """Wait for something of the server that has no event of its own."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_threat_16_what_comes_with_the_end_is_not_done(served: Listening) -> None:
    before = served.connections

    def asked(name: str) -> bytes:
        said = {"id": name, "type": "subscribe", "payload": {"query": f"query {name} {{ __typename }}"}}
        return frame(1, json.dumps(said).encode())

    plain = await raw(served)
    with capture_logs() as logs:
        # In one piece: all of it is there before the first of it is read.
        await asyncio.get_running_loop().sock_sendall(plain, asked("Early"))
        await until(lambda: [entry for entry in logs if entry.get("name") == "Early"])
        await asyncio.get_running_loop().sock_sendall(plain, frame(1, b"null") + asked("Late"))
        plain.shutdown(socket.SHUT_WR)
        await until(lambda: served.connections == before)
    plain.close()
    assert [entry["name"] for entry in logs if entry.get("name") in ("Early", "Late")] == ["Early"]


async def test_threat_17_who_asks_and_does_not_read_is_dropped_and_fills_nothing(served: Listening) -> None:
    before, small = served.connections, rss()
    plain = await raw(served)
    query = "{ __schema { types { name description fields { name description } } } }"

    async def ask_on() -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            for number in range(100_000):
                asked = {"id": str(number), "type": "subscribe", "payload": {"query": query}}
                await loop.sock_sendall(plain, frame(1, json.dumps(asked).encode()))
                # The server lives on the same loop.
                await asyncio.sleep(0)

    asking = asyncio.create_task(ask_on())
    try:
        with capture_logs() as logs:
            await until(lambda: served.connections == before + 1)
            await until(lambda: served.connections == before)
        assert [each["code"] for each in logs if each["event"] == "slow consumer"][:1] == ["SLOW_CONSUMER"]
        assert rss() - small < 50_000
    finally:
        asking.cancel()
        plain.close()


async def test_threat_17_a_flood_of_pings_that_nobody_reads_fills_nothing(served: Listening) -> None:
    before, small = served.connections, rss()
    plain = await raw(served)
    loop = asyncio.get_running_loop()
    try:
        flood = frame(9, b"x" * 125) * 1_000
        sent = 0
        # Pings are read and left unanswered once their answers are not read.
        while sent < 100:
            async with asyncio.timeout(20):
                await loop.sock_sendall(plain, flood)
            await asyncio.sleep(0)
            sent += 1
        assert served.connections == before + 1
        assert rss() - small < 20_000
    finally:
        plain.close()
    await until(lambda: served.connections == before)


async def test_threat_17_who_vanishes_leaves_nothing_behind(served: Listening) -> None:
    before = served.connections
    talks: list[Talk] = []
    async with talking(served) as talk:
        await talk.begin()
        await talk.ask("1", LIVE)
        await talk.hear()
        talks.append(talk)
        assert len([task for task in asyncio.all_tasks() if task.get_name() == "watch"]) == 1
        talk.connection.transport.abort()
        await until(lambda: served.connections == before)
        await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "watch"])


async def test_a_mutation_that_has_begun_is_finished_whoever_leaves(served: Listening) -> None:
    before = served.connections
    given = '{ email: "nobody@demo.school", password: "wrong wrong" }'
    with capture_logs() as logs:
        async with talking(served) as talk:
            await talk.begin()
            await talk.ask("1", f"mutation Begun {{ logIn(input: {given}) {{ errors {{ code }} }} }}")
            # Answered in turn: by now the mutation is under way, at its password.
            await talk.ask("2", "query After { __typename }")
            assert (await talk.hear())["id"] == "2"
            talk.connection.transport.abort()
        await until(lambda: [entry for entry in logs if entry.get("name") == "Begun"])
    assert [entry["status"] for entry in logs if entry.get("name") == "Begun"] == [200]
    await until(lambda: served.connections == before)


async def test_at_its_end_the_server_closes_sockets_1012(school: RunningSchool) -> None:
    async with listening(school) as served, talking(served) as talk:
        await talk.begin()
        await talk.ask("1", LIVE)
        await talk.hear()
        served.server.should_exit = True
        assert (await talk.closed())[0] == 1012
