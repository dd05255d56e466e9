"""Which fields of the platform's own records may this viewer read?"""

from __future__ import annotations

from collections.abc import Sequence

from datadir.scope import Scope
from datadir.stores import StoreHealth
from resolvers.errors import Forbidden


def reads_details(scope: Scope, stores: Sequence[StoreHealth]) -> list[bool]:
    """A store's latency, version and mode: administrators."""
    return [scope.sees_all] * len(stores)


def reads_audit_log(scope: Scope) -> None:
    """Who read or changed whose records: administrators. Raises Forbidden."""
    if scope.role != "admin":
        raise Forbidden
