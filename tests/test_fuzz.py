"""Schemathesis sends valid and invalid data to each route of every version, as each role.

`FUZZ_EXAMPLES` is the number of requests for each route and kind of data: a few in `make test`, more in
`make test-all`.
"""

import contextlib
import functools
import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from conf.http.limits import counters
from conf.http.reference import version_of
from iam.tokens.helpers import clear_identity_cache
from main import app
from tests.documents import VERSIONS, document
from tests.world import World, make_world

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
CALLERS = {
    GenerationMode.POSITIVE: ("admin", "student", "teacher", "staff", "anonymous"),
    GenerationMode.NEGATIVE: ("admin", "staff", "anonymous"),
}
"""Who sends valid and invalid data, in turns; the latter are those who, together, may do everything."""
EXCLUDED_CHECKS = [positive_data_acceptance]
"""A schema cannot say everything that makes data invalid, for example that a group exists."""

OPERATIONS = [
    pytest.param(version, path, method, id=f"v{version} {method.upper()} {path}")
    for version in VERSIONS
    for path, methods in document(version)["paths"].items()
    for method in methods
    if (version_of(path) or 1) == version
]


@functools.cache
def schema_of(version: int) -> Any:
    """The reference of a version, as Schemathesis reads it: when it is needed, for that takes seconds."""
    return schemathesis.openapi.from_asgi(f"/api/v{version}/openapi.json", app)


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("version", "path", "method"), OPERATIONS)
def test_a_route_keeps_to_its_reference_whatever_it_is_sent(
    api: TestClient, version: int, path: str, method: str
) -> None:
    operation = schema_of(version)[path][method]
    for mode in CALLERS:
        with contextlib.suppress(Unsatisfiable):  # there is no invalid data for it
            _fuzz(api, operation, mode)


def _fuzz(api: TestClient, operation: Any, mode: GenerationMode) -> None:
    world = make_world(api)
    callers = itertools.cycle(CALLERS[mode])
    is_changed = False

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=_path_parameters(operation, world, mode)))
    def send(case: Any) -> None:
        nonlocal is_changed
        if is_changed:
            make_world(api)
        counters().reset()
        clear_identity_cache()
        response = case.call(headers=world.headers[next(callers)])
        if response.status_code != 413:  # schemathesis does not expect it for text that is far too long
            case.validate_response(response, excluded_checks=EXCLUDED_CHECKS)
        is_changed = response.status_code < 400 and operation.method.upper() != "GET"

    send()


def _path_parameters(operation: Any, world: World, mode: GenerationMode) -> dict[str, Any]:
    """Ids of rows that exist, for valid data."""
    names = world.names | {
        "user": world.people["student"].id,
        "import": world.names["import_"],
        "who": world.names["owner"],
    }
    if operation.path.endswith("/events/"):  # the stream of a job that has not ended takes seconds
        names["job"] = names["ended_job"]
    wanted = [one.name for one in operation.path_parameters]
    found = {name: names[name.removesuffix("_id")] for name in wanted if name.removesuffix("_id") in names}
    return found if mode is GenerationMode.POSITIVE else {}
