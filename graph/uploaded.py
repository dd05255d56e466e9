"""What is a file, once it came in? Its bytes: name and type are the client's words, and not kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a request; where its place is, a variable holds it."""

    data: bytes

    def __repr__(self) -> str:
        return f"<a file of {len(self.data):,} bytes>"
