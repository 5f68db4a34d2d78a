"""The commands that write code, as a developer uses them, on a copy of the repository."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg2
import pytest

from tests.processes import spawn
from tests.servers import any_postgres, free_port, new_database, open_folder, wait_for

ROOT = Path(__file__).parents[2]
GUARDS = [
    "test_every_route_says_who_may_call_it",
    "test_every_route_declares_its_need",
    "test_every_package_has_its_storey",
    "test_migrations_go_up_down_and_up_and_make_what_the_models_say",
]
BIN = Path(sys.executable).parent


@contextlib.contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """A copy of the files that git lists or would add, with mypy's cache, which saves a minute, and a database."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    with any_postgres() as server, new_database(server) as url:
        (folder / ".env").write_text(f"DATABASE_URL={url}\nSECRET_KEY={'a secret of the tests, ' * 2}\n")
        yield folder


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository that the test may change."""
    with _copied(tmp_path / "campus") as folder:
        yield folder


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository that no test changes."""
    with _copied(tmp_path_factory.mktemp("campus")) as folder:
        yield folder


def run(copy: Path, *command: str, status: int = 0) -> str:
    """Run a command and return its output. It must exit with `status`."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "CI") if name in os.environ}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def resource(copy: Path, *arguments: str, status: int = 0) -> str:
    return run(copy, "python", "manage.py", "resource", *arguments, status=status)


def tree(folder: Path) -> dict[str, bytes]:
    caches = {".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", "__pycache__", "data"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not caches & set(path.parts)
    }


@pytest.mark.timeout(600)
def test_a_resource_with_two_models_passes_every_check_and_can_be_removed(copy: Path) -> None:
    run(copy, "python", "manage.py", "contract")  # --remove writes it
    before = tree(copy)
    report = resource(copy, "observatory", "telescope").splitlines()
    with_telescopes = tree(copy)
    assert {name for name in with_telescopes if with_telescopes[name] != before.get(name)} <= set(report)
    assert {"observatory/v1/wire.proto", "observatory/v1/wire_pb2.py", "tests/observatory/matrix.py"} <= set(report)
    report = resource(copy, "observatory", "eyepiece").splitlines()
    with_eyepieces = tree(copy)
    assert {name for name in with_eyepieces if with_eyepieces[name] != with_telescopes.get(name)} <= set(report)
    assert "observatory/v1/eyepieces/routes.py" in report
    for model in ("telescope", "eyepiece"):
        assert "nothing to do" in resource(copy, "observatory", model)
    assert tree(copy) == with_eyepieces

    for tool in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["lint-imports"]):
        run(copy, *tool)
    run(copy, "python", "manage.py", "proto", "--check")
    tests = ["tests/observatory", "tests/test_matrix.py", "tests/conf/test_reference.py"]
    tests += [f"tests/architecture/test_architecture.py::{name}" for name in GUARDS]
    some = ["-k", "observatory or telescopes or eyepieces or names_no_route or every_field or architecture"]
    output = run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *some)
    assert "passed" in output
    assert "failed" not in output

    plant(
        copy,
        "observatory/v1/routes.py",
        "    return created\n",
        "    return [1, 2, 3]\n",
        ["mypy", "."],
        "return-value",
    )
    (copy / "observatory" / "domes").mkdir()
    (copy / "observatory" / "domes" / "__init__.py").touch()
    import_fastapi = "from fastapi import Request as Request\n"
    plant(copy, "observatory/domes/helpers.py", "", import_fastapi, ["lint-imports"], "fastapi")
    shutil.rmtree(copy / "observatory" / "domes")

    url = (copy / ".env").read_text().partition("=")[2].splitlines()[0]
    run(copy, "python", "manage.py", "migrate")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO telescopes (title, description) VALUES ('x', '')")
    connection.close()
    assert "has data in telescopes" in resource(copy, "observatory", "--remove", status=2)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM telescopes")
    connection.close()
    resource(copy, "observatory", "--remove")
    assert tree(copy) == before
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('telescopes'), to_regclass('eyepieces'), to_regclass('users')::text")
        assert cursor.fetchone() == (None, None, "users")
    connection.close()
    assert "there is no resource observatory" in resource(copy, "observatory", "--remove", status=2)


@pytest.mark.timeout(300)
def test_a_migration_is_written_from_the_models_with_its_check_constraints(copy: Path) -> None:
    migrations = copy / "migrations" / "versions" / "iam"
    models = copy / "iam" / "groups" / "models.py"
    number = len(list(migrations.glob("*.py"))) + 1
    assert "nothing to do" in run(copy, "python", "manage.py", "migration", "iam", "Nothing")
    field = '    motto: Mapped[str | None] = mapped_column(CheckConstraint("motto <> \'\'", name="motto_not_empty"))\n'
    text = models.read_text().replace("    name: Mapped[str]", f"{field}    name: Mapped[str]", 1)
    models.write_text(text.replace("from sqlalchemy import ", "from sqlalchemy import CheckConstraint, ", 1))
    path = migrations / f"iam_{number:04}_add_a_motto.py"
    assert path.name in run(copy, "python", "manage.py", "migration", "iam", "Add a motto")
    written = path.read_text()
    assert 'op.add_column("groups", sa.Column("motto", sa.String(), nullable=True)' in written
    assert 'op.create_check_constraint(op.f("ck_groups_motto_not_empty"), "groups"' in written
    assert written.index('op.drop_constraint(op.f("ck_groups_motto_not_empty")') < written.index("op.drop_column(")
    assert "nothing to do" in run(copy, "python", "manage.py", "migration", "iam", "Again")
    assert "there is no resource ima" in run(copy, "python", "manage.py", "migration", "ima", "x", status=2)


def plant(copy: Path, name: str, before: str, after: str, tool: list[str], message: str) -> None:
    """Plant a fault, and see that the tool catches it."""
    path = copy / name
    sound = path.read_text() if before else None
    path.write_text(after if sound is None else sound.replace(before, after))
    assert path.read_text() != sound
    assert message in run(copy, *tool, status=1)
    if sound is not None:
        path.write_text(sound)


@pytest.mark.xdist_group("unchanged")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["json", "telescope"], "Python package json"),
        (["users", "member"], "permissions users:"),
        (["clients", "customer"], "permissions clients:"),
        (["data", "fact"], "has another purpose"),
        (["handbook", "doc"], "path /api/v1/docs/"),
        (["gallery", "avatar"], "route delete_avatar"),
        (["abcdefghijabcdefghijabcdefghij", "telescope"], "is not a valid name"),
        (["conf", "telescope"], "conf/ already exists"),
        (["observatory", "group"], "table groups"),
        (["observatory", "class"], "'class' has a meaning"),
        (["observatory", "string"], "'String' has a meaning"),
        (["observatory", "sheep", "--plural", "sheep"], "--plural"),
        (["Library", "telescope"], "is not a valid name"),
        (["observatory", "../telescope"], "is not a valid name"),
        (["observatory"], "name a MODEL"),
        (["iam", "--remove"], "it is imported by"),
    ],
)
def test_names_that_clash_are_refused_in_one_line(unchanged: Path, arguments: list[str], reason: str) -> None:
    before = tree(unchanged)
    output = resource(unchanged, *arguments, status=2)
    assert (reason in output, output.count("\n")) == (True, 1), output
    assert tree(unchanged) == before


def test_the_plural_of_a_name() -> None:
    from conf.develop.names import plural_of

    nouns = ("telescope", "category", "class", "box", "match", "day")
    assert [plural_of(noun) for noun in nouns] == ["telescopes", "categories", "classes", "boxes", "matches", "days"]


@pytest.mark.timeout(300)
def test_the_development_server_restarts_when_the_code_changes(copy: Path) -> None:
    with open_folder() as folder:
        port = free_port()
        command = ["manage.py", "up", "--reload", "--port", str(port), "--data", str(folder / "data"), "--no-samples"]
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        log = (folder / "log").open("w+")
        campus = spawn([str(BIN / "python"), *command], cwd=copy, env=environment, stdout=log, stderr=log)

        def status() -> int:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/api/v1/telescopes/", trust_env=False).status_code
            except httpx.TransportError:
                return 0

        try:
            wait_for(lambda: status() == 404, within_s=60, what="Campus starts")
            resource(copy, "observatory", "telescope")
            wait_for(lambda: status() == 401, within_s=60, what="it has the new routes")
            routes = copy / "observatory" / "v1" / "routes.py"
            text = routes.read_text()
            routes.write_text("this is no Python")
            wait_for(lambda: status() == 0, within_s=60, what="it does not start")
            routes.write_text(text)
            wait_for(lambda: status() == 401, within_s=60, what="it starts again")
        finally:
            campus.send_signal(signal.SIGINT)
            campus.wait(60)
            log.close()


@pytest.mark.timeout(600)
def test_a_project_of_ones_own_is_started_by_one_command(copy: Path) -> None:
    assert "there is no resource shop" in run(copy, "python", "manage.py", "start", "a", "--keep", "shop", status=2)
    assert "jobs must be kept" in run(copy, "python", "manage.py", "start", "acme", "--keep", "iam", status=2)
    run(copy, "python", "manage.py", "start", "acme", "--keep", "iam,jobs")
    assert {path.parent.name for path in copy.glob("*/__init__.py")} & {"cms", "clinic", "benchmarks"} == set()
    assert [path.name for path in (copy / "docs" / "openapi").iterdir()] == ["v1.json"]
    for tool in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["lint-imports"]):
        run(copy, *tool)
    tests = ["tests/architecture/test_contract.py", "tests/test_matrix.py", "tests/conf/test_texts.py"]
    tests += [f"tests/architecture/test_architecture.py::{name}" for name in GUARDS] + ["tests/conf/test_events.py"]
    some = ["-k", "architecture or contract or names_no_route or groups or events or texts"]
    output = run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *some)
    assert "passed" in output
    assert "failed" not in output
