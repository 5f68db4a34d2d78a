"""Handle the requests of a route.

A `def` route runs in one call in one thread: parameters, dependencies, body, session, the route itself, validation and
encoding of its return value, commit, and close of the session. The response is sent after that. So the client sees a
failed commit as an error, and a request never holds a connection while it waits for a thread. The handler also provides
JSON and protobuf, ETags and `Idempotency-Key`.

An `async def` route is for streaming. It cannot use the session. Its dependencies can, but not while the route runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.dependencies.models import _is_coroutine_callable
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext
from psycopg2.errors import DeadlockDetected, SerializationFailure
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from conf.db.dependencies import SAFE_METHODS, get_db
from conf.db.session import RequestSession, replica
from conf.errors import CampusError, NotAcceptable, Unreadable, Unsupported
from conf.http.access import no_store
from conf.http.arguments import NO_BODY, Call, solve, walk
from conf.http.bodies import parsed, read_fastapi_body, single_json_body, validated
from conf.http.checks import any_query, common_errors
from conf.http.headers import header
from conf.http.idempotency import helpers as idempotency
from conf.http.limits import AddressLimit, address_of
from conf.http.plan import Plan
from conf.http.refusals import refuse_unsupported, refuse_unsupported_by_protobuf
from conf.http.responses import Encoder
from conf.http.schemas import SECRET
from conf.http.threads import Threads, heavy_threads, threads
from conf.http.uploads import FRAME_BYTES, FilePart, announced_size, assert_space, receive_file, upload_folder
from conf.http.versions import Successor
from conf.http.wire.codec import Malformed, codec_of
from conf.http.wire.formats import BOTH, JSON_ONLY, Format, chosen, format_of_body
from conf.settings import get_settings
from conf.storage.incoming import IncomingFile

R = TypeVar("R")

MAX_ACCEPT = 1000
"""Bytes of the header `Accept` that are read: the time grows with them."""
VARY = (b"vary", b"Accept, Accept-Encoding")


class Handler:
    """Handles the requests of one route. `context`: the route as declared, or as a router includes it."""

    def __init__(self, context: RouteContext) -> None:
        self.context = context
        route: Any = context._effective_route  # noqa: SLF001  # FastAPI's
        self.route = route
        self.path: str = route.path
        self.endpoint: Callable[..., Any] = route.endpoint
        self.methods: set[str] = route.methods or set()
        self.successor: Successor | None = getattr(self.endpoint, "successor", None)
        self.is_async = _is_coroutine_callable(self.endpoint)
        self.dependants = list(walk(route.dependant))
        self.uses_session = any(d.call is get_db for d in self.dependants)
        self.is_private = any(d.call is no_store for d in self.dependants)
        self.file_part = next((d.call for d in self.dependants if isinstance(d.call, FilePart)), None)
        """The file parameter of the route, if it has one."""
        self.address_limits = [d.call for d in self.dependants if isinstance(d.call, AddressLimit)]
        """Rate limits that are checked before the body is received."""
        self.secrets = frozenset(
            param.alias
            for d in self.dependants
            for param in d.path_params
            if param.field_info.json_schema_extra == SECRET
        )
        """Path parameters that are not logged."""
        bodies = [field for d in self.dependants for field in d.body_params]
        self._json_body = single_json_body(route, bodies)
        self.has_fastapi_body = bool(bodies) and self._json_body is None
        """Whether FastAPI's code reads the body: a form, several body parameters, and so on."""
        self.body_type: Any = self._json_body.field_info.annotation if self._json_body else None
        self.encoder = Encoder(route, is_private=self.is_private)
        self.response_type = self.encoder.response_type
        self.formats = BOTH if self._supports_protobuf() else JSON_ONLY
        self._overrides_provider = route.dependency_overrides_provider
        self._plan = self._make_plan({})
        self._safe = self.methods <= SAFE_METHODS
        may_store = self.uses_session and not (self.is_async or self.is_private)
        reads_body = self.file_part is None and not self.has_fastapi_body
        self.accepts_idempotency_key = self.methods == {"POST"} and may_store and reads_body
        """Whether the route supports `Idempotency-Key`, for which its responses are stored."""
        self._requires_sign_in = any(getattr(d.call, "requires_sign_in", False) for d in self.dependants)
        in_reference = self.path.startswith("/api/") and route.include_in_schema
        self._refuses_unknown_parameters = in_reference and not any(d.call is any_query for d in self.dependants)
        refuse_unsupported(self, bodies)
        self._plan.check(self.endpoint.__qualname__)
        if self.path.startswith("/api/"):
            refuse_unsupported_by_protobuf(self, bodies)

    @property
    def threads(self) -> Threads:
        """The pool in which the route runs."""
        return heavy_threads() if getattr(self.endpoint, "heavy", False) else threads()

    @property
    def needs_stacks(self) -> bool:
        """Whether the route needs FastAPI's exit stacks, for dependencies that exit after the response."""
        return self.plan().needs_stacks

    @property
    def max_body_bytes(self) -> int:
        """Maximum size of the request body: the route's `max_body_size`, that of its file, or `BODY_MAX_BYTES`."""
        if self.route.max_body_size is not None:
            return int(self.route.max_body_size)
        return self.file_part.limit + FRAME_BYTES if self.file_part is not None else get_settings().body_max_bytes

    def _supports_protobuf(self) -> bool:
        return self.path.startswith("/api/") and (self.body_type is not None or self.response_type is not None)

    def plan(self) -> Plan:
        """Return the plan for the present `app.dependency_overrides`."""
        overrides = getattr(self._overrides_provider, "dependency_overrides", None)
        if not overrides and not self._plan.overrides:
            return self._plan
        if self._plan.overrides != (overrides or {}):
            self._plan = self._make_plan(overrides or {})
        return self._plan

    def _make_plan(self, overrides: dict[Any, Any]) -> Plan:
        return Plan(self.route.dependant, overrides, embed_body=self.route._embed_body_fields)  # noqa: SLF001  # FastAPI's

    async def respond(self, request: Request) -> Response:
        """Return the response, which is not sent yet. Raises: the exceptions of the route."""
        scope = request.scope
        scope["handler"] = self
        if self.successor is not None:
            scope["always_headers"] = self.successor.headers(scope["path_params"])
        if self.encoder.negotiates:
            scope.setdefault("always_headers", []).append(VARY)
            scope["format"] = chosen(header(scope, b"accept")[:MAX_ACCEPT], self.formats)
            if scope["format"] is None:
                raise NotAcceptable(f"The Accept header must allow one of: {', '.join(f.value for f in self.formats)}.")
        if self.address_limits:
            await self.threads.run(self._count_address, request)
        plan, call = self.plan(), Call(request)
        if self.file_part is not None:
            return await self._respond_to_file(plan, call, self.file_part)
        body: Any = NO_BODY
        if self._json_body is not None:
            body = await self._receive(request)
        elif self.has_fastapi_body:
            body = await read_fastapi_body(request, self.route)
            await plan.read_bodies(call, body)
        if plan.needs_stacks:
            return await self._respond_with_stacks(plan, call, body)
        return await self._respond(plan, call, body)

    async def _respond(self, plan: Plan, call: Call, body: Any) -> Response:
        if not self.is_async:
            return await self.threads.run(self._run, plan, call, body)
        if plan.has_dependencies or body is not NO_BODY:
            values = await threads().run(self._prepare, plan, call, body)
        else:
            values = self._prepare(plan, call, body)
        return self.encoder.encode(await self.endpoint(**values), call)

    async def _respond_with_stacks(self, plan: Plan, call: Call, body: Any) -> Response:
        """The same for a route whose dependencies run on the event loop or have `yield`."""
        async with call.stacks(self.threads):
            if plan.needs_event_loop:
                await self._solve_in_order(plan, call, body)
            return await self._respond(plan, call, body)

    async def _solve_in_order(self, plan: Plan, call: Call, body: Any) -> None:
        value = self._value_of(call.request, body) if self._json_body is not None else body
        await plan.solve_in_order(call, body=value, provider=self._overrides_provider, pool=self.threads)

    async def _respond_to_file(self, plan: Plan, call: Call, part: FilePart) -> Response:
        """Run the dependencies before the file is received: if they refuse the request, the file is not uploaded. The
        session's connection is in the pool while the file arrives."""
        scope = call.request.scope
        file = scope["file"] = IncomingFile(Path())
        async with call.stacks(self.threads):
            if plan.needs_event_loop:
                await self._solve_in_order(plan, call, NO_BODY)
            values = await threads().run(self._prepare, plan, call, NO_BODY)
            account, size = scope.get("account"), announced_size(call.request)
            if size <= self.max_body_bytes:
                await threads().run(assert_space, account=account, size=size)
            with upload_folder(account) as folder:
                file.path = folder / "upload"
                await receive_file(call.request, file, part)
                return await self.threads.run(self._finish, plan, call, values)

    def _run(self, plan: Plan, call: Call, body: Any) -> Response:
        """Run a `def` route with its dependencies and commit."""
        return self._retry_read(self._attempt, plan, call, body)

    def _prepare(self, plan: Plan, call: Call, body: Any) -> dict[str, Any]:
        """Return the route's arguments. Afterwards the session's connection is back in the pool."""
        return self._retry_read(self._gather, plan, call, body)

    def _retry_read(self, step: Callable[[Plan, Call, Any], R], plan: Plan, call: Call, body: Any) -> R:
        """Call `step`. Retry it once after a deadlock, or if a safe request lost its connection or conflicts with the
        recovery of the replica: nothing has been committed or sent. Requests whose dependencies need exit stacks are
        not retried."""
        try:
            return step(plan, call, body)
        except DBAPIError as error:
            conflict = self._safe and isinstance(error.orig, SerializationFailure)
            lost_connection = self._safe and error.connection_invalidated
            if plan.needs_stacks or not (conflict or lost_connection or isinstance(error.orig, DeadlockDetected)):
                raise
            if conflict:
                replica.avoid(seconds=1)
        retry = Call(call.request, bodies=call.bodies)
        result = step(plan, retry, body)
        call.response, call.background, call.cache = retry.response, retry.background, retry.cache
        return result

    def _gather(self, plan: Plan, call: Call, body: Any) -> dict[str, Any]:
        try:
            return self._arguments(plan, call, body)
        except CampusError as error:
            if error.keep_writes:
                self._commit(plan, call)
            raise
        finally:
            _close(call, is_over=self.is_async)

    def _finish(self, plan: Plan, call: Call, values: dict[str, Any]) -> Response:
        with self._transaction(plan, call):
            return self.encoder.encode(self.endpoint(**values), call)

    def _attempt(self, plan: Plan, call: Call, body: Any) -> Response:
        with self._transaction(plan, call):
            values = self._arguments(plan, call, body)
            if self.accepts_idempotency_key and (key := header(call.request.scope, b"idempotency-key")):
                return self._run_idempotent(plan.session(call), call, body, values, key.decode("latin-1"))
            return self.encoder.encode(self.endpoint(**values), call)

    @contextmanager
    def _transaction(self, plan: Plan, call: Call) -> Iterator[None]:
        """Commit at the end of the block, after the exit of dependencies with `scope="function"`. Roll back on an
        exception, unless it has `keep_writes`."""
        try:
            with call.function_stack:
                yield
            self._commit(plan, call)
        except CampusError as error:
            if error.keep_writes:
                self._commit(plan, call)
            raise
        finally:
            _close(call, is_over=True)

    def _commit(self, plan: Plan, call: Call) -> None:
        if not self._safe and (db := plan.session(call)) is not None:
            db.commit()

    def _arguments(self, plan: Plan, call: Call, body: Any) -> dict[str, Any]:
        """Return the route's arguments. Raises: RequestValidationError, with all errors; exceptions of dependencies."""
        field, received = self._json_body, body
        if field is not None and not self._requires_sign_in:
            body = self._value_of(call.request, body)
        values, errors = call.solved or solve(plan.root, call)
        if field is not None and self._requires_sign_in:  # parsing a long body takes time: not for strangers
            body = self._value_of(call.request, body)
        known = plan.query_names if self._refuses_unknown_parameters else None
        errors += common_errors(call.request, received, body, known=known, is_stored=self.uses_session)
        if field is not None:
            if body is not NO_BODY:
                values[field.name], body_errors = validated(field, body)
                errors += body_errors
            elif field.field_info.is_required():
                errors.append({"type": "missing", "loc": ("body",), "msg": "Field required", "input": None})
            else:
                values[field.name] = field.get_default()
        if errors:
            raise RequestValidationError(errors, body=None if body is NO_BODY else body)
        return values

    def _value_of(self, request: Request, body: bytes) -> Any:
        """Decode the body from JSON or protobuf. Raises: Unreadable; RequestValidationError."""
        if not request.scope["body_format"].is_protobuf:
            return parsed(body) if body else NO_BODY
        try:
            return codec_of(self.body_type).decode(body)
        except Malformed as error:
            raise Unreadable(str(error)) from None

    def _run_idempotent(self, db: Session, call: Call, body: Any, values: dict[str, Any], key: str) -> Response:
        """Run the route and store its response under the key. If the key is known, return the stored response."""
        request, scope = call.request, call.request.scope
        path = request.url.path.rstrip("/").encode()
        # With the role: a caller who has lost a role does not get the response that they got with it.
        role = str(scope.get("role", "")).encode()
        parts = [path, scope["query_string"], b"" if body is NO_BODY else body, str(scope.get("format")).encode(), role]
        key_scope = f"{scope.get('account') or address_of(request)} {self.path}"
        entry = idempotency.begin(db, given=key, scope=key_scope, request=parts)
        if isinstance(entry, idempotency.StoredResponse):
            return Response(entry.body, entry.status, entry.headers | {"Idempotency-Replayed": "true"})
        # Not compressed: the client may not accept gzip when it repeats the request.
        response = self.encoder.encode(self.endpoint(**values), call, compress=False)
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        entry.keep(db, idempotency.StoredResponse(response.status_code, headers, bytes(response.body)))
        return response

    async def _receive(self, request: Request) -> bytes:
        """Receive the whole body. Raises: Unsupported; TooLarge; TimedOut."""
        form = request.scope["body_format"] = format_of_body(request.scope)
        if form not in self.formats:
            raise Unsupported(f"The request body must be {Format.JSON.value}.")
        return await request.body()

    def _count_address(self, request: Request) -> None:
        """Count the request against the rate limits of the caller's address. Raises: RateLimited."""
        for limit in self.address_limits:
            limit(request)


def _close(call: Call, *, is_over: bool) -> None:
    """Return the connection of the request's session to the pool. If the request `is_over`, end the session."""
    db = call.request.scope.get("db")
    if isinstance(db, RequestSession) and is_over:
        db.end()
    elif db is not None:
        db.close()
