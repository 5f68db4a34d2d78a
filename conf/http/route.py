"""The router of Campus: an APIRouter whose routes run in one thread (`conf.http.handler`).

Routes are ordinary FastAPI: annotated parameters, dependencies, response models, OpenAPI. The few features that are not
supported raise `NotSupported` when the route is declared; docs/how-to/fastapi.md lists them.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import _is_async_gen_callable, _is_gen_callable
from fastapi.routing import APIRoute, RouteContext, _effective_route_context_var

from conf.db.dependencies import get_db
from conf.http.arguments import NotSupported, walk
from conf.http.handler import Handler
from conf.http.uploads import FILE_BODY, FilePart


class Route(APIRoute):
    """A route that `Handler` runs."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._handlers: dict[int, Handler] = {}
        if hasattr(endpoint, "successor"):
            options["deprecated"] = True
        super().__init__(path, endpoint, **options)
        if any(isinstance(dependant.call, FilePart) for dependant in walk(self.dependant)):
            self.openapi_extra = FILE_BODY | (self.openapi_extra or {})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route. FastAPI calls this once for the route itself, and once for each router that
        includes it."""
        context = _effective_route_context_var.get()
        route: Any = context if context is not None and context.original_route is self else self
        if _is_gen_callable(self.endpoint) or _is_async_gen_callable(self.endpoint):
            if any(dependant.call is get_db for dependant in walk(route.dependant)):
                raise NotSupported(
                    f"{self.endpoint.__qualname__}: A route with `yield` and its dependencies cannot use the session."
                    " Return a StreamingResponse from an `async def` route."
                )
            return super().get_route_handler()
        handler = self._handlers[id(route)] = Handler(RouteContext(self, None if route is self else route))
        return handler.respond

    @property
    def handler(self) -> Handler:
        """The handler of the route as declared, without the routers that include it."""
        return self._handlers[id(self)]

    def handler_of(self, context: RouteContext) -> Handler | None:
        """Return the handler of this route as `context` includes it; None if FastAPI runs it because it has `yield`."""
        return self._handlers.get(id(context._effective_route))  # noqa: SLF001  # FastAPI's


class Router(APIRouter):
    """An APIRouter whose routes are of the class `Route`.

    Operation ids are the names of the functions, so generated clients have readable names that do not depend on paths.
    """

    def __init__(self, prefix: str = "", *, tags: Sequence[str] = (), **options: Any) -> None:
        settings: dict[str, Any] = {"generate_unique_id_function": _operation_id, "route_class": Route} | options
        super().__init__(prefix=prefix, tags=list(tags), **settings)


def _operation_id(route: APIRoute) -> str:
    return route.name
