"""Does a sealed text open where it was written, under its key, and nowhere else?"""

from __future__ import annotations

import base64
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from datadir.kafka.sealing import (
    ERASED,
    TAMPERED,
    LearnerKey,
    UnknownSecret,
    Wrapping,
    new_key,
    taken_apart,
)

EVENT = UUID("00000000-0000-4000-8000-00000000e0e0")
SECRET = "a secret of more than thirty-two characters"
KEY = LearnerKey.of(uuid4(), new_key())


def opened(sealed: dict[str, str], key: LearnerKey = KEY, event_id: UUID = EVENT, field: str = "page") -> Any:
    apart = taken_apart(sealed)
    assert apart is not None
    return TAMPERED if apart[0] is None else key.opened(apart[1], event_id, field)


@pytest.mark.parametrize("value", ["/a", "数学 \x00 \"'", {"a": [1, 2.5, None]}, ["x"], 7, True, {"erased": True}])
def test_it_comes_back_as_it_was(value: Any) -> None:
    sealed = KEY.sealed(value, EVENT, "page")
    assert list(sealed) == ["sealed"]
    back = opened(sealed)
    assert (back, type(back)) == (value, type(value))


def test_it_names_its_key_and_is_never_twice_the_same() -> None:
    texts = {KEY.sealed("/a", EVENT, "page")["sealed"] for _ in range(100)}
    assert len(texts) == 100
    assert {base64.b64decode(text)[:16] for text in texts} == {KEY.id.bytes}


def test_it_opens_under_no_other_key_in_no_other_event_and_in_no_other_field() -> None:
    sealed = KEY.sealed("/a", EVENT, "page")
    assert opened(sealed, key=LearnerKey.of(KEY.id, new_key())) is TAMPERED
    assert opened(sealed, event_id=uuid4()) is TAMPERED
    assert opened(sealed, field="properties") is TAMPERED


def test_each_changed_byte_is_noticed() -> None:
    data = bytearray(base64.b64decode(KEY.sealed("/a", EVENT, "page")["sealed"]))
    for at in range(16, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        assert opened({"sealed": base64.b64encode(changed).decode()}) is TAMPERED, at


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", base64.b64encode(bytes(43)).decode()])
def test_what_is_no_sealed_text_at_all_is_tampered_with(text: str) -> None:
    assert opened({"sealed": text}) is TAMPERED


@pytest.mark.parametrize(
    "value", [None, "/a", 7, [], {}, {"sealed": 7}, {"sealed": "AAAA", "more": 1}, {"erased": True}]
)
def test_what_was_never_sealed_is_left_alone(value: Any) -> None:
    assert taken_apart(value) is None


def test_the_two_words_are_json_and_not_each_other() -> None:
    assert (dict(ERASED), dict(TAMPERED)) == ({"erased": True}, {"tampered": True})
    assert cast("object", ERASED) is not TAMPERED


def test_a_wrapped_key_opens_for_its_learner_under_its_secret_only() -> None:
    somebody, key_id, key = uuid4(), uuid4(), new_key()
    wrapping = Wrapping(SECRET)
    wrapped = wrapping.wrap(key, somebody, key_id)
    assert wrapping.unwrap(wrapped, wrapping.current, somebody, key_id) == key
    for about in ((uuid4(), key_id), (somebody, uuid4())):
        with pytest.raises(InvalidTag):
            wrapping.unwrap(wrapped, wrapping.current, *about)
    with pytest.raises(UnknownSecret):
        Wrapping(SECRET + "!").unwrap(wrapped, wrapping.current, somebody, key_id)


def test_a_secret_has_a_name_that_does_not_tell_it() -> None:
    wrapping = Wrapping(SECRET, "the one before it, as long as it has to be")
    assert wrapping.current == Wrapping(SECRET).current
    assert len(wrapping.known) == 2
    assert all(len(bytes.fromhex(name)) == 8 for name in wrapping.known)
    assert Wrapping(SECRET, SECRET).known == {wrapping.current}
