"""Which server does the explorer talk to in its own tests? A small one that answers like ours: pages under a strict
policy, log-in, the front page with store calls, refusals, introspection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from graph.explorer.page import STATIC, DemoHints, Tab, page

CSP = "default-src 'self'"

FRONT_PAGE = """# One request, seven stores: a teacher opens a classroom.
query ClassroomFrontPage($id: ID!, $search: String!, $members: Int! = 20) {
  classroom(id: $id) {
    id
    name
    subject
    description
    joinCode
    teacher { id name email presence { status lastSeenAt } }
    members(first: $members) {
      totalCount
      nodes {
        id
        role
        user {
          id
          name
          presence { status lastSeenAt }
          engagement(days: 14) { date engagementScore totalTimeMinutes sessionCount }
        }
      }
    }
    meetings(first: 5, orderBy: [{ field: SCHEDULED_AT, direction: DESC }]) {
      nodes {
        id
        title
        scheduledAt
        recordings { id durationSeconds fileSizeBytes downloadUrl }
        transcript {
          language
          wordCount
          segments(first: 3) { nodes { speakerName startTime text confidence } }
        }
      }
    }
    search(query: $search, first: 5) {
      edges { score highlight node { text pageNumber document { filename } } }
    }
  }
}
"""

SDL = '''
"""A school."""
type Query {
  """One classroom, as a member sees it."""
  classroom("The classroom's global id." id: ID!): Classroom
  """Who asks; null without a token."""
  viewer: User
  stores: [StoreStatus!]!
}
type Mutation { logIn(input: LogInInput!): LogInPayload! }
input LogInInput { "The address of the account." email: String! password: String! rememberMe: Boolean = false }
type LogInPayload { accessToken: String refreshToken: String expiresAt: String user: User errors: [UserError!]! }
type UserError { code: String! message: String! path: [String!]! }
interface Node { "An opaque global id." id: ID! }
"""A room of one subject: `members`, meetings and what was said there."""
type Classroom implements Node {
  id: ID!
  name: String!
  subject: String!
  description: String
  "What newcomers type to join; teachers only."
  joinCode: String
  "The old name of `joinCode`."
  code: String @deprecated(reason: "Use joinCode.")
  teacher: User!
  members("At most 100." first: Int = 20, after: String): MemberConnection!
  meetings(first: Int = 20, orderBy: [MeetingOrder!]): MeetingConnection!
  search(query: String!, first: Int = 10): SearchConnection
}
type User implements Node {
  id: ID!
  name: String!
  email: String
  role: Role
  presence: Presence
  engagement("Up to 90." days: Int = 7): [EngagementDay!]
}
enum Role { STUDENT TEACHER ADMIN SERVICE }
type Presence { status: PresenceStatus! lastSeenAt: String }
enum PresenceStatus { ONLINE AWAY OFFLINE }
type EngagementDay { date: String! engagementScore: Float! totalTimeMinutes: Int! sessionCount: Int! }
type MemberConnection { totalCount: Int! nodes: [Member!]! }
type Member implements Node { id: ID! role: Role! user: User! }
input MeetingOrder { field: MeetingOrderField! direction: Direction = ASC }
enum MeetingOrderField { SCHEDULED_AT TITLE }
enum Direction { ASC DESC }
type MeetingConnection { nodes: [Meeting!]! }
type Meeting implements Node {
  id: ID! title: String! scheduledAt: String! recordings: [Recording!] transcript: Transcript
}
type Recording { id: ID! durationSeconds: Int! fileSizeBytes: Int! downloadUrl: String }
type Transcript { language: String! wordCount: Int! segments(first: Int = 20): SegmentConnection! }
type SegmentConnection { nodes: [Segment!]! }
type Segment { speakerName: String startTime: Float! text: String! confidence: Float! }
type SearchConnection { edges: [SearchHit!]! }
type SearchHit { score: Float! highlight: String node: Chunk! }
type Chunk { text: String! pageNumber: Int document: Document! }
type Document { filename: String! }
type StoreStatus { name: String! status: String! }
'''

LEDGER = {
    "postgresql": {"calls": 11, "rows": 118, "ms": 7.83},
    "mongodb": {"calls": 1, "rows": 5, "ms": 2.41},
    "qdrant": {"calls": 1, "rows": 5, "ms": 3.12},
    "cassandra": {"calls": 1, "rows": 280, "ms": 4.9},
    "redis": {"calls": 3, "rows": 23, "ms": 0.94},
    "minio": {"calls": 0, "rows": 0, "ms": 0.0},
}

PEOPLE = ["Mila Novak", "Jonas Weber", "Aisha Rahman", "Theo Lindqvist", "Sofia Marques", "Emre Yilmaz", "Nora Haas"]
LESSONS = [
    "Where the light goes",
    "Inside a chloroplast",
    "Sugar out of air",
    "Why leaves are green",
    "A plant at night",
]
SAID = [
    "So the light does not make the sugar itself. It charges the battery, and the battery makes the sugar.",
    "Then what happens at night? Does the plant just stop, or does it live on what it made during the day?",
    "Exactly the right question. Write down what you expect, and we look at the measurement on Thursday.",
]


def forbidden() -> GraphQLError:
    return GraphQLError("You may not read this field.", extensions={"code": "FORBIDDEN"})


def classroom(role: str, members: int) -> dict[str, Any]:
    """The classroom as this role sees it; a student misses the join code and others' engagement."""

    def engagement(_info: Any, days: int = 7) -> Any:
        if role == "student":
            return forbidden()
        return [
            {"date": f"2026-11-{day + 1:02}", "engagementScore": 61.5 + day, "totalTimeMinutes": 38, "sessionCount": 2}
            for day in range(days)
        ]

    def person(number: int) -> dict[str, Any]:
        return {
            "id": f"VXNlcjo{number}",
            "name": PEOPLE[number % len(PEOPLE)],
            "presence": {"status": "ONLINE" if number % 3 else "AWAY", "lastSeenAt": "2026-11-21T09:14:05.221+00:00"},
            "engagement": engagement,
        }

    return {
        "id": "Q2xhc3Nyb29tOjE",
        "name": "Biology 9b",
        "subject": "Biology",
        "description": "Plants, light and what they make of it.",
        "joinCode": forbidden() if role == "student" else "LEAF-4271",
        "teacher": {**person(0), "name": "Clara Winter", "email": "teacher@demo.school"},
        "members": {
            "totalCount": 20,
            "nodes": [{"id": f"TWVtYmVyOj{n}", "role": "STUDENT", "user": person(n)} for n in range(min(members, 20))],
        },
        "meetings": {
            "nodes": [
                {
                    "id": f"TWVldGluZzo{number}",
                    "title": title,
                    "scheduledAt": f"2026-11-{19 - number}T08:00:00.000+00:00",
                    "recordings": [
                        {
                            "id": f"UmVjb3JkaW5nOj{number}",
                            "durationSeconds": 2700,
                            "fileSizeBytes": 176444,
                            "downloadUrl": f"/files/recordings/{number}.wav?signature=k3jf8sVQ2m&expires=1795252445",
                        }
                    ],
                    "transcript": {
                        "language": "en",
                        "wordCount": 812,
                        "segments": {
                            "nodes": [
                                {"speakerName": PEOPLE[n], "startTime": 14.2 * n, "text": text, "confidence": 0.94}
                                for n, text in enumerate(SAID)
                            ]
                        },
                    },
                }
                for number, title in enumerate(LESSONS)
            ]
        },
        "search": {
            "edges": [
                {
                    "score": 0.83 - n / 20,
                    "highlight": "Plants catch light with **chlorophyll** and keep its energy in sugar.",
                    "node": {
                        "text": "Plants catch light with chlorophyll and keep its energy in sugar. " * 2,
                        "pageNumber": n + 1,
                        "document": {"filename": "photosynthesis.pdf"},
                    },
                }
                for n in range(5)
            ]
        },
    }


