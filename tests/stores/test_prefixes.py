"""Are the keys of objects what `buckets.md` says, and does a part of a key stay in its place?"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest

from datadir.minio import prefixes
from datadir.minio.errors import BadObjectKey
from datadir.minio.prefixes import AVATARS, DOCUMENTS, PREFIXES, RECORDINGS, prefix_of

ADA = UUID("00000000-0000-4000-8000-0000000000ad")
BOB = UUID("00000000-0000-4000-8000-0000000000b0")


def test_the_page_lists_every_prefix() -> None:
    page = (Path(prefixes.__file__).parent / "buckets.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+/\S+)` \| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    assert rows == [(each.pattern, each.about, each.content) for each in PREFIXES]
    assert len({each.name for each in PREFIXES}) == len(PREFIXES)


def test_keys_are_made_of_their_parts() -> None:
    assert AVATARS.key(user=ADA, avatar=BOB, suffix="png") == f"avatars/{ADA}/{BOB}.png"
    assert DOCUMENTS.key(classroom=ADA, document=BOB, filename="Übung 1.pdf") == f"documents/{ADA}/{BOB}/Übung 1.pdf"


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda each: each.name)
def test_a_key_is_known_by_its_prefix_and_by_no_other(prefix: prefixes.Prefix) -> None:
    texts = {"filename": "a {file}.md", "suffix": "webm"}
    key = prefix.key(**{part: texts.get(part, ADA) for part in prefix.parts})
    assert [each for each in PREFIXES if each.holds(key)] == [prefix]
    assert prefix_of(key) is prefix
    assert prefix_of(f"{key}/more") is None
    assert prefix_of(key.replace(str(ADA), str(ADA).upper())) is None


@pytest.mark.parametrize("filename", ["../x.pdf", "a/b.pdf", "..", "", "a\x00b", "a\\b", "a" * 256])
def test_a_file_name_never_leaves_its_place(filename: str) -> None:
    with pytest.raises(BadObjectKey):
        DOCUMENTS.key(classroom=ADA, document=BOB, filename=filename)


@pytest.mark.parametrize("suffix", ["", "PNG", "p/g", "png\n", "longerthan8"])
def test_a_strange_suffix_never_becomes_part_of_a_key(suffix: str) -> None:
    with pytest.raises(BadObjectKey):
        AVATARS.key(user=ADA, avatar=BOB, suffix=suffix)


def test_an_id_is_no_text_and_no_part_is_left_out() -> None:
    with pytest.raises(TypeError, match=r"^a key is made from a UUID, not from text$"):
        AVATARS.key(user=str(ADA), avatar=BOB, suffix="png")
    with pytest.raises(
        TypeError, match=r"^a key of recordings is made of classroom, meeting, recording, suffix, not of "
    ):
        RECORDINGS.key(classroom=ADA)
