"""Do statements travel with another one, those ahead of it unheard, those behind it heard when they are asked for?

And does nothing run behind what went ahead and failed?
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest
import pytest_asyncio

from datadir.postgresql.connection import Connection, connect
from datadir.postgresql.wire import Wire
from tests.stores.postgres_fixture import Database


class Asked(asyncio.Protocol):
    """asyncpg's place: everything that it would hear."""

    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


class Sent:
    """The transport's place: every write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes | memoryview) -> None:
        self.writes.append(bytes(data))


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"T")
NOTICE = message(b"N", b"SWARNING\0\0")
SETTING = message(b"S", b"application_name\0contract\0")
REFUSED = message(b"E", b"SERROR\0C22012\0Mdivision by zero\0\0")
# Bound, a row, its end: what asyncpg has asked for, whose row could be taken for anything.
ANSWER = message(b"2") + message(b"D", b"\0\1\0\0\0\5CZE21") + message(b"C", b"SELECT 1\0")
BEGUN = message(b"1") + message(b"2") + message(b"C", b"BEGIN\0")
SET = message(b"1") + message(b"2") + message(b"D", b"\0\1\0\0\0\1C") + message(b"C", b"SELECT 1\0")


def asked_after(*ahead: str) -> tuple[Wire, Asked, Sent]:
    asked, sent = Asked(), Sent()
    line = Wire(asked)
    line.transport = sent
    line.ahead(*ahead)
    line.write(b"question")
    return line, asked, sent


class TestOnTheWire:
    def test_what_goes_ahead_is_one_write_with_what_follows(self) -> None:
        _, _, sent = asked_after("begin", "select 1")
        [write] = sent.writes
        begin = message(b"P", b"\0begin\0\0\0") + message(b"B", b"\0\0\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0")
        assert write.startswith(begin)
        assert write.endswith(b"question")
        assert write.count(b"select 1\0") == 1

    def test_what_follows_goes_alone_the_next_time(self) -> None:
        line, _, sent = asked_after("begin")
        line.write(b"and another")
        assert sent.writes[1:] == [b"and another"]

    def test_several_parts_are_one_write_too(self) -> None:
        line, _, sent = asked_after()
        line.ahead("begin")
        line.writelines([b"one ", memoryview(b"two")])
        assert len(sent.writes) == 2
        assert sent.writes[1].endswith(b"one two")

    def test_its_answers_are_unheard_wherever_the_bytes_are_cut(self) -> None:
        whole = BEGUN + NOTICE + SET + SETTING + ANSWER + READY
        for first in range(len(whole)):
            for second in (first + 1, first + 7, len(whole)):
                line, asked, _ = asked_after("begin", "select set_config('a.b', 'C', true)")
                for part in (whole[:first], whole[first:second], whole[second:]):
                    line.data_received(part)
                assert asked.heard == NOTICE + SETTING + ANSWER + READY

    def test_an_error_is_heard_and_so_is_all_that_comes_after_it(self) -> None:
        for cut in range(len(BEGUN + REFUSED + READY)):
            line, asked, _ = asked_after("begin", "select 1/0", "select 1")
            whole = BEGUN + REFUSED + READY
            line.data_received(whole[:cut])
            line.data_received(whole[cut:])
            assert asked.heard == REFUSED + READY
            line.write(b"rollback")
            line.data_received(SET)
            assert asked.heard == REFUSED + READY + SET


class Asking(Asked):
    """asyncpg's place where it asks one thing after another, each until the server is ready."""

    def __init__(self, line: Wire) -> None:
        super().__init__()
        self.line = line
        self.answers: list[bytes] = []
        self.until: asyncio.Future[None] | None = None

    def ask(self, question: bytes) -> asyncio.Future[None]:
        self.until = until = asyncio.get_running_loop().create_future()
        self.line.write(question)
        self.line.waits(until)
        return until

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        assert self.until is not None, "nothing was asked"
        # A row that looks like an end has its own length before it.
        if self.heard.endswith(READY) and not self.heard.endswith(LOOKALIKE):
            self.answers.append(self.heard)
            self.heard = b""
            until, self.until = self.until, None
            until.set_result(None)


LOOKALIKE = message(b"D", b"\0\1\0\0\0\6" + READY)
ANSWERS = [
    message(b"2") + LOOKALIKE + message(b"C", b"SELECT 1\0") + READY,
    message(b"2") + message(b"C", b"SELECT 0\0") + READY,
    message(b"2") + LOOKALIKE * 2 + NOTICE + message(b"C", b"SELECT 2\0") + READY,
]


