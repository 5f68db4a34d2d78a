import contextlib
import email
import email.policy
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, select, text

from tests.servers import any_postgres, drop_abandoned_databases, free_port, new_database

# Settings are read when modules are imported, so the environment is made before anything of Campus is.
_stack = contextlib.ExitStack()
_data = Path(tempfile.mkdtemp(prefix="campus-test-data-"))
_stack.callback(shutil.rmtree, _data, ignore_errors=True)
_postgres = _stack.enter_context(any_postgres())
if Path("/proc/self").exists():
    drop_abandoned_databases(_postgres)
SETTINGS = {
    "DATABASE_URL": _stack.enter_context(new_database(_postgres, durable=False)),
    "BROKER_URL": "redis://127.0.0.1:1/0",  # nobody there: nothing that is tested here may need it
    "SECRET_KEY": "a secret of the tests, long enough to be one",
    "PUBLIC_URL": "http://testserver",
    "DATA_DIR": str(_data),
    "LOG_LEVEL": "ERROR",
    "LEASE_S": "3",
    "SWEEP_S": "1",
    "RETRY_BASE_S": "0.05",
}
for _name in (
    "DATABASE_READ_URL",
    "S3_BUCKET",
    "S3_ENDPOINT_URL",
    "WORK_DIR",
    "FFMPEG",
    "SANDBOX",
    "EMBEDDED",
    "SMTP_URL",
    "LIMITS_URL",
):
    os.environ.pop(_name, None)
os.environ.update(SETTINGS)

from conf._celery.enqueue import task_of  # noqa: E402
from conf._celery.models import Job, JobStatus  # noqa: E402
from conf.db.migrate import upgrade  # noqa: E402
from conf.db.models import Model  # noqa: E402
from conf.db.session import ReadSession, dispose, main_read_engine, open_session, write_engine  # noqa: E402
from conf.http.limits import counters  # noqa: E402
from conf.settings import Settings, get_settings  # noqa: E402
from iam.roles import Role  # noqa: E402
from iam.tokens.helpers import clear_identity_cache  # noqa: E402
from main import app  # noqa: E402
from tests.people import Person, make_person  # noqa: E402
from tests.system import System, system  # noqa: E402


def pytest_unconfigure() -> None:
    dispose()
    _stack.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("CI has every server: a skipped test is a failure.", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _schema() -> None:
    upgrade()


def empty() -> None:
    """Every table, but for the keys that sign ID tokens, which each process makes once; ids begin at 1 again.

    For a few rows DELETE takes a tenth of the time of TRUNCATE, which makes new files."""
    tables = [table.name for table in reversed(Model.metadata.sorted_tables) if table.name != "signing_keys"]
    deletes = "; ".join(f'DELETE FROM "{name}"' for name in tables)
    restarts = ", ".join(f"setval(pg_get_serial_sequence('{name}', 'id'), 1, false)" for name in tables)
    with write_engine().begin() as connection:
        connection.execute(text(f"{deletes}; SELECT {restarts}"))


class _Recorder:
    """A logger that also keeps the exceptions it is given."""

    def __init__(self, log: Any, errors: list[BaseException]) -> None:
        self._log = log
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def error(self, event: str, **values: Any) -> None:
        if event == "unexpected error" and isinstance(error := values.get("exc_info"), BaseException):
            self._errors.append(error)
        self._log.error(event, **values)


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which a route of this process raised an unexpected error, and show the error's traceback.

    A test that wants one is marked with `pytest.mark.unexpected_errors`.
    """
    from conf.http import problems

    errors: list[BaseException] = []
    monkeypatch.setattr(problems, "log", _Recorder(problems.log, errors))
    yield
    if errors and request.node.get_closest_marker("unexpected_errors") is None:
        raise errors[0]


@pytest.fixture
def anonymous() -> Iterator[TestClient]:
    """The API, in this process, on an empty database and an empty storage; nobody is signed in."""
    empty()
    for folder in ("storage", "mails"):
        shutil.rmtree(_data / folder, ignore_errors=True)
    counters().reset()
    clear_identity_cache()
    with TestClient(app, raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def admin(anonymous: TestClient) -> Person:
    return make_person(Role.ADMIN)


@pytest.fixture
def client(anonymous: TestClient, admin: Person) -> TestClient:
    """The API, as an admin asks it."""
    anonymous.headers.update(admin.headers)
    return anonymous


@pytest.fixture
def run_jobs() -> Callable[[], list[Job]]:
    """Runs what is due in this process, until nothing is; the jobs that were run, as they are then."""

    def run() -> list[Job]:
        ran: set[int] = set()
        while True:
            with open_session() as db:
                due = db.execute(
                    select(Job.id, Job.name).where(Job.status == JobStatus.QUEUED, Job.run_after <= text("now()"))
                ).all()
            if not due:
                with open_session() as db:
                    return list(db.scalars(select(Job).where(Job.id.in_(ran)).order_by(Job.id)))
            for job_id, name in due:
                task_of(name)(job_id)
                ran.add(job_id)

    return run


@pytest.fixture
def stored() -> Callable[[], list[str]]:
    """The keys of all stored files."""
    from conf.storage.store import storage

    return lambda: sorted(storage().keys(""))


@pytest.fixture(scope="session")
def s3_settings() -> Iterator[Settings]:
    """Those of a Campus whose files are in S3, over HTTP, in an empty bucket."""
    from moto.server import ThreadedMotoServer
    from pydantic import SecretStr

    from conf.storage.s3 import _client

    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    settings = get_settings().model_copy(
        update={
            "s3_bucket": "campus",
            "s3_endpoint_url": f"http://127.0.0.1:{port}",
            "s3_access_key_id": "key",
            "s3_secret_access_key": SecretStr("secret"),
        }
    )
    _client(settings, settings.s3_endpoint_url).create_bucket(Bucket="campus")
    yield settings
    server.stop()


@pytest.fixture
def mails() -> Callable[[], list[str]]:
    """The texts of the e-mails that were sent, the oldest first."""

    def read() -> list[str]:
        paths = sorted((_data / "mails").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        letters = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
        return [body.get_content() for letter in letters if (body := letter.get_body())]

    return read


@pytest.fixture
def work() -> Callable[[], list[Path]]:
    """The folders of work in progress."""
    return lambda: list((_data / "work").glob("*"))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[System]:
    """The API as a process of its own, without a broker and without workers."""
    with (
        any_postgres() as server,
        new_database(server) as url,
        system(tmp_path / "campus", database_url=url, broker_url="redis://127.0.0.1:1/0") as made,
    ):
        yield made


@pytest.fixture
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


class Seen:
    """Statements and ORM instances of the requests since `reset`."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.instances: list[str] = []

    def reset(self) -> None:
        self.statements.clear()
        self.instances.clear()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    found = Seen()
    fetch = ReadSession.fetch

    def fetch_seen(db: ReadSession, query: str, values: dict[str, Any]) -> Any:
        found.statements.append(query)
        return fetch(db, query, values)

    def execute_seen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.statements.append(statement)

    def load_seen(instance: Any, _context: Any) -> None:
        found.instances.append(type(instance).__name__)

    monkeypatch.setattr(ReadSession, "fetch", fetch_seen)
    event.listen(main_read_engine(), "before_cursor_execute", execute_seen)
    event.listen(Model, "load", load_seen, propagate=True)
    yield found
    event.remove(main_read_engine(), "before_cursor_execute", execute_seen)
    event.remove(Model, "load", load_seen)
