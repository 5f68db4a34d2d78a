"""Solve FastAPI's dependency tree in the thread that calls the route.

FastAPI's own functions read the parameters and run the dependencies that need the event loop. This module only calls
the plain `def` dependencies. Like FastAPI, it collects the errors of all parameters, calls each dependency once, and
does not call a dependency whose own parameters are invalid.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from fastapi import BackgroundTasks, Request, Response
from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _get_oauth_scopes,
    _is_async_gen_callable,
    _is_coroutine_callable,
    _is_gen_callable,
)
from fastapi.dependencies.utils import (
    get_dependant,
    request_params_to_args,
)
from fastapi.security import SecurityScopes
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from starlette.background import BackgroundTasks as StarletteBackgroundTasks

from conf.http.threads import Threads

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]


NO_BODY = PydanticUndefined
"""The value of a body that was not sent."""


class NotSupported(TypeError):
    """A route uses a feature that is not supported. Raised when the route is declared.

    The message names an alternative.
    """


def walk(dependant: Dependant) -> Iterator[Dependant]:
    """Yield the dependant and all its dependencies, depth first."""
    yield dependant
    for child in dependant.dependencies:
        yield from walk(child)


@dataclass
class Call:
    """The state of one request while its dependencies are solved and its route runs."""

    request: Request
    response: Response | None = None
    """The `Response` parameter, on which dependencies and the route set headers and the status code."""
    background: StarletteBackgroundTasks | None = None
    cache: dict[Any, Any] = field(default_factory=dict)
    """Return values of the dependencies, by cache key."""
    solved: tuple[dict[str, Any], list[Any]] | None = None
    """Arguments of the route and validation errors, if they were solved before the route's thread started."""
    bodies: dict[int, tuple[dict[str, Any], list[Any]]] = field(default_factory=dict)
    """Values and errors of the body parameters that FastAPI's own code has read, by the id of their node."""
    function_stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """`yield` dependencies with `scope="function"`, which exit after the route."""
    request_scoped: list[contextlib.AbstractContextManager[Any]] = field(default_factory=list)
    """The other `yield` dependencies, which exit after the response."""

    @contextlib.asynccontextmanager
    async def stacks(self, pool: Threads) -> AsyncIterator[None]:
        """Exit the `yield` dependencies: those with function scope at the end of this block, the others after the
        response."""
        try:
            async with _InThread(self.function_stack, pool):
                yield
        finally:
            self.exit_after_response(pool)

    def exit_after_response(self, pool: Threads) -> None:
        """Move the `yield` dependencies that have been entered to FastAPI's exit stack."""
        for manager in self.request_scoped:
            self.request.scope["fastapi_inner_astack"].push_async_exit(_InThread(manager, pool))
        self.request_scoped.clear()

    def response_for_headers(self) -> Response:
        """Return the `Response` parameter. It is created on first use."""
        if self.response is None:
            self.response = Response()
            del self.response.headers["content-length"]
            self.response.status_code = None  # type: ignore[assignment]  # not set, as in FastAPI
        return self.response


class _InThread:
    """Exits a `yield` dependency in a thread, with the exception of the request if there was one."""

    def __init__(self, manager: contextlib.AbstractContextManager[Any], pool: Threads) -> None:
        self._manager = manager
        self._threads = pool

    async def __aenter__(self) -> None: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._threads.run(self._manager.__exit__, kind, error, trace)


