"""The ASGI application: `uvicorn main:app` or `gunicorn -c gunicorn_config.py main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from conf import events, hardening, logging, resources
from conf._celery.app import celery_app
from conf.http import draining, index, media, problems, reference
from conf.http.request_log import RequestLog
from conf.settings import get_settings
from conf.work import sweep_work
from healthcheck import routes as healthcheck
from web import routes as web

REQUEST_HEADERS = [
    *("Authorization", "Content-Type", "Device-Token", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("Last-Event-ID", "traceparent", "X-Request-ID"),
]
"""Request headers that web pages of `cors_origins` may send (CORS)."""
RESPONSE_HEADERS = [
    *("Deprecation", "ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy"),
    *("Retry-After", "Sunset", "X-Request-ID"),
]
"""Response headers that web pages of `cors_origins` may read (CORS)."""


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    hardening.protect_process()
    draining.install()
    sweep_work()
    yield


def build() -> FastAPI:
    """Build the application from the installed resources and the settings."""
    settings = get_settings()
    logging.setup(settings)
    resources.import_models()
    celery_app.loader.import_default_modules()
    events.verify()
    app = FastAPI(title=reference.TITLE, openapi_url=None, lifespan=lifespan, redirect_slashes=False)
    problems.install(app)
    for router in (*resources.routers(), media.router, healthcheck.router, web.router, reference.router):
        app.include_router(router)
    reference.install(app)
    index.install(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=600,
        )
    app.add_middleware(RequestLog, access_log=settings.access_log, https=settings.public_url.startswith("https://"))
    return app


app = build()
