"""The plan of a route: which of its dependencies run in its thread, and which on the event loop."""

from collections.abc import Iterator
from typing import Any

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, solve_dependencies

from conf.db.dependencies import get_db
from conf.http.arguments import Call, Node, NotSupported, Overrides, walk
from conf.http.threads import Threads


class Plan:
    """The dependency tree of one route, with the overrides of `app.dependency_overrides` applied."""

    def __init__(self, dependant: Dependant, overrides: Overrides, *, embed_body: bool) -> None:
        self.overrides = dict(overrides)
        self.root = Node(dependant, dependant, overrides, is_route=True)
        nodes = list(nodes_of(self.root))
        self.needs_event_loop = any(node.needs_event_loop for node in nodes)
        """Whether a dependency needs the event loop."""
        self._nodes_with_body = [node for node in nodes if not node.needs_event_loop and node.dependant.body_params]
        self._embed_body = embed_body
        self.needs_stacks = self.needs_event_loop or any(node.is_generator for node in nodes if node is not self.root)
        """Whether a dependency may exit after the response, which needs FastAPI's exit stacks."""
        self.session_key = next((node.key for node in nodes if node.original.call is get_db), None)
        self.has_dependencies = len(nodes) > 1
        self.query_names = frozenset(
            name for node in nodes for d in walk(node.dependant) for param in d.query_params for name in _aliases(param)
        )
        """Names of the query parameters of the route and its dependencies."""

    def check(self, route: str) -> None:
        """Check where the dependencies run and exit. `route`: its name. Raises: NotSupported."""
        for node in nodes_of(self.root):
            uses_session = any(d.call is get_db for d in walk(node.dependant))
            name = getattr(node.call, "__qualname__", type(node.call).__qualname__)
            if node.needs_event_loop and uses_session:
                raise NotSupported(
                    f"{route}: The dependency {name} runs on the event loop and cannot use the session. Declare it as a"
                    " plain `def`."
                )
            if node is not self.root and node.is_generator and uses_session and node.original.scope != "function":
                raise NotSupported(
                    f"{route}: The dependency {name} exits after the session is closed. Declare it with"
                    ' `Depends(…, scope="function")`.'
                )

    async def solve_in_order(self, call: Call, *, body: Any, provider: Any, pool: Threads) -> None:
        """Solve a route some of whose dependencies need the event loop.

        The dependencies run one after another, in FastAPI's order, each on the event loop or in a thread. The arguments
        are stored in `call.solved`.
        """
        call.solved = await self._solve_in_order(self.root, call, body, provider, pool)

    async def _solve_in_order(
        self, node: Node, call: Call, body: Any, provider: Any, pool: Threads
    ) -> tuple[dict[str, Any], list[Any]]:
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for child in node.children:
            if child.needs_event_loop:
                solved, child_errors = await self._solve_on_event_loop(child, call, body, provider)
            elif child.use_cache and child.key in call.cache:
                solved, child_errors = call.cache[child.key], []
            else:
                arguments, child_errors = await self._solve_in_order(child, call, body, provider, pool)
                if not child_errors:
                    solved = await pool.run(_enter, child, arguments, call)
                    call.exit_after_response(pool)
                    call.cache.setdefault(child.key, solved)
            if child_errors:
                errors += child_errors
            elif child.name is not None:
                values[child.name] = solved
        errors += node.parameters(call, values)
        return values, errors

    async def _solve_on_event_loop(self, node: Node, call: Call, body: Any, provider: Any) -> tuple[Any, list[Any]]:
        """Run a dependency and its own dependencies with FastAPI's code. Return its value and the errors."""
        solved = await solve_dependencies(
            request=call.request,
            dependant=Dependant(dependencies=[node.original], path=node.original.path),
            body=body,
            background_tasks=call.background,
            response=call.response_for_headers(),
            dependency_overrides_provider=provider,
            dependency_cache=call.cache,
            async_exit_stack=call.request.scope["fastapi_inner_astack"],
            embed_body_fields=self._embed_body,
        )
        call.background = solved.background_tasks
        return solved.values.get(node.name or ""), solved.errors

    async def read_bodies(self, call: Call, body: Any) -> None:
        """Validate the body parameters with FastAPI's code and store them in `call.bodies`."""
        for node in self._nodes_with_body:
            call.bodies[id(node)] = await request_body_to_args(
                node.dependant.body_params, body, embed_body_fields=self._embed_body
            )

    def session(self, call: Call) -> Any:
        """Return the session that the route or a dependency uses, if any."""
        return call.cache.get(self.session_key) if self.session_key else None


def _enter(node: Node, arguments: dict[str, Any], call: Call) -> Any:
    """Call a dependency, then return the session's connection to the pool until the session is used again."""
    try:
        return node.enter(arguments, call)
    finally:
        if (db := call.request.scope.get("db")) is not None:
            db.close()


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield the node and all its descendants."""
    yield node
    for child in node.children:
        yield from nodes_of(child)


def _aliases(param: ModelField) -> Iterator[str]:
    """Yield the names of a query parameter in the URL: one for each field if it is a model."""
    fields = getattr(param.field_info.annotation, "model_fields", None)
    if fields is None:
        yield param.alias
    else:
        yield from (info.alias or name for name, info in fields.items())
