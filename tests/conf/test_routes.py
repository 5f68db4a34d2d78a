"""Features of our routes that FastAPI does not have, and declarations that they refuse."""

import contextvars
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
import structlog
from fastapi import BackgroundTasks, Body, Depends, FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from conf._celery.enqueue import enqueue
from conf.db.dependencies import DbSession, get_db
from conf.db.session import open_session, write_engine
from conf.errors import CampusError, Conflict
from conf.http import index, problems
from conf.http.arguments import NotSupported
from conf.http.route import Router
from conf.http.uploads import Upload, upload
from conf.storage.incoming import IncomingFile

Declare = Callable[[Router], Any]


class Item(BaseModel):
    name: str


async def async_user(db: DbSession) -> int:
    return 1


def late(db: DbSession) -> Iterator[int]:
    yield 1


def takes_body(name: Annotated[str, Body()]) -> str:
    return name


async def async_with_session(db: DbSession) -> None: ...


def async_dependency(user: Annotated[int, Depends(async_user)]) -> None: ...


def late_dependency(user: Annotated[int, Depends(late)]) -> None: ...


def yields(db: DbSession) -> Iterator[int]:
    yield 1


def takes_uploadfile(file: UploadFile) -> None: ...


def takes_file(file: Annotated[bytes, File()]) -> None: ...


async def async_upload(file: Upload) -> None: ...


def upload_and_body(file: Upload, item: Item) -> None: ...


def two_bodies(item: Item, other: Item) -> None: ...


def embedded(item: Annotated[Item, Body(embed=True)]) -> None: ...


def body_in_a_dependency(name: Annotated[str, Depends(takes_body)]) -> None: ...


def nothing() -> None: ...


def untyped():  # type: ignore[no-untyped-def]  # the case under test
    return {}


@pytest.mark.parametrize(
    ("endpoint", "options", "alternative"),
    [
        (async_with_session, {}, "plain `def`"),
        (async_dependency, {}, "plain `def`"),
        (late_dependency, {}, r'scope="function"'),
        (yields, {}, "StreamingResponse"),
        (takes_uploadfile, {}, "file: Upload"),
        (takes_file, {}, "file: Upload"),
        (async_upload, {}, "a plain `def`"),
        (upload_and_body, {}, "query parameters"),
        (two_bodies, {}, "one body parameter"),
        (embedded, {}, "one body parameter"),
        (body_in_a_dependency, {}, "one body parameter"),
        (nothing, {"response_model": Item, "response_model_exclude": {"name"}}, "a schema"),
        (nothing, {"response_model": dict[str, complex]}, "declare a model"),
        (untyped, {}, "a return type"),
    ],
)
def test_an_unsupported_feature_is_refused_when_the_route_is_declared(
    endpoint: Callable[..., Any], options: dict[str, Any], alternative: str
) -> None:
    with pytest.raises(NotSupported, match=f"(?i){alternative}"):
        Router("/api/v1").post("/things/", **options)(endpoint)


def add_group(db: Session, name: str) -> None:
    db.execute(text("INSERT INTO groups (name, colour) VALUES (:name, '#000000')"), {"name": name})


def served(declare: Declare, *, prefix: str = "") -> TestClient:
    app = FastAPI(redirect_slashes=False)
    problems.install(app)
    router = Router(prefix)
    declare(router)
    app.include_router(router)
    index.install(app)
    return TestClient(app, raise_server_exceptions=False)


def test_a_form_is_read_and_validated() -> None:
    def declare(router: Router) -> None:
        @router.post("/things/", response_model=Item)
        def create(name: Annotated[str, Form(max_length=5)]) -> dict[str, str]:
            return {"name": name}

    client = served(declare, prefix="/x")
    assert client.post("/x/things/", data={"name": "a"}).json() == {"name": "a"}
    assert client.post("/x/things", data={"name": "abcdef"}).status_code == 422


def test_a_form_over_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def declare(router: Router) -> None:
        @router.post("/")
        def create(name: Annotated[str, Form()]) -> None: ...

    from conf.settings import get_settings

    limited = get_settings().model_copy(update={"body_max_bytes": 100})
    monkeypatch.setattr("conf.http.handler.get_settings", lambda: limited)
    assert served(declare).post("/", data={"name": "x" * 200}).status_code == 413


