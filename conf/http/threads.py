"""The thread pools that serve requests: one thread per PostgreSQL connection, and a bounded queue.

A request that has a thread can always get a connection, so no thread waits for one. When the queue is full, new
requests get 503 instead of waiting. `ThreadPoolExecutor` would need two futures, a condition and several locks per
call, which is a fifth of the cost of a small request.
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
"""Size of the queue of `heavy_threads`."""


class Threads:
    """A pool of `size` daemon threads, with a queue of up to `waiting` calls."""

    def __init__(self, size: int, waiting: int) -> None:
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = queue.SimpleQueue()
        self._bound = size + waiting
        self._busy = 0
        for number in range(size):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    async def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `func` in a thread, in a copy of the caller's context.

        A call that has started runs to its end even if the caller is cancelled.

        Raises: Unavailable, if the queue is full.
        """
        if self._busy >= self._bound:
            raise Unavailable("The server is handling too many requests. Try again later.")
        self._busy += 1
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.put((functools.partial(copy_context().run, func, *args, **kwargs), future))
        return await future

    def _work(self) -> None:
        while True:
            call, future = self._queue.get()
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # noqa: BLE001  # raised in the caller
                error = raised
            try:
                future.get_loop().call_soon_threadsafe(self._settle, future, result, error)
            except RuntimeError:  # the event loop is closed, so no caller waits
                self._busy -= 1
            del call, future, result, error

    def _settle(self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        self._busy -= 1
        if future.done():  # the caller was cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


@functools.cache
def threads() -> Threads:
    """Return the pool for ordinary requests."""
    settings = get_settings()
    return Threads(settings.threads, settings.waiting_requests)


@functools.cache
def heavy_threads() -> Threads:
    """Return the pool for routes marked `heavy`. It is small and has its own queue, so other requests do not wait."""
    return Threads(get_settings().heavy_threads, HEAVY_WAITING)


def heavy(endpoint: F) -> F:
    """Run a `def` route in `heavy_threads`, because it computes for tens of milliseconds.

    Put this decorator below the router's.
    """
    endpoint.heavy = True  # type: ignore[attr-defined]
    return endpoint
