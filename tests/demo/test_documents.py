"""Can the demo documents be opened, and do they say what their texts say?"""

from __future__ import annotations

from collections import Counter
from io import BytesIO

from pypdf import PdfReader

from resolvers.demo import documents
from resolvers.demo.roster import BY_KEY
from resolvers.demo.school import School


def words(text: str) -> str:
    """The text without line ends and marks of headings."""
    return " ".join(text.replace("#", "").split())


def test_a_pdf_has_the_pages_of_its_text(demo: School) -> None:
    files = {file.key: file.data for file in demo.files}
    read = 0
    for plan in documents.plans():
        if plan.text.filename.endswith(".pdf"):
            reader = PdfReader(BytesIO(files[plan.key]))
            assert reader.metadata is not None
            assert reader.metadata.title == plan.text.title
            assert len(reader.pages) == len(plan.text.pages)
            for page, text in zip(reader.pages, plan.text.pages, strict=True):
                assert words(text) in words(page.extract_text())
            read += 1
    assert read == 6


def test_markdown_and_text_hold_every_page(demo: School) -> None:
    files = {file.key: file.data.decode() for file in demo.files if file.content_type.startswith("text/")}
    for plan in documents.plans():
        if plan.key in files:
            parted = "\n\n---\n\n" if plan.text.filename.endswith(".md") else "\f"
            assert [page.strip() for page in files[plan.key].split(parted)] == [
                page.strip() for page in plan.text.pages
            ]
    assert len(files) == 6


def test_rows_say_what_the_files_are(demo: School) -> None:
    files = {file.key: file for file in demo.files}
    for row in demo.documents:
        file = files[row.object_key]
        assert row.size_bytes == len(file.data)
        assert row.content_type == file.content_type
        assert row.page_count is not None
        assert 2 <= row.page_count <= 4
        assert row.status == "ingesting"
        assert row.chunk_count is None
        assert row.object_key == f"documents/{row.classroom_id}/{row.id}/{row.filename}"
    assert Counter(row.content_type for row in demo.documents) == {
        "application/pdf": 6,
        "text/markdown": 3,
        "text/plain": 3,
    }
    assert set(Counter(row.classroom_id for row in demo.documents).values()) == {2}


def test_the_classroom_of_the_front_page_is_indexed_first() -> None:
    assert [plan.classroom for plan in documents.plans()][:2] == ["biology", "biology"]
    assert {plan.classroom for plan in documents.plans()} == set(BY_KEY)
