"""Does the embedded Redis keep the promise, and are its keys what `schema.md` says?"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from redis.crc import key_slot

import datadir.redis
from datadir.errors import StoreMisconfigured
from datadir.redis import keys
from datadir.redis.client import Redis
from tests.redis_keys import families, new_session_id
from tests.stores.redis_contract import RedisContract

ADA = UUID("00000000-0000-4000-8000-0000000000ad")
TALK = UUID("00000000-0000-4000-8000-0000000007a1")


class TestEmbeddedRedis(RedisContract):
    """Valkey, as `make run` starts it."""

    implementation = "Valkey 9, embedded"

    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url


class TestKeys:
    """Keys are made of checked ids only."""

    def test_a_session_id_names_its_owner_and_cannot_be_guessed(self) -> None:
        session_id = new_session_id(ADA)
        assert re.fullmatch(r"\{00000000-0000-4000-8000-0000000000ad\}\.[A-Za-z0-9_-]{32}", session_id)
        assert keys.session_owner(session_id) == ADA
        assert len({new_session_id(ADA) for _ in range(1000)}) == 1000

    def test_a_session_id_leads_to_the_row_that_brings_it_back(self) -> None:
        session_id = keys.session_id(ADA, TALK)
        assert keys.session_id(ADA, TALK) == session_id
        assert keys.session_record(session_id) == TALK
        assert keys.session_record(new_session_id(ADA)) != TALK
        for forged in ("", f"{{{ADA}}}.{'a' * 32}", f"{{{ADA}}}.{'_' * 32}", session_id + "a"):
            with pytest.raises(ValueError, match=r"^not a session id$"):
                keys.session_record(forged)

    def test_the_keys_of_one_person_share_a_slot(self) -> None:
        names = [
            keys.session(new_session_id(ADA)),
            keys.presence(ADA),
            keys.rate_limit(ADA, "logIn"),
            keys.simulation_context(ADA, TALK),
            keys.chat_history(ADA, TALK),
            keys.proctor_session(ADA, TALK),
            keys.live("notifications", ADA),
        ]
        assert names[1:] == [
            f"presence:{{{ADA}}}",
            f"ratelimit:{{{ADA}}}:logIn",
            f"session:{{{ADA}}}.{TALK}:context",
            f"chat:{{{ADA}}}.{TALK}:history",
            f"proctor:session:{{{ADA}}}.{TALK}",
            f"live:notifications:{{{ADA}}}",
        ]
        assert len({key_slot(name.encode()) for name in names}) == 1
        assert all(f"{{{ADA}}}" in name for name in names), "one scan finds them all"

    def test_each_function_makes_keys_of_one_family(self) -> None:
        made = [
            keys.session(new_session_id(ADA)),
            keys.presence(ADA),
            keys.rate_limit(ADA, "operations"),
            keys.attempts("account ada@demo.school", "logIn"),
            keys.last_good("courses.0123456789ab", b"all"),
            keys.simulation_context(ADA, TALK),
            keys.chat_history(ADA, TALK),
            keys.proctor_session(ADA, TALK),
            keys.BACKGROUND_TASKS,
            keys.live("classroom", TALK),
            keys.DOCUMENT_TEXTS,
            keys.DOCUMENTS_USED,
        ]
        assert [families(key) for key in made] == [[family] for family in keys.PATTERNS]
        assert families(f"live:strange:{{{ADA}}}") == []

    @pytest.mark.parametrize(
        "forged",
        [
            "",
            "*",
            str(ADA),
            f"{{{ADA}}}.short",
            f"{{{ADA}}}.{'a' * 33}",
            f"{{{ADA}}}.{'a' * 32}\n",
            f"{{{ADA}}}.{'a' * 31}*",
            f"{{{ADA}}}.{'a' * 31}\r\nFLUSHALL\r\n",
            f"{{{str(ADA).upper()}}}.{'a' * 32}",
            f"{{{ADA}}}}}.{'a' * 32}",
            f"x{{{ADA}}}.{'a' * 32}",
        ],
    )
    def test_a_forged_session_id_never_becomes_a_key(self, forged: str) -> None:
        with pytest.raises(ValueError, match=r"^not a session id$"):
            keys.session(forged)

    @pytest.mark.parametrize("endpoint", ["", "log in", "logIn\r\n", "a:b", "*", "{x}", "a" * 65])
    def test_a_strange_endpoint_never_becomes_a_key(self, endpoint: str) -> None:
        with pytest.raises(ValueError, match=r"^not an endpoint's name$"):
            keys.rate_limit(ADA, endpoint)

    def test_text_is_not_taken_for_an_id(self) -> None:
        with pytest.raises(TypeError, match=r"^a key is made from a UUID, not from text$"):
            keys.presence(str(ADA))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"^a key is made from a UUID, not from text$"):
            keys.chat_history(ADA, f"{TALK}*")  # type: ignore[arg-type]

    def test_a_strange_kind_of_stream_never_becomes_a_key(self) -> None:
        with pytest.raises(ValueError, match=r"^not a kind of live stream$"):
            keys.live("*", ADA)  # type: ignore[arg-type]

    def test_the_schema_lists_each_family_of_keys(self) -> None:
        schema = Path(datadir.redis.__path__[0], "schema.md").read_text()
        rows = [[cell.strip() for cell in row.split("|")[1:6]] for row in schema.splitlines() if row.startswith("| `")]
        listed = [(pattern.strip("`"), kind, ttl) for pattern, kind, ttl, *_ in rows]
        assert listed == [(p.pattern, p.kind, f"{p.ttl} s") for p in keys.PATTERNS]


class TestAddress:
    """A wrong setting is one sentence."""

    @pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost:6379", "redis://localhost:many/0"])
    async def test_an_address_of_another_kind_is_a_sentence(self, url: str) -> None:
        with pytest.raises(StoreMisconfigured, match=r"^REDIS_URL must look like redis://host:6379/0, "):
            await Redis.open(url)
