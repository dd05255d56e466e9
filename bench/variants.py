"""Which servers are compared, and how do they come to answer from the same stores?

`ours` is `python -m graph serve` as it is, and owns the embedded stores. `strawberry` is the same program with
`STUDYGRAPH_EXECUTION=graphql-core`, `hand` and `hand-best` are one process of `bench.hand`; they are told where the
stores of `ours` are. `sick` is the program again and asks Redis through a door (`bench/door.py`). The vector engine
lives in each process: the others get copies of its folder.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from bench.door import Door
from bench.hand.desk import Places
from bench.server import ROOT, BenchError, Server, descendants
from bench.wrk import Question
from graph.explorer.tabs import demo_ids
from graph.ids import encode
from resolvers.demo.documents import plans

OPERATIONS: Final = ROOT / "bench" / "operations"
PUBLIC_URL: Final = "http://school.test"
SIZE: Final = 10
ACCOUNTS: Final = ("bench", "teacher")
_READY: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Document { status } } }"
# A worker that is kept busy by eight connections waits for itself, not for its stores.
SETTINGS: Final = {
    "STUDYGRAPH_DEMO_SIZE": str(SIZE),
    "STUDYGRAPH_PUBLIC_URL": PUBLIC_URL,
    "STUDYGRAPH_STORE_DEADLINE_MS": "60000",
}

_http = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of `bench/operations` and whose question it is; `routes` are the paths of those by hand."""

    name: str
    account: str
    routes: tuple[tuple[str, str], ...] = ()

    @property
    def query(self) -> str:
        """Its document."""
        return (OPERATIONS / f"{self.name}.graphql").read_text(encoding="utf-8")

    @property
    def variables(self) -> dict[str, Any]:
        """Its variables; `{{name}}` is the id of a named record of the demo school."""
        text = (OPERATIONS / f"{self.name}.json").read_text(encoding="utf-8")
        for name, identity in demo_ids(SIZE).items():
            text = text.replace("{{" + name + "}}", identity)
        return dict(json.loads(text))


def question_to(port: int, operation: Operation, token: str, *, fails: bool = False) -> Question:
    """How a server of the program is asked for an operation."""
    body = json.dumps({"query": operation.query, "variables": operation.variables}).encode()
    return Question(port, "/graphql", token, body, fails=fails)


@dataclass(frozen=True, slots=True)
class Variants:
    """The running processes. `tokens` by account."""

    ours: Server
    strawberry: Server
    hand: Server
    # As ours, and asks Redis through a door that can be closed.
    sick: Server
    door: Door
    tokens: dict[str, str]

    def process(self, variant: str) -> int:
        """The process that answers for a variant."""
        servers = {"ours": self.ours, "strawberry": self.strawberry, "healthy": self.sick, "failing": self.sick}
        return servers.get(variant, self.hand).process.pid

    def question(self, variant: str, operation: Operation) -> Question:
        """How a variant is asked for an operation."""
        token = self.tokens[operation.account]
        routes = dict(operation.routes)
        if variant in routes:
            path = routes[variant]
            asked = urlencode(operation.variables)
            return Question(self.hand.port, f"{path}?{asked}" if asked else path, token)
        servers = {"ours": self.ours, "healthy": self.sick, "failing": self.sick}
        port = servers.get(variant, self.strawberry).port
        return question_to(port, operation, token, fails=variant == "failing")

    def answer(self, variant: str, operation: Operation) -> Any:
        """The members of a variant's answer."""
        asked = self.question(variant, operation)
        url = f"http://127.0.0.1:{asked.port}{asked.path}"
        try:
            with _http.open(Request(url, asked.body, asked.headers), timeout=60) as answer:
                return json.load(answer)
        except HTTPError as refused:
            said = refused.read(500).decode(errors="replace")
            raise BenchError(f"{operation.name}: {variant} answers {refused.code}: {said}") from None


