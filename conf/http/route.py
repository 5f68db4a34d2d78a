"""The one route class. A `def` route runs in one call in one thread: parameters, body, session, the route itself, the
validated and encoded answer, commit, close. Only then is the answer sent, so a commit that fails is an error the
client sees, and nobody holds a connection while waiting for a thread. JSON or protobuf, ETags, HEAD, `Idempotency-Key`
and what a replaced version says of itself are dealt with here, for every route.

Routes stay ordinary FastAPI: annotated parameters, dependencies, return types, OpenAPI. Dependencies are plain
functions, and a route takes at most one body parameter. An `async def` route is for streams and files: it gets no body
and no session; its dependencies do, in a thread, and are over before it begins.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from psycopg2.errors import DeadlockDetected
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError
from starlette._utils import get_route_path
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from conf.db.dependencies import SAFE_METHODS, get_db
from conf.errors import CampusError, TooLarge, Unacceptable, Unreadable, Unsupported
from conf.http import conditional, problems
from conf.http.access import no_store
from conf.http.arguments import solve, walk
from conf.http.headers import header
from conf.http.idempotency import helpers as idempotency
from conf.http.limits import address_of
from conf.http.threads import heavy_threads, threads
from conf.http.versions import Successor
from conf.http.wire.codec import Malformed, codec_of
from conf.http.wire.formats import BOTH, JSON_ALONE, Format, chosen, format_of_body
from conf.http.wire.shapes import message_of
from conf.settings import get_settings

VARY = (b"vary", b"Accept, Accept-Encoding")
NO_STORE_HEADER = (b"cache-control", b"no-store")


class Route(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.successor: Successor | None = getattr(endpoint, "successor", None)
        options["deprecated"] = self.successor is not None or None
        super().__init__(path, endpoint, **options)
        # Both forms of a path answer, with and without the last slash, and neither redirects.
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$").removesuffix("/") + r"/?\Z")
        self.beginning = path.partition("{")[0].rstrip("/")
        dependants = list(walk(self.dependant))
        self._threads = heavy_threads if getattr(endpoint, "heavy", False) else threads
        self._async = inspect.iscoroutinefunction(endpoint)
        self._asks_database = any(d.call is get_db for d in dependants)
        for dependant in dependants[1:]:
            if inspect.iscoroutinefunction(dependant.call) or inspect.isgeneratorfunction(dependant.call):
                raise TypeError(f"{endpoint.__qualname__}: {dependant.call} must be a plain function")
        bodies = [field for d in dependants for field in d.body_params]
        if len(bodies) > 1:
            raise TypeError(f"{endpoint.__qualname__}: one body parameter at most")
        if self._async and (bodies or any(d.call is get_db for d in self.dependant.dependencies)):
            raise TypeError(f"{endpoint.__qualname__}: an `async def` route gets no session and no body")
        self.body_type: Any = bodies[0].field_info.annotation if bodies else None
        self.answer_type: Any = self.response_model
        self.formats = BOTH if path.startswith("/api/") and (self.body_type or self.answer_type) else JSON_ALONE
        if self.formats == BOTH:
            for kind in filter(None, (self.body_type, self.answer_type)):
                message_of(kind)  # or it cannot be shown, and is not begun with
        self._body: tuple[str, TypeAdapter[Any]] | None = (
            (bodies[0].name, TypeAdapter(self.body_type)) if bodies else None
        )
        self._answer = TypeAdapter(self.answer_type) if self.answer_type else None
        methods = self.methods or set()
        self._answered = methods | ({"HEAD"} if "GET" in methods else set())
        self._safe = methods <= SAFE_METHODS
        self._private = any(d.call is no_store for d in dependants)
        self.repeatable = self.methods == {"POST"} and not self._async and self._asks_database and not self._private
        """Whether it heeds `Idempotency-Key`: what must not be stored cannot be told again."""
        self.app = self._serve

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette does, in a third of the time: a request asks several routes. What can be got has a head."""
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        if not path.startswith(self.beginning) or (found := self.path_regex.match(path)) is None:
            return Match.NONE, {}
        params = {name: self.param_convertors[name].convert(value) for name, value in found.groupdict().items()}
        there = {"endpoint": self.endpoint, "path_params": params, "route": self}
        return Match.FULL if scope["method"] in self._answered else Match.PARTIAL, there

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self.successor is not None:
            scope["always_headers"] = self.successor.headers(scope["path_params"])
        try:
            if self._answer is not None:
                scope["format"] = chosen(header(scope, b"accept"), self.formats)
                if scope["format"] is None:
                    raise Unacceptable(f"You accept none of: {', '.join(form.value for form in self.formats)}.")
            if self._async:
                response = await self._call_async(request)
            else:
                body = await self._receive(request) if self._body else b""
                response = await self._threads().run(self._call, request, body)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem and the log the rest
            response = problems.answer(request, error)
        if self._answer is not None:
            response.raw_headers.append(VARY)
        if scope["method"] == "HEAD" and not isinstance(response, FileResponse):  # which knows
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
            await send({"type": "http.response.body"})
            return
        await response(scope, receive, send)

    def _call(self, request: Request, body: bytes) -> Response:
        try:
            return self._attempt(request, body)
        except DBAPIError as error:
            if (self._safe and error.connection_invalidated) or isinstance(error.orig, DeadlockDetected):
                return self._attempt(request, body)  # nothing of the first has been kept, or sent
            raise

    async def _call_async(self, request: Request) -> Response:
        if self._asks_database:
            values = await threads().run(self._prepare, request)
        else:
            values = self._prepare(request)
        return self._encode(await self.endpoint(**values), request.scope)

    def _prepare(self, request: Request) -> dict[str, Any]:
        """The arguments of an `async def` route; the session that its dependencies had is closed."""
        try:
            faults: list[Any] = []
            values = solve(self.dependant, request, {}, faults)
            if faults:
                raise RequestValidationError(faults)
            return values
        finally:
            _close(request)

    def _attempt(self, request: Request, body: bytes) -> Response:
        try:
            faults: list[Any] = []
            values = solve(self.dependant, request, {}, faults)
            if self._body:
                name, kind = self._body
                try:
                    values[name] = kind.validate_json(self._as_json(request, body))
                except ValidationError as error:
                    faults += [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
            if faults:
                raise RequestValidationError(faults)
            if self.repeatable and (key := header(request.scope, b"idempotency-key")):
                response = self._once(request, body, values, key.decode("latin-1"))
            else:
                response = self._encode(self.endpoint(**values), request.scope)
            self._commit(request)
            return response
        except CampusError as error:
            if error.lasting:
                self._commit(request)
            raise
        finally:
            _close(request)

    def _once(self, request: Request, body: bytes, values: dict[str, Any], key: str) -> Response:
        """The answer; the one that was given before, if this is the second time."""
        scope = request.scope
        path = request.url.path.rstrip("/").encode()
        asked = [path, scope["query_string"], body, str(scope.get("format")).encode()]
        whose = f"{scope.get('account') or address_of(request)} {self.path}"
        promise = idempotency.begin(scope["db"], given=key, scope=whose, request=asked)
        if isinstance(promise, idempotency.Answer):
            return Response(promise.body, promise.status, promise.headers | {"Idempotency-Replayed": "true"})
        response = self._encode(self.endpoint(**values), scope, compress=False)  # who asks again may not take that
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        promise.keep(scope["db"], idempotency.Answer(response.status_code, headers, bytes(response.body)))
        return response

    def _commit(self, request: Request) -> None:
        if (db := request.scope.get("db")) is not None and not self._safe:
            db.commit()

    async def _receive(self, request: Request) -> bytes:
        """The whole body. Unsupported; TooLarge past the limit."""
        form = request.scope["body_format"] = format_of_body(request.scope)
        if form not in self.formats:
            raise Unsupported(f"The body must be {Format.JSON.value}.")
        return await _read(request)

    def _as_json(self, request: Request, body: bytes) -> bytes:
        """The body, or what JSON would say for it. Unreadable."""
        if not request.scope["body_format"].is_protobuf:
            return body
        try:
            return to_json(codec_of(self.body_type).decode(body), inf_nan_mode="constants")
        except Malformed as error:
            raise Unreadable(str(error)) from None

    def _encode(self, result: Any, scope: Scope, *, compress: bool = True) -> Response:
        if isinstance(result, Response):
            return result
        given = scope.get("response")
        if self._answer is None:
            response = Response(status_code=self.status_code or 204)
        else:
            form = scope["format"]
            value = self._answer.validate_python(_plain(result), from_attributes=True)
            if form.is_protobuf:
                body = codec_of(self.answer_type).encode(value)
            else:
                body = self._answer.dump_json(value, by_alias=True)
            response = Response(body, self.status_code or 200, None, form.value)
            if self._private:
                response.raw_headers.append(NO_STORE_HEADER)
            else:
                response = conditional.finish(response, value, scope, compress=compress)
        if given is not None:
            response.raw_headers += given.raw_headers
        return response


class Router(APIRouter):
    """A router of `Route`s. Its routes bear their whole path, so that `main` can lay them side by side: nested routers
    are matched anew at every request."""

    def __init__(self, prefix: str, *, tags: list[str]) -> None:
        super().__init__(
            prefix=prefix,
            tags=list(tags),
            route_class=Route,
            redirect_slashes=False,
            generate_unique_id_function=_operation_id,
        )


def _operation_id(route: APIRoute) -> str:
    """The function's name: generated clients read well, and stay the same when a path moves."""
    return route.name


def _close(request: Request) -> None:
    if (db := request.scope.pop("db", None)) is not None:
        db.close()


def _plain(result: Any) -> Any:
    """Rows as dicts, which pydantic reads three times as fast as their attributes."""
    if isinstance(result, Row):
        return dict(zip(result._fields, result, strict=True))
    if isinstance(result, list) and result and isinstance(result[0], Row):
        names = result[0]._fields
        return [dict(zip(names, row, strict=True)) for row in result]
    return result


async def _read(request: Request) -> bytes:
    """The whole body. TooLarge past the limit."""
    limit = get_settings().body_max_bytes
    length = request.headers.get("content-length", "")
    body = bytearray()
    if (length.isdigit() and int(length) <= limit) or not length:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                break
        else:
            return bytes(body)
    raise TooLarge(f"The body must have at most {limit} bytes.")
