"""The route index finds the route of a request by the first segments of its path, without a scan of all routes.

It is the innermost middleware of the application. It chooses the same route as FastAPI: the first one that matches, in
the order in which the routes were included. It calls the application's exception handlers as FastAPI does. In addition,
a trailing slash is optional, every GET route supports HEAD, and every path supports OPTIONS.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRouter, RouteContext, iter_route_contexts
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conf.http import problems
from conf.http.bodies import bounded
from conf.http.handler import Handler
from conf.http.route import Route

SEGMENTS = 3
"""Number of path segments in the key of the index: three in `/api/v1/videos`."""


class Entry:
    """A route of the index."""

    def __init__(self, context: RouteContext) -> None:
        self.context = context
        route = context.original_route
        self.handler: Handler | None = route.handler_of(context) if isinstance(route, Route) else None
        self.route: Any = route
        path = context.path or ""
        self.path = path
        self.start = path.partition("{")[0].rpartition("/")[0] if "{" in path else path.rstrip("/")
        self.methods: set[str] = set(context.methods or ())
        if self.handler is not None:
            self.methods |= {"HEAD"} if "GET" in self.methods else set()
            # A path matches with and without a trailing slash. There is no redirect.
            self._regex = re.compile(context.path_regex.pattern.removesuffix("$").removesuffix("/") + r"/?\Z")
            self._convertors = context.param_convertors

    def match(self, scope: Scope, path: str) -> tuple[Match, dict[str, Any]]:
        """Return whether the route matches, and its path parameters. For other classes than `Route`, return the child
        scope instead of the parameters."""
        if not path.startswith(self.start):
            return Match.NONE, {}
        if self.handler is None:
            match, child = self.context._effective_route.matches(scope)  # noqa: SLF001  # FastAPI's
            return match, dict(child)
        found = self._regex.match(path)
        if found is None:
            return Match.NONE, {}
        params = {name: self._convertors[name].convert(value) for name, value in found.groupdict().items()}
        return Match.FULL if scope["method"] in self.methods else Match.PARTIAL, params

    async def serve(self, scope: Scope, receive: Receive, send: Send, params: dict[str, Any]) -> None:
        """Run the route and send the response."""
        assert self.handler is not None
        given = scope.get("path_params")
        scope["path_params"] = {**given, **params} if given else params
        scope["endpoint"], scope["route"], scope["route_path"] = self.handler.endpoint, self.route, self.path
        is_head = scope["method"] == "HEAD"
        part = self.handler.file_part
        receive = bounded(scope, receive, limit=self.handler.max_body_bytes, file_limit=part.limit if part else None)
        if self.handler.needs_stacks:
            _set_exception_handlers(scope)
            app = self.context.app  # FastAPI's wrapper, with its exit stacks
            await app(scope, receive, _without_body(send) if is_head else send)
            return
        request = Request(scope, receive, send)
        try:
            response = await self.handler.respond(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the application's exception handlers decide
            await _handle(error, request)(scope, receive, send)
            return
        if is_head and not isinstance(response, FileResponse):  # it checks the method itself
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
            await send({"type": "http.response.body"})
            if response.background is not None:
                await response.background()
            return
        with contextlib.suppress(ClientDisconnect):
            await response(scope, receive, send)


class RouteIndex:
    """ASGI middleware that calls the routes of class `Route` in `router`. FastAPI handles all other requests."""

    def __init__(self, app: ASGIApp, router: APIRouter) -> None:
        self._app = app
        self._router = router
        self._size = len(router.routes)
        self.entries = [Entry(context) for context in iter_route_contexts(router.routes)]
        starts = {entry.start for entry in self.entries if entry.start.count("/") >= SEGMENTS}
        self._by_key = {key: list(self._candidates(key)) for key in map(_key, starts)}
        self._others = [entry for entry in self.entries if entry.start.count("/") < SEGMENTS]

    def _candidates(self, key: str) -> Iterator[Entry]:
        """Yield the routes that can match a path with this key, in the order in which they were included."""
        for entry in self.entries:
            if _key(entry.start) == key or (entry.start.count("/") < SEGMENTS and key.startswith(entry.start)):
                yield entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._router.routes) != self._size:  # routes were added after the start
            self.__init__(self._app, self._router)  # type: ignore[misc]  # it has no other state
        if scope["type"] != "http" or "fastapi.telemetry" in scope:
            await self._app(scope, receive, send)
            return
        scope.setdefault("router", self._router)
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        allowed: set[str] = set()
        for entry in self._by_key.get(_key(path), self._others):
            match, params = entry.match(scope, path)
            if match is Match.FULL:
                if entry.handler is None:
                    break
                await entry.serve(scope, receive, send, params)
                return
            if match is Match.PARTIAL:
                allowed |= entry.methods
                scope["handler"], scope["path_params"] = entry.handler, params  # for the request log
        else:
            if allowed:
                await self._refuse_method(scope, receive, send, allowed)
                return
        await self._app(scope, receive, send)

    async def _refuse_method(self, scope: Scope, receive: Receive, send: Send, allowed: set[str]) -> None:
        """Answer a method that no route of the path has: OPTIONS with 204, others with 405. Both have `Allow`."""
        allow = {"Allow": ", ".join(sorted(allowed | {"OPTIONS"}))}
        if scope["method"] == "OPTIONS":
            await Response(None, 204, allow)(scope, receive, send)
            return
        error = HTTPException(
            405, f"{scope['method']} is not allowed here. Allowed methods: {allow['Allow']}.", headers=allow
        )
        await _handle(error, Request(scope, receive, send))(scope, receive, send)


def install(app: FastAPI) -> None:
    """Add the route index to `app`. Middleware of the application runs outside of it, as with FastAPI's router.

    Raises: NotSupported, if a route is not supported as a router includes it.
    """
    handlers(app)  # otherwise FastAPI would create them at the first request
    app.user_middleware.append(Middleware(RouteIndex, router=app.router))


def handlers(app: FastAPI) -> list[Handler]:
    """Return the handlers of all routes of the class `Route`, in the order in which they were included."""
    contexts = iter_route_contexts(app.routes)
    found = [(route, context) for context in contexts if isinstance(route := context.original_route, Route)]
    return [handler for route, context in found if (handler := route.handler_of(context)) is not None]


def _key(path: str) -> str:
    """Return the key of a path in the index: `/api/v1/videos` for `/api/v1/videos/7/`. Few routes share a key."""
    return "/".join(path.split("/", SEGMENTS + 1)[: SEGMENTS + 1])


def _set_exception_handlers(scope: Scope) -> None:
    """Put the application's exception handlers into the scope, where Starlette looks for them."""
    given = scope["app"].exception_handlers.items()
    kinds = {kind: handler for kind, handler in given if not isinstance(kind, int) and kind is not Exception}
    statuses = {kind: handler for kind, handler in given if isinstance(kind, int) and kind != 500}
    scope["starlette.exception_handlers"] = kinds, statuses


def _handle(error: Exception, request: Request) -> ASGIApp:
    """Return an ASGI app that calls the application's handler for the error, as FastAPI does.

    The handler for `Exception` is called here too, inside the other middleware, so that its response has CORS headers.
    """
    _set_exception_handlers(request.scope)

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await wrap_app_handling_exceptions(fail, request)(scope, receive, send)
        except Exception as unhandled:
            if not {Exception, 500} & set(request.app.exception_handlers):
                raise
            response = await problems.unhandled_error_response(request, unhandled)
            await response(scope, receive, send)

    return answer


def _without_body(send: Send) -> Send:
    """Wrap `send` for HEAD: send the headers of the response without its body."""

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        await send(message)

    return send_headers