@contextmanager
def running(place: Path) -> Iterator[Variants]:
    """All of them, answering from one school in `place`. Raises BenchError."""
    data = place / "school"
    with Server(data, SETTINGS) as server:
        wait_for_school(server)
    # Copied while nobody writes.
    for name in ("strawberry", "hand", "sick"):
        shutil.copytree(data / "qdrant", place / name / "qdrant")
    with ExitStack() as stack:
        ours = stack.enter_context(Server(data, SETTINGS, ("bench.roomy", "serve")))
        ours.until(ours.page_answers, "the page answered")
        places, owner_url = places_of(ours, place / "hand" / "qdrant")
        strawberry_settings = SETTINGS | {
            "STUDYGRAPH_DEMO": "false",
            "STUDYGRAPH_EXECUTION": "graphql-core",
            "STUDYGRAPH_SECRET": places.secret,
            "DATABASE_URL": owner_url,
            "REDIS_URL": places.redis_url,
            "MONGODB_URL": places.mongodb_url,
        }
        door = stack.enter_context(Door(unquote(places.redis_url.removeprefix("unix://"))))
        sick_settings = strawberry_settings | {
            "STUDYGRAPH_EXECUTION": "compiled",
            # The default: whoever waits for what refuses waits as long as in production.
            "STUDYGRAPH_STORE_DEADLINE_MS": "400",
            "REDIS_URL": f"redis://127.0.0.1:{door.port}",
        }
        told = asdict(places) | {"qdrant_folder": str(places.qdrant_folder), "owner_url": owner_url}
        with (
            Server(place / "strawberry", strawberry_settings, ("bench.roomy", "serve")) as strawberry,
            Server(place / "sick", sick_settings, ("bench.roomy", "serve")) as sick,
            Server(place / "hand", {"HAND": json.dumps(told)}, ("bench.hand",)) as hand,
        ):
            tokens = {account: ours.token(account) for account in ACCOUNTS}
            variants = Variants(ours, strawberry, hand, sick, door, tokens)
            sick.until(sick.page_answers, "the one with the door answered")
            strawberry.until(strawberry.page_answers, "strawberry answered")
            hand.until(partial(_listens, hand.port), "the endpoint by hand answered")
            yield variants


def wait_for_school(server: Server) -> None:
    """Until all of it is written, vectors too. Raises BenchError."""
    server.until(server.page_answers, "the page answered")
    token = server.token("admin")
    ids = [encode("Document", plan.id) for plan in plans()]

    def all_embedded() -> bool:
        nodes = (server.ask(_READY, {"ids": ids}, token).get("data") or {}).get("nodes") or [None]
        return all(node and node["status"] == "READY" for node in nodes)

    server.until(all_embedded, "all texts were embedded", every=0.25)


def places_of(ours: Server, qdrant: Path) -> tuple[Places, str]:
    """Where the stores of this run are, for the application's role, and the database for its owner."""
    commands = [
        Path(f"/proc/{each.pid}/cmdline").read_text().split("\0")
        for each in descendants(ours.process.pid)
        if each.parent == ours.process.pid
    ]
    sockets, redis, port = (_argument(commands, name) for name in ("-k", "--unixsocket", "--port"))
    password = json.loads((ours.data / "mongodb" / "credentials").read_text())["password"]
    database = f"@/studygraph?host={quote(sockets)}&port=5432"
    return Places(
        database_url=f"postgresql://studygraph_app{database}",
        redis_url=f"unix://{quote(redis)}",
        mongodb_url=f"mongodb://studygraph:{password}@127.0.0.1:{port}/studygraph?authSource=admin&directConnection=true",
        qdrant_folder=qdrant,
        public_url=PUBLIC_URL,
        secret=(ours.data / "secret").read_text(encoding="ascii").strip(),
    ), f"postgresql://studygraph{database}"


def _argument(commands: list[list[str]], name: str) -> str:
    """What follows a word on the command line of one of the servers."""
    for command in commands:
        if name in command and (value := command[command.index(name) + 1]) != "0":
            return value
    raise BenchError(f"No embedded server was started with {name}.")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
