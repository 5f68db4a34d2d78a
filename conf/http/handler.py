"""From a request to the response of one route.

A `def` route runs in one call in one thread: parameters, dependencies, body, session, the route itself, the validated
and encoded result, commit, close. Only then is the response sent, so a commit that fails is an error the client sees,
and no request holds a connection while it waits for a thread. JSON and protobuf, ETags and `Idempotency-Key` are dealt
with here, for every route.

An `async def` route is for streams: it gets no session. Its dependencies run in a thread, and end before it begins.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request, Response, params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.routing import RouteContext
from fastapi.utils import is_body_allowed_for_status_code
from psycopg2.errors import DeadlockDetected
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from conf.db.dependencies import SAFE_METHODS, get_db
from conf.errors import CampusError, Unacceptable, Unreadable, Unsupported
from conf.http import conditional
from conf.http.access import no_store
from conf.http.arguments import NO_BODY, Call, NotSupported, Plan, solve, walk
from conf.http.bodies import limit_body, parsed, read, read_general
from conf.http.headers import header
from conf.http.idempotency import helpers as idempotency
from conf.http.limits import address_of
from conf.http.pagination import Slice
from conf.http.threads import Threads, heavy_threads, threads
from conf.http.uploads import FilePart, receive_file
from conf.http.versions import Successor
from conf.http.wire.codec import Malformed, codec_of
from conf.http.wire.formats import BOTH, JSON_ALONE, Format, chosen, format_of_body
from conf.http.wire.shapes import CannotShow, message_of
from conf.settings import get_settings
from conf.storage.incoming import IncomingFile
from conf.work import work_folder

VARY = (b"vary", b"Accept, Accept-Encoding")
NO_STORE_HEADER = (b"cache-control", b"no-store")
_SHAPED = ("include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none")
"""FastAPI's `response_model_…` options that leave fields out."""


