"""uvicorn's HTTP protocol with limits on the head of a request: uvicorn itself accepts one of any size, at any speed.

`uvicorn main:app --http conf.http.server:BoundedProtocol`, or gunicorn with the worker class of this module. The body
is limited by the application (`conf.http.bodies`).
"""

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn_worker import UvicornWorker

HEAD_MAX_BYTES = 64 * 1024
"""Bytes of the request line and the headers after which a connection is closed. Shorter ones are refused by
`conf.http.request_log`, with a complete error response."""
HEAD_S = 20
"""Seconds in which the head of a request must arrive, from the start of the connection, or from the first byte after
the previous response."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request has a head that is too long or arrives too slowly, and those with a body that
    was not read to its end."""

    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if self._is_busy():
            self._stop_clock()
            return
        self._start_clock()
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        unread = self.cycle is not None and self.cycle.more_body and not self._in_head
        super().on_response_complete()
        if unread and not self.pipeline:
            self.transport.close()

    def _is_busy(self) -> bool:
        """Whether the application handles a request of this connection."""
        return self.cycle is not None and not self.cycle.response_complete

    def _start_clock(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Send an error response and close the connection, unless the application handles a request."""
        self._stop_clock()
        if self.transport.is_closing() or self._is_busy():
            return
        detail = "The request arrived too slowly." if status == 408 else "The head of the request is too long."
        body = to_json({"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail})
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()


class Worker(UvicornWorker):  # type: ignore[misc]  # it has no type hints
    """The worker class of gunicorn."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", "http": BoundedProtocol}
