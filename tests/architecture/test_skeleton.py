"""`manage.py resource`, as a developer uses it, on a copy of the house."""

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
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.xdist_group("skeleton")  # they share a copy of the house


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The house as git would give it, with what is new, and mypy's cache, which saves it a minute."""
    made = tmp_path_factory.mktemp("house")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, made / name)
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", made / ".mypy_cache")
    with any_postgres() as server, new_database(server) as url:
        (made / ".env").write_text(f"DATABASE_URL={url}\nSECRET_KEY={'a secret of the tests, ' * 2}\n")
        yield made


def run(copy: Path, *command: str, status: int = 0) -> str:
    """What it printed, when it ended as it should."""
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
def test_a_resource_is_made_passes_every_check_and_goes_without_a_trace(copy: Path) -> None:
    before = tree(copy)
    assert "library/books/models.py" in resource(copy, "library", "book")
    made = tree(copy)
    assert {"library/v1/wire.proto", "library/v1/wire_pb2.py", "tests/library/matrix.py"} <= set(made) - set(before)
    assert "nothing to do" in resource(copy, "library", "book")
    assert tree(copy) == made

    for tool in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["lint-imports"]):
        run(copy, *tool)
    run(copy, "python", "manage.py", "proto", "--check")
    tests = ["tests/library", "tests/test_matrix.py", "tests/architecture/test_architecture.py"]
    some = ["-k", "library or architecture or books or names_no_route"]  # what everybody else gets is tested once
    told = run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *some)
    assert "passed" in told
    assert "failed" not in told

    plant(copy, "library/v1/routes.py", "    return created\n", "    return [1, 2, 3]\n", ["mypy", "."], "return-value")
    (copy / "library" / "loans").mkdir()
    (copy / "library" / "loans" / "__init__.py").touch()
    plant(copy, "library/loans/helpers.py", "", "from fastapi import Request as Request\n", ["lint-imports"], "fastapi")
    shutil.rmtree(copy / "library" / "loans")

    url = (copy / ".env").read_text().partition("=")[2].splitlines()[0]
    run(copy, "python", "manage.py", "migrate")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO books (title, description) VALUES ('x', '')")
    connection.close()
    assert "has data, in books" in resource(copy, "library", "--remove", status=2)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM books")
    connection.close()
    resource(copy, "library", "--remove")
    assert tree(copy) == before
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('books'), to_regclass('users')::text")
        assert cursor.fetchone() == (None, "users")
    connection.close()
    assert "there is no resource library" in resource(copy, "library", "--remove", status=2)


def plant(copy: Path, name: str, before: str, after: str, tool: list[str], told: str) -> None:
    """Plant a fault, and see that the tool catches it."""
    path = copy / name
    sound = path.read_text() if before else None
    path.write_text(after if sound is None else sound.replace(before, after))
    assert path.read_text() != sound
    assert told in run(copy, *tool, status=1)
    if sound is not None:
        path.write_text(sound)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["json", "book"], "Python package json"),
        (["users", "member"], "permissions users:"),
        (["clients", "customer"], "permissions clients:"),
        (["data", "fact"], "a folder for something else"),
        (["handbook", "doc"], "a path /api/v1/docs/"),
        (["gallery", "avatar"], "a route delete_avatar"),
        (["abcdefghijabcdefghijabcdefghij", "book"], "is no name"),
        (["conf", "book"], "conf/ is there already"),
        (["jobs", "movie"], "a resource jobs already"),
        (["library", "group"], "a table groups"),
        (["library", "class"], "'class' means something"),
        (["library", "string"], "'String' means something"),
        (["library", "sheep", "--plural", "sheep"], "--plural"),
        (["Library", "book"], "is no name"),
        (["library", "../book"], "is no name"),
        (["library"], "Name a MODEL"),
        (["iam", "--remove"], "it is used by"),
    ],
)
def test_names_that_clash_are_refused_in_one_line(copy: Path, arguments: list[str], reason: str) -> None:
    before = tree(copy)
    told = resource(copy, *arguments, status=2)
    assert (reason in told, told.count("\n")) == (True, 1), told
    assert tree(copy) == before


def test_the_plural_of_a_name() -> None:
    from conf.develop.names import plural_of

    nouns = ("book", "category", "class", "box", "match", "day")
    assert [plural_of(noun) for noun in nouns] == ["books", "categories", "classes", "boxes", "matches", "days"]


@pytest.mark.timeout(300)
def test_while_it_is_developed_campus_starts_anew_with_what_changed(copy: Path) -> None:
    with open_folder() as folder:
        port = free_port()
        command = ["manage.py", "up", "--reload", "--port", str(port), "--data", str(folder / "data"), "--no-samples"]
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        log = (folder / "log").open("w+")
        campus = spawn([str(BIN / "python"), *command], cwd=copy, env=environment, stdout=log, stderr=log)

        def status() -> int:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/api/v1/books/", trust_env=False).status_code
            except httpx.TransportError:
                return 0

        try:
            wait_for(lambda: status() == 404, within_s=60, what="Campus starts")
            resource(copy, "library", "book")
            wait_for(lambda: status() == 401, within_s=60, what="it has the new routes")
            routes = copy / "library" / "v1" / "routes.py"
            text = routes.read_text()
            routes.write_text("this is no Python")
            wait_for(lambda: status() == 0, within_s=60, what="it does not start")
            routes.write_text(text)
            wait_for(lambda: status() == 401, within_s=60, what="it starts again")
        finally:
            campus.send_signal(signal.SIGINT)
            campus.wait(60)
            log.close()
        resource(copy, "library", "--remove")  # the database in .env has nothing of it


@pytest.mark.timeout(600)
def test_a_team_that_starts_its_own_takes_the_video_library_out(copy: Path) -> None:
    """As docs/how-to/start-your-own.md says."""
    if not (copy / "cms").exists():
        pytest.skip("it has been taken out")
    shutil.rmtree(copy / "benchmarks")
    resource(copy, "cms", "--remove")
    assert not (copy / "docs/openapi/v2.json").exists()
    for tool in (["ruff", "check", "."], ["mypy", "."], ["lint-imports"]):
        run(copy, *tool)
    tests = ["tests/architecture/test_architecture.py", "tests/architecture/test_contract.py", "tests/test_matrix.py"]
    some = ["-k", "architecture or contract or names_no_route or jobs or groups or watch"]
    told = run(copy, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *some)
    assert "passed" in told
    assert "failed" not in told