class Handler:
    """Of one route, as it was declared or as a router that includes it makes it: `context`."""

    def __init__(self, context: RouteContext) -> None:
        self.context = context
        route: Any = context._effective_route  # noqa: SLF001  # FastAPI's
        self.route = route
        self.path: str = route.path
        self.endpoint: Callable[..., Any] = route.endpoint
        self.methods: set[str] = route.methods or set()
        self.successor: Successor | None = getattr(self.endpoint, "successor", None)
        self.is_async = inspect.iscoroutinefunction(self.endpoint)
        self.dependants = list(walk(route.dependant))
        self.uses_session = any(d.call is get_db for d in self.dependants)
        self.is_private = any(d.call is no_store for d in self.dependants)
        self.file_part = next((d.call for d in self.dependants if isinstance(d.call, FilePart)), None)
        """The file that the route takes, if it does."""
        bodies = [field for d in self.dependants for field in d.body_params]
        self._own_body = _own_body(route, bodies)
        self._general_body = bool(bodies) and self._own_body is None
        self.body_type: Any = self._own_body.field_info.annotation if self._own_body else None
        self.response_type: Any = route.response_model
        self.formats = BOTH if self._speaks_protobuf() else JSON_ALONE
        self._negotiates = self.response_type is not None and isinstance(route.response_class, DefaultPlaceholder)
        self._response = TypeAdapter(self.response_type) if self.response_type else None
        self._shape = {name: value for name in _SHAPED if (value := getattr(route, f"response_model_{name}"))}
        self._shape["by_alias"] = route.response_model_by_alias
        self._overrides_of = route.dependency_overrides_provider
        self._plan = self._make_plan({})
        self._safe = self.methods <= SAFE_METHODS
        self.repeatable = self.methods == {"POST"} and not self.is_async and self.uses_session and not self.is_private
        """Whether it heeds `Idempotency-Key`: what must not be stored cannot be sent again."""
        if self.file_part is not None:
            self.repeatable = False
        self._check(bodies)

    @property
    def threads(self) -> Threads:
        return heavy_threads() if getattr(self.endpoint, "heavy", False) else threads()

    @property
    def needs_stacks(self) -> bool:
        """Whether FastAPI's exit stacks have to be there, for what ends after the response."""
        return self.plan().needs_stacks or self.route.max_body_size is not None

    def _speaks_protobuf(self) -> bool:
        return self.path.startswith("/api/") and (self.body_type is not None or self.response_type is not None)

    def _check(self, bodies: list[Any]) -> None:
        """Raises: NotSupported, for what would not work as FastAPI's documentation says."""
        name = self.endpoint.__qualname__
        own = [d.call for d in self.route.dependant.dependencies]
        if self.is_async and get_db in own:
            raise NotSupported(
                f"{name}: an `async def` route gets no session. Write it as a plain `def`; to stream, get what you need"
                " in a dependency, or call a `@with_db_session` function by `await threads().run(…)`."
            )
        if self.is_async and self.file_part is not None:
            raise NotSupported(f"{name}: a route that takes a file is a plain `def`.")
        if self.file_part is not None and bodies:
            raise NotSupported(f"{name}: a route that takes a file has no other body. Use query parameters.")
        if any(isinstance(field.field_info, params.File) for field in bodies):
            raise NotSupported(
                f"{name}: use `file: Upload` (conf.http.uploads) in place of File and UploadFile: it streams to the"
                " disk, within limits."
            )
        if self.path.startswith("/api/"):
            self._check_protobuf(name, bodies)
        self._plan.check(name)

    def _check_protobuf(self, name: str, bodies: list[Any]) -> None:
        is_form = any(isinstance(field.field_info, params.Form) for field in bodies)
        if self._general_body and not is_form:
            raise NotSupported(
                f"{name}: routes below /api/ speak protobuf, where a body is one message. Declare one body parameter,"
                " of a schema that has all its values."
            )
        if len(self._shape) > 1 and self.formats == BOTH:
            raise NotSupported(
                f"{name}: routes below /api/ speak protobuf, where every field is there. Declare a schema with the"
                " fields that you send in place of response_model_include, _exclude and the like."
            )
        if self.formats == BOTH:
            for kind in filter(None, (self.body_type, self.response_type)):
                try:
                    message_of(kind)
                except CannotShow as error:
                    raise NotSupported(f"{name}: {error}") from None

    def plan(self) -> Plan:
        overrides = getattr(self._overrides_of, "dependency_overrides", None)
        if not overrides and not self._plan.overrides:
            return self._plan
        if self._plan.overrides != (overrides or {}):
            self._plan = self._make_plan(overrides or {})
        return self._plan

    def _make_plan(self, overrides: dict[Any, Any]) -> Plan:
        return Plan(self.route.dependant, overrides, embed_body=self.route._embed_body_fields)  # noqa: SLF001  # FastAPI's

    async def respond(self, request: Request) -> Response:
        """The response, not yet sent. Raises what the route raises."""
        scope = request.scope
        if self.successor is not None:
            scope["always_headers"] = self.successor.headers(scope["path_params"])
        if self._negotiates:
            scope.setdefault("always_headers", []).append(VARY)
            scope["format"] = chosen(header(scope, b"accept"), self.formats)
            if scope["format"] is None:
                raise Unacceptable(f"You accept none of: {', '.join(form.value for form in self.formats)}.")
        plan, call = self.plan(), Call(request)
        if self.file_part is not None:
            return await self._respond_to_file(plan, call, self.file_part)
        body: Any = NO_BODY
        if self._own_body is not None:
            body = await self._receive(request)
        elif self._general_body:
            limit_body(request)
            body = await read_general(request, self.route)
            await plan.read_bodies(call, body)
        if plan.needs_stacks:
            return await self._respond_with_stacks(plan, call, body)
        return await self._respond(plan, call, body)

    async def _respond(self, plan: Plan, call: Call, body: Any) -> Response:
        if not self.is_async:
            return await self.threads.run(self._run, plan, call, body)
        if plan.calls_something or body is not NO_BODY:
            values = await threads().run(self._prepare, plan, call, body)
        else:
            values = self._prepare(plan, call, body)
        return self._encode(await self.endpoint(**values), call)

    async def _respond_with_stacks(self, plan: Plan, call: Call, body: Any) -> Response:
        """The same for a route with dependencies that run on the event loop, or end after the response."""
        try:
            if plan.is_mixed:
                await self._solve_in_order(plan, call, body)
            return await self._respond(plan, call, body)
        finally:
            call.end_after_response(self.threads)

    async def _solve_in_order(self, plan: Plan, call: Call, body: Any) -> None:
        value = self._value_of(call.request, body) if self._own_body is not None else body
        await plan.solve_in_order(call, body=value, provider=self._overrides_of, pool=self.threads)

    async def _respond_to_file(self, plan: Plan, call: Call, part: FilePart) -> Response:
        """Dependencies come first, so that nobody sends a large file for nothing; the session that they used is given
        back while the file arrives."""
        with work_folder("upload") as folder:
            file = call.request.scope["file"] = IncomingFile(folder / "upload")
            try:
                if plan.is_mixed:
                    await self._solve_in_order(plan, call, NO_BODY)
                values = await threads().run(self._prepare, plan, call, NO_BODY)
                await receive_file(call.request, file, part)
                return await self.threads.run(self._finish, plan, call, values)
            finally:
                call.end_after_response(self.threads)

    def _run(self, plan: Plan, call: Call, body: Any) -> Response:
        try:
            return self._attempt(plan, call, body)
        except DBAPIError as error:
            lost_line = self._safe and error.connection_invalidated
            if plan.needs_stacks or not (lost_line or isinstance(error.orig, DeadlockDetected)):
                raise
        return self._attempt(plan, Call(call.request, bodies=call.bodies), body)  # the first kept and sent nothing

    def _prepare(self, plan: Plan, call: Call, body: Any) -> dict[str, Any]:
        """The arguments; the session that dependencies have used gives its connection back."""
        try:
            return self._arguments(plan, call, body)
        finally:
            _close(call)

    def _finish(self, plan: Plan, call: Call, values: dict[str, Any]) -> Response:
        with self._transaction(plan, call):
            return self._encode(self.endpoint(**values), call)

    def _attempt(self, plan: Plan, call: Call, body: Any) -> Response:
        with self._transaction(plan, call):
            values = self._arguments(plan, call, body)
            if self.repeatable and (key := header(call.request.scope, b"idempotency-key")):
                return self._once(call, body, values, key.decode("latin-1"))
            return self._encode(self.endpoint(**values), call)

    @contextmanager
    def _transaction(self, plan: Plan, call: Call) -> Iterator[None]:
        """Commit what is done inside; an exception rolls back. What `scope="function"` dependencies do at their end
        belongs to it."""
        try:
            with call.function_stack:
                yield
            self._commit(plan, call)
        except CampusError as error:
            if error.lasting:
                self._commit(plan, call)
            raise
        finally:
            _close(call)

    def _commit(self, plan: Plan, call: Call) -> None:
        if not self._safe and (db := plan.session(call)) is not None:
            db.commit()

    def _arguments(self, plan: Plan, call: Call, body: Any) -> dict[str, Any]:
        """Raises: RequestValidationError, with all that is wrong; what dependencies raise."""
        field = self._own_body
        if field is not None:
            body = self._value_of(call.request, body)
        values, errors = call.solved or solve(plan.root, call)
        if field is not None:
            if body is not NO_BODY:
                values[field.name], wrong = field.validate(body, values, loc=("body",))
                errors += wrong
            elif field.field_info.is_required():
                errors.append({"type": "missing", "loc": ("body",), "msg": "Field required", "input": None})
            else:
                values[field.name] = field.get_default()
        if errors:
            raise RequestValidationError(errors, body=None if body is NO_BODY else body)
        return values

    def _value_of(self, request: Request, body: bytes) -> Any:
        """What the body says, in either format. Raises: Unreadable; RequestValidationError."""
        if not request.scope["body_format"].is_protobuf:
            return parsed(body) if body else NO_BODY
        try:
            return codec_of(self.body_type).decode(body)
        except Malformed as error:
            raise Unreadable(str(error)) from None

    def _once(self, call: Call, body: Any, values: dict[str, Any], key: str) -> Response:
        """The response; the one that was sent before, if this is the second time."""
        request, scope = call.request, call.request.scope
        path = request.url.path.rstrip("/").encode()
        asked = [path, scope["query_string"], body if self._own_body else b"", str(scope.get("format")).encode()]
        whose = f"{scope.get('account') or address_of(request)} {self.path}"
        promise = idempotency.begin(scope["db"], given=key, scope=whose, request=asked)
        if isinstance(promise, idempotency.Answer):
            return Response(promise.body, promise.status, promise.headers | {"Idempotency-Replayed": "true"})
        response = self._encode(self.endpoint(**values), call, compress=False)  # the next request may not take gzip
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        promise.keep(scope["db"], idempotency.Answer(response.status_code, headers, bytes(response.body)))
        return response

    async def _receive(self, request: Request) -> bytes:
        """The whole body. Raises: Unsupported; TooLarge past the limit."""
        form = request.scope["body_format"] = format_of_body(request.scope)
        if form not in self.formats:
            raise Unsupported(f"The body must be {Format.JSON.value}.")
        return await read(request, limit=get_settings().body_max_bytes)

    def _encode(self, result: Any, call: Call, *, compress: bool = True) -> Response:
        given = call.response
        if isinstance(result, Response):
            if result.background is None:
                result.background = call.background
            return result
        status = self.route.status_code or 200
        if given is not None and given.status_code:
            status = given.status_code
        if self._negotiates and is_body_allowed_for_status_code(status):
            response = self._negotiated(result, call.request.scope, status, compress=compress)
        else:
            response = self._plain_response(result, status, has_status=bool(given and given.status_code))
        if self.is_private:
            response.raw_headers.append(NO_STORE_HEADER)
        if given is not None:
            _set_headers(response, given)
        response.background = call.background
        return response

    def _negotiated(self, result: Any, scope: Any, status: int, *, compress: bool) -> Response:
        """JSON or protobuf, with the conventions of the API."""
        assert self._response is not None
        form = scope["format"]
        value = self._validated(result)
        if form.is_protobuf:
            body = codec_of(self.response_type).encode(value)
        else:
            body = self._response.dump_json(value, **self._shape)
        response = Response(body, status, None, form.value)
        return response if self.is_private else conditional.finish(response, value, scope, compress=compress)

    def _plain_response(self, result: Any, status: int, *, has_status: bool) -> Response:
        """As FastAPI makes it: of the declared class, or JSON of whatever it is."""
        if not is_body_allowed_for_status_code(status):
            return Response(status_code=status)
        content = result
        if self._response is not None:
            content = self._response.dump_python(self._validated(result), mode="json", **self._shape)
        else:
            content = jsonable_encoder(result)
        declared = self.route.response_class
        kind: type[Response] = declared.value if isinstance(declared, DefaultPlaceholder) else declared
        if has_status or self.route.status_code is not None:
            return kind(content, status_code=status)
        return kind(content)  # a redirect has a status code of its own

    def _validated(self, result: Any) -> Any:
        assert self._response is not None
        try:
            return self._response.validate_python(_as_dicts(result), from_attributes=True)
        except ValidationError as error:  # without the values: they are in nobody's log
            raise ResponseValidationError(error.errors(include_url=False, include_input=False)) from None


