"""Logs: one JSON object a line on standard output (or plain lines for people), those of libraries included."""

import io
import logging
import re
import sys
from typing import Any, TextIO

import structlog
from pydantic_core import to_json

from conf.settings import Settings

# Without local variables: they hold passwords and what users sent.
_DICTS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


# What PostgreSQL says of the row that failed: that is what users sent, too.
_ROW = re.compile(r"DETAIL:.*?(?=\n\[SQL|\nTraceback|\Z)", re.DOTALL)


def _tracebacks(exc_info: Any) -> Any:
    told = _DICTS(exc_info)
    for part in told:
        part["exc_value"] = _ROW.sub("DETAIL: …", str(part["exc_value"]))
    return told


def _plain_traceback(output: TextIO, exc_info: Any) -> None:
    told = io.StringIO()
    structlog.dev.plain_traceback(told, exc_info)
    output.write(_ROW.sub("DETAIL: …", told.getvalue()))


def setup(settings: Settings) -> None:
    """Route structlog and the standard library's logging to standard output in one form."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True),
    ]
    render: list[structlog.types.Processor] = (
        [structlog.processors.ExceptionRenderer(_tracebacks), structlog.processors.JSONRenderer(_json)]
        if settings.log_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=_plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "gunicorn.error", "celery", "kombu", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    for chatty in (
        "amqp",
        "kombu",
        "botocore",
        "boto3",
        "urllib3",
        "authlib",  # at DEBUG it writes tokens
        "PIL",
        "s3transfer",
        "celery.worker.strategy",
        "celery.app.trace",
    ):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _json(event: object, **_: object) -> str:
    return to_json(event, fallback=repr).decode()
