import asyncio
import threading

import pytest

from conf.errors import Unavailable
from conf.http.threads import Threads


def test_past_the_bound_one_is_told_to_come_again() -> None:
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


def test_a_thread_is_counted_until_it_is_free_though_nobody_waits() -> None:
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


def test_an_error_reaches_whoever_waits() -> None:
    async def scene() -> None:
        with pytest.raises(ZeroDivisionError):
            await Threads(1, 0).run(lambda: 1 / 0)

    asyncio.run(scene())
