"""Campus as separate processes: API and workers, as an operator starts them, with a database and files of their own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from tests.processes import spawn
from tests.servers import free_port, wait_for

ROOT = Path(__file__).parents[1]
UVICORN = (sys.executable, "-m", "uvicorn", "main:app", "--http", "conf.http.server:BoundedProtocol")


class System:
    """Start and kill its parts at will; `close` ends them all."""

    def __init__(self, folder: Path, *, database_url: str, broker_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.wait_for = wait_for
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._clients = [self.client]
        self.headers: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DATABASE_URL": database_url,
            "BROKER_URL": broker_url,
            "SECRET_KEY": "a secret of the tests, long enough to be one",
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(folder),
            "LEASE_S": "3",
            "SWEEP_S": "1",
            "RETRY_BASE_S": "0.1",
            "REGISTRATION": "true",
            "WORKER_GRACE_S": "1",
        } | settings

    def sign_in(self) -> None:
        """Have the clients ask as an admin."""
        person = {"email": "admin@campus.example", "password": "a passphrase of the tests"}
        answer = self.client.post("/api/v1/auth/register/", json=person | {"first_name": "Ada", "last_name": "Admin"})
        assert answer.status_code == 201, answer.text
        with psycopg2.connect(self.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE users SET role = 'admin'; DELETE FROM jobs")
        connection.close()
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        for client in self._clients:
            client.headers.update(self.headers)

    def run(self, *command: str) -> None:
        """One command to its end."""
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def migrate(self) -> None:
        self.run(sys.executable, "manage.py", "migrate")

    def start(self, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            process = spawn(command, env=self.environment | settings, cwd=ROOT, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def start_api(self) -> subprocess.Popen[bytes]:
        process = self.start(*UVICORN, "--port", str(self.port))
        wait_for(lambda: _answers(self.client), within_s=20, what="the API starts")
        return process

    def start_elsewhere(self, **settings: str) -> httpx.Client:
        """A second API with other settings; a client of it. Its process is `last_process`."""
        port = free_port()
        self.start(*UVICORN, "--port", str(port), **settings)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, headers=self.headers)
        self._clients.append(client)
        wait_for(lambda: _answers(client), within_s=20, what="the API starts")
        return client

    @property
    def last_process(self) -> subprocess.Popen[bytes]:
        return self._processes[-1]

    def start_worker(self, *, beat: bool = True, concurrency: int = 2, **settings: str) -> subprocess.Popen[bytes]:
        return self.start(
            *(sys.executable, "-m", "celery", "-A", "conf._celery.app.celery_app", "worker"),
            *("--concurrency", str(concurrency), "--include", "tests.probes", *(["--beat"] if beat else [])),
            **settings,
        )

    def kill(self, process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL) -> None:
        """The process with all its children, as when the machine loses power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(30)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)

    def upload(self, path: Path) -> dict[str, Any]:
        """A new video with that file; the video as the upload answers it."""
        video = self.client.post("/api/v1/videos/", json={"title": "Algebra"}).json()
        return self.replace(video["id"], path)

    def replace(self, video_id: int, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            answer = self.client.post(f"/api/v1/videos/{video_id}/upload/", files={"file": file})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def video(self, video_id: int) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/videos/{video_id}/").json())

    def job(self, job_id: int) -> dict[str, Any]:
        return dict(self.client.get(f"/api/v1/jobs/{job_id}/").json())

    def wait_until(self, video_id: int, status: str, *, within_s: float = 60) -> dict[str, Any]:
        wait_for(lambda: self.video(video_id)["status"] == status, within_s=within_s, what=f"the video is {status}")
        return self.video(video_id)

    def stored(self) -> list[str]:
        root = self._folder / "storage"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    def work_folders(self) -> list[str]:
        return sorted(path.name for path in (self._folder / "work").glob("*"))

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


def _answers(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return client.get("/healthcheck/").is_success
    return False


@contextlib.contextmanager
def system(folder: Path, *, database_url: str, broker_url: str, **settings: str) -> Iterator[System]:
    """Campus with a migrated database and an API; workers are the test's to start."""
    made = System(folder, database_url=database_url, broker_url=broker_url, **settings)
    try:
        made.migrate()
        made.start_api()
        made.sign_in()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
