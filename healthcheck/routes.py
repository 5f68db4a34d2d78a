"""Health checks for load balancers and orchestrators, and metrics for Prometheus.

All routes are public, so operators must block access to `/metrics` from the internet.
"""

import asyncio
import time

from fastapi import Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from conf.http import draining
from conf.http.access import PUBLIC
from conf.http.route import Router
from healthcheck import checks, metrics
from healthcheck.checks import Severity

router = Router("", tags=["healthcheck"])

FRESH_S = 1.0
"""Seconds for which the results of the checks are cached, so that frequent probes cause no load."""


class CheckResult(BaseModel):
    """The result of one check."""

    name: str = Field(
        description="What is checked: `database`, `migrations`, `replica`, `broker`, `storage` or `database log`.",
        examples=["database"],
    )
    status: str = Field(
        description="`ok`, `failing`, or `warning`: the process works, but an operator should change a setting.",
        examples=["ok"],
    )
    error: str | None = Field(
        description="Why the check failed, in one line; null if it passed.", examples=["No response within 3 s."]
    )
    ms: float = Field(description="Duration of the check in milliseconds.", examples=[4.2])


class Readiness(BaseModel):
    """Whether the process is ready to serve requests."""

    status: str = Field(
        description=(
            "`ok`; `degraded`: the broker is not available, so background jobs are delayed, or the read replica is not"
            " available, so the main database serves its reads; `failing`: the database, a migration or the storage is"
            " missing; `draining`: the process is shutting down."
        ),
        examples=["ok"],
    )
    checks: list[CheckResult] | None = Field(None, description="All checks, if `verbose` is given.")


class _Latest:
    results: tuple[checks.Result, ...] = ()
    at = 0.0
    lock = asyncio.Lock()
    started = False


async def _results() -> tuple[checks.Result, ...]:
    async with _Latest.lock:
        if time.monotonic() - _Latest.at > FRESH_S:
            _Latest.results = tuple(await checks.run_all())
            _Latest.at = time.monotonic()
        return _Latest.results


@router.get("/healthcheck/", response_class=PlainTextResponse, dependencies=[PUBLIC])
async def healthcheck() -> PlainTextResponse:
    """Check that the process responds. Returns `OK`. Public."""
    return PlainTextResponse("OK")


@router.get("/healthcheck/live", response_class=PlainTextResponse, dependencies=[PUBLIC])
async def live() -> PlainTextResponse:
    """Check that the process is alive (liveness probe).

    Returns `OK`. If there is no response, restart the process. Public.
    """
    return PlainTextResponse("OK")


@router.get(
    "/healthcheck/ready", response_model=Readiness, responses={503: {"model": Readiness}}, dependencies=[PUBLIC]
)
async def ready(
    verbose: str | None = Query(
        None,
        description="If given, with any value but `0` or without a value, the response lists all checks.",
        examples=["1"],
    ),
) -> Response:
    """Check that the process can serve requests (readiness probe).

    Returns 200 with the status `ok`, or `degraded` if only background jobs are delayed because the broker is not
    available. Returns 503 with the status `failing` or `draining`; do not send requests to the process then. Public.
    """
    results = await _results()
    if draining.is_draining():
        status = "draining"
    else:
        worst = max((result.severity for result in results if result.error), default=Severity.WARNING)
        status = {Severity.WARNING: "ok", Severity.DEGRADED: "degraded", Severity.FAILING: "failing"}[worst]
    bad = status in ("draining", "failing")
    listed = [CheckResult(name=r.name, status=_status_of(r), error=r.error, ms=r.ms) for r in results]
    readiness = Readiness(status=status, checks=listed if verbose is not None and verbose != "0" else None)
    return Response(
        readiness.model_dump_json(exclude_none=verbose is None or verbose == "0"),
        503 if bad else 200,
        {"Retry-After": "5"} if bad else None,
        "application/json",
    )


def _status_of(result: checks.Result) -> str:
    if not result.error:
        return "ok"
    return "warning" if result.severity == Severity.WARNING else "failing"


@router.get("/healthcheck/startup", response_class=PlainTextResponse, responses={503: {}}, dependencies=[PUBLIC])
async def startup() -> PlainTextResponse:
    """Check that the process has been ready at least once (startup probe).

    Returns `OK`, or 503 with `starting`. Public.
    """
    if not _Latest.started:
        _Latest.started = not any(r.error and r.severity == Severity.FAILING for r in await _results())
    return PlainTextResponse("OK") if _Latest.started else PlainTextResponse("starting", 503)


@router.get("/metrics", include_in_schema=False, dependencies=[PUBLIC])
async def prometheus() -> Response:
    """Return the metrics of all processes of this server, in the text format of Prometheus. Public."""
    return Response(await asyncio.to_thread(metrics.render), media_type=metrics.CONTENT_TYPE)
