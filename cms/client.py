"""HTTP client of the video library, for the command line and the demo. It uses only the public API."""

import json
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from conf.errors import CampusError

BLOCK = 1024 * 1024
"""Bytes of the file to read at a time."""
MAX_RECONNECTS = 60
"""Reconnects to the event stream, one second apart, without any event before the client gives up."""


class ClientError(CampusError):
    """An upload failed. The message is one line for the command line."""


class SignIn(httpx.Auth):
    """Sign in before the first request, and again when half of the access token's lifetime is over."""

    requires_response_body = True

    def __init__(self, *, url: str, email: str, password: str) -> None:
        self._request = httpx.Request("POST", f"{url}/api/v1/auth/login/", json={"email": email, "password": password})
        self._token, self._renew_at = "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self._renew_at:
            tokens = _json((yield self._request))
            self._token, self._renew_at = tokens["access_token"], time.monotonic() + tokens["expires_in"] / 2
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def send(file: Path, *, url: str, account: httpx.Auth, title: str, console: Console) -> str:
    """Upload the file, wait until it is processed, and return its playback URL.

    A progress bar is shown for the upload and another one for the processing. Raises: ClientError.
    """
    timeout = httpx.Timeout(30, read=120)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        httpx.Client(base_url=url, timeout=timeout, trust_env=False, auth=account) as client,
        Progress(*columns, console=console) as bars,
    ):
        try:
            video = _json(client.post("/api/v2/videos/", json={"title": title[:200]}))
            path = f"/api/v2/videos/{video['id']}/"
            bar = bars.add_task(f"{file.name}: upload", total=file.stat().st_size)
            boundary = "campus-upload-7f3c9a51e2d84b06"
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            head, tail = _frame(boundary)
            headers["Content-Length"] = str(len(head) + file.stat().st_size + len(tail))
            body = _body(file, head, tail, lambda count: bars.advance(bar, count))
            response = client.post(path + "upload/", content=body, headers=headers)
            if not response.is_success:
                client.delete(path)
            video = _json(response)
            bar = bars.add_task(f"{file.name}: processing", total=100)
            for job in _watch(client, video["job_id"]):
                bars.update(bar, completed=job["progress"])
            video = _json(client.get(path))
        except httpx.TransportError as error:
            raise ClientError(f"The connection to Campus at {url} failed: {error}.") from error
    if video["playback"] is None:
        raise ClientError(video["error"] or f"The processing job ended with the status {job['status']}.")
    return str(video["playback"]["hls_url"])


def _frame(boundary: str) -> tuple[bytes, bytes]:
    """Return the bytes of the multipart body before and after the file."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n\r\n'
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _body(file: Path, head: bytes, tail: bytes, advance: Any) -> Iterator[bytes]:
    yield head
    with file.open("rb") as source:
        while block := source.read(BLOCK):
            yield block
            advance(len(block))
    yield tail


def _json(response: httpx.Response) -> Any:
    """Return the decoded body of a successful response. Raises: ClientError, with the API's error message."""
    if response.is_success:
        return response.json()
    try:
        problem = response.json()
        detail = problem["detail"]
        errors = "; ".join(f"{error['field']}: {error['reason']}" for error in problem.get("errors", []))
    except (ValueError, KeyError, TypeError):
        detail, errors = f"Campus returned the status code {response.status_code}.", ""
    raise ClientError(f"{detail} {errors}".strip() if errors and errors.partition(": ")[2] != detail else detail)


def _watch(client: httpx.Client, job_id: int) -> Iterator[dict[str, Any]]:
    """Yield the job each time it changes, until it has finished.

    When the connection breaks, reconnect and continue after the last event received (`Last-Event-ID`).
    """
    last_event_id, reconnects_left = "0", MAX_RECONNECTS
    while True:
        try:
            with client.stream(
                "GET", f"/api/v1/jobs/{job_id}/events/", headers={"Last-Event-ID": last_event_id}
            ) as stream:
                if stream.status_code != httpx.codes.SERVICE_UNAVAILABLE and not stream.is_success:
                    stream.read()
                    _json(stream)
                for line in stream.iter_lines():
                    if line.startswith("id: "):
                        last_event_id = line[4:]
                    elif line.startswith("data: ") and stream.is_success:
                        job = json.loads(line[6:])
                        reconnects_left = MAX_RECONNECTS
                        yield job
                        if job["finished_at"]:
                            return
        except httpx.TransportError:
            if not reconnects_left:
                raise
        if not reconnects_left:
            raise ClientError(
                f"The file was uploaded, but its processing reported no progress during {MAX_RECONNECTS} reconnects."
                " Check the status of the video later."
            )
        reconnects_left -= 1
        time.sleep(1)
