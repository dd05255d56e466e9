"""Is a handshake that is none answered as every failure is, and is what a client does wrong no error of ours?"""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.fuzz.exchange import Heard, exchanged
from tests.fuzz.frames import CLOSE, PING, frame, handshake, said
from tests.fuzz.requests import Sent
from tests.listening import Listening


@pytest.fixture(autouse=True)
def uvicorn_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn's own words about clients are read by nobody: as errors they would wake somebody up."""
    caplog.set_level(logging.INFO, logger="uvicorn.error")


async def heard_of(served: Listening, opening: bytes, *frames: bytes) -> Heard:
    """What the server says to these bytes."""
    return await exchanged("127.0.0.1", served.port, Sent("socket", opening, frames))


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as an error."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("opening", "status"),
    [
        (handshake(protocol="(graphql-transport-ws"), 400),
        (handshake(protocol="\xff"), 400),
        (handshake(protocol=""), 400),
        (handshake(("sec-websocket-key", "twice")), 400),
        (handshake().replace(b"version: 13", b"version: 12"), 400),
        (handshake(*((f"x-{number}", "y") for number in range(200))), 431),
    ],
    ids=["no token", "no ASCII", "empty", "two keys", "another version", "200 headers"],
)
async def test_a_handshake_that_is_none_is_refused_with_a_code(
    served: Listening, opening: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    heard = await heard_of(served, opening)
    assert (heard.status, heard.kind) == (status, "application/json; charset=utf-8")
    assert json.loads(heard.body) == {
        "errors": [{"message": "This does not open a WebSocket.", "extensions": {"code": "BAD_REQUEST"}}]
    }
    assert errors_of(caplog) == []


async def test_text_that_is_no_utf_8_closes_1007(served: Listening, caplog: pytest.LogCaptureFixture) -> None:
    for frames in ([frame(b"\xc3\x28")], [frame(b'"\xe2\x82', fin=False), frame(b'"', 0)]):
        heard = await heard_of(served, handshake(), *frames)
        assert heard.close == 1007
    assert errors_of(caplog) == []


async def test_a_letter_that_is_cut_between_two_frames_is_whole_again(served: Listening) -> None:
    first, second = json.dumps({"type": "ping", "payload": {"said": "é"}}, ensure_ascii=False).encode().split(b"\xa9")
    opening = said(type="connection_init")
    heard = await heard_of(served, handshake(), opening, frame(first, fin=False), frame(b"\xa9" + second, 0))
    assert json.loads(heard.messages[-1]) == {"type": "pong", "payload": {"said": "é"}}


async def test_a_socket_elsewhere_is_refused_and_nothing_is_said_of_it(
    served: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    heard = await heard_of(served, handshake(path="/elsewhere"), frame(b"", PING))
    assert heard.status == 404
    assert json.loads(heard.body)["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    # The task of the refused socket ends after its answer.
    async with asyncio.timeout(10):
        while served.server.server_state.tasks:
            await asyncio.sleep(0.01)
    assert errors_of(caplog) == []


async def test_whoever_has_said_goodbye_may_say_anything(served: Listening, caplog: pytest.LogCaptureFixture) -> None:
    goodbye = (1000).to_bytes(2, "big")
    heard = await heard_of(served, handshake(), frame(goodbye, CLOSE), frame(b"\xc3\x28"), frame(b"{}"))
    assert heard.close == 1000
    assert errors_of(caplog) == []
