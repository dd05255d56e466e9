"""How often may somebody try to come in? So often at one account, from one address, and all together; on real HTTP,
with numbers small enough to count (threats 33, 34)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from datadir.redis import keys
from resolvers.attempts import Limiter, LogIns
from resolvers.rate import ANY, Rate
from tests.accounts.somebody import LOG_IN, PASSWORD, REFRESH, REGISTER, Coming, Somebody
from tests.accounts.test_passwords import ANOTHER, ASK, CHANGE, RESET, asked_for
from tests.listening import Listening, listening
from tests.running_school import RunningSchool
from tests.sockets.talking import talking

WRONG: Final = ["INVALID_CREDENTIALS"]
MESSAGE: Final = "This was tried too often: come again in a moment."
_PEERS = count(1)


@dataclass
class Door:
    """A server, and somebody before it: whose address is told by the proxy that they come through."""

    served: Listening
    http: httpx.AsyncClient
    peer: str = field(default_factory=lambda: f"198.18.{next(_PEERS) // 256}.{next(_PEERS) % 256}")

    async def send(self, query: str, input: Any = None, **headers: str) -> httpx.Response:
        """One request."""
        sent = {"x-forwarded-for": self.peer} | {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"query": query, "variables": {} if input is None else {"input": input}}
        return await self.http.post(self.served.url, json=given, headers=sent)

    async def try_in(self, email: str, password: str = "not the password", **headers: str) -> list[str]:
        """The codes with which a log-in is answered; none where it opens a session."""
        return codes(await self.send(LOG_IN, {"email": email, "password": password}, **headers))

    def elsewhere(self) -> Door:
        """Somebody else, elsewhere."""
        return Door(self.served, self.http)


def codes(response: httpx.Response) -> list[str]:
    """What a verb that was refused says: the payload's codes, or that of the whole answer, with its status."""
    body = response.json()
    if body.get("data"):
        [payload] = body["data"].values()
        return [each["code"] for each in payload["errors"]]
    [error] = body["errors"]
    assert response.status_code == 429, body
    assert error["message"] == MESSAGE
    assert response.headers["retry-after"] == str(error["extensions"]["retryAfter"])
    assert 1 <= error["extensions"]["retryAfter"] <= 60
    return [error["extensions"]["code"]]


LIMITED: Final = ["RATE_LIMITED"]
Opening = Callable[..., AbstractAsyncContextManager[Door]]


@pytest_asyncio.fixture
async def door(changing_school: RunningSchool) -> Opening:
    """Opens a server with these rates, whose counters are new."""

    @asynccontextmanager
    async def opened(
        account: Rate = ANY, peer: Rate = ANY, total: Rate = ANY, *, proxies: str | None = "127.0.0.1"
    ) -> AsyncIterator[Door]:
        await forget(changing_school)
        services = replace(changing_school.services, limiter=Limiter(LogIns(account, peer, total)))
        async with (
            listening(replace(changing_school, services=services), trusted_proxies=proxies) as served,
            httpx.AsyncClient(trust_env=False, timeout=60) as http,
        ):
            yield Door(served, http)
        await forget(changing_school)

    return opened


@pytest.fixture
def coming(door: Opening, coming: Coming) -> Coming:
    """Newcomers, who register before anything is counted."""
    return coming


async def counters(school: RunningSchool, pattern: str = "ratelimit:*") -> list[str]:
    """The keys of all counters."""
    redis: Any = school.services.stores.redis.raw
    return sorted([key async for key in redis.scan_iter(pattern)])


async def forget(school: RunningSchool) -> None:
    """All windows begin anew."""
    found = await counters(school)
    if found:
        await school.services.stores.redis.raw.delete(*found)


def nobody() -> str:
    """An address without an account."""
    return f"nobody.{uuid4().hex[:12]}@demo.school"


# Exactly so often


async def test_threat_34_an_account_is_tried_so_often_and_then_not_by_the_right_password_either(
    door: Opening, ada: Somebody, coming: Coming
) -> None:
    bob = await coming()
    async with door(account=Rate(3)) as at:
        assert [await at.elsewhere().try_in(ada.email) for _ in range(3)] == [WRONG] * 3
        assert await at.elsewhere().try_in(ada.email) == LIMITED
        assert await at.elsewhere().try_in(ada.email, PASSWORD) == LIMITED
        assert await at.elsewhere().try_in(ada.email.upper(), PASSWORD) == LIMITED, "spelled otherwise it is the same"
        assert await at.elsewhere().try_in(bob.email, PASSWORD) == []


