"""Is every request that went wrong somewhere answered, with a code? Five hundred here, 20,000 by `make fuzz`."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.fuzz.exchange import Heard, due
from tests.fuzz.frames import frame, handshake
from tests.fuzz.fuzzing import Report, sent_and_judged
from tests.fuzz.judging import complaint
from tests.fuzz.numbered import KINDS, made
from tests.fuzz.requests import Http, Sent, Tokens
from tests.listening import listening
from tests.running_school import RunningSchool

SEED = 22_232
TOKENS = Tokens({"student": "a.b.c", "teacher": "d.e.f", "admin": "g.h.i", "outsider": "j.k.l", "victim": "m.n.o"})


async def test_five_hundred_wrong_requests_are_answered(school: RunningSchool) -> None:
    """By the worker's own school, which is left as it is: nothing that writes is sent."""
    tokens = Tokens({account: await school.token(account) for account in ("student", "teacher", "admin", "outsider")})
    report = Report(SEED)
    async with listening(school) as served:
        await sent_and_judged("127.0.0.1", served.port, report, range(500), lambda: tokens)
    assert report.wrong == [], "\n".join(report.wrong)
    assert report.sent == 500
    # It is no use to spoil everything beyond recognition.
    assert report.of("document")["200"] > 10
    assert report.of("variables")["200"] > 10
    assert report.of("socket")["talked"] > 5


def test_a_request_is_made_from_its_number_alone() -> None:
    assert made(SEED, 7, TOKENS) == made(SEED, 7, TOKENS)
    assert len({made(SEED, number, TOKENS) for number in range(100)}) == 100
    kinds = Counter(made(SEED, number, TOKENS).kind for number in range(1_000))
    assert set(kinds) == set(KINDS)
    assert all(abs(kinds[kind] - 10 * share) < 60 for kind, share in KINDS.items())


def test_without_a_victim_nothing_is_sent_that_writes() -> None:
    alone = Tokens({account: token for account, token in TOKENS.by_account.items() if account != "victim"})
    wires = [made(SEED, number, alone) for number in range(300)]
    writes = [each for each in wires if b"mutation" in each.wire + b"".join(each.frames)]
    # An upload of nobody is refused before anything is written.
    assert {each.kind for each in writes} <= {"upload"}
    assert not [each for each in writes if b"authorization" in each.wire]


def _told(status: int, *codes: str | None, kind: str = "application/json") -> Heard:
    errors = [{"message": "x"} | ({} if code is None else {"extensions": {"code": code}}) for code in codes]
    return Heard(status, kind, json.dumps({"errors": errors}).encode())


ASKED = Sent("document", Http(body=b"{}").wire())
RIGHT = {
    "data": Heard(200, "application/json", b'{"data": null}'),
    "a refusal": _told(400, "BAD_REQUEST"),
    "several": _told(200, "NOT_FOUND", "FORBIDDEN"),
    "overload": _told(503, "OVERLOADED"),
    "a page": Heard(200, "text/html", b"<html>"),
    "a stream": Heard(200, "text/event-stream", b'event: next\ndata: {"data": null}\n\nevent: complete\ndata:\n\n'),
    "no answer to what is not complete": Heard(),
    "a conversation": Heard(101, messages=['{"type": "connection_ack"}', '{"type": "pong"}']),
    "a close": Heard(101, close=4400),
}
WRONG = {
    "a defect": (_told(500, "INTERNAL_SERVER_ERROR"), "500 with ['INTERNAL_SERVER_ERROR']"),
    "a defect beside data": (_told(200, "INTERNAL_SERVER_ERROR"), "200 with ['INTERNAL_SERVER_ERROR']"),
    "a store that is down": (_told(503, "STORE_UNAVAILABLE"), "503 with ['STORE_UNAVAILABLE']"),
    "a gateway": (Heard(502, "text/html", b"<html>"), "502 with []"),
    "a text": (Heard(400, "text/plain", b"Invalid HTTP"), "400 without a code: b'Invalid HTTP'"),
    "no code": (_told(400, None), "400 with [None]"),
    "no code beside data": (_told(200, "NOT_FOUND", None), "200 with [None]"),
    "a code of nobody": (_told(400, "OUCH"), "400 with ['OUCH']"),
    "no JSON": (Heard(400, "application/json", b"{"), "400 with a body that is not JSON"),
    "no answer": (Heard(lost=True), "the connection ended without an answer"),
    "an event with a defect": (
        Heard(200, "text/event-stream", b'data: {"errors": [{"message": "x"}]}\n\n'),
        "200 with [None]",
    ),
    "a part with a defect": (
        Heard(200, "multipart/mixed", b'\r\n---\r\ncontent-type: x\r\n\r\n{"payload": {"errors": [{}]}}\r\n-----\r\n'),
        "200 with [None]",
    ),
    "a crash of a socket": (Heard(101, close=1011), "closed 1011"),
    "a defect of a socket": (Heard(101, close=4500), "closed 4500"),
    "an error without a code": (Heard(101, messages=['{"type": "error", "payload": [{}]}']), "said error with [None]"),
    "a next with one": (
        Heard(101, messages=['{"type": "next", "payload": {"errors": [{}]}}']),
        "said next with [None]",
    ),
    "no message": (Heard(101, messages=['{"type": "data"}']), "said"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_is_one(name: str) -> None:
    assert complaint(ASKED, RIGHT[name]) is None


@pytest.mark.parametrize("name", WRONG)
def test_what_is_none_is_noticed(name: str) -> None:
    heard, said = WRONG[name]
    assert (complaint(ASKED, heard) or "").startswith(said)


def test_an_answer_is_due_to_what_is_complete_and_to_what_is_no_http() -> None:
    wire = Http(body=b"{}").wire()
    assert [due(wire), due(wire[:-1]), due(wire[:20]), due(b"\x00" + wire), due(handshake())] == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_frames_are_written_as_a_client_writes_them() -> None:
    assert frame(b"hi") == b"\x81\x82\0\0\0\0hi"
    assert frame(b"x" * 200)[:4] == b"\x81\xfe\x00\xc8"
    assert frame(b"x" * 70_000)[:10] == b"\x81\xff\0\0\0\0\0\x01\x11\x70"
