"""What is worked out once and kept? Documents, plans, verified tokens; how many of each, for whom, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest

from graph.app import Graph
from graph.execution import documents
from graph.execution.documents import LARGEST_KEPT, MOST_KEPT, DocumentErrors, Documents
from graph.execution.plans import MOST_PER_DOCUMENT, Plans
from graph.http.envelope import Envelope
from graph.schema import graphql_schema
from resolvers import tokens
from resolvers.errors import Unauthenticated
from resolvers.tokens import ACCESS_LIFETIME, LEEWAY, Tokens
from tests.running_school import RunningSchool

PERSON = UUID("11111111-1111-4111-8111-111111111111")
MEMBERS = """
query ($id: ID!) {
  classroom(id: $id) { joinCode members(first: 2) { totalCount nodes { user { name email } } } }
}
"""


def test_a_document_that_was_seen_is_taken_as_it_is() -> None:
    kept = Documents(graphql_schema())
    first = kept.document("{ viewer { name } }")
    assert kept.document("{ viewer { name } }") is first
    assert kept.document("{ viewer { id } }") is not first
    assert (kept.hits, kept.misses, kept.dropped) == (1, 2, 0)


def test_the_one_not_used_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_KEPT", 3)
    kept = Documents(graphql_schema())
    texts = [f"{{ viewer {{ name }} }} # {number}" for number in range(4)]
    for text in (texts[0], texts[1], texts[2], texts[0], texts[3]):
        kept.document(text)
    assert kept.kept() == [kept.document(texts[2]), kept.document(texts[0]), kept.document(texts[3])]
    assert (kept.misses, kept.dropped) == (4, 1)


def test_count_and_size_of_what_is_kept_have_a_bound() -> None:
    assert MOST_KEPT == 1_000
    kept = Documents(graphql_schema())
    long = "{ viewer { name } } #" + "." * LARGEST_KEPT
    assert kept.document(long) is not kept.document(long)
    assert kept.kept() == []


def test_what_is_wrong_is_not_kept() -> None:
    kept = Documents(graphql_schema())
    for _ in range(2):
        with pytest.raises(DocumentErrors):
            kept.document("{ nothing }")
    assert (kept.kept(), kept.misses) == ([], 2)


def test_a_document_has_one_plan_for_each_operation_and_setting_of_its_switches() -> None:
    schema = graphql_schema()
    document = Documents(schema).document(
        "query A($a: Boolean!, $s: String!, $id: ID!) "
        "{ classroom(id: $id) { name @include(if: $a) search(query: $s, first: 1) { edges { score } } } } "
        "query B { viewer { name } }"
    )
    plans = Plans(schema)

    def plan(name: str, **variables: Any) -> Any:
        return plans.plan(document, name, {"s": "a", "id": "b", **variables})

    with_name = plan("A", a=True)
    assert plan("A", a=True, s="another", id="another") is with_name, "other variables do not change a plan"
    assert plan("A", a=False) is not with_name
    assert plan("B") is plan("B")
    assert (plans.counts.misses, plans.counts.hits, len(document.plans)) == (3, 2, 3)
    assert len(document.plans) <= MOST_PER_DOCUMENT


async def test_one_plan_serves_every_role_and_shows_each_what_is_theirs(school: RunningSchool) -> None:
    graph = Graph(school.services, school.settings.model_copy(update={"execution": "compiled"}))
    shown = {}
    for name in ("teacher", "student", "teacher", "outsider"):
        envelope = Envelope(MEMBERS, {"id": school.ids["classroom"]})
        answer = await graph.answer(envelope, authorization=f"Bearer {await school.token(name)}")
        shown[name] = answer.body["data"]["classroom"]
    assert (graph.plans.counts.misses, graph.plans.counts.hits) == (1, 3)
    assert shown["teacher"]["joinCode"] == "LEAF2K7M"
    assert all(each["user"]["email"] for each in shown["teacher"]["members"]["nodes"])
    assert shown["student"]["joinCode"] is None
    emails = {each["user"]["email"] for each in shown["student"]["members"]["nodes"]}
    assert emails == {"student@demo.school", None}, "their own and nobody else's"
    assert shown["outsider"] is None


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was looked at."""
    looked: list[str] = []
    real = jwt.decode

    def decode(text: str, *args: Any, **more: Any) -> Any:
        looked.append(text)
        return real(text, *args, **more)

    monkeypatch.setattr("resolvers.tokens.jwt.decode", decode)
    return looked


def test_a_token_is_verified_once_until_it_ends(verifications: list[str]) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    clock = [now.timestamp()]
    signer = Tokens("a secret of more than thirty-two characters", lambda: clock[0])
    # It ended a moment ago, and is still taken for as long as clocks may differ.
    text = signer.access(PERSON, "teacher", "a session", now - ACCESS_LIFETIME).text
    said = signer.verified(text)
    assert (said.user_id, said.role, said.session_id) == (PERSON, "teacher", "a session")
    clock[0] += (LEEWAY - timedelta(seconds=1)).total_seconds()
    assert signer.verified(text) is said
    assert verifications == [text]
    clock[0] += 1
    assert signer.verified(text) is not said, "what was kept has ended: the signature is looked at again"
    assert verifications == [text, text]


def test_what_was_kept_of_a_token_is_no_token(verifications: list[str]) -> None:
    signer = Tokens("a secret of more than thirty-two characters")
    text = signer.access(PERSON, "teacher", "a session", datetime.now(UTC)).text
    signer.verified(text)
    for other in (text[:-2] + "xx", text + " ", text.upper()):
        with pytest.raises(Unauthenticated):
            signer.verified(other)
    assert all(text.encode() not in key for key in signer._verified), "tokens are not held in memory as they came"
    assert len(signer._verified) == 1


def test_tokens_that_are_kept_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_VERIFIED", 2)
    signer = Tokens("a secret of more than thirty-two characters")
    for number in range(5):
        signer.verified(signer.access(PERSON, "student", f"session {number}", datetime.now(UTC)).text)
    assert [each.session_id for each in signer._verified.values()] == ["session 3", "session 4"]
