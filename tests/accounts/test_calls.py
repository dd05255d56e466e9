"""What does each verb cost? The store calls of one that does what it is asked, as verbs.calls has them; the preamble of
whoever has a session is among them.

TRIPLES=write pytest tests/accounts/test_calls.py writes new ones.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from datadir.redis import keys
from graph.execution.edge import Root, spec_of
from graph.ids import encode
from graph.schema import graphql_schema
from tests.accounts.picture_files import picture, uploaded
from tests.accounts.somebody import Coming, Somebody
from tests.accounts.test_passwords import ANOTHER, asked_for

PINNED: Final = Path(__file__).with_name("verbs.calls")
PAYLOADS: Final = {
    "register": "user { id }",
    "logIn": "user { id }",
    "refreshSession": "accessToken",
    "logOut": "loggedOut",
    "revokeSession": "revokedSessionId",
    "changePassword": "changed",
    "requestPasswordReset": "requested",
    "resetPassword": "changed",
    "updateProfile": "user { id }",
    "uploadAvatar": "user { id }",
    "updatePreferences": "preferences { theme }",
    "setUserRole": "user { id }",
    "deactivateUser": "user { id }",
    "setSubscription": "user { id }",
}


async def given(verb: str, ada: Somebody) -> dict[str, Any]:
    """What the verb is asked, so that it does as much as it can."""
    if verb == "resetPassword":
        return {"token": await asked_for(ada), "newPassword": ANOTHER}
    if verb == "revokeSession":
        return {"sessionId": encode("Session", keys.session_record((await ada.logged_in()).session_id))}
    if verb == "changePassword":
        await ada.logged_in()
    found: dict[str, dict[str, Any]] = {
        "register": {"email": f"x{ada.email}", "password": ada.password},
        "logIn": {"email": ada.email, "password": ada.password},
        "refreshSession": {"refreshToken": ada.refresh},
        "changePassword": {"currentPassword": ada.password, "newPassword": ANOTHER},
        "requestPasswordReset": {"email": ada.email},
        "updateProfile": {"name": "Ada", "firstName": "Ada", "avatarUrl": None},
        "uploadAvatar": {"file": None},
        "updatePreferences": {"theme": "DARK"},
        "setUserRole": {"userId": encode("User", ada.user_id), "role": "TEACHER"},
        "deactivateUser": {"userId": encode("User", ada.user_id)},
        "setSubscription": {"userId": encode("User", ada.user_id), "plan": "PLUS"},
    }
    return found.get(verb, {})


def declared(verb: str) -> dict[str, int]:
    """What the schema says that the verb costs."""
    mutation: Any = graphql_schema().mutation_type
    spec = spec_of(mutation.fields[verb].extensions["strawberry-definition"])
    assert isinstance(spec, Root)
    return dict(spec.calls)


async def test_each_verb_costs_what_is_written(coming: Coming, admin: Somebody) -> None:
    measured: dict[str, dict[str, int]] = {}
    for verb, payload in PAYLOADS.items():
        person = await coming()
        asks = admin if verb in ("setUserRole", "deactivateUser", "setSubscription") else person
        kind = verb[0].upper() + verb[1:]
        query = f"mutation ($input: {kind}Input!) {{ {verb}(input: $input) {{ {payload} errors {{ code }} }} }}"
        sent = await given(verb, person)
        if verb in ("updateProfile", "uploadAvatar"):
            # There is a picture that goes.
            await uploaded(person, picture())
        public = verb in ("register", "logIn", "refreshSession", "requestPasswordReset", "resetPassword")
        headers = {} if public else {"authorization": f"Bearer {asks.access}"}
        headers["x_studygraph_ledger"] = "1"
        if verb == "uploadAvatar":
            answer = (await person.school.post_file(query, {"input": sent}, "input.file", picture(), **headers)).json()
        else:
            answer = (await person.school.post(query, {"input": sent}, **headers)).json()
        assert answer["data"][verb]["errors"] == [], answer
        measured[verb] = {store: each["calls"] for store, each in answer["extensions"]["ledger"].items()}
        # Beside the preamble, and the batch below that reads preferences, it is what the schema prices.
        own = {store: calls - (0 if public else int(store == "redis")) for store, calls in measured[verb].items()}
        assert {store: calls for store, calls in own.items() if calls} == declared(verb), verb
    if os.environ.get("TRIPLES") == "write":
        PINNED.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    assert measured == json.loads(PINNED.read_text(encoding="utf-8"))


def test_every_verb_of_accounts_is_among_them() -> None:
    mutation: Any = graphql_schema().mutation_type
    specs = {name: spec_of(field.extensions["strawberry-definition"]) for name, field in mutation.fields.items()}
    ours = {name for name, spec in specs.items() if isinstance(spec, Root) and ".accounts." in spec.call.__module__}
    assert ours == set(PAYLOADS)
