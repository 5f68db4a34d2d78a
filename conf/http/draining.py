"""A calm end: after SIGTERM the readiness probe fails for `drain_s` while requests are still served, then the server's
own shutdown begins. Load balancers have that long to look elsewhere."""

import asyncio
import signal
from types import FrameType
from typing import Any

from conf.settings import get_settings


class _State:
    draining = False


def is_draining() -> bool:
    return _State.draining


def install() -> None:
    """Put ourselves before the server's own SIGTERM handler, once it is set and the event loop runs."""
    delay_s = get_settings().drain_s
    server_handler: Any = signal.getsignal(signal.SIGTERM)
    if not callable(server_handler):
        return
    loop = asyncio.get_running_loop()

    def begin(number: int, frame: FrameType | None) -> None:
        if _State.draining or not delay_s:
            _State.draining = True
            server_handler(number, frame)
            return
        _State.draining = True
        loop.call_soon_threadsafe(loop.call_later, delay_s, server_handler, number, None)

    signal.signal(signal.SIGTERM, begin)
