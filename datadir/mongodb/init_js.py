"""How do the collections look to MongoDB's own shell? `python -m datadir.mongodb.init_js` writes init.js."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from datadir.mongodb.collections import COLLECTIONS, Collection
from datadir.mongodb.pending import index_document, validator

FILE: Final = Path(__file__).resolve().parent / "init.js"
_WIDTH: Final = 110

_HEAD: Final = """\
// Made from collections.py by `python -m datadir.mongodb.init_js`; a test compares.
// Run it with `mongosh "$MONGODB_URL" init.js`, as often as you like. The program does the same at each start; this is
// for a user of the program that may not create collections.

const there = new Set(db.getCollectionNames());

function collection(name, validator, indexes) {
  const change = there.has(name) ? { collMod: name, validator } : { create: name, validator };
  const made = db.runCommand(change);
  if (!made.ok) throw new Error(`${name}: ${made.errmsg}`);
  const indexed = db.runCommand({ createIndexes: name, indexes });
  if (!indexed.ok) throw new Error(`${name}: ${indexed.errmsg}`);
}
"""


def script() -> str:
    """What init.js says."""
    return _HEAD + "".join(map(_call, COLLECTIONS))


def _call(collection: Collection) -> str:
    indexes = "".join(f"\n  {json.dumps(index_document(index))}," for index in collection.indexes)
    return f'\ncollection("{collection.name}", {_pretty(validator(collection))}, [{indexes}\n]);\n'


def _pretty(value: object, indent: str = "") -> str:
    """JSON; whatever fits goes on one line."""
    line = json.dumps(value)
    if not isinstance(value, dict) or len(indent) + len(line) < _WIDTH:
        return line
    deeper = indent + "  "
    members = (f"{deeper}{json.dumps(name)}: {_pretty(each, deeper)}" for name, each in value.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


if __name__ == "__main__":
    FILE.write_text(script(), encoding="utf-8")
