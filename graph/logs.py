"""What is written down about running? JSON lines on standard error, one an operation, never variables."""

from __future__ import annotations

import logging
import sys
from time import gmtime, strftime, time_ns
from typing import Final

import orjson
import structlog

from graph.settings import Settings

DRIVERS: Final = {"aiobotocore", "aiokafka", "asyncpg", "botocore", "cassandra", "motor", "pymongo", "redis"}
"""Whose complaints are about a server, not about this program: their tracebacks lead nowhere."""


def configure_logs(settings: Settings) -> None:
    """Send every log, the libraries' too, to standard error as JSON."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _Moment(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_shortened)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # The libraries have their own idea of what is worth telling: only what is wrong.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # That somebody sends nonsense is not: it is answered, and a line for each would be theirs to write.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Moment:
    """The moment, as structlog's own stamp writes it, in a tenth of the time: the second is written once."""

    def __init__(self) -> None:
        # One value: several threads write to one log.
        self._second = (0, "")

    def __call__(self, logger: object, method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
        second, nanoseconds = divmod(time_ns(), 1_000_000_000)
        known, written = self._second
        if second != known:
            written = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = (second, written)
        entry["timestamp"] = f"{written}.{nanoseconds // 1000:06}Z"
        return entry


def _shortened(record: logging.LogRecord) -> bool:
    """A driver's complaint without its traceback."""
    if record.name.partition(".")[0] in DRIVERS and record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        record.msg = f"{record.getMessage()} {type(error).__name__}: {error}"
        record.args = record.exc_info = record.exc_text = None
    return True
