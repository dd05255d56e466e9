"""How does an operation become a request that is wrong? In its document, its variables, its envelope, its headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tests.corpus.mutation import mutated
from tests.fuzz import mutating
from tests.fuzz.asked import ACCOUNTS, VICTIM, Asked, good

_JSON: Final = "application/json"
_ACCEPTED: Final = (
    _JSON,
    _JSON,
    "application/graphql-response+json",
    "*/*",
    "text/event-stream",
    "multipart/mixed",
    'multipart/mixed;subscriptionSpec="1.0", application/json',
)
_PATHS: Final = (
    "/",
    "/graphql/",
    "/graphql/explorer.js",
    "/healthz",
    "/readyz",
    "/metrics",
    "/objects/x.y.z",
    "/.well-known/jwks.json",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/graphql%00",
    "//graphql",
    "/favicon.ico",
    "*",
    "http://elsewhere/graphql",
    "/" + "a" * 3_000,
)
_METHODS: Final = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "QUERY")
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "content-type": ("", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "a/b/c", "\xff"),
    "accept": ("", ";q=", "text/html", "application/json;q=0", "*/*;q=x", "image/png", "a" * 2_000),
    "authorization": ("Bearer", "Bearer x.y.z", "Basic YTpi", "bearer  ", "Bearer " + "x" * 5_000, "\xfe"),
    "content-encoding": ("gzip", "identity, gzip", "x"),
    "accept-encoding": ("gzip", "gzip;q=0", "br, *;q=0.1", "x;;"),
    "transfer-encoding": ("chunked", "gzip", "chunked, chunked"),
    "content-length": ("-1", "0", "99999999999999999999", "1, 2", "x"),
    "origin": ("null", "http://evil.example", "http://localhost:3000", "\xe9"),
    "cookie": ("a=b", "=;;"),
    "expect": ("100-continue", "200-ok"),
    "upgrade": ("h2c", "websocket", "x"),
    "connection": ("close", "upgrade", "keep-alive, Upgrade"),
    "host": ("", "evil.example", "a:b:c"),
    "last-event-id": ("x", "0", "\xff" * 20),
    "x-studygraph-explain": ("1", "only", "x"),
    "x-studygraph-ledger": ("1", "x"),
    "access-control-request-method": ("POST", "\xff"),
    "access-control-request-headers": ("a, b", "\xff,,"),
    "range": ("bytes=0-", "bytes=9-1", "x"),
    "x-user-id": ("1",),
}


@dataclass(frozen=True)
class Tokens:
    """Access tokens by account, and the global id of who may be administrated. Without a victim nothing is sent that
    would leave the school another one."""

    by_account: Mapping[str, str]
    victim_id: str = "VXNlcjpub2JvZHk="

    @property
    def may_write(self) -> bool:
        """Whether the school is the fuzzer's own."""
        return VICTIM in self.by_account


@dataclass
class Http:
    """One HTTP request before it is bytes."""

    method: str = "POST"
    path: str = "/graphql"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def wire(self) -> bytes:
        """All of it, with its length where nobody has said another one."""
        headers = [("host", "fuzz.school"), *self.headers]
        names = {name for name, _ in headers}
        if self.method != "GET" and not names & {"content-length", "transfer-encoding"}:
            headers.append(("content-length", str(len(self.body))))
        head = "".join(f"{name}: {given}\r\n" for name, given in headers)
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + self.body


class Sent(NamedTuple):
    """What is sent: HTTP as it goes over the wire, or after a handshake the frames of a socket."""

    kind: str
    wire: bytes
    frames: tuple[bytes, ...] = ()


def chosen(random: Random, tokens: Tokens, *, writes: bool = True) -> Asked:
    """A good operation, now and then of somebody else."""
    asked = random.choice(good())
    while asked.writes and not (writes and tokens.may_write):
        asked = random.choice(good())
    if not asked.writes and random.random() < 0.3:
        asked = asked._replace(account=random.choice((*ACCOUNTS, None)))
    return asked


