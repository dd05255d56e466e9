"""What does a signed link open? One object, to read it, for a quarter of an hour. (threat 30)

Altered, foreign and late links: `objects_contract.py`, on an S3 server too, and `tests/http/test_links.py`.
"""

from __future__ import annotations

from time import time
from typing import Any

import pytest

from datadir.minio.embedded import FolderObjects
from tests.http.refusals import refusal
from tests.running_school import RunningSchool

LINK = "query ($id: ID!) { node(id: $id) { ... on Document { downloadUrl } } }"


@pytest.fixture
def objects(school: RunningSchool) -> FolderObjects:
    """Where the school's objects rest."""
    objects = school.services.stores.objects
    assert isinstance(objects, FolderObjects)
    return objects


async def token_of(school: RunningSchool) -> str:
    """What a link to a document ends with."""
    answer = await school.ask(LINK, {"id": school.ids["document"]}, "student")
    return str(answer["data"]["node"]["downloadUrl"].rpartition("/")[2])


async def test_it_ends_after_a_quarter_of_an_hour(school: RunningSchool, objects: FolderObjects) -> None:
    until = objects._signer.loads(await token_of(school))[1]
    assert time() + 890 < until <= time() + 900


@pytest.mark.parametrize(
    ("place", "other"), [(0, "documents/another/secret.pdf"), (1, 2**40), (2, "invoice.exe")],
    ids=["key", "end", "name"],
)  # fmt: skip
async def test_it_cannot_be_made_to_say_something_else(
    school: RunningSchool, objects: FolderObjects, place: int, other: Any
) -> None:
    token = await token_of(school)
    said = list(objects._signer.loads(token))
    said[place] = other
    body = objects._signer.dumps(said).rpartition(".")[0]
    answer = await school.http.get(f"/objects/{body}.{token.rpartition('.')[2]}")
    assert (answer.status_code, refusal(answer).code) == (403, "FORBIDDEN")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
async def test_it_writes_nothing(school: RunningSchool, objects: FolderObjects, method: str) -> None:
    token = await token_of(school)
    key = objects._signer.loads(token)[0]
    before = await objects.get(key)
    answer = await school.http.request(method, f"/objects/{token}", content=b"overwritten")
    assert (answer.status_code, refusal(answer).code) == (403, "FORBIDDEN")
    assert await objects.get(key) == before


async def test_it_is_for_one_method_and_tells_nothing_by_another(school: RunningSchool) -> None:
    answer = await school.http.head(f"/objects/{await token_of(school)}")
    assert (answer.status_code, answer.content) == (403, b"")


async def test_who_may_not_see_a_document_gets_no_link(school: RunningSchool) -> None:
    answer = await school.ask(LINK, {"id": school.ids["document"]}, "outsider")
    assert answer["data"] == {"node": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