class School:
    """The server's memory: who is logged in, and every question with its headers as it came."""

    def __init__(self) -> None:
        self.schema: GraphQLSchema = build_schema(SDL)
        self.forget()
        # The first page reads its file, and no event loop may wait for that.
        self.pages()

    def forget(self) -> None:
        """As on the first day."""
        self.asked: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.logged_in: dict[str, str] = {}
        self.logins = 0
        self.front_page = FRONT_PAGE

    def questions(self, name: str) -> list[dict[str, str]]:
        """The headers of every question whose document names this operation."""
        return [headers for body, headers in self.asked if f" {name}" in body["query"]]

    def end_sessions(self) -> None:
        self.logged_in.clear()

    def pages(self) -> dict[str, str]:
        names = ["teacher", "student", "outsider", "admin", "service"]
        demo = DemoHints(
            password="studygraph-demo",
            accounts={name: f"{name}@demo.school" for name in names},
            ids={"classroom": "Q2xhc3Nyb29tOjE", "meeting": "TWVldGluZzow"},
        )
        tabs = [
            Tab("Front page", self.front_page, {"id": "Q2xhc3Nyb29tOjE", "search": "photosynthesis"}, "teacher"),
            Tab("Stores", "{\n  stores { name status }\n}\n"),
        ]
        return {
            "development": page(endpoint="/graphql", production=False, demo=demo, tabs=tabs),
            "production": page(endpoint="/production", production=True, demo=None, tabs=tabs),
        }

    async def graphql(self, request: Request) -> Response:
        production = request.url.path == "/production"
        if request.method == "GET":
            shown = self.pages()["production" if production else "development"]
            return HTMLResponse(shown, headers={"content-security-policy": CSP, "cache-control": "no-store"})
        body = await request.json()
        self.asked.append((body, dict(request.headers)))
        if body.get("operationName") == "LogIn":
            return self.log_in(body["variables"]["input"])

        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        role = self.logged_in.get(token)
        if role is None and (token or "classroom" in body["query"]):
            return refused("Log in first.", "UNAUTHENTICATED", 401)
        if production and "__schema" in body["query"]:
            return refused("Introspection is off.", "INTROSPECTION_DISABLED", 400)
        variables = body.get("variables") or {}
        root = {
            "classroom": classroom(role or "", variables.get("members", 20)),
            "viewer": {"name": role} if role else None,
            "stores": [{"name": name, "status": "UP"} for name in (*LEDGER, "kafka")],
        }
        result = graphql_sync(
            self.schema, body["query"], root, variable_values=variables, operation_name=body.get("operationName")
        ).formatted
        if result.get("data") is None and not any("path" in error for error in result.get("errors", [])):
            for error in result["errors"]:
                error["extensions"] = {"code": "GRAPHQL_VALIDATION_FAILED"}
            return JSONResponse({"errors": result["errors"]}, 400)
        answer: dict[str, Any] = dict(result)
        if request.headers.get("x-studygraph-ledger") == "1" and not production:
            answer["extensions"] = {"ledger": LEDGER}
        return JSONResponse(answer)

    def log_in(self, given: dict[str, str]) -> Response:
        errors = []
        payload: dict[str, Any] = {"accessToken": None, "refreshToken": None, "expiresAt": None, "user": None}
        role = given["email"].partition("@")[0]
        if given["password"] == "studygraph-demo":
            self.logins += 1
            token = f"token-{role}-{self.logins}"
            self.logged_in[token] = role
            user = {"id": "VXNlcjox", "email": given["email"], "role": role.upper()}
            expires = "2026-11-21T10:15:00.000+00:00"
            payload = {"accessToken": token, "refreshToken": "r", "expiresAt": expires, "user": user}
        else:
            message = "The e-mail or the password is not right."
            errors = [{"code": "INVALID_CREDENTIALS", "message": message, "path": ["input"]}]
        return JSONResponse({"data": {"logIn": {**payload, "errors": errors}}})


def refused(message: str, code: str, status: int) -> Response:
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status)


async def recording(_request: Request) -> Response:
    return PlainTextResponse("a recording")


@contextmanager
def serving(school: School) -> Iterator[str]:
    """The school on a free port of this machine; yields its origin."""
    routes = [
        Route("/graphql", school.graphql, methods=["GET", "POST"]),
        Route("/production", school.graphql, methods=["GET", "POST"]),
        Route("/files/{path:path}", recording),
        Mount("/explorer", StaticFiles(directory=STATIC)),
    ]
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=routes), log_level="warning", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    # Connections wait in the socket's backlog until the thread accepts: nobody has to poll for readiness.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
