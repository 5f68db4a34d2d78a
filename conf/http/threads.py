"""The threads that serve requests: as many as there are connections to PostgreSQL, with a bounded line before them.

A request that got a thread gets a connection, so nobody holds the one while waiting for the other; past the bound a
client is told to come again instead of waiting for ever.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from conf.errors import Unavailable
from conf.settings import get_settings

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    def __init__(self, size: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="request")
        self._bound = size + waiting
        self._busy = 0

    async def run(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `func` in a thread. Unavailable when the line is full."""
        if self._busy >= self._bound:
            raise Unavailable("Too many requests at once.")
        self._busy += 1
        try:
            call = functools.partial(func, *args, **kwargs) if kwargs else func
            future = asyncio.get_running_loop().run_in_executor(self._pool, call, *(() if kwargs else args))
            return await asyncio.shield(future)
        finally:
            self._busy -= 1


@functools.cache
def threads() -> Threads:
    settings = get_settings()
    return Threads(settings.threads, settings.waiting_requests)
