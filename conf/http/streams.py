"""Count the open event streams of each account in this process: an open stream costs memory and polls the database."""

from collections import Counter
from collections.abc import AsyncIterator

from conf.errors import RateLimited

MAX_STREAMS = 10
"""Open streams per account and process."""
_open: Counter[int] = Counter()


class CountedStream:
    """The events of a stream, which is counted until it ends, or is deleted because nobody has read it."""

    def __init__(self, account: int, events: AsyncIterator[str]) -> None:
        """Raises: RateLimited."""
        self._is_open = False
        if _open[account] >= MAX_STREAMS:
            raise RateLimited(f"You have {MAX_STREAMS} open event streams. Close one first.", retry_after=5)
        self._account, self._events = account, events
        _open[account] += 1
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            async for event in self._events:
                yield event
        finally:
            self._close()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            _open[self._account] -= 1
            if not _open[self._account]:
                del _open[self._account]

    def __del__(self) -> None:
        self._close()
