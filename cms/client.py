"""A client of the video library, as the command line uses it: over HTTP alone, like any other."""

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
PATIENCE = 60
"""Seconds without news of the job."""


class ClientError(CampusError):
    """What went wrong, in one line."""


class SignIn(httpx.Auth):
    """Signs in before the first request, and again when half the time of the token is over."""

    requires_response_body = True

    def __init__(self, *, url: str, email: str, password: str) -> None:
        self._request = httpx.Request("POST", f"{url}/api/v1/auth/login/", json={"email": email, "password": password})
        self._token, self._until = "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self._until:
            tokens = _json((yield self._request))
            self._token, self._until = tokens["access_token"], time.monotonic() + tokens["expires_in"] / 2
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def send(file: Path, *, url: str, account: httpx.Auth, title: str, console: Console) -> str:
    """Upload the file, wait until it has been processed, and return its playback URL. Shows two bars meanwhile."""
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
            answer = client.post(path + "upload/", content=body, headers=headers)
            if not answer.is_success:
                client.delete(path)
            video = _json(answer)
            bar = bars.add_task(f"{file.name}: processing", total=100)
            for job in _watch(client, video["job_id"]):
                bars.update(bar, completed=job["progress"])
            video = _json(client.get(path))
        except httpx.TransportError as error:
            raise ClientError(f"Campus at {url} does not answer: {error}") from error
    if video["playback"] is None:
        raise ClientError(video["error"] or f"the processing was {job['status']}")
    return str(video["playback"]["hls_url"])


def _frame(boundary: str) -> tuple[bytes, bytes]:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\n\r\n'
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _body(file: Path, head: bytes, tail: bytes, advance: Any) -> Iterator[bytes]:
    yield head
    with file.open("rb") as source:
        while block := source.read(BLOCK):
            yield block
            advance(len(block))
    yield tail


def _json(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        problem = answer.json()
        detail = problem["detail"]
        faults = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in problem.get("errors", []))
    except (ValueError, KeyError, TypeError):
        detail, faults = f"status {answer.status_code}", ""
    raise ClientError(f"{detail} {faults}".strip() if faults and faults.partition(": ")[2] != detail else detail)


def _watch(client: httpx.Client, job_id: int) -> Iterator[dict[str, Any]]:
    """The job each time it changes, until it ends; a broken line is taken up again where it broke."""
    seen, patience = "0", PATIENCE
    while True:
        try:
            with client.stream("GET", f"/api/v1/jobs/{job_id}/events/", headers={"Last-Event-ID": seen}) as stream:
                if stream.status_code != httpx.codes.SERVICE_UNAVAILABLE and not stream.is_success:
                    stream.read()
                    _json(stream)
                for line in stream.iter_lines():
                    if line.startswith("id: "):
                        seen = line[4:]
                    elif line.startswith("data: ") and stream.is_success:
                        job = json.loads(line[6:])
                        patience = PATIENCE
                        yield job
                        if job["finished_at"]:
                            return
        except httpx.TransportError:
            if not patience:
                raise
        if not patience:
            raise ClientError("Campus does not tell how the processing goes.")
        patience -= 1
        time.sleep(1)