def test_the_detail_and_headers_of_an_http_exception_are_kept() -> None:
    def declare(router: Router) -> None:
        @router.get("/{code}/")
        def fail(code: int) -> None:
            raise HTTPException(code, "x" if code != 409 else {"free": [1]}, headers={"X-Why": "y"})

    client = served(declare)
    answer = client.get("/404/")
    assert (answer.json()["detail"], answer.headers["X-Why"]) == ("x", "y")
    assert client.get("/409/").json()["details"] == {"free": [1]}
    assert client.get("/no/where").json()["detail"] == "The path /no/where does not exist."


def test_background_tasks_run_after_the_commit(anonymous: TestClient) -> None:
    seen: list[object] = []

    def look() -> None:
        with open_session() as db:
            seen.append(db.scalar(text("SELECT name FROM groups WHERE name = 'made'")))

    def declare(router: Router) -> None:
        @router.post("/")
        def create(db: DbSession, tasks: BackgroundTasks) -> None:
            add_group(db, "made")
            tasks.add_task(look)

    assert served(declare).post("/").status_code == 200
    assert seen == ["made"]


def test_writes_after_the_yield_of_a_function_scoped_dependency_are_committed(anonymous: TestClient) -> None:
    def unit(db: DbSession) -> Iterator[Session]:
        yield db
        db.execute(text("UPDATE groups SET name = 'ended'"))

    def declare(router: Router) -> None:
        @router.post("/")
        def create(db: Annotated[Session, Depends(unit, scope="function")]) -> None:
            add_group(db, "made")

    assert served(declare).post("/").status_code == 200
    with open_session() as db:
        assert db.scalar(text("SELECT name FROM groups")) == "ended"


@pytest.mark.unexpected_errors
@pytest.mark.parametrize("fails", [False, True])
def test_a_function_scoped_dependency_of_an_async_route_ends_before_the_response(fails: bool) -> None:
    ended: list[str] = []

    def unit() -> Iterator[int]:
        try:
            yield 1
        except RuntimeError:
            ended.append("failed")
            raise
        ended.append("ended")

    def declare(router: Router) -> None:
        @router.get("/")
        async def read(one: Annotated[int, Depends(unit, scope="function")]) -> list[str]:
            if fails:
                raise RuntimeError
            return ended

    served(declare).get("/")
    assert ended == ["failed" if fails else "ended"]


def test_a_failing_route_that_takes_a_file_rolls_back_and_returns_its_connection(anonymous: TestClient) -> None:
    def declare(router: Router) -> None:
        @router.post("/")
        def create(file: Upload, db: DbSession) -> None:
            add_group(db, file.path.read_text())
            raise Conflict("x")

    client = served(declare)
    assert client.post("/", files={"file": ("a", b"x")}).status_code == 409
    assert write_engine().pool.checkedout() == 0  # type: ignore[attr-defined]
    with open_session() as db:
        assert db.scalar(text("SELECT name FROM groups")) is None


def test_a_form_route_ignores_the_idempotency_key(anonymous: TestClient) -> None:
    def declare(router: Router) -> None:
        @router.post("/")
        def create(name: Annotated[str, Form()], db: DbSession) -> str:
            return name

    client = served(declare)
    names = [client.post("/", data={"name": name}, headers={"Idempotency-Key": "k"}).json() for name in ("a", "b")]
    assert names == ["a", "b"]


def test_an_error_rolls_back_unless_it_has_keep_writes(anonymous: TestClient) -> None:
    def declare(router: Router) -> None:
        @router.post("/{keep_writes}/")
        def create(keep_writes: bool, db: DbSession) -> None:
            add_group(db, "made")
            raise Conflict("no", keep_writes=keep_writes)

    client = served(declare)
    for keep_writes, kept in (("false", None), ("true", "made")):
        assert client.post(f"/{keep_writes}/").status_code == 409
        with open_session() as db:
            assert db.scalar(text("SELECT name FROM groups")) == kept


