"""How does a revision run one of the schema files of `datadir/postgresql/`? Statement by statement."""

from pathlib import Path

POSTGRESQL = Path(__file__).resolve().parent.parent / "postgresql"


def statements(file: str) -> list[str]:
    """The statements of a schema file; each ends with a semicolon at the end of a line."""
    text = (POSTGRESQL / file).read_text(encoding="utf-8")
    parts = (part.strip() for part in text.split(";\n"))
    return [part for part in parts if any(line and not line.startswith("--") for line in part.splitlines())]
