"""Who is a person, outside, and what can be done with an account?"""

from graph.types.accounts.mutations import AccountMutations
from graph.types.accounts.queries import AccountQueries
from graph.types.accounts.user import Role, Session, User

__all__ = ["AccountMutations", "AccountQueries", "Role", "Session", "User"]
