"""The world of the matrix and of fuzzing: one account for each role, and rows of every resource that they may ask for.

Making it takes hundreds of statements, so it is made once per process, kept in a schema of its own, and restored from
there in one round trip.
"""

import functools
import importlib
import time
from dataclasses import dataclass, field

from fastapi.testclient import TestClient
from sqlalchemy import text

from conf import resources
from conf.db.models import Model
from conf.db.session import write_engine
from conf.http.limits import counters
from iam.roles import Role
from iam.tokens import jwt
from iam.tokens.helpers import clear_identity_cache
from iam.tokens.jwt import Kind
from iam.users import passwords
from tests.conftest import empty
from tests.matrix import PEOPLE
from tests.people import PASSWORD, Person, make_person

MATRICES = [importlib.import_module(f"tests.{name}.matrix") for name in resources.INSTALLED]
MAX_AGE_S = 300
"""An older world is made again: its access tokens and holds are about to expire."""


@dataclass
class World:
    """The accounts, their request headers, and the values that stand for `{video}` and the like in a matrix."""

    people: dict[str, Person]
    headers: dict[str, dict[str, str]]
    names: dict[str, object] = field(default_factory=dict)
    made_at: float = field(default_factory=time.monotonic)


_kept: list[World] = []
HASH = passwords.hash_of(PASSWORD)


def make_world(api: TestClient) -> World:
    """Return the world as it was when it was made, whatever requests have changed since."""
    counters().reset()
    clear_identity_cache()
    if _kept and time.monotonic() - _kept[0].made_at < MAX_AGE_S:
        _run(_restore())
        return _kept[0]
    _kept[:] = [_make(api)]
    _run(_keep())
    return _kept[0]


def _make(api: TestClient) -> World:
    empty()
    roles = {"owner": Role.TEACHER, "stranger": Role.STUDENT}
    people = {
        name: make_person(
            roles.get(name) or Role(name), name=name, **({"password_hash": HASH} if name == "owner" else {})
        )
        for name in PEOPLE
    }
    make_person(Role.ADMIN, name="second")  # or nobody could delete the first
    owner = people["owner"]
    names: dict[str, object] = {"owner": owner.id}
    for matrix in MATRICES:
        names |= matrix.make_rows(api, owner)
    with write_engine().begin() as connection:
        session_id = connection.scalar(
            text(
                "INSERT INTO sessions (user_id, client_id, scope, address, agent, expires_at)"
                " SELECT :user_id, id, 'openid', '', '', now() + interval '1 hour' FROM clients RETURNING id"
            ),
            {"user_id": owner.id},
        )
    tokens = {name: person.token for name, person in people.items()} | {
        "client token": jwt.encode(Kind.CLIENT, subject=owner.id, lifetime_s=60 * 60, sid=session_id),
        "refresh token": owner.refresh_token,
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return World(people, headers | {"anonymous": {}}, names)


TABLES = [table for table in Model.metadata.sorted_tables if table.name != "signing_keys"]


@functools.cache
def _keep() -> str:
    copies = [f'CREATE UNLOGGED TABLE kept."{table.name}" AS TABLE "{table.name}"' for table in TABLES]
    return "; ".join(["DROP SCHEMA IF EXISTS kept CASCADE", "CREATE SCHEMA kept", *copies])


@functools.cache
def _restore() -> str:
    statements = [f'DELETE FROM "{table.name}"' for table in reversed(TABLES)]
    for table in TABLES:
        columns = ", ".join(f'"{column.name}"' for column in table.columns if column.computed is None)
        statements.append(f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM kept."{table.name}"')
    restarts = [
        f"setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM"
        f' kept."{table.name}"), false)'
        for table in TABLES
    ]
    return "; ".join([*statements, f"SELECT {', '.join(restarts)}"])


def _run(statements: str) -> None:
    with write_engine().begin() as connection:
        connection.execute(text(statements))
