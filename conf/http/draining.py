"""Graceful shutdown. After SIGTERM the readiness probe fails, but requests are still served for `drain_s` seconds, so
that load balancers can remove the server. Then the server's own shutdown starts."""

import asyncio
import signal
from types import FrameType
from typing import Any

from conf.settings import get_settings


class _State:
    draining = False


def is_draining() -> bool:
    """Return whether the process has received SIGTERM."""
    return _State.draining


def install() -> None:
    """Replace the server's SIGTERM handler by one that calls it after `drain_s` seconds.

    Call it once the server has set its handler and the event loop runs. A second SIGTERM starts the shutdown at once.
    """
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
