"""What does a client say on a socket that goes wrong? A handshake, then frames: messages of graphql-transport-ws and
what is none of them, frames that are no frames."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

from tests.fuzz import mutating
from tests.fuzz.asked import VICTIM
from tests.fuzz.requests import Sent, Tokens, chosen, corrupted, envelope, other_form, with_victim

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LAST_WORD: Final = "the last word"
"""The payload of the ping that ends every conversation: its pong, or the close, ends the answer."""
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_LIVE: Final = "subscription { storesLive { cursor kind snapshot { stores { name status } } } }"
_MOST_LENGTH: Final = 125


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True) -> bytes:
    """One frame of a client."""
    size, mask = len(payload), (0x80 if masked else 0)
    head = bytes([(0x80 if fin else 0) | opcode])
    if size <= _MOST_LENGTH:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    # A mask of zeros changes nothing.
    return head + (b"\0\0\0\0" if masked else b"") + payload


def said(**members: Any) -> bytes:
    """A message in its frame."""
    return frame(json.dumps(members).encode())


def handshake(*more: tuple[str, str], protocol: str = "graphql-transport-ws", path: str = "/graphql") -> bytes:
    """The request that opens a socket."""
    headers = [
        ("host", "fuzz.school"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", _KEY),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", protocol),
        *more,
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def conversation(random: Random, tokens: Tokens) -> Sent:
    """One socket: mostly opened as it should be, then two to eight frames."""
    account = random.choice((None, *tokens.by_account))
    frames = [_begun(random, tokens, account)] if random.random() < 0.85 else []
    frames += [_frame(random, tokens, number, account == VICTIM) for number in range(random.randint(1, 7))]
    frames.append(said(type="ping", payload={"said": LAST_WORD}))
    return Sent("socket", _opened(random), tuple(frames))


def _opened(random: Random) -> bytes:
    if random.random() < 0.88:
        return handshake()
    match random.randrange(5):
        case 0:
            return handshake(protocol=random.choice(("graphql-ws", "", "graphql-transport-ws, graphql-ws", "\xff")))
        case 1:
            return handshake(path=random.choice(("/", "/graphql/", "/graphql?x=%ff", "/%00", "/objects/x", "*")))
        case 2:
            return handshake(
                ("origin", random.choice(("http://evil.example", "null", "http://localhost:3000", "\xe9")))
            )
        case 3:
            return handshake((random.choice(("sec-websocket-extensions", "sec-websocket-key", "x")), '\xfe; x="1'))
        case _:
            return mutating.scattered(random, handshake(), 2)


def _begun(random: Random, tokens: Tokens, account: str | None) -> bytes:
    if account is None:
        return said(type="connection_init")
    token = tokens.by_account[account]
    payload: Any = {"Authorization": f"Bearer {token if random.random() < 0.95 else corrupted(random, token)}"}
    if random.random() < 0.05:
        payload = mutating.value(random, payload)
    return said(type="connection_init", payload=payload)


def _frame(random: Random, tokens: Tokens, number: int, writes: bool) -> bytes:
    message = _message(random, tokens, number, writes)
    # The first of these mostly ends the conversation.
    match random.randrange(40):
        case 0:
            return frame(mutating.text(random, mutating.value(random, message)))
        case 1:
            return frame(mutating.text(random, random.choice(mutating.STRANGE)))
        case 2:
            return frame(json.dumps(message).encode(), BINARY)
        case 3:
            return frame(mutating.scattered(random, json.dumps(message).encode()))
        case 4:
            return mutating.scattered(random, frame(json.dumps(message).encode()), 2)
        case 5:
            return frame(random.randbytes(random.choice((0, 2, 125, 126))), random.choice((PING, PONG, CLOSE, 3, 11)))
        case 6:
            whole = json.dumps(message).encode()
            at = random.randrange(len(whole))
            return frame(whole[:at], fin=False) + frame(whole[at:], 0)
        case 7:
            return frame(json.dumps(message).encode(), masked=False)
    return said(**message)


def _message(random: Random, tokens: Tokens, number: int, writes: bool) -> dict[str, Any]:
    kind = random.choice(("subscribe",) * 12 + ("complete", "complete", "ping", "pong"))
    identity = str(random.choice((number,) * 12 + (0, "x" * 300)))
    if random.random() < 0.05:
        kind = random.choice(("connection_init", "next", "start", "", None))
    if kind != "subscribe":
        return {"type": kind, "id": identity, "payload": random.choice((None, {}, {"a": 1}, {"a": 1}, []))}
    asked = chosen(random, tokens, writes=writes)
    payload: Any = with_victim(envelope(random, asked, random.choice(("document", "variables", "socket"))), tokens)
    if random.random() < 0.15:
        payload = {"query": _LIVE}
    if random.random() < 0.1:
        payload = other_form(random, payload)
    return {"type": kind, "id": identity, "payload": payload}