def envelope(random: Random, asked: Asked, kind: str) -> dict[str, Any]:
    """The members of a request of which document or variables are wrong, as `kind` says."""
    document = asked.document
    if kind == "document" or (kind == "socket" and random.random() < 0.5):
        document = mutated(random, document)
    variables: Any = dict(asked.variables)
    if kind == "variables":
        for name in random.choices(list(variables), k=random.choice((1, 1, 2))) if variables else ():
            variables[name] = mutating.value(random, variables[name])
        if random.random() < 0.1:
            variables = mutating.value(random, variables)
    return {"query": document, "variables": variables}


def other_form(random: Random, members: dict[str, Any]) -> Any:
    """An envelope of another form."""
    name = random.choice(("query", "variables", "operationName", "extensions", "documentId"))
    digest = sha256(str(members.get("query")).encode()).hexdigest()
    match random.randrange(8):
        case 0:
            return random.choice((*mutating.STRANGE, [], "x", 5, None))
        case 1:
            return [dict(members) for _ in range(random.choice((0, 1, 3, 10, 11, 50)))]
        case 2:
            return [dict(members), random.choice(mutating.STRANGE)]
        case 3:
            digest = random.choice((digest, digest, "0" * 64, digest.upper(), digest[:-1]))
            asked = {"version": random.choice((1, 1, 2, "1")), "sha256Hash": digest}
            members["extensions"] = {
                "persistedQuery": asked if random.random() < 0.8 else mutating.value(random, asked)
            }
            if random.random() < 0.5:
                del members["query"]
        case 4:
            members.pop(name, None)
        case 5:
            return mutating.value(random, members)
        case _:
            members[name] = random.choice(mutating.STRANGE)
    return members


def request(random: Random, members: dict[str, Any], asked: Asked, tokens: Tokens, *, spoiled: bool) -> Http:
    """One request that asks, by POST or GET."""
    headers = [("accept", random.choice(_ACCEPTED))]
    token = tokens.by_account.get(asked.account or "")
    if token is not None:
        headers.append(("authorization", f"Bearer {token if random.random() < 0.97 else corrupted(random, token)}"))
    given: Any = with_victim(members, tokens)
    if spoiled:
        given = other_form(random, given)
    if not asked.writes and isinstance(given, dict) and random.random() < 0.12:
        return Http("GET", f"/graphql?{_query(given)}", headers)
    body = mutating.text(random, given) if spoiled else json.dumps(given).encode()
    return Http("POST", "/graphql", [*headers, ("content-type", _JSON)], body)


def corrupted(random: Random, token: str) -> str:
    """A token of which one character is another one."""
    at = random.randrange(len(token))
    return token[:at] + random.choice("AQgw-_.") + token[at + 1 :]


def with_victim(members: dict[str, Any], tokens: Tokens) -> dict[str, Any]:
    """The members, with the id of who may be administrated."""
    filled: dict[str, Any] = json.loads(json.dumps(members).replace('"$victim"', json.dumps(tokens.victim_id)))
    return filled


def _query(members: dict[str, Any]) -> str:
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in members.items()}
    # What is longer than a head may be is another subject.
    return "&".join(f"{quote(name)}={quote(each[:8_000])}" for name, each in texts.items())


def wrong_head(random: Random, http: Http) -> None:
    """Another method, path or header."""
    for _ in range(random.choice((1, 1, 2, 3))):
        match random.randrange(8):
            case 0:
                http.method = random.choice(_METHODS)
            case 1:
                http.path = random.choice(_PATHS)
            case 2 if http.headers:
                del http.headers[random.randrange(len(http.headers))]
            case 3:
                http.headers.append((f"x-{random.randrange(99)}", "y" * random.choice((0, 10, 4_000, 40_000))))
            case _:
                name = random.choice(list(_HEADERS))
                value = random.choice(_HEADERS[name])
                if random.random() < 0.8:
                    http.headers[:] = [each for each in http.headers if each[0] != name]
                http.headers.append((name, value))
