"""Who may read a field? The labels that every field of the schema carries."""

from __future__ import annotations

from enum import Enum


class Label(Enum):
    """Who may read or call this."""

    PUBLIC = "Anyone, also without an account."
    AUTHENTICATED = "Anyone with an account."
    RECORD = "Whoever may see the record itself."
    MEMBER = "Whoever shares a classroom with the person concerned, that person, and administrators."
    SELF = "The person concerned, and administrators."
    TEACHER = "Teachers and assistants of the classroom concerned, the person concerned, and administrators."
    ADMIN = "Administrators."
