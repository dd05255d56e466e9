"""Was every skip expected, and which implementation kept which promise? The run fails on an unexpected skip; when all
of it ran, the table in `datadir/README.md` says how many tests of each contract each implementation passed."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED_SKIPS = Path(__file__).with_name("expected_skips.txt")
README = ROOT / "datadir" / "README.md"
START = "<!-- contracts: written by `make test-servers` -->"
END = "<!-- contracts end -->"
IMPLEMENTATIONS = {
    "postgresql": ["PostgreSQL 18, embedded", "PostgreSQL 18", "PostgreSQL 16", "PostgreSQL 15"],
    "migrations": ["PostgreSQL 18, embedded", "PostgreSQL 18", "PostgreSQL 16", "PostgreSQL 15"],
    "redis": ["Valkey 9, embedded", "Valkey 9", "Redis 7", "Redis Cluster of three"],
    "cache": ["Valkey 9, embedded", "Valkey 9", "Redis 7", "Redis Cluster of three"],
    "mongodb": ["SecantusDB, embedded", "SecantusDB"],
    "qdrant": ["Qdrant edge, embedded", "qdrant-client's local mode"],
    "series": ["PostgreSQL 18, embedded", "PostgreSQL 15", "Cassandra 5", "Cassandra 5 with accounts"],
    "eventlog": ["PostgreSQL 18, embedded", "PostgreSQL 15", "Kafka 4"],
    "objects": ["a folder, embedded", "versitygw 1.8"],
    "tls": ["PostgreSQL 15", "Redis 7", "SecantusDB", "Cassandra 5", "Kafka 4", "versitygw 1.8"],
    "queries": ["real servers"],
}
"""What has to have run before the table is written, by contract and in its order. A server that the environment names
stands in for the one of that name."""
OPTIONAL = {"qdrant": ["Qdrant server"]}
"""What is in no registry."""

Kept = tuple[str, str, bool]
"""A contract, the implementation that kept it, and whether the test is the contract's own."""


def kept_by(item: pytest.Item) -> list[tuple[str, object]]:
    """What a report is to say of this test, nothing where it belongs to no contract."""
    owner = getattr(item, "cls", None)
    implementation = getattr(owner, "implementation", None) or getattr(item.module, "IMPLEMENTATION", None)
    if implementation is None:
        return []
    for kind in getattr(owner, "__mro__", ()):
        module = kind.__module__.rpartition(".")[2]
        if module.endswith("_contract"):
            # What a cluster keeps too is a contract of its own, and part of the whole one: redis_keys, cache_values.
            contracts_own = item.function.__module__.endswith("_contract")
            return [("kept", (module.partition("_")[0], implementation, contracts_own))]
    return [("kept", (item.module.CONTRACT, implementation, True))]


def is_expected(reason: str) -> bool:
    """Whether a line of the file is this reason; `*` stands for anything."""
    lines = EXPECTED_SKIPS.read_text(encoding="utf-8").splitlines()
    return any(fnmatchcase(reason, line) for line in lines if line and not line.startswith("#"))


def table(passed: Counter[Kept]) -> str | None:
    """The table, None where something has not run."""
    lines = ["| contract | implementation | tests of the contract | of its own |", "|---|---|---|---|"]
    for contract, implementations in IMPLEMENTATIONS.items():
        for implementation in implementations:
            whole, own = (passed[contract, implementation, contracts] for contracts in (True, False))
            if not whole:
                return None
            lines.append(f"| {contract} | {implementation} | {whole} | {own or ''} |".replace("|  |", "| |"))
        lines += [f"| {contract} | {name} | where one is named | |" for name in OPTIONAL.get(contract, [])]
    return "\n".join(lines)


def write(text: str, page: Path = README) -> None:
    """Put the table between its markers; an unchanged one leaves the file alone."""
    before = page.read_text(encoding="utf-8")
    after = re.sub(
        f"{re.escape(START)}.*?{re.escape(END)}", lambda _: f"{START}\n{text}\n{END}", before, flags=re.DOTALL
    )
    if after != before:
        page.write_text(after, encoding="utf-8")


class Outcome:
    """Listens to every report of the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._skips: Counter[str] = Counter()
        self._passed: Counter[Kept] = Counter()
        self._said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count it."""
        if report.skipped and isinstance(report.longrepr, tuple):
            self._skips[report.longrepr[2].removeprefix("Skipped: ")] += 1
        if report.when == "call" and report.passed:
            self._passed.update(tuple(kept) for name, kept in report.user_properties if name == "kept")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail on a skip that nobody expected; write the table where all has run."""
        odd = sorted(reason for reason in self._skips if not is_expected(reason))
        if odd:
            self._said = f"skips that {EXPECTED_SKIPS.relative_to(ROOT)} does not list: {'; '.join(odd)}"
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        whole = table(self._passed)
        if exitstatus == 0 and whole is not None:
            write(whole)
        elif exitstatus == 0:
            self._said = f"not all of it ran: the table in {README.relative_to(ROOT)} stays as it was"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why the run failed, or wrote no table."""
        if self._said:
            terminalreporter.write_line(self._said, yellow=True)
