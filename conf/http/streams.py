"""Count the open event streams of each account in this process: an open stream costs memory and polls the database."""

from collections import Counter
from collections.abc import AsyncIterator

from conf.errors import RateLimited

MAX_STREAMS = 10
"""Open streams per account and process."""
_open: Counter[int] = Counter()


def counted(account: int, events: AsyncIterator[str]) -> AsyncIterator[str]:
    """Return the events of a stream, which is counted until it ends. Raises: RateLimited."""
    if _open[account] >= MAX_STREAMS:
        raise RateLimited(f"You have {MAX_STREAMS} open event streams. Close one first.", retry_after=5)
    return _counted(account, events)


async def _counted(account: int, events: AsyncIterator[str]) -> AsyncIterator[str]:
    _open[account] += 1
    try:
        async for event in events:
            yield event
    finally:
        _open[account] -= 1
        if not _open[account]:
            del _open[account]
