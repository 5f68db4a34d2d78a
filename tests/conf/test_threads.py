"""The thread pool that serves requests."""

import asyncio
import threading

import pytest

from conf.errors import Unavailable
from conf.http.threads import Threads


def test_a_call_is_refused_when_the_queue_is_full() -> None:
    async def scene() -> None:
        threads, gate = Threads(2, 1), threading.Event()
        running = [asyncio.create_task(threads.run(gate.wait, 10)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await threads.run(gate.wait)
        gate.set()
        assert await asyncio.gather(*running) == [True] * 3
        assert await threads.run(len, "abc") == 3

    asyncio.run(scene())


def test_a_cancelled_call_occupies_its_thread_until_it_returns() -> None:
    async def scene() -> None:
        threads, gate = Threads(1, 0), threading.Event()
        waiting = asyncio.create_task(threads.run(gate.wait, 10))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await threads.run(gate.wait)
        gate.set()
        await asyncio.sleep(0.05)
        assert await threads.run(len, "abc") == 3

    asyncio.run(scene())


def test_an_exception_is_raised_in_the_caller() -> None:
    async def scene() -> None:
        with pytest.raises(ZeroDivisionError):
            await Threads(1, 0).run(lambda: 1 / 0)

    asyncio.run(scene())