class TestBehind:
    def asking_three(self, *ahead: str) -> tuple[Asking, Sent]:
        line, sent = Wire(), Sent()
        line.transport, asking = sent, Asking(line)
        line._protocol = asking
        line.ahead(*ahead)
        line.behind(b"second")
        line.behind(b"third")
        asking.ask(b"first")
        return asking, sent

    async def test_what_goes_behind_is_one_write_with_what_goes_before(self) -> None:
        asking, sent = self.asking_three("begin")
        assert [write[-16:] for write in sent.writes] == [b"firstsecondthird"]
        asking.line.data_received(BEGUN + b"".join(ANSWERS))
        for question in (b"second", b"third"):
            assert asking.ask(question).done(), "what has come is heard at once"
        assert len(sent.writes) == 1
        asking.ask(b"fourth")
        assert sent.writes[1:] == [b"fourth"]

    async def test_each_answer_is_heard_when_it_is_asked_for_wherever_the_bytes_are_cut(self) -> None:
        whole = b"".join(ANSWERS)
        for first in range(len(whole)):
            for second in (first, first + 1, first + 7, first + 40):
                asking, _ = self.asking_three()
                questions = [b"second", b"third"]
                for part in (whole[:first], whole[first:second], whole[second:]):
                    asking.line.data_received(part)
                    while asking.until is None and questions:
                        asking.ask(questions.pop(0))
                assert asking.answers == ANSWERS

    async def test_what_is_not_asked_for_is_not_heard(self) -> None:
        asking, _ = self.asking_three()
        asking.line.data_received(b"".join(ANSWERS))
        assert asking.answers == ANSWERS[:1]
        assert asking.line.early

    async def test_another_question_than_what_went_out_is_refused(self) -> None:
        asking, sent = self.asking_three()
        asking.line.data_received(ANSWERS[0])
        with pytest.raises(RuntimeError, match=r"^What went along is not what is asked now\.$"):
            asking.ask(b"third")
        assert len(sent.writes) == 1


@pytest_asyncio.fixture(loop_scope="session")
async def connection(database: Database) -> AsyncIterator[Any]:
    opened = await connect(database.dsn, loop=asyncio.get_running_loop(), connection_class=Connection)
    yield opened
    await opened.close()


class TestOnAServer:
    async def test_a_statement_runs_in_the_transaction_that_went_ahead(self, connection: Connection) -> None:
        connection.ahead("begin isolation level repeatable read", "select set_config('app.user_id', 'ada', true)")
        sql = "select current_setting('transaction_isolation'), current_setting('app.user_id')"
        assert tuple(await connection.fetchrow(sql)) == ("repeatable read", "ada")
        connection.ahead("commit", "begin")
        assert tuple(await connection.fetchrow(sql)) == ("read committed", "")
        await connection.execute("rollback")

    @pytest.mark.parametrize("prepared", [False, True], ids=["met for the first time", "prepared"])
    async def test_nothing_runs_behind_a_statement_that_fails(self, connection: Connection, prepared: bool) -> None:
        await connection.execute("create temporary table written (n int)")
        insert = "insert into written values ($1)"
        if prepared:
            await connection.execute(insert, 1)
        connection.ahead("begin", "select 1/0")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.execute(insert, 2)
        await connection.execute("rollback")
        # Where not even a transaction had begun.
        connection.ahead("begin isolation level none", "select 1")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.execute(insert, 3)
        assert not connection.is_in_transaction()
        rows = await connection.fetch("select n from written")
        assert [row["n"] for row in rows] == ([1] if prepared else [])

    async def test_rows_of_a_prepared_statement_are_those_of_fetch(self, connection: Connection) -> None:
        sql = "select n, n::text as word from generate_series(1, $1) as n"
        first = await connection.rows(asyncpg.Record, sql, (3,), 1.0)
        again = await connection.rows(asyncpg.Record, sql, (3,), 1.0)
        assert [tuple(row) for row in first] == [tuple(row) for row in again] == [(1, "1"), (2, "2"), (3, "3")]
        with pytest.raises(TimeoutError):
            await connection.rows(asyncpg.Record, "select pg_sleep($1)", (5.0,), 0.05)
        with pytest.raises(TimeoutError):
            await connection.rows(asyncpg.Record, "select pg_sleep($1)", (5.0,), 0.05)
        assert await connection.fetchval("select 1") == 1
        assert not cast("Any", connection)._cancellations, "what cut them is not kept"

    async def test_a_table_that_changed_its_type_is_read_anew_in_the_next_transaction(
        self, connection: Connection
    ) -> None:
        await connection.execute("create temporary table changed as select 1 as n")
        sql = "select * from changed"
        assert [tuple(row) for row in await connection.rows(asyncpg.Record, sql, (), 1.0)] == [(1,)]
        await connection.execute("alter table changed alter n type text using 'one'")
        connection.ahead("begin")
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            await connection.rows(asyncpg.Record, sql, (), 1.0)
        await connection.execute("rollback")
        assert [tuple(row) for row in await connection.rows(asyncpg.Record, sql, (), 1.0)] == [("one",)]

    async def test_a_batch_and_a_copy_take_along_what_goes_ahead(self, connection: Connection) -> None:
        await connection.execute("create temporary table many (n int)")
        connection.ahead("begin")
        await connection.executemany("insert into many values ($1)", [(1,), (2,)])
        await connection.execute("rollback")
        connection.ahead("begin")
        await connection.copy_records_to_table("many", records=[(3,)], columns=["n"])
        assert connection.is_in_transaction()
        await connection.execute("commit")
        assert await connection.fetchval("select array_agg(n) from many") == [3]
