"""Probes for load balancers and orchestrators, figures for Prometheus. Public: keep `/metrics` inside your network."""

import asyncio
import time

from fastapi import Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from conf.http import draining
from conf.http.access import PUBLIC
from conf.http.route import Router
from healthcheck import checks, metrics

router = Router("", tags=["healthcheck"])

FRESH_S = 1.0
"""Results are shared for so long: probes must not become a load."""


class CheckResult(BaseModel):
    name: str
    status: str
    error: str | None
    ms: float


class Readiness(BaseModel):
    status: str
    checks: list[CheckResult] | None = None


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
    """The process answers."""
    return PlainTextResponse("OK")


@router.get("/healthcheck/live", response_class=PlainTextResponse, dependencies=[PUBLIC])
async def live() -> PlainTextResponse:
    """Restart the process when this fails."""
    return PlainTextResponse("OK")


@router.get(
    "/healthcheck/ready", response_model=Readiness, responses={503: {"model": Readiness}}, dependencies=[PUBLIC]
)
async def ready(verbose: str | None = Query(None, description="Name it to see every check.")) -> Response:
    """Send requests here only while this is 200: `ok`, or `degraded` when only new background work has to wait."""
    results = await _results()
    if draining.is_draining():
        status = "draining"
    elif any(result.error and result.needed for result in results):
        status = "failing"
    else:
        status = "degraded" if any(result.error for result in results) else "ok"
    bad = status in ("draining", "failing")
    listed = [CheckResult(name=r.name, status="failing" if r.error else "ok", error=r.error, ms=r.ms) for r in results]
    told = Readiness(status=status, checks=listed if verbose is not None and verbose != "0" else None)
    return Response(
        told.model_dump_json(exclude_none=verbose is None or verbose == "0"),
        503 if bad else 200,
        {"Retry-After": "5"} if bad else None,
        "application/json",
    )


@router.get("/healthcheck/startup", response_class=PlainTextResponse, responses={503: {}}, dependencies=[PUBLIC])
async def startup() -> PlainTextResponse:
    """Whether the process has been ready once."""
    if not _Latest.started:
        _Latest.started = not any(result.error and result.needed for result in await _results())
    return PlainTextResponse("OK") if _Latest.started else PlainTextResponse("starting", 503)


@router.get("/metrics", include_in_schema=False, dependencies=[PUBLIC])
async def prometheus() -> Response:
    """Figures in the text format of Prometheus, of all processes of this server."""
    return Response(await asyncio.to_thread(metrics.render), media_type=metrics.CONTENT_TYPE)
