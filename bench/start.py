"""How long until it answers, how long after a restart, and how many front pages a second? `make bench-start`.

Everything is embedded and fresh, in a temporary folder that is gone afterwards; installing the packages is not part of
it. Cold: a new data folder. Warm: a start on the last cold one's. Machines are noisy, so each number is the median of
several rounds. The table goes to standard output, the same numbers to `bench/out/start.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import load
from bench.server import ROOT, BenchError, Server, descendants, folder, resident_bytes
from graph.explorer.tabs import tabs
from graph.ids import encode
from resolvers.demo.documents import plans

OUT: Final = ROOT / "bench" / "out" / "start.json"
FRONT_PAGE: Final = tabs()[0]
CONNECTIONS: Final = (1, 8)
MIB: Final = 1024 * 1024

STATUSES: Final = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Document { status } } }"
# What a restart must keep, of four stores; the vectors are counted by what a search finds.
ROWS: Final = """
{
  classrooms(first: 100) {
    nodes {
      members(first: 100) { nodes { user { engagement(days: 90) { date } } } }
      meetings(first: 100) { nodes { recordings { id } transcript { segments(first: 1) { totalCount } } } }
      assessments(first: 100) { nodes { submissionSummary { count } } }
      search(query: "a", first: 100) { edges { score } }
    }
  }
}
"""

# What each name in the JSON means, in the table's order.
MEANINGS: Final = {
    "cold.page_s": "cold start until the page answers, s",
    "cold.front_page_s": "cold start until the front page answers the teacher, s",
    "cold.search_s": "cold start until its search finds something, s",
    "cold.embedded_s": "cold start until all texts are embedded, s",
    "warm.page_s": "warm start until the page answers, s",
    "warm.front_page_s": "warm start until the front page answers the teacher, s",
    "stop_s": "stop by SIGTERM, s",
    "rows.before": "rows, documents, days and vectors before the restarts",
    "rows.after": "and after them",
    "front_page.store_calls": "store calls of the front page",
    "front_page.bytes": "its answer, bytes",
    "front_page.c1.per_s": "front pages a second, 1 connection",
    "front_page.c1.p50_ms": "  median, ms",
    "front_page.c1.p99_ms": "  99 of 100 within, ms",
    "front_page.c1.client_share": "  the client's share of a core",
    "front_page.c8.per_s": "front pages a second, 8 connections",
    "front_page.c8.p50_ms": "  median, ms",
    "front_page.c8.p99_ms": "  99 of 100 within, ms",
    "front_page.c8.client_share": "  the client's share of a core",
    "server.resident_mib": "memory of the API process after that, MiB",
    "server.children": "processes it has started",
    "server.family_resident_mib": "memory of these and theirs (shared pages counted in each), MiB",
    "machine.cores": "cores",
    "machine.load_before": "load average before",
}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each round of requests (10)")
    given = parser.parse_args()
    if given.rounds < 1 or given.seconds <= 0:
        parser.error("--rounds is 1 or more, --seconds more than 0")
    try:
        numbers = measured(given.rounds, given.seconds)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_table(numbers))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


def measured(rounds: int, seconds: float) -> dict[str, float]:
    """All numbers by name. Raises BenchError."""
    found: dict[str, list[float]] = defaultdict(list)
    found["machine.load_before"].append(os.getloadavg()[0])
    found["machine.cores"].append(os.cpu_count() or 1)
    with folder() as place:
        for number in range(rounds):
            data = place / f"cold-{number}" / "data"
            data.parent.mkdir(mode=0o711)
            _say(f"cold start {number + 1} of {rounds}")
            _cold(data, found)
        for number in range(rounds):
            _say(f"warm start {number + 1} of {rounds}")
            _warm(data, found, last=number == rounds - 1, rounds=rounds, seconds=seconds)
    if found["rows.after"] != found["rows.before"]:
        raise BenchError(f"A restart lost rows: {found['rows.before']} before, {found['rows.after']} after.")
    return {name: round(median(values), 3) for name, values in found.items()}


def _cold(data: Path, found: dict[str, list[float]]) -> None:
    with Server(data) as server:
        found["cold.page_s"].append(server.until(server.page_answers, "the page answered"))
        token = server.token("teacher")
        asked: dict[str, Any] = {}

        def front_page_answers() -> bool:
            asked.update(_front_page(server, token))
            return "errors" not in asked

        def search_finds() -> bool:
            return front_page_answers() and bool(asked["data"]["classroom"]["search"]["edges"])

        found["cold.front_page_s"].append(server.until(front_page_answers, "the front page answered"))
        found["cold.search_s"].append(server.until(search_finds, "the search found anything"))
        admin = server.token("admin")
        ids = [encode("Document", plan.id) for plan in plans()]

        def all_embedded() -> bool:
            nodes = (server.ask(STATUSES, {"ids": ids}, admin).get("data") or {}).get("nodes") or [None]
            return all(node and node["status"] == "READY" for node in nodes)

        found["cold.embedded_s"].append(server.until(all_embedded, "all texts were embedded", every=0.25))
        # Only the last folder is started again.
        found["rows.before"] = [_rows(server, admin)]
        found["stop_s"].append(server.stop())


def _warm(data: Path, found: dict[str, list[float]], *, last: bool, rounds: int, seconds: float) -> None:
    with Server(data) as server:
        found["warm.page_s"].append(server.until(server.page_answers, "the page answered"))
        token = server.token("teacher")
        answers = server.until(lambda: "errors" not in _front_page(server, token), "the front page answered")
        found["warm.front_page_s"].append(answers)
        if last:
            found["rows.after"] = [_rows(server, server.token("admin"))]
            _front_pages(server, token, found, rounds, seconds)
            family = descendants(server.process.pid)
            found["server.resident_mib"].append(resident_bytes(server.process.pid) / MIB)
            found["server.children"].append(sum(each.parent == server.process.pid for each in family))
            found["server.family_resident_mib"].append(sum(each.resident for each in family) / MIB)
        found["stop_s"].append(server.stop())


def _front_pages(server: Server, token: str, found: dict[str, list[float]], rounds: int, seconds: float) -> None:
    answer = _front_page(server, token, ledger=True)
    ledger = answer.pop("extensions")["ledger"]
    found["front_page.store_calls"].append(sum(entry["calls"] for entry in ledger.values()))
    for store, entry in ledger.items():
        found[f"front_page.store_calls.{store}"].append(entry["calls"])
    found["front_page.bytes"].append(len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()))
    sent = load.request(server.port, token, FRONT_PAGE.query, dict(FRONT_PAGE.variables))
    load.measured(server.port, sent, max(CONNECTIONS), min(2.0, seconds))  # warm-up: caches, pools
    for connections in CONNECTIONS:
        name = f"front_page.c{connections}"
        latencies: list[float] = []
        for number in range(rounds):
            _say(f"front pages on {connections} connection(s), round {number + 1} of {rounds}")
            each = load.measured(server.port, sent, connections, seconds)
            found[f"{name}.per_s"].append(each.per_second)
            found[f"{name}.client_share"].append(each.client_share)
            latencies += each.latencies
        found[f"{name}.p50_ms"].append(load.percentile(latencies, 0.5) * 1000)
        found[f"{name}.p99_ms"].append(load.percentile(latencies, 0.99) * 1000)


def _front_page(server: Server, token: str, *, ledger: bool = False) -> dict[str, Any]:
    return server.ask(FRONT_PAGE.query, dict(FRONT_PAGE.variables), token, ledger=ledger)


def _rows(server: Server, admin: str) -> int:
    """How much is in the stores, counted through the graph."""
    answer: dict[str, Any] = {}

    def counted() -> bool:
        answer.clear()
        answer.update(server.ask(ROWS, token=admin))
        return "errors" not in answer

    server.until(counted, "the rows were counted")
    total = 0
    for classroom in answer["data"]["classrooms"]["nodes"]:
        members, meetings = classroom["members"]["nodes"], classroom["meetings"]["nodes"]
        assessments, passages = classroom["assessments"]["nodes"], classroom["search"]["edges"]
        total += 1 + len(members) + len(meetings) + len(assessments) + len(passages)
        total += sum(len(each["user"]["engagement"]) for each in members)
        total += sum(each["submissionSummary"]["count"] for each in assessments)
        total += sum(len(each["recordings"]) for each in meetings)
        total += sum(each["transcript"]["segments"]["totalCount"] for each in meetings if each["transcript"])
    return total


def _table(numbers: dict[str, float]) -> str:
    lines = [f"{MEANINGS[name]:<68}{numbers[name]:>12,.10g}" for name in MEANINGS]
    calls = ", ".join(
        f"{name.rpartition('.')[2]} {value:g}" for name, value in numbers.items() if ".store_calls." in name
    )
    lines.append(f"store calls: {calls}")
    for connections in CONNECTIONS:
        if numbers[f"front_page.c{connections}.client_share"] > load.CLIENT_BOUND:
            lines.append(f"With {connections} connection(s) the client was the limit, not the server.")
    return "\n".join(lines) + "\n"


def _say(step: str) -> None:
    sys.stderr.write(f"{step} ...\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
