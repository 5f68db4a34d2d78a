"""Every GET route reads rows, not ORM instances, in few statements, however many rows it lists."""

import pytest
from fastapi.testclient import TestClient

from conf.http.handler import Handler
from conf.http.index import handlers
from main import app
from tests.conftest import Seen
from tests.test_matrix import TABLE, row_of, send
from tests.world import make_world

MOST = 2
"""Statements of a list or an object."""
MORE = {
    "check_authorization": 2,  # Authlib reads the client
    "list_doctor_slots": 3,
    "list_diagnostic_slots": 3,
}
"""Statements of the routes that need others than `MOST`."""
WITH_INSTANCES = {"check_authorization"}
"""Routes that use ORM instances: Authlib does."""
ROUTES = [
    handler
    for handler in handlers(app)
    if handler.methods == {"GET"} and handler.path.startswith("/api/") and handler.response_type is not None
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_get_route_needs_few_statements_and_no_orm_instances(
    anonymous: TestClient, seen: Seen, route: Handler
) -> None:
    case, world = TABLE[row_of(route)], make_world(anonymous)
    caller = next(name for name, status in reversed(case.expected.items()) if status == 200)
    send(anonymous, world, "GET", case, caller)  # now the identity is known
    seen.reset()
    assert send(anonymous, world, "GET", case, caller).status_code == 200
    allowed = MORE.get(route.route.name, MOST)
    assert len(seen.statements) <= allowed, "\n\n".join(seen.statements)
    if route.route.name not in WITH_INSTANCES:
        assert seen.instances == [], f"{route.path}: read rows with conf.db.reads.Read instead of ORM instances"
