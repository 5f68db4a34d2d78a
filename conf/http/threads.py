"""The threads that serve requests: as many as there are connections to PostgreSQL, with a bounded line before them.

A request that got a thread gets a connection, so nobody holds the one while waiting for the other; past the bound a
client is told to come again instead of waiting for ever. An executor of the standard library would do the same with two
futures, a condition and several locks a call, which is a fifth of what a small request costs.
"""

import asyncio
import functools
import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from conf.errors import Unavailable
from conf.settings import get_settings

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

HEAVY_WAITING = 256


class Threads:
    def __init__(self, size: int, waiting: int) -> None:
        self._line: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = queue.SimpleQueue()
        self._bound = size + waiting
        self._busy = 0
        for number in range(size):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    async def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `func` in a thread, in a copy of the caller's context. A call that has begun is finished even if its
        caller is cancelled.

        Raises: Unavailable, when the queue is full.
        """
        if self._busy >= self._bound:
            raise Unavailable("Too many requests at once.")
        self._busy += 1
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._line.put((functools.partial(copy_context().run, func, *args, **kwargs), future))
        return await future

    def _work(self) -> None:
        while True:
            call, future = self._line.get()
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # noqa: BLE001  # it belongs to whoever waits
                error = raised
            try:
                future.get_loop().call_soon_threadsafe(self._settle, future, result, error)
            except RuntimeError:  # the loop is closed: nobody waits
                self._busy -= 1
            del call, future, result, error

    def _settle(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        self._busy -= 1
        if future.done():  # whoever waited was cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


@functools.cache
def threads() -> Threads:
    settings = get_settings()
    return Threads(settings.threads, settings.waiting_requests)


@functools.cache
def heavy_threads() -> Threads:
    """Few, with a line of their own: whoever waits here keeps nobody else waiting."""
    return Threads(get_settings().heavy_threads, HEAVY_WAITING)


def heavy(endpoint: F) -> F:
    """Decorator, below that of the router: a `def` route that computes for tens of milliseconds."""
    endpoint.heavy = True  # type: ignore[attr-defined]
    return endpoint
