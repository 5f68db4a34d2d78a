"""What must stay true of the code as a whole."""

import ast
import contextlib
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_type_hints

import psycopg2
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import create_engine
from starlette.routing import Mount

from conf import resources
from conf._celery.app import QUEUES, celery_app
from conf._celery.task import JobTask
from conf.db.models import Model
from conf.http.access import public
from conf.http.handler import Handler
from conf.http.index import handlers
from conf.http.route import Route, Router
from iam.dependencies import RequirePermission, requires, signed_in, viewer
from main import app
from tests.documents import VERSIONS, document
from tests.servers import any_postgres, new_database

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for path in ROOT.rglob("*.py")
    if not {".venv", "tests", "benchmarks", "data", "node_modules"} & set(path.relative_to(ROOT).parts)
]
ENDS = {
    "commit": {"conf/http/handler.py", "conf/db/dependencies.py"},
    "rollback": set(),
    "close": {"conf/http/handler.py", "conf/http/plan.py", "conf/db/session.py"},
}
"""Who may end a transaction or a session, and how."""


def ends(path: Path, method: str) -> list[int]:
    """The lines where a session, or for a commit or rollback anything, is ended."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method
        and (method != "close" or ast.unparse(node.func.value) in ("db", "session"))
    ]


@pytest.mark.parametrize("method", ENDS)
def test_only_the_handler_and_with_db_session_end_a_transaction(method: str) -> None:
    assert {path.relative_to(ROOT).as_posix() for path in SOURCES if ends(path, method)} == ENDS[method]


@pytest.mark.parametrize("method", ENDS)
def test_the_guard_against_ended_transactions_sees_one(tmp_path: Path, method: str) -> None:
    (tmp_path / "a.py").write_text(f"def f(db):\n    db.{method}()\n")
    assert ends(tmp_path / "a.py", method) == [2]


def unclaimed(path: Path) -> list[int]:
    """The lines where files are stored in a block that does not claim them, or past `new_files`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.With):
            opened = " ".join(ast.unparse(item.context_expr) for item in node.items)
            inside = "\n".join(ast.unparse(line) for line in node.body)
            if re.search(r"\bnew_files\(|\.store\(", opened) and not re.search(r"\.(claim|attach)\(|\byield\b", inside):
                found.append(node.lineno)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "storage().put":
            found.append(node.lineno)
    return found


def test_every_stored_file_is_claimed() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in SOURCES if unclaimed(path)}
    assert found == {"conf/storage/store.py"}  # which keeps the record


