"""Everybody who may ask, and things of every resource to ask for."""

import importlib
from dataclasses import dataclass, field

from fastapi.testclient import TestClient
from sqlalchemy import text

from conf import resources
from conf.db.session import write_engine
from iam.roles import Role
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users import passwords
from tests.conftest import empty
from tests.matrix import PEOPLE
from tests.people import PASSWORD, Person, make_person

MATRICES = [importlib.import_module(f"tests.{name}.matrix") for name in resources.INSTALLED]


@dataclass
class World:
    """Everybody, and things of the owner's."""

    people: dict[str, Person]
    headers: dict[str, dict[str, str]]
    names: dict[str, object] = field(default_factory=dict)


HASH = passwords.hash_of(PASSWORD)


def make_world(api: TestClient) -> World:
    from conf.http.limits import counters

    counters().reset()
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
        names |= matrix.things(api, owner)
    with write_engine().begin() as connection:
        given = connection.scalar(
            text(
                "INSERT INTO sessions (user_id, client_id, scope, address, agent, expires_at)"
                " SELECT :user_id, id, 'openid', '', '', now() + interval '1 hour' FROM clients RETURNING id"
            ),
            {"user_id": owner.id},
        )
    tokens = {name: person.token for name, person in people.items()} | {
        "client token": jwt.encode(Kind.CLIENT, subject=owner.id, lifetime_s=60, sid=given),
        "refresh token": owner.refresh_token,
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return World(people, headers | {"anonymous": {}}, names)
