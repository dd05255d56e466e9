"""May an error name what there is, to who asked for what there is not? In development alone.

"Did you mean" tells the schema word by word: fields, arguments, types, directives, input fields, enum values.
graphql-core is told not to look for suggestions; where one of its sentences still ends in one, it is cut off.
"""

from __future__ import annotations

import re
from typing import Final

_HINT: Final = re.compile(r"[ ,;]*\bDid you mean\b.*", re.DOTALL)


def without_suggestions(message: str) -> str:
    """The sentence without its hint."""
    return _HINT.sub("", message)
