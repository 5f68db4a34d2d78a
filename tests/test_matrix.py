"""Who gets what answer from every route. A route that is not in the table fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from conf.db.session import open_session
from conf.http.handler import Handler
from conf.http.index import handlers
from conf.http.reference import version_of
from main import app
from tests.matrix import CALLERS, PEOPLE, V1, Case, everyone
from tests.world import MATRICES, World, make_world

HOUSE: dict[str, Case] = {
    "get_media": Case("/media/0-nonsense/videos/1/poster.jpg", everyone(403)),
    "healthcheck": Case("/healthcheck/", everyone()),
    "live": Case("/healthcheck/live", everyone()),
    "ready": Case("/healthcheck/ready", everyone()),
    "startup": Case("/healthcheck/startup", everyone()),
    "prometheus": Case("/metrics", everyone()),
    "index": Case("/", everyone(307)),
    "authorize_page": Case("/oauth/authorize", everyone()),
    "authorize_form": Case("/oauth/authorize", everyone(303)),
    "password_page": Case("/account/password/", everyone()),
    "verify_page": Case("/account/verify/", everyone()),
    "account_file": Case("/account/account.js", everyone()),
    "newest_reference": Case("/docs", everyone(307)),
    "openapi": Case(f"{V1}/openapi.json", everyone()),
    "docs": Case(f"{V1}/docs", everyone()),
}
TABLE: dict[str, Case] = HOUSE | {name: case for matrix in MATRICES for name, case in matrix.ROWS.items()}

ROUTES = [(method, handler) for handler in handlers(app) for method in sorted(handler.methods)]


def row_of(route: Handler) -> str:
    version = version_of(route.path)
    return f"v{version}.{route.route.name}" if version > 1 else str(route.route.name)


def send(api: TestClient, world: World, method: str, case: Case, caller: str) -> Any:
    body = {
        name: value.format(**world.names) if isinstance(value, str) else value
        for name, value in (case.json or {}).items()
    }
    files = case.files() if callable(case.files) else case.files
    return api.request(
        method,
        case.path.format(**world.names),
        headers=world.headers[caller] | case.headers,
        json=body or None,
        files=files,
        data=case.data,
        follow_redirects=False,
    )


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=[f"{method} {route.path}" for method, route in ROUTES])
def test_each_caller_gets_the_answer_of_the_table(api: TestClient, method: str, route: Handler) -> None:
    name = row_of(route)
    assert name in TABLE, (
        f"{method} {route.path} has no row in the matrix. Add one to ROWS in tests/<resource>/matrix.py, such as"
        f' "{name}": Case("{route.path}", only("admin")), and say there which status code each caller gets.'
    )
    case = TABLE[name]
    world = make_world(api)
    wrong = []
    for caller in CALLERS:
        response = send(api, world, method, case, caller)
        if response.status_code != case.expected[caller]:
            body = response.text[:500]
            wrong.append(f"{caller}: expected {case.expected[caller]}, got {response.status_code}: {body}")
        if response.status_code < 300 and method not in ("GET", "HEAD"):
            world = make_world(api)  # the request changed something
    assert not wrong, "\n".join([f"{method} {case.path}", *wrong])


def test_the_table_names_no_route_that_is_gone() -> None:
    assert {row_of(route) for _, route in ROUTES} == set(TABLE)


def test_jobs_are_listed_to_their_owner_and_admins(api: TestClient) -> None:
    world = make_world(api)
    listed = {
        caller: {job["id"] for job in api.get(f"{V1}/jobs/?limit=100", headers=world.headers[caller]).json()["items"]}
        for caller in PEOPLE
    }
    with open_session() as db:
        owners = {row.id: row.owner_id for row in db.execute(text("SELECT id, owner_id FROM jobs"))}
    assert world.people["owner"].id in owners.values()
    for caller in PEOPLE:
        mine = {job_id for job_id, owner_id in owners.items() if owner_id == world.people[caller].id}
        assert listed[caller] == (set(owners) if caller == "admin" else mine), caller