def test_a_route_with_async_dependencies_holds_no_connection_while_they_run(anonymous: TestClient) -> None:
    async def name() -> AsyncIterator[str]:
        yield "made"

    def reads(db: DbSession) -> int:
        return int(db.scalar(text("SELECT 7")) or 0)

    held: list[int] = []

    async def counts() -> None:
        held.append(write_engine().pool.checkedout())  # type: ignore[attr-defined]

    def declare(router: Router) -> None:
        @router.post("/", dependencies=[Depends(counts)])
        def create(
            seven: Annotated[int, Depends(reads)], name: Annotated[str, Depends(name)], db: DbSession
        ) -> dict[str, Any]:
            values = {"name": f"{name} {seven}"}
            add_group(db, values["name"])
            return values

    assert served(declare).post("/").json() == {"name": "made 7"}
    assert held == [0]
    with open_session() as db:
        assert db.scalar(text("SELECT name FROM groups")) == "made 7"


def test_a_session_from_dependency_overrides_is_committed(anonymous: TestClient) -> None:
    with open_session() as mine:

        def declare(router: Router) -> None:
            @router.post("/")
            def create(db: DbSession) -> None:
                add_group(db, "x")

        client = served(declare)
        app: Any = client.app
        app.dependency_overrides[get_db] = lambda: mine
        assert client.post("/").status_code == 200
        with open_session() as db:
            assert db.scalar(text("SELECT name FROM groups")) == "x"


def test_context_variables_of_one_request_are_not_seen_by_the_next() -> None:
    variable = contextvars.ContextVar("variable", default=0)

    def declare(router: Router) -> None:
        @router.get("/")
        def count() -> int:
            variable.set(variable.get() + 1)
            return variable.get()

    client = served(declare)
    assert [client.get("/").json() for _ in range(20)] == [1] * 20


@pytest.mark.unexpected_errors
def test_an_exception_handler_of_the_application_replaces_ours() -> None:
    def declare(router: Router) -> None:
        @router.get("/{what}/")
        def fail(what: str) -> None:
            raise Conflict("x") if what == "conflict" else RuntimeError("x")

    client = served(declare)
    app: Any = client.app

    @app.exception_handler(CampusError)  # type: ignore[untyped-decorator]  # app is Any
    async def ours(request: Request, error: CampusError) -> Response:
        return Response(f"mine: {error.detail}", 418)

    assert client.get("/conflict/").text == "mine: x"
    assert client.get("/other/").status_code == 500
    assert 'campus_errors_total{error="RuntimeError",route="/{what}/"}' in generate_latest().decode()


