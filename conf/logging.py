"""Logging: one JSON object per line on standard output, or plain text. Includes the logs of libraries."""

import io
import logging
import re
import sys
from typing import Any, TextIO

import structlog
from pydantic_core import to_json

from conf.settings import Settings

# Without local variables: they contain passwords and user input.
_FORMAT_EXCEPTION = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


# PostgreSQL's DETAIL of an error contains the values of the row, which are user input, too.
_ROW = re.compile(r"DETAIL:.*?(?=\n\[SQL|\nTraceback|\Z)", re.DOTALL)


def _tracebacks(exc_info: Any) -> Any:
    exceptions = _FORMAT_EXCEPTION(exc_info)
    for exception in exceptions:
        exception["exc_value"] = _ROW.sub("DETAIL: …", str(exception["exc_value"]))
    return exceptions


def _plain_traceback(output: TextIO, exc_info: Any) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    output.write(_ROW.sub("DETAIL: …", text.getvalue()))


def setup(settings: Settings) -> None:
    """Send the logs of structlog and of the standard library's logging to standard output, in the same format."""
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
        logger.setLevel(logging.NOTSET)  # uvicorn sets INFO
    logging.getLogger("uvicorn.access").disabled = True
    for chatty in (
        "amqp",
        "kombu",
        "botocore",
        "boto3",
        "urllib3",
        "authlib",  # it logs tokens at DEBUG
        "PIL",
        "s3transfer",
        "celery.worker.strategy",
        "celery.app.trace",
    ):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _json(event: object, **_: object) -> str:
    return to_json(event, fallback=repr).decode()
