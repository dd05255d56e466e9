"""What may be asked about people, from the top?"""

from typing import Annotated

import strawberry
from strawberry import UNSET

from graph.execution.edge import POSTGRESQL, face, root
from graph.types.accounts.user import User, UserFilter, UserOrder
from graph.types.paging import After, Before, Connection, First, Last, page_request
from resolvers import accounts
from resolvers.access.labels import Label
from resolvers.operation import Operation


@strawberry.type
class AccountQueries:
    """Root fields about people."""

    @root(accounts.viewer, calls=POSTGRESQL, label=Label.PUBLIC, opens=True)
    @staticmethod
    async def viewer(operation: Operation) -> User | None:
        """Whoever asks; null without an account."""
        return face(await accounts.viewer(operation))

    @root(accounts.page, calls=POSTGRESQL, label=Label.ADMIN)
    @staticmethod
    async def users(
        operation: Operation,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        filter: Annotated[UserFilter | None, strawberry.argument(description="Only these.")] = UNSET,
        order_by: Annotated[
            list[UserOrder] | None, strawberry.argument(description="The order; at most 3 different fields.")
        ] = UNSET,
    ) -> Connection[User] | None:
        """All accounts; by when they were made if no order is given."""
        return face(await accounts.page(operation, page_request(first, after, last, before, order_by, filter)))
