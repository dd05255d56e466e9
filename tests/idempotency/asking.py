"""How do these tests ask for something under a key, and how do they see whether it was done? By their own clock, and by
what PostgreSQL and the objects hold of a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx

from datadir.redis import keys
from graph.ids import encode
from tests.accounts.picture_files import picture
from tests.accounts.somebody import Somebody, rows

PAYLOADS: Final = {
    "logOut": "loggedOut",
    "revokeSession": "revokedSessionId",
    "changePassword": "changed",
    "updateProfile": "user { name updatedAs: name profile { lastName firstName } }",
    "uploadAvatar": "user { avatarUrl }",
    "updatePreferences": "preferences { language theme }",
    "setUserRole": "user { role }",
    "deactivateUser": "user { isActive }",
    "setSubscription": "user { subscription { plan startedAt } }",
}
"""What is selected of each mutation that takes a key."""
ADMINS: Final = ("setUserRole", "deactivateUser", "setSubscription")
ANOTHER: Final = "nine blue kettles sang"


@dataclass
class Clock:
    """What time it is in the school: a little later each time it is asked, so that nothing is written twice alike."""

    at: datetime

    def __call__(self) -> datetime:
        """The time."""
        self.at += timedelta(milliseconds=1)
        return self.at

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """Meanwhile it is so much later."""
        self.at += by
        try:
            yield
        finally:
            self.at -= by


def document(verb: str, payload: str | None = None) -> str:
    """One mutation."""
    kind = verb[0].upper() + verb[1:]
    selected = payload or PAYLOADS[verb]
    return (
        f"mutation ($input: {kind}Input!) {{ {verb}(input: $input) {{ {selected} errors {{ code message path }} }} }}"
    )


async def asked(
    person: Somebody, verb: str, input: dict[str, Any], key: str | None, *, payload: str | None = None, **headers: str
) -> httpx.Response:
    """One mutation under a key."""
    given = {**input, "idempotencyKey": key}
    if verb == "uploadAvatar":
        headers["authorization"] = f"Bearer {person.access}"
        data = picture(color=(int(input.get("red", 200)), 30, 30))
        sent = {"input": {"file": None, "idempotencyKey": key}}
        return await person.school.post_file(document(verb, payload), sent, "input.file", data, **headers)
    return await person.ask(document(verb, payload), given, **headers)


def data_of(response: httpx.Response) -> str:
    """The data of an answer, to the letter; without problems."""
    body = response.json()
    assert "errors" not in body, body
    for payload in body["data"].values():
        assert not payload["errors"], body
    return json.dumps(body["data"])


def replayed(response: httpx.Response) -> list[str]:
    """Which fields say that they were answered before."""
    found: list[str] = response.json().get("extensions", {}).get("replayed", [])
    return found


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an operation that was refused as a whole."""
    body = response.json()
    assert "data" not in body, body
    [error] = body["errors"]
    return response.status_code, error["extensions"]["code"]


async def input_of(verb: str, person: Somebody) -> dict[str, Any]:
    """What a mutation is asked about this person."""
    if verb == "revokeSession":
        return {"sessionId": encode("Session", keys.session_record((await person.logged_in()).session_id))}
    if verb == "changePassword":
        return {"currentPassword": person.password, "newPassword": ANOTHER}
    about = {"userId": encode("User", person.user_id)}
    inputs: dict[str, dict[str, Any]] = {
        "updateProfile": {"name": "Ada", "lastName": "King"},
        "updatePreferences": {"theme": "DARK", "language": "pt-BR"},
        "setUserRole": {**about, "role": "TEACHER"},
        "deactivateUser": about,
        "setSubscription": {**about, "plan": "PLUS"},
    }
    return inputs.get(verb, {})


async def footprint(person: Somebody) -> list[Any]:
    """Everything that a mutation may have left of this person: each row with the transaction that wrote it, what the
    audit log says of them, the keys of their objects."""
    found: list[Any] = []
    for table, column in (
        ("users", "id"),
        ("profiles", "user_id"),
        ("user_preferences", "user_id"),
        ("subscriptions", "user_id"),
        ("user_sessions", "user_id"),
    ):
        sql = f"select xmin::text, t.* from {table} t where {column} = $1 order by 2"
        found += await rows(person.school, sql, person.user_id)
    found += await rows(
        person.school,
        "select position, action, outcome from audit_log where subjects @> array[$1] order by 1",
        f"User:{person.user_id}",
    )
    objects = await person.school.services.stores.objects.list(f"avatars/{person.user_id}")
    return [*found, sorted(each.key for each in objects)]


async def kept(person: Somebody) -> dict[str, str | None]:
    """The answers that are kept of this person, by key."""
    found = await rows(
        person.school, "select key, answer from idempotency_keys where user_id = $1 order by key", person.user_id
    )
    return dict(found)


async def marked(person: Somebody, key: str, at: datetime, fingerprint: str = "0" * 64) -> None:
    """Something was done under this key, and nothing was answered: the process was killed in between."""
    await rows(
        person.school,
        "insert into idempotency_keys (user_id, key, fingerprint, created_at) values ($1, $2, $3, $4) returning 1",
        person.user_id,
        key,
        fingerprint,
        at,
    )


async def forget_answer(user_id: UUID, school: Any, key: str) -> None:
    """What was answered under a key is lost."""
    await rows(
        school, "update idempotency_keys set answer = null where user_id = $1 and key = $2 returning 1", user_id, key
    )
