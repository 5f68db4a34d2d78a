"""How the arguments of one route are found: which dependencies run in its thread, and which on the event loop."""

from collections.abc import Iterator
from typing import Any

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, solve_dependencies

from conf.db.dependencies import get_db
from conf.http.arguments import Call, Node, NotSupported, Overrides, walk
from conf.http.threads import Threads


class Plan:
    """How the arguments of one route are found, with the dependencies that `overrides` puts in place of others."""

    def __init__(self, dependant: Dependant, overrides: Overrides, *, embed_body: bool) -> None:
        self.overrides = dict(overrides)
        self.root = Node(dependant, dependant, overrides, is_route=True)
        nodes = list(nodes_of(self.root))
        self.is_mixed = any(node.is_early for node in nodes)
        """Whether dependencies need the event loop."""
        self._with_body = [node for node in nodes if not node.is_early and node.dependant.body_params]
        self._embed_body = embed_body
        self.needs_stacks = self.is_mixed or any(node.is_generator for node in nodes if node is not self.root)
        """Whether something ends after the response: FastAPI's exit stacks must be there."""
        self.session_key = next((node.key for node in nodes if node.original.call is get_db), None)
        self.calls_something = len(nodes) > 1
        """Whether there are dependencies for the thread."""

        self.query_names = frozenset(
            name for node in nodes for d in walk(node.dependant) for param in d.query_params for name in _aliases(param)
        )
        """The names of the route's query parameters, those of its dependencies among them."""

    def check(self, route: str) -> None:
        """Raises: NotSupported."""
        for node in nodes_of(self.root):
            uses_session = any(d.call is get_db for d in walk(node.dependant))
            name = getattr(node.call, "__qualname__", type(node.call).__qualname__)
            if node.is_early and uses_session:
                raise NotSupported(
                    f"{route}: the dependency {name} runs on the event loop and cannot use the session. Write it as a"
                    " plain `def`."
                )
            if node is not self.root and node.is_generator and uses_session and node.original.scope != "function":
                raise NotSupported(
                    f"{route}: the dependency {name} ends after the session is closed. Declare it with"
                    ' `Depends(…, scope="function")`.'
                )

    async def solve_in_order(self, call: Call, *, body: Any, provider: Any, pool: Threads) -> None:
        """Solve a route of which dependencies need the event loop: each runs in its turn, as in FastAPI, there or in a
        thread. `call.solved` has the arguments then."""
        call.solved = await self._solve_in_order(self.root, call, body, provider, pool)

    async def _solve_in_order(
        self, node: Node, call: Call, body: Any, provider: Any, pool: Threads
    ) -> tuple[dict[str, Any], list[Any]]:
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for child in node.children:
            if child.is_early:
                solved, wrong = await self._solve_early(child, call, body, provider)
            elif child.use_cache and child.key in call.cache:
                solved, wrong = call.cache[child.key], []
            else:
                arguments, wrong = await self._solve_in_order(child, call, body, provider, pool)
                if not wrong:
                    solved = await pool.run(_enter, child, arguments, call)
                    call.end_after_response(pool)
                    call.cache.setdefault(child.key, solved)
            if wrong:
                errors += wrong
            elif child.name is not None:
                values[child.name] = solved
        errors += node.parameters(call, values)
        return values, errors

    async def _solve_early(self, node: Node, call: Call, body: Any, provider: Any) -> tuple[Any, list[Any]]:
        """By FastAPI's own code, which runs it and all that it depends on."""
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
        for node in self._with_body:
            call.bodies[id(node)] = await request_body_to_args(
                node.dependant.body_params, body, embed_body_fields=self._embed_body
            )

    def session(self, call: Call) -> Any:
        """The session that dependencies or the route were given, if any."""
        return call.cache.get(self.session_key) if self.session_key else None


def _enter(node: Node, arguments: dict[str, Any], call: Call) -> Any:
    """Call a dependency in a thread; the session gives its connection back until it is used again."""
    try:
        return node.enter(arguments, call)
    finally:
        if (db := call.request.scope.get("db")) is not None:
            db.close()


def nodes_of(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes_of(child)


def _aliases(param: ModelField) -> Iterator[str]:
    """The names in the query string: of each field, where the parameter is a model."""
    fields = getattr(param.field_info.annotation, "model_fields", None)
    if fields is None:
        yield param.alias
    else:
        yield from (info.alias or name for name, info in fields.items())