def _own_body(route: Any, bodies: list[Any]) -> Any:
    """The one JSON body that the route itself takes; None where FastAPI's own code has to read it."""
    if len(bodies) != 1 or bodies[0] not in route.dependant.body_params or route._embed_body_fields:  # noqa: SLF001
        return None
    info = bodies[0].field_info
    is_json = not isinstance(info, params.Form) and getattr(info, "media_type", "") == "application/json"
    return bodies[0] if is_json and info.annotation not in (bytes, str) else None


def _set_headers(response: Response, given: Response) -> None:
    """Put the headers that the route has set in place of ours; cookies join others."""
    new = given.raw_headers
    replaced = {name for name, _ in new if name != b"set-cookie"}
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in replaced] + new


def _close(call: Call) -> None:
    if (db := call.request.scope.pop("db", None)) is not None:
        db.close()


def _as_dicts(result: Any) -> Any:
    """Rows as dicts, which pydantic reads three times as fast as their attributes."""
    if isinstance(result, Row | tuple) and (names := getattr(result, "_fields", None)):
        return dict(zip(names, result, strict=True))
    if isinstance(result, list) and result and isinstance(result[0], Row | tuple):
        names = getattr(result[0], "_fields", None)
        return [dict(zip(names, row, strict=True)) for row in result] if names else result
    if isinstance(result, Slice):
        return {"items": _as_dicts(result.items), "next": result.next}
    return result