@pytest.mark.parametrize(
    "code",
    [
        "with new_files(folder) as files:\n    row.key = files.put('a', path)\n",
        "with FILES.store(db, folder=folder, file=file) as stored:\n    row.key = stored.key\n",
        "storage().put('a', path)\n",
    ],
)
def test_the_guard_against_unclaimed_files_sees_one(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(code)
    assert unclaimed(tmp_path / "a.py") == [1]


def test_every_package_has_its_storey() -> None:
    """A stray `utils/` beside the resources has none."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    storeys = set(re.split(r"[ |]+", " | ".join(rules["contracts"][0]["layers"])))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    modules = {path.stem for path in ROOT.glob("*.py")}
    assert packages == storeys == set(rules["root_packages"])
    assert modules == {"main", "manage", "gunicorn_config"}


def test_every_route_says_who_may_call_it() -> None:
    for handler in handlers(app):
        if handler.route.include_in_schema and handler.path.startswith(("/api/", "/media/")):
            text = " ".join((handler.endpoint.__doc__ or "").split())
            assert re.search(r"(Public\.|Requires: [^.]+\.)$", text), (
                f"{handler.path}: end the docstring of {handler.endpoint.__name__} with who may call it: `Public.`,"
                " `Requires: signed in.` or `Requires: the owner or an admin.` It is part of the API reference."
            )


def test_every_route_is_of_our_class() -> None:
    for context in iter_route_contexts(app.routes):
        assert isinstance(context.original_route, Route | Mount), context.path


def test_what_returns_nothing_is_204() -> None:
    """FastAPI would send `null`."""
    for handler in handlers(app):
        if get_type_hints(handler.endpoint).get("return") is type(None):
            assert handler.route.status_code == 204, handler.path


def needs(handler: Handler) -> list[object]:
    """What the route says of who may call it."""
    calls = [dependant.call for dependant in handler.dependants]
    return [call for call in calls if call in (public, viewer, signed_in) or isinstance(call, RequirePermission)]


def test_every_route_declares_its_need() -> None:
    assert len(handlers(app)) > 50
    for handler in handlers(app):
        assert needs(handler), (
            f"{handler.path} does not declare who may call it: use dependencies=[PUBLIC], viewer: Viewer, me: SignedIn,"
            " or Annotated[Identity, requires('resource:permission')]"
        )


def test_a_route_that_declares_no_need_is_noticed() -> None:
    router = Router("", tags=[])
    router.get("/x/")(lambda: None)
    (route,) = router.routes
    assert isinstance(route, Route)
    assert not needs(route.handler)


def test_a_need_that_is_no_permission_is_refused() -> None:
    with pytest.raises(ValueError, match="no permission"):
        requires("groups:wirte")


@pytest.mark.parametrize("version", VERSIONS)
def test_operation_ids_are_unique(version: int) -> None:
    paths = document(version)["paths"].values()
    ids = [operation["operationId"] for path in paths for operation in path.values()]
    assert len(ids) == len(set(ids))
    assert {"list_groups", "upload_avatar", "watch_job", "get_media"} <= set(ids)


def test_every_queue_is_consumed_and_every_task_has_one() -> None:
    celery_app.loader.import_default_modules()
    assert {queue.name for queue in celery_app.conf.task_queues} == set(QUEUES)
    jobs = [task for name, task in celery_app.tasks.items() if isinstance(task, JobTask) and "." in name]
    assert len(jobs) >= 2
    for task in jobs:
        assert task.job_queue in QUEUES
        assert (task.soft_time_limit or 0) < (task.time_limit or 0)


def test_every_queue_has_a_worker_in_production_and_in_the_embedded_mode() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    embedded = (ROOT / "conf" / "run.py").read_text()
    for queue in QUEUES:
        assert re.search(rf"--queue[\", ]+{queue}", compose), queue
        assert re.search(rf'manage, "{queue}"', embedded), queue


def test_a_session_in_an_async_route_is_refused() -> None:
    from conf.db.dependencies import DbSession

    async def route(db: DbSession) -> None: ...

    with pytest.raises(TypeError, match="cannot use the session"):
        Router("", tags=[]).get("/x/")(route)


def test_the_gunicorn_file_loads() -> None:
    settings = runpy.run_path(str(ROOT / "gunicorn_config.py"))
    assert settings["worker_class"] == "conf.http.server.Worker"
    assert "max_requests" not in settings
    settings["on_exit"](None)
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR")


def _alembic(url: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "alembic", *arguments]
    environment = os.environ | {"DATABASE_URL": url}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _schema(url: str) -> dict[str, set[tuple[str, ...]]]:
    """Every constraint and index of a database. Alembic does not compare CHECK and EXCLUDE constraints."""
    queries = {
        "constraints": "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    }
    connection = psycopg2.connect(url)
    with contextlib.closing(connection), connection.cursor() as cursor:
        found = {}
        for name, query in queries.items():
            cursor.execute(query)
            found[name] = set(cursor.fetchall())
    return found


def _schema_of_the_models(server: str) -> dict[str, set[tuple[str, ...]]]:
    with new_database(server) as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:", 1))
        Model.metadata.create_all(engine)
        engine.dispose()
        return _schema(url)


def test_no_constraint_has_its_prefix_twice() -> None:
    for table in Model.metadata.tables.values():
        for constraint in table.constraints:
            assert not re.match(r"(ck|fk|uq)_.*_(ck|fk|uq)_", str(constraint.name)), constraint.name


def test_migrations_go_up_down_and_up_and_make_what_the_models_say() -> None:
    with any_postgres() as server, new_database(server) as url:
        _alembic(url, "upgrade", "heads")
        assert "No new upgrade operations" in _alembic(url, "check")
        assert _schema(url) == _schema_of_the_models(server), "make migration writes what is missing"
        _alembic(url, "downgrade", "base")
        _alembic(url, "upgrade", "heads")


def test_without_its_last_resource_there_is_an_app_with_migrations_and_workers_and_nothing_of_it() -> None:
    script = """
import sys
from conf import resources
gone = resources.INSTALLED.pop()
from conf.db.migrate import upgrade
upgrade()
from main import app
from conf._celery.app import celery_app
from sqlalchemy import inspect
from conf.db.models import Model
from conf.db.session import write_engine
from fastapi.testclient import TestClient
with TestClient(app) as client:
    assert client.get("/healthcheck/ready").status_code == 200
    assert client.get("/api/v1/jobs/").status_code == (401 if gone != "jobs" else 404)
assert "conf.storage.remove" in celery_app.tasks
assert not [name for name in celery_app.tasks if name.startswith(gone + ".")]
tables = set(inspect(write_engine()).get_table_names()) - {"alembic_version"}
assert tables == set(Model.metadata.tables) and "jobs" in tables
assert not [name for name in sys.modules if name.split(".")[0] == gone]
"""
    with any_postgres() as server, new_database(server) as url:
        environment = os.environ | {"DATABASE_URL": url}
        done = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, check=False)
        assert done.returncode == 0


def test_the_names_of_installed_resources_are_their_packages() -> None:
    for name in resources.INSTALLED:
        assert (ROOT / name / "__init__.py").read_text().startswith('"""')


def test_no_third_party_code_is_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    assert [name for name in names if ".min." in name or "node_modules" in name or "vendor" in name] == []


def test_the_lock_of_the_browser_libraries_has_integrity_and_no_address_of_a_registry() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