def test_head_and_options_are_supported_with_and_without_a_trailing_slash() -> None:
    def declare(router: Router) -> None:
        @router.get("/things/")
        def read() -> str:
            return "x"

        @router.post("/things/")
        def create() -> None: ...

    client = served(declare)
    for path in ("/things", "/things/"):
        head = client.head(path)
        assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "3")
        options = client.options(path)
        assert (options.status_code, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        other = client.put(path)
        assert (other.status_code, other.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_the_first_route_that_matches_is_called_whatever_its_class() -> None:
    app = FastAPI(redirect_slashes=False)
    ours = Router("/x/v1/things")

    @app.get("/x/v1/things/first/")
    def first() -> str:
        return "plain"

    @ours.get("/{name}/")
    def named(name: str) -> str:
        return name

    app.include_router(ours)

    @app.get("/x/v1/things/last/")
    def last() -> str:
        return "never"

    index.install(app)
    client = TestClient(app)
    responses = {name: client.get(f"/x/v1/things/{name}/").json() for name in ("first", "second", "last")}
    assert responses == {"first": "plain", "second": "second", "last": "last"}


def test_a_session_that_is_used_after_its_request_is_an_error(anonymous: TestClient) -> None:
    errors: list[str] = []

    def later(db: Session) -> None:
        try:
            db.execute(text("SELECT 1"))
        except RuntimeError as error:
            errors.append(str(error))

    def declare(router: Router) -> None:
        @router.get("/")
        def read(db: DbSession, tasks: BackgroundTasks) -> int:
            tasks.add_task(later, db)
            return int(db.scalar(text("SELECT 1")) or 0)

        @router.post("/")
        def write(db: DbSession, tasks: BackgroundTasks) -> None:
            tasks.add_task(later, db)
            add_group(db, "a")

    client = served(declare)
    assert (client.get("/").status_code, client.post("/").status_code) == (200, 200)
    assert len(errors) == 2
    assert "with_db_session" in errors[0]


@pytest.mark.unexpected_errors
def test_a_write_in_a_get_request_is_refused(anonymous: TestClient) -> None:
    def declare(router: Router) -> None:
        @router.get("/")
        def read(db: DbSession) -> None:
            add_group(db, "a")

    assert served(declare).get("/").status_code == 500
    with open_session() as db:
        assert db.scalar(text("SELECT name FROM groups")) is None


def test_a_session_on_a_plain_router_is_an_error() -> None:
    app = FastAPI()

    @app.post("/")
    def create(db: DbSession) -> None: ...

    with pytest.raises(TypeError, match="instead of APIRouter"):
        TestClient(app).post("/")


def test_a_route_takes_one_file_and_its_dependencies_take_none() -> None:
    def looks(file: Upload) -> None: ...

    def indirect(looked: Annotated[None, Depends(looks)]) -> None: ...

    def two(one: Upload, other: Annotated[IncomingFile, upload(max_bytes=1)]) -> None: ...

    for endpoint in (indirect, two):
        with pytest.raises(NotSupported, match="one file"):
            Router().post("/")(endpoint)


def test_keep_writes_in_a_guard_works_in_a_route_that_takes_a_file(anonymous: TestClient) -> None:
    def guard(db: DbSession) -> None:
        add_group(db, "refused")
        raise Conflict("no", keep_writes=True)

    def declare(router: Router) -> None:
        @router.post("/", dependencies=[Depends(guard)])
        def create(file: Upload) -> None: ...

    assert served(declare).post("/", files={"file": ("a", b"x")}).status_code == 409
    with open_session() as db:
        assert db.scalar(text("SELECT name FROM groups")) == "refused"


@pytest.mark.unexpected_errors
def test_error_responses_have_cors_headers() -> None:
    app = FastAPI(redirect_slashes=False)
    problems.install(app)
    router = Router()

    @router.get("/{what}/")
    def fail(what: str) -> None:
        raise {"busy": PoolTimeout("x"), "away": OperationalError("x", None, Exception())}.get(what, RuntimeError("x"))

    app.include_router(router)
    index.install(app)
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
    client = TestClient(app, raise_server_exceptions=False)
    for what, status in (("busy", 503), ("away", 503), ("other", 500)):
        answer = client.get(f"/{what}/", headers={"Origin": "https://a.example"})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "https://a.example")


def test_routes_that_are_added_later_are_found_by_the_index_too() -> None:
    client = served(lambda router: router.get("/a/")(nothing))
    app: Any = client.app
    later = Router()
    later.get("/x/v1/report-{number}.pdf")(nothing)
    app.include_router(later)
    for path in ("/a", "/x/v1/report-7.pdf"):
        assert client.head(path).status_code == 200


def test_a_job_is_published_when_the_outer_transaction_is_committed(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    class Publisher:
        def publish(self, _name: str, _queue: str, job_id: int) -> None:
            sent.append(job_id)

    monkeypatch.setattr("conf._celery.publisher.publisher", Publisher)
    with open_session() as db:
        first = enqueue(db, "conf.storage.remove", prefix="a/")
        with db.begin_nested():
            db.execute(text("SELECT 1"))
        assert sent == []
        with pytest.raises(RuntimeError), db.begin_nested():
            raise RuntimeError
        db.commit()
        assert sent == [first.id]
        enqueue(db, "conf.storage.remove", prefix="b/")
        db.rollback()
        db.commit()
        assert sent == [first.id]


def test_a_header_that_the_route_sets_replaces_ours(anonymous: TestClient) -> None:
    answer = anonymous.get("/.well-known/openid-configuration")
    assert answer.headers.get_list("Cache-Control") == ["public, max-age=3600"]


def test_the_log_of_an_unexpected_error_has_the_request_id(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    processors: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer(default=str)]
    monkeypatch.setattr(problems, "log", structlog.wrap_logger(structlog.PrintLogger(output), processors=processors))
    monkeypatch.setattr("iam.groups.crud.page", lambda *_, **__: 1 / 0)
    answer = client.get("/api/v1/groups/")
    assert answer.status_code == 500
    assert json.loads(output.getvalue())["request_id"] == answer.json()["request_id"]