async def test_the_window_begins_with_the_first_attempt_and_ends_by_itself(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(2, 30)) as at:
        redis: Any = ada.school.services.stores.redis.raw
        [] = await counters(ada.school)
        assert await at.try_in(ada.email) == WRONG
        [key] = await counters(ada.school)
        assert key == keys.attempts(f"account {ada.email}", "logIn")
        assert 25 < await redis.ttl(key) <= 30
        await redis.expire(key, 7)
        assert await at.try_in(ada.email) == WRONG
        refused = await at.send(LOG_IN, {"email": ada.email, "password": PASSWORD})
        assert refused.json()["errors"][0]["extensions"]["retryAfter"] <= 7
        assert await redis.get(key) == "3"
        await redis.pexpire(key, 1)
        async with asyncio.timeout(10):
            while await redis.exists(key):
                await asyncio.sleep(0)
        assert await at.try_in(ada.email, PASSWORD) == []


async def test_threat_34_an_address_tries_so_often_whatever_account_it_tries(door: Opening, ada: Somebody) -> None:
    async with door(peer=Rate(4)) as at:
        assert [await at.try_in(nobody()) for _ in range(4)] == [WRONG] * 4
        assert await at.try_in(ada.email, PASSWORD) == LIMITED
        assert await at.elsewhere().try_in(ada.email, PASSWORD) == []


async def test_threat_34_spraying_is_stopped_by_the_total(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(3), peer=Rate(3), total=Rate(6)) as at:
        assert [await at.elsewhere().try_in(nobody()) for _ in range(6)] == [WRONG] * 6
        assert await at.elsewhere().try_in(ada.email, PASSWORD) == LIMITED


async def test_threat_34_one_address_locks_no_account_and_uses_up_nothing_of_others(
    door: Opening, ada: Somebody
) -> None:
    async with door(account=Rate(5), peer=Rate(2), total=Rate(6)) as at:
        assert [await at.try_in(ada.email) for _ in range(20)] == [WRONG] * 2 + [LIMITED] * 18
        redis: Any = ada.school.services.stores.redis.raw
        assert await redis.get(keys.attempts(f"account {ada.email}", "logIn")) == "2"
        assert await redis.get(keys.attempts("all ", "logIn")) == "2"
        assert await at.elsewhere().try_in(ada.email, PASSWORD) == []


# By every way in


async def test_threat_34_aliases_and_batches_count_each(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(5)) as at:
        tried = f'logIn(input: {{ email: "{ada.email}", password: "not the password" }}) {{ errors {{ code }} }}'
        aliased = await at.send(f"mutation {{ {' '.join(f'a{each}: {tried}' for each in range(4))} }}")
        assert [each["errors"] for each in aliased.json()["data"].values()] == [[{"code": WRONG[0]}]] * 4
        aliased = await at.send(f"mutation {{ {' '.join(f'a{each}: {tried}' for each in range(3))} }}")
        assert codes(aliased) == LIMITED
    async with door(account=Rate(5)) as at:
        one = {"query": f"mutation {{ {tried} }}"}
        answers = await at.http.post(at.served.url, json=[one] * 8)
        told = [answer["errors"][0]["extensions"]["code"] if "errors" in answer else "" for answer in answers.json()]
        assert sorted(told) == [""] * 5 + LIMITED * 3
        answers = await at.http.post(at.served.url, json=[one] * 2)
        assert answers.status_code == 429
        assert 1 <= int(answers.headers["retry-after"]) <= 60


async def test_threat_34_many_at_once_are_not_let_through(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(3)) as at:
        told = await asyncio.gather(*(at.elsewhere().try_in(ada.email) for _ in range(12)))
        assert sorted(told) == [WRONG] * 3 + [LIMITED] * 9


async def test_threat_34_a_socket_is_a_way_in_like_others(door: Opening, ada: Somebody) -> None:
    async with door(peer=Rate(2), proxies=None) as at, talking(at.served) as talk:
        await talk.begin()
        for number, expected in enumerate((WRONG, WRONG, LIMITED)):
            given = {"input": {"email": nobody(), "password": "not the password"}}
            await talk.ask(str(number), LOG_IN, variables=given)
            message = await talk.hear()
            if expected == WRONG:
                assert message["payload"]["data"]["logIn"]["errors"][0]["code"] == WRONG[0]
                assert (await talk.hear())["type"] == "complete"
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", LIMITED[0])
        assert await at.try_in(ada.email, PASSWORD) == LIMITED, "from the same address by HTTP"


# Who it is


async def test_threat_34_a_forged_address_is_the_same_peer(door: Opening, ada: Somebody) -> None:
    async with door(peer=Rate(3), proxies=None) as at:
        told = [await at.elsewhere().try_in(nobody()) for _ in range(4)]
        assert told == [WRONG] * 3 + [LIMITED], "whom no proxy of ours speaks for is who they are"


