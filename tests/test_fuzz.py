"""Schemathesis asks every route of both versions what its reference allows, and what it does not, as each role."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from conf.http.index import handlers
from conf.http.limits import counters
from conf.http.reference import version_of, versions
from iam.tokens.helpers import clear_identity_cache
from main import app
from tests.world import World, make_world

EXAMPLES = 6
"""For each route, role, and kind of data."""
ASKED = {
    GenerationMode.POSITIVE: ("anonymous", "student", "teacher", "staff", "admin"),
    GenerationMode.NEGATIVE: ("anonymous", "staff", "admin"),
}
"""Who asks with good and with bad data: of the latter those who, together, may do everything."""
LEFT_OUT = [positive_data_acceptance]
"""What a schema cannot say, as that a group is there or that a password is no common one, is refused all the same."""

SCHEMAS = {
    version: schemathesis.openapi.from_asgi(f"/api/v{version}/openapi.json", app)
    for version in sorted(versions(handlers(app)))
}
OPERATIONS: dict[str, Any] = {
    f"v{version} {operation.label}": operation
    for version, schema in SCHEMAS.items()
    for found in schema.get_all_operations()
    if isinstance(found, Ok) and (version_of((operation := found.ok()).path) or 1) == version
}


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_route_keeps_to_its_reference_whatever_it_is_asked(api: TestClient, name: str) -> None:
    operation = OPERATIONS[name]
    world = make_world(api)
    for mode, callers in ASKED.items():
        for caller in callers:
            if operation.method != "get":
                world = make_world(api)
            strategy = operation.as_strategy(generation_mode=mode, path_parameters=_things(operation, world, mode))
            _ask(strategy, world, caller)


def _things(operation: Any, world: World, mode: GenerationMode) -> dict[str, Any]:
    """What there is, in the paths that name it."""
    names = world.names | {
        "user": world.people["student"].id,
        "import": world.names["import_"],
        "who": world.names["owner"],
    }
    wanted = [one.name for one in operation.path_parameters]
    found = {name: names[name.removesuffix("_id")] for name in wanted if name.removesuffix("_id") in names}
    return found if mode is GenerationMode.POSITIVE else {}


def _ask(strategy: Any, world: World, caller: str) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        counters().reset()
        clear_identity_cache()
        case.call_and_validate(headers=world.headers[caller], excluded_checks=LEFT_OUT)

    with contextlib.suppress(Unsatisfiable):  # there is nothing that could be wrong with it
        ask()
