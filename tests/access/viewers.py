"""Who asks, when the tests ask who may see what? Nine pairs of eyes on one classroom.

The classroom is that of mathematics. It has a teacher, an assistant who is a student elsewhere, students, and, as long
as these tests run, a guest: a teacher of another subject who sits here as a student.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import httpx

from tests.live.following import first
from tests.running_school import LOG_IN, RunningSchool

CLASSROOM: Final = "Calculus I"
PASSWORD: Final = "studygraph-demo"


class Viewer(NamedTuple):
    """Somebody, as a sentence calls them, and the address they log in with (None: nobody logs in)."""

    said: str
    email: str | None


VIEWERS: Final = {
    "anonymous": Viewer("nobody in particular", None),
    "outsider": Viewer("a student of another classroom", "theo.laurent@demo.school"),
    "colleague": Viewer("a teacher of another classroom", "teacher@demo.school"),
    "student": Viewer("a student of the classroom", "ines.carvalho@demo.school"),
    "guest": Viewer("a teacher who is a student here", "oliver.grant@demo.school"),
    "assistant": Viewer("the assistant of the classroom", "nina.petrova@demo.school"),
    "teacher": Viewer("the teacher of the classroom", "henrik.sorensen@demo.school"),
    "admin": Viewer("an administrator", "admin@demo.school"),
    "service": Viewer("a program", "service@demo.school"),
}
FELLOW: Final = "noor.haddad@demo.school"
"""Another student of the classroom."""


class Eyes:
    """Asks a school as one of the viewers; each logs in once."""

    def __init__(self, school: RunningSchool) -> None:
        self.school = school
        self._tokens: dict[str, str] = {}

    async def token(self, viewer: str) -> str | None:
        """The viewer's access token."""
        email = VIEWERS[viewer].email
        return None if email is None else await self.token_of(email)

    async def token_of(self, email: str) -> str:
        """The access token of whoever has this address."""
        if email not in self._tokens:
            answer = await self.school.post(LOG_IN, {"input": {"email": email, "password": PASSWORD}})
            self._tokens[email] = answer.json()["data"]["logIn"]["accessToken"]
        return self._tokens[email]

    async def ask(self, viewer: str, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        """One operation as this viewer; of a subscription its first answer."""
        token = await self.token(viewer)
        if "logOut" in query:  # next time they log in anew
            self._tokens.pop(VIEWERS[viewer].email or "", None)
        if query.startswith("subscription"):
            answer = await first(self.school, query, variables, token=token)
            return httpx.Response(answer.status, json=answer.body)
        signed = {} if token is None else {"authorization": f"Bearer {token}"}
        if "$file" in query:
            with_file = query.replace("mutation {", "mutation ($file: Upload!) {", 1)
            return await self.school.post_file(with_file, {"file": None}, "file", b"no picture", **signed)
        return await self.school.post(query, variables, **signed)

    async def data(self, viewer: str, query: str, variables: dict[str, Any] | None = None) -> Any:
        """The data of an operation that this viewer may ask without any error."""
        answer = (await self.ask(viewer, query, variables)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]
