"""What do the demo school's documents look like as files? Real PDF, Markdown and text, and their rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from datadir.minio.prefixes import DOCUMENTS
from datadir.postgresql.tables import Document
from loaders.writing import StoredObject
from resolvers.demo import reading
from resolvers.demo.identity import fixed_id
from resolvers.demo.people import classroom_id, user_id
from resolvers.demo.roster import CLASSROOMS

TYPES: Final = {".pdf": "application/pdf", ".md": "text/markdown", ".txt": "text/plain"}
# Days before the start at which a classroom's two documents were put up.
UPLOADED: Final = (40, 20)
# A date in a PDF's metadata that never changes: the same text is the same file.
WRITTEN_AT: Final = datetime(2026, 9, 1, tzinfo=UTC)


class DocumentPlan(NamedTuple):
    """One document of a classroom, with its text."""

    id: UUID
    classroom: str
    number: int
    text: reading.DocumentText

    @property
    def key(self) -> str:
        """Where its bytes rest."""
        return DOCUMENTS.key(classroom=classroom_id(self.classroom), document=self.id, filename=self.text.filename)


def document_id(key: str, number: int) -> UUID:
    """The id of a classroom's first or second document."""
    return fixed_id("document", key, number)


def chunk_id(document: UUID, index: int) -> str:
    """The id of a passage of a document."""
    return str(fixed_id("chunk", document, index))


def plans() -> list[DocumentPlan]:
    """The twelve documents, those of the front page's classroom first."""
    return [
        DocumentPlan(document_id(plan.key, number), plan.key, number, reading.document(plan.key, number))
        for plan in CLASSROOMS
        for number in (1, 2)
    ]


def files(planned: list[DocumentPlan]) -> list[StoredObject]:
    """The documents as files, in the order of `planned`. Takes about half a second: call it off the event loop."""
    return [StoredObject(each.key, _rendered(each.text), TYPES[_suffix(each.text.filename)]) for each in planned]


def document_rows(planned: list[DocumentPlan], written: list[StoredObject], start: datetime) -> list[Document]:
    """Rows of documents whose bytes are there and whose passages are still to be embedded."""
    rows = []
    for each, file in zip(planned, written, strict=True):
        at = start - timedelta(days=UPLOADED[each.number - 1])
        rows.append(
            Document(
                id=each.id,
                classroom_id=classroom_id(each.classroom),
                uploaded_by=user_id(next(plan.teacher for plan in CLASSROOMS if plan.key == each.classroom)),
                filename=each.text.filename,
                document_type=each.text.document_type,
                content_type=file.content_type,
                size_bytes=len(file.data),
                object_key=file.key,
                status="ingesting",
                page_count=len(each.text.pages),
                created_at=at,
                updated_at=at,
            )
        )
    return rows


def _suffix(filename: str) -> str:
    return filename[filename.rindex(".") :]


def _rendered(text: reading.DocumentText) -> bytes:
    suffix = _suffix(text.filename)
    if suffix == ".pdf":
        return _pdf(text)
    # Pages of a text file are parted by a form feed, of Markdown by a rule.
    parted = "\n\n---\n\n" if suffix == ".md" else "\n\f\n"
    return (parted.join(text.pages) + "\n").encode()


def _pdf(text: reading.DocumentText) -> bytes:
    """One A4 page for each page of the text, in the largest letters in which all of them fit."""
    for tenths in range(110, 70, -5):
        made = _pdf_in(text, tenths / 10)
        if made is not None:
            return made
    raise ValueError(f"{text.filename}: a page does not fit on A4")


def _pdf_in(text: reading.DocumentText, size: float) -> bytes | None:
    from fpdf import FPDF
    from fpdf.enums import XPos, YPos

    pdf = FPDF(format="A4")
    pdf.set_creation_date(WRITTEN_AT)
    pdf.set_title(text.title)
    pdf.set_author("Demo school")
    pdf.set_auto_page_break(False)
    pdf.set_margins(22, 20)
    for number, page in enumerate(text.pages, start=1):
        pdf.add_page()
        for line in page.split("\n"):
            if not line:
                pdf.ln(size * 0.2)
                continue
            level = len(line) - len(line.lstrip("#"))
            pdf.set_font("Helvetica", "B" if level else "", size + (0, 5, 2)[min(level, 2)])
            pdf.multi_cell(0, size * (0.7 if level else 0.48), line.lstrip("# "), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if pdf.get_y() > pdf.h - 20:
            return None
        pdf.set_y(-14)
        pdf.set_font("Helvetica", "", 8)
        pdf.cell(0, 5, f"{text.title} - page {number} of {len(text.pages)}", align="C")
    return bytes(pdf.output())
