"""What may a viewer reach? The scope that every store reads with, read once per operation."""

from __future__ import annotations

from typing import Final

from loaders.accounts import own_classrooms

# What an account may be; `system` is the program itself and nobody logs in as that.
ROLES: Final = frozenset({"student", "teacher", "admin", "service"})
# Member roles that own a classroom, whatever the account's role.
TEACHING: Final = frozenset({"teacher", "assistant"})
# What makes an account's scope whole: its classrooms, and those it teaches.
REACH: Final = own_classrooms(TEACHING)