class Node:
    """A function of the dependency tree, with its parameters and dependencies."""

    def __init__(
        self, dependant: Dependant, original: Dependant, overrides: Overrides, *, is_route: bool = False
    ) -> None:
        self.dependant = dependant
        self.original = original
        """The declared dependency. It differs from `dependant` if that is an override."""
        self.call: Any = dependant.call
        self.name = original.name
        self.key = _get_cache_key(dependant=original)
        self.use_cache = original.use_cache
        self.is_generator = _is_gen_callable(self.call)
        self.needs_event_loop = not is_route and (
            _is_coroutine_callable(self.call) or _is_async_gen_callable(self.call) or dependant.concurrency is not None
        )
        self.children = [] if self.needs_event_loop else [node_of(child, overrides) for child in dependant.dependencies]
        self._path = [(f.name, f.alias, f) for f in dependant.path_params if not _is_model(f.field_info)]
        self._path_models = [f for f in dependant.path_params if _is_model(f.field_info)]
        self._named = [
            (setter, name)
            for setter, name in (
                (_request, dependant.request_param_name),
                (_request, dependant.http_connection_param_name),
                (_response, dependant.response_param_name),
                (_background, dependant.background_tasks_param_name),
            )
            if name is not None
        ]

    def enter(self, arguments: dict[str, Any], call: Call) -> Any:
        """Call the dependency in a copy of the context, as FastAPI does. Enter it if it is a generator."""
        if not self.is_generator:
            return copy_context().run(self.call, **arguments)
        manager = contextlib.contextmanager(self.call)(**arguments)
        value = manager.__enter__()
        if self.original.scope == "function":
            call.function_stack.push(manager)
        else:
            call.request_scoped.append(manager)
        return value

    def parameters(self, call: Call, values: dict[str, Any]) -> list[Any]:
        """Add the function's own parameters to `values`. Return the validation errors."""
        dependant, request = self.dependant, call.request
        errors: list[Any] = []
        for name, alias, param in self._path:
            value, param_errors = param.validate(request.path_params[alias], values, loc=("path", alias))
            values[name] = value
            errors += param_errors
        for fields, received in (
            (self._path_models, request.path_params if self._path_models else {}),
            (dependant.query_params, request.query_params if dependant.query_params else {}),
            (dependant.header_params, request.headers if dependant.header_params else {}),
            (dependant.cookie_params, request.cookies if dependant.cookie_params else {}),
        ):
            if fields:
                found, param_errors = request_params_to_args(fields, received)
                values |= found
                errors += param_errors
        if (body := call.bodies.get(id(self))) is not None:
            values |= body[0]
            errors += body[1]
        for setter, name in self._named:
            values[name] = setter(call)
        if dependant.security_scopes_param_name is not None:
            values[dependant.security_scopes_param_name] = SecurityScopes(_get_oauth_scopes(dependant=dependant))
        return errors


def node_of(dependant: Dependant, overrides: Overrides) -> Node:
    """Return the node of a dependency, or of the dependency that overrides it."""
    override = overrides.get(dependant.call) if overrides and dependant.call is not None else None
    if override is None:
        return Node(dependant, dependant, overrides)
    replaced = get_dependant(
        path=dependant.path or "",
        call=override,
        name=dependant.name,
        parent_oauth_scopes=_get_oauth_scopes(dependant=dependant),
        scope=dependant.scope,
        concurrency=dependant.concurrency,
    )
    return Node(replaced, dependant, overrides)


def _is_model(info: FieldInfo) -> bool:
    return hasattr(info.annotation, "model_fields")


def _request(call: Call) -> Request:
    return call.request


def _response(call: Call) -> Response:
    return call.response_for_headers()


def _background(call: Call) -> StarletteBackgroundTasks:
    if call.background is None:
        call.background = BackgroundTasks()
    return call.background


def solve(node: Node, call: Call) -> tuple[dict[str, Any], list[Any]]:
    """Call the dependencies of a function. Return its arguments and the validation errors."""
    values: dict[str, Any] = {}
    errors: list[Any] = []
    cache = call.cache
    for child in node.children:
        if child.use_cache and child.key in cache:
            solved = cache[child.key]
        else:
            arguments, child_errors = solve(child, call)
            if child_errors:
                errors += child_errors
                continue
            solved = child.enter(arguments, call)
            cache.setdefault(child.key, solved)
        if child.name is not None:
            values[child.name] = solved
    errors += node.parameters(call, values)
    return values, errors
