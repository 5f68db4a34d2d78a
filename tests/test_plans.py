"""With 200,000 rows in each table, a list reads few of them, whatever it is filtered by and at any depth."""

import base64
import importlib
import importlib.util
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from conf import resources
from conf.db.models import Model
from conf.db.session import ReadSession, write_engine
from conf.http.handler import Handler
from conf.http.index import handlers
from iam.roles import Role
from main import app
from tests.people import make_person
from tests.test_matrix import row_of

MANY = 200_000
MOST = 2_000
"""Rows that the statements of one request may read from tables and indexes."""
FOUND = [f"tests.{name}.many" for name in resources.INSTALLED if importlib.util.find_spec(f"tests.{name}.many")]
MODULES = [importlib.import_module(name) for name in FOUND]
REQUESTS: dict[str, tuple[str, ...]] = {name: row for module in MODULES for name, row in module.REQUESTS.items()}
"""By list: the caller, the path, and the queries. A cursor is written in plain text."""
SCANS: dict[tuple[str, str], str] = {
    key: why for module in MODULES for key, why in getattr(module, "SCANS", {}).items()
}


def parameters(route: Handler) -> frozenset[str]:
    return route.plan().query_names


LISTS = {row_of(one): one for one in handlers(app) if one.methods == {"GET"} and "limit" in parameters(one)}


@pytest.fixture
def many(anonymous: TestClient) -> Iterator[TestClient]:
    """The API with many rows in each table."""
    tables = ", ".join(f'"{one.name}"' for one in Model.metadata.sorted_tables if one.name != "signing_keys")
    with write_engine().begin() as connection:
        cursor = connection.connection.cursor()
        # Each row of an exclusion constraint takes longer than all the others together; no list uses their indexes.
        cursor.execute(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'x'"
        )
        exclusions = cursor.fetchall()
        for table, name, _ in exclusions:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for module in MODULES:
            cursor.execute(module.FILL.format(many=MANY))
        # Of all rows, as from a sample PostgreSQL would now and then guess wrong.
        cursor.execute("SET LOCAL default_statistics_target = 1000")
        cursor.execute("ANALYZE")
    yield anonymous
    with write_engine().begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        for table, name, definition in exclusions:
            connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))


def read_rows(plan: dict[str, Any]) -> float:
    """Return the number of rows that the scans of the plan read."""
    rows = sum(read_rows(inner) for inner in plan.get("Plans", ()))
    if "Scan" in plan["Node Type"] and "Relation Name" in plan:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        rows += (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return float(rows)


def encoded(query: str) -> str:
    """Return the query with its cursor as the API writes it."""
    start, cursor, keys = query.partition("cursor=")
    return start + cursor + base64.urlsafe_b64encode(keys.encode()).decode().rstrip("=")


def test_every_parameter_of_every_list_is_in_the_table() -> None:
    walked = {name.split(".")[1] for name in FOUND}
    shipped = {name for name, route in LISTS.items() if route.endpoint.__module__.split(".")[0] in walked}
    assert shipped == set(REQUESTS)
    for name, (_, _, *queries) in REQUESTS.items():
        sent = {parameter for query in queries for parameter in parse_qs(query, keep_blank_values=True)}
        missing = parameters(LISTS[name]) - sent - {"limit"} - {p for one, p in SCANS if one == name}
        assert not missing, f"{name}: add requests with {missing} to REQUESTS"


def test_a_list_reads_few_of_many_rows(many: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = make_person(Role.ADMIN)
    plans: list[dict[str, Any]] = []
    fetch = ReadSession.fetch

    def explain(db: ReadSession, query: str, values: dict[str, Any]) -> Any:
        ((found,),) = fetch(db, f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values)
        plans.append(found[0]["Plan"])
        return fetch(db, query, values)

    many.get("/api/v1/auth/me/", headers=admin.headers)  # now the identity is known
    monkeypatch.setattr(ReadSession, "fetch", explain)
    slow = {}
    for caller, path, *queries in REQUESTS.values():
        for query in queries:
            plans.clear()
            url = f"{path}?{encoded(query)}" if "cursor" in query else f"{path}?{query}"
            response = many.get(url, headers=admin.headers if caller == "admin" else {})
            assert response.status_code == 200, (url, response.text)
            assert response.json(), url
            assert plans, url
            rows = sum(read_rows(plan) for plan in plans)
            if rows > MOST:
                slow[f"{path}?{query}"] = (rows, json.dumps(plans)[:3000])
    for request, (rows, plan) in slow.items():
        print(f"\n{request}: {rows:.0f} rows\n{plan}")
    assert not slow, {request: rows for request, (rows, _) in slow.items()}
