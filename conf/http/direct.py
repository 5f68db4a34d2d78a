"""The way to our routes, past what frameworks put around routes."""

from collections.abc import Sequence

from fastapi import Request, Response
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from conf.http import problems
from conf.http.route import Route

STARTS = 3
"""Parts of a path by which routes are found."""


class Direct:
    """ASGI layer that leads requests straight to our routes.

    They need nothing of what FastAPI and Starlette wrap around routes for errors and exit stacks, which would cost a
    small request a tenth of its time.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._others: list[Route] = []
        self._by_start: dict[str, list[Route]] = {}
        for route in routes:
            if isinstance(route, Route):
                start = _start(route.beginning)
                place = self._by_start.setdefault(start, []) if start.count("/") == STARTS else self._others
                place.append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            possible: set[str] = set()
            path = get_route_path(scope) if scope.get("root_path") else scope["path"]
            for route in self._by_start.get(_start(path), self._others):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.app(scope, receive, send)
                    return
                if match is Match.PARTIAL:
                    possible |= route.methods or set()
            if possible:
                await _other_method(Request(scope), possible)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _other_method(request: Request, possible: set[str]) -> Response:
    """What can be done there, to who asks, and to who tries something else."""
    possible |= {"OPTIONS", *(["HEAD"] if "GET" in possible else [])}
    allow = {"Allow": ", ".join(sorted(possible))}
    if request.method == "OPTIONS":
        return Response(None, 204, allow)
    return problems.problem(request, 405, f"{request.method} is not possible here.", headers=allow)


def _start(path: str) -> str:
    """`/api/v1/videos` of `/api/v1/videos/7/`: of hundreds of routes, few begin like that."""
    return "/".join(path.split("/", STARTS + 1)[: STARTS + 1])
