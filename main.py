"""The composition root: `uvicorn main:app`, `gunicorn -c gunicorn_config.py main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from conf import logging, resources
from conf._celery.app import celery_app
from conf.http import draining, media, problems
from conf.http.observe import Observe
from conf.http.route import Direct
from conf.settings import get_settings
from conf.storage.work import sweep_work
from healthcheck import routes as healthcheck
from web import routes as web


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    draining.install()
    sweep_work()
    yield


def build() -> FastAPI:
    settings = get_settings()
    logging.setup(settings)
    resources.import_models()
    celery_app.loader.import_default_modules()
    app = FastAPIOffline(  # brings the page /docs with it instead of loading it from elsewhere
        redoc_url=None,
        title="Campus",
        version="1",
        summary="The backend of a campus behind one versioned API",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    problems.install(app)
    routers = (*resources.routers(), media.router, healthcheck.router, web.router)
    app.router.routes[:0] = [route for router in routers for route in router.routes]
    app.add_middleware(Direct, routes=app.routes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(Observe, access_log=settings.access_log)
    return app


app = build()
