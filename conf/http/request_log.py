"""The outermost ASGI middleware: request ids, the request log, Prometheus metrics, and headers of every response.

These features share one middleware because each additional one slows down every request. Together these features take a
few microseconds.
"""

import random
import re
import time
from typing import Any

import structlog
from prometheus_client import Counter, Histogram, disable_created_metrics
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conf.http import problems
from conf.http.headers import header

log = structlog.get_logger("access")
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter(
    "campus_http_requests", "HTTP requests, by method, route and status code", ["method", "route", "status"]
)
SECONDS = Histogram(
    "campus_http_request_seconds",
    "Seconds from the start of a request to the end of its response",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)

HEADERS_MAX_BYTES = 32 * 1024
"""Maximum size of all headers of a request together."""
URL_MAX_BYTES = 8 * 1024
"""Maximum length of the path and the query (RFC 9110, 4.1, recommends at least 8000)."""
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""Security headers of every response (OWASP, REST Security Cheat Sheet). A route may set its own values; pages do."""
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_REPEATABLE = frozenset({b"link", b"ratelimit", b"ratelimit-policy", b"vary"})
"""Headers that a response may have several times."""
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""`traceparent` (W3C Trace Context, 3.2)."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_UNLOGGED = frozenset({"/healthcheck/", "/healthcheck/live", "/healthcheck/ready", "/healthcheck/startup", "/metrics"})
"""Routes whose requests are not logged."""


class RequestLog:
    """The middleware. `access_log`: log each request. `https`: send `Strict-Transport-Security`."""

    def __init__(self, app: ASGIApp, *, access_log: bool, https: bool) -> None:
        self._app = app
        self._log = access_log
        self._security = SECURITY + ([STRICT_TRANSPORT] if https else [])
        self._protected = {name for name, _ in self._security}
        self._metrics: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _given_id(scope) or b"%016x" % random.getrandbits(64)
        scope["request_id"] = request_id.decode()
        bound = structlog.contextvars.bind_contextvars(request_id=scope["request_id"])  # threads copy the context
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id)]
                names = {name for name, _ in headers}
                if more := scope.get("always_headers"):
                    headers += [pair for pair in more if pair[0] in _REPEATABLE or pair[0] not in names]
                if names.isdisjoint(self._protected):
                    headers += self._security
                else:
                    headers += [pair for pair in self._security if pair[0] not in names]
                message["headers"] = headers
            await send(message)

        try:
            if refusal := _refusal(scope):
                await problems.problem(Request(scope), *refusal)(scope, receive, send_with_headers)
                return
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # a response even for errors of other middleware
            if status:
                log.exception("the response was interrupted by an error")
            else:
                response = await problems.unhandled_error_response(Request(scope, receive), error)
                await response(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - start)
            structlog.contextvars.reset_contextvars(**bound)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Add the request to the metrics and to the log. `status` is 0 if the client disconnected before the
        response."""
        route: Any = scope.get("route_path") or getattr(scope.get("route"), "path", "unmatched")
        key = (scope["method"], route, status)
        metrics = self._metrics.get(key)
        if metrics is None:
            method = scope["method"] if status != 405 and len(scope["method"]) < 8 else "other"
            metrics = REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)
            if len(self._metrics) < 2000:
                self._metrics[key] = metrics
        metrics[0].inc()
        metrics[1].observe(seconds)
        if self._log and route not in _UNLOGGED:
            log.info(
                "request",
                method=scope["method"],
                path=logged_path(scope),
                status=status,
                ms=round(seconds * 1000, 1),
                **_trace(scope),
            )


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """Return the status and the reason with which a request is refused because its URL or its headers are too long."""
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > URL_MAX_BYTES:
        return 414, f"The URL must be at most {URL_MAX_BYTES} bytes."
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_MAX_BYTES:
        return 431, f"The headers must be at most {HEADERS_MAX_BYTES} bytes in total."
    return None


def logged_path(scope: Scope) -> str:
    """Return the path as it is logged: without secrets, and cut off after 500 characters."""
    path: str = scope["path"]
    for name in getattr(scope.get("handler"), "secrets", ()):
        path = path.replace(str(scope["path_params"].get(name) or "\0"), "…")
    return (path if path.isprintable() else ascii(path))[:500]


def _trace(scope: Scope) -> dict[str, str]:
    """Return the caller's trace id from `traceparent`, so that log entries of both systems can be joined."""
    found = _TRACE.fullmatch(header(scope, b"traceparent"))
    return {"trace_id": found[1].decode()} if found else {}


def _given_id(scope: Scope) -> bytes | None:
    """Return the `X-Request-ID` that a proxy or client sent, if it is safe in logs and headers."""
    given = header(scope, b"x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else None
