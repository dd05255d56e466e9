"""Which server is asked? The program itself with a demo school of its own; who asks it, and how large it is."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from graph.ids import encode
from resolvers.demo.documents import plans
from tests.fuzz.asked import ACCOUNTS, VICTIM
from tests.fuzz.requests import Tokens
from tests.process.served import Served, serving

SETTINGS: Final = {
    "STUDYGRAPH_DEMO": "true",
    # One account asks for thousands; two cores are shared with whoever is there.
    "STUDYGRAPH_LIMIT_BUDGET": "0",
    "STUDYGRAPH_LIMIT_RATE": "0/minute",
    "STUDYGRAPH_LOG_INS_PER_ACCOUNT": "100/minute",
    "STUDYGRAPH_LOG_INS_PER_PEER": "100/minute",
    "STUDYGRAPH_OPERATION_DEADLINE_MS": "60000",
}
_VIEWER: Final = "{ viewer { id } }"
_REGISTER: Final = "mutation ($input: RegisterInput!) { register(input: $input) { accessToken user { id } } }"
_READY: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Document { status } } }"
_PASSWORD: Final = "three words of no use"


@dataclass
class FuzzedSchool:
    """A running server."""

    served: Served
    victims: int = 0
    tokens: Tokens = field(default_factory=lambda: Tokens({}))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.served.url.rpartition(":")[2])

    @property
    def gone(self) -> bool:
        """Whether the program has ended."""
        return self.served.process.returncode is not None

    @property
    def resident(self) -> int:
        """The bytes of memory that the program holds, its stores' servers aside."""
        pages = Path(f"/proc/{self.served.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()

    def defects(self) -> list[str]:
        """What the log has said of what nobody foresaw since it was asked; what else it has said is forgotten."""
        said, self.served.said[:] = list(self.served.said), []
        return [line for line in said if "Traceback" in line or '"level": "error"' in _spaced(line)]

    async def see_to_accounts(self) -> None:
        """See that all accounts are let in: a token ends by itself, a victim may have ended its own session."""
        for account in ACCOUNTS:
            known = self.served.tokens.get(account)
            if known is not None and not await self._let_in(known):
                del self.served.tokens[account]
            await self.served.ask(_VIEWER, None, account)
        by_account = {account: self.served.tokens[account] for account in ACCOUNTS}
        victim, victim_id = self.tokens.by_account.get(VICTIM), self.tokens.victim_id
        if victim is None or not await self._let_in(victim):
            self.victims += 1
            given = {"email": f"victim{self.victims}@fuzz.school", "password": _PASSWORD}
            made = (await self.served.ask(_REGISTER, {"input": given}))["register"]
            victim, victim_id = made["accessToken"], made["user"]["id"]
        self.tokens = Tokens(by_account | {VICTIM: victim}, victim_id)

    async def _let_in(self, token: str) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            headers = {"authorization": f"Bearer {token}"}
            answer = await client.post(f"{self.served.url}/graphql", json={"query": _VIEWER}, headers=headers)
        found: dict[str, Any] = answer.json()
        return bool((found.get("data") or {}).get("viewer"))


def _spaced(line: str) -> str:
    try:
        return json.dumps(json.loads(line))
    except ValueError:
        return line


@asynccontextmanager
async def fuzzed_school(data: Path) -> AsyncIterator[FuzzedSchool]:
    """Start it, and wait until all that it does by itself is done."""
    async with serving(data, **SETTINGS) as served:
        school = FuzzedSchool(served)
        ids = [encode("Document", plan.id) for plan in plans()]
        while _all(await served.ask(_READY, {"ids": ids}, "admin")) != {"status": "READY"}:
            await asyncio.sleep(0.25)
        await school.see_to_accounts()
        yield school


def _all(data: dict[str, Any]) -> dict[str, str] | None:
    """What all documents have in common."""
    first, *others = data["nodes"]
    return first if all(each == first for each in others) else None