async def test_threat_34_behind_our_proxy_what_the_client_wrote_itself_is_not_believed(
    door: Opening, ada: Somebody
) -> None:
    async with door(peer=Rate(3)) as at:
        forged = [f"{each}.{each}.{each}.{each}, {at.peer}" for each in range(1, 5)]
        told = [await at.try_in(nobody(), x_forwarded_for=each) for each in forged]
        assert told == [WRONG] * 3 + [LIMITED]
        for header in ("forwarded", "x_real_ip", "x_client_ip", "cf_connecting_ip", "true_client_ip"):
            assert await at.try_in(nobody(), **{header: "9.9.9.9"}) == LIMITED
        assert await at.elsewhere().try_in(ada.email, PASSWORD) == []


# What it says


async def test_threat_33_a_lock_does_not_say_whether_there_is_an_account(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(2)) as at:
        redis: Any = ada.school.services.stores.redis.raw
        answers = []
        for email in (ada.email, nobody(), "no address"):
            assert [await at.try_in(email) for _ in range(2)] == [WRONG] * 2
            given = {"email": email, "password": PASSWORD}
            await redis.expire(keys.attempts(f"account {email}", "logIn"), 30)
            answers.append(await at.send(LOG_IN, given, x_studygraph_ledger="1"))
        bodies = [answer.json() for answer in answers]
        ledgers = [body.pop("extensions")["ledger"] for body in bodies]
        assert bodies[0] == bodies[1] == bodies[2]
        assert [{store: each["calls"] for store, each in ledger.items()} for ledger in ledgers] == [{"redis": 1}] * 3
        assert len({(answer.status_code, answer.headers["retry-after"]) for answer in answers}) == 1


# The other verbs


async def test_each_verb_is_counted_by_itself(door: Opening, ada: Somebody) -> None:
    async with door(account=Rate(2), peer=Rate(2), total=Rate(2)) as at:
        assert [await at.try_in(ada.email) for _ in range(3)] == [WRONG] * 2 + [LIMITED]
        for _ in range(2):
            assert codes(await at.send(REGISTER, {"email": nobody(), "password": PASSWORD})) == []
            assert codes(await at.send(ASK, {"email": ada.email})) == []
        assert codes(await at.send(REGISTER, {"email": nobody(), "password": PASSWORD})) == LIMITED
        assert codes(await at.send(ASK, {"email": ada.email})) == LIMITED


async def test_letters_to_one_address_are_so_many_whether_there_is_an_account_or_not(
    door: Opening, ada: Somebody
) -> None:
    async with door(account=Rate(2)) as at:
        for email in (ada.email, nobody()):
            told = [codes(await at.elsewhere().send(ASK, {"email": email})) for _ in range(3)]
            assert told == [[], [], LIMITED]


async def test_what_proves_who_one_is_is_counted_by_account(door: Opening, ada: Somebody, coming: Coming) -> None:
    bob, token = await coming(), await asked_for(ada)
    async with door(account=Rate(2)) as at:
        bearer = {"authorization": f"Bearer {ada.access}"}
        change = {"currentPassword": "not the password", "newPassword": ANOTHER}
        told = [codes(await at.elsewhere().send(CHANGE, change, **bearer)) for _ in range(3)]
        assert told == [WRONG, WRONG, LIMITED]
        reset = {"token": token, "newPassword": "short"}
        told = [codes(await at.elsewhere().send(RESET, reset)) for _ in range(3)]
        assert told == [["WEAK_PASSWORD"], ["WEAK_PASSWORD"], LIMITED]
        latest = ada.refresh
        for _ in range(2):
            answer = (await at.elsewhere().send(REFRESH, {"refreshToken": latest})).json()["data"]["refreshSession"]
            latest = answer["refreshToken"]
        assert codes(await at.elsewhere().send(REFRESH, {"refreshToken": latest})) == LIMITED
        assert codes(await at.elsewhere().send(REFRESH, {"refreshToken": bob.refresh})) == []
        # What was refused for its number has not been used up.
        await forget(ada.school)
        assert codes(await at.send(REFRESH, {"refreshToken": latest})) == []


async def test_a_token_that_is_none_of_ours_is_nobodys_and_asks_no_store(door: Opening) -> None:
    async with door(account=Rate(1), peer=Rate(1), total=Rate(1)) as at:
        for query, input in ((REFRESH, {"refreshToken": "x"}), (RESET, {"token": "x", "newPassword": ANOTHER})):
            for _ in range(3):
                answer = await at.send(query, input, x_studygraph_ledger="1")
                assert codes(answer) == ["INVALID_TOKEN"]
                assert answer.json()["extensions"]["ledger"] == {}
