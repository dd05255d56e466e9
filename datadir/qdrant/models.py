"""Which words do questions to the vector store use? Those of `qdrant_client.models`, without the cost of the client.

`import qdrant_client` takes about two seconds (grpc, httpx, rich, its local mode), and so does
`from qdrant_client import models`. The models themselves are one module of pydantic classes, a third of a second. So
that module is imported here without running the two packages above it; where a server is configured, `client.opened`
imports the whole client, which finds this very module in place: the classes are the same objects.

Use it as `from datadir.qdrant import models`.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def _import_alone() -> None:
    """Import the models while empty packages stand in for `qdrant_client` and `qdrant_client.http`."""
    spec = find_spec("qdrant_client")
    if "qdrant_client" in sys.modules or spec is None or not spec.submodule_search_locations:
        return  # imported as a whole already, or missing: the import statement below says so
    root = spec.submodule_search_locations[0]
    stand_ins = {"qdrant_client": root, "qdrant_client.http": f"{root}/http"}
    for name, folder in stand_ins.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [folder]
    try:
        import_module("qdrant_client.http.models.models")
    finally:
        for name in stand_ins:
            del sys.modules[name]


_import_alone()

from qdrant_client.http.models.models import *  # noqa: E402, F403
