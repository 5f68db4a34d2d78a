"""Strangers cannot lock the owner of an account out, and what was allowed before a role was lost is not shown again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from iam.clients.helpers import MAX_CLIENTS
from iam.roles import Role
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from main import app
from tests.people import PASSWORD, Person, make_person

AUTH = "/api/v1/auth"


@pytest.fixture
def victim(anonymous: TestClient) -> Person:
    return make_person(Role.TEACHER, name="victim", password=PASSWORD)


def sign_in(client: TestClient, email: str, password: str = PASSWORD, **headers: str) -> Any:
    return client.post(f"{AUTH}/login/", json={"email": email, "password": password}, headers=headers)


def attack(victim: Person) -> None:
    """100 wrong passwords from ten addresses, so that the account is locked for all addresses."""
    for number in range(10):
        with TestClient(app, client=(f"192.0.2.{number}", 1)) as attacker:
            for _ in range(10):
                assert sign_in(attacker, victim.email, "a wrong passphrase").status_code in (401, 429)


def test_a_known_device_signs_in_during_an_attack(anonymous: TestClient, victim: Person) -> None:
    device = sign_in(anonymous, victim.email).json()["device_token"]
    attack(victim)
    assert sign_in(anonymous, victim.email).status_code == 429
    assert sign_in(anonymous, victim.email, **{"Device-Token": device}).status_code == 200


def test_a_device_has_a_limit_of_its_own(anonymous: TestClient, victim: Person) -> None:
    device = {"Device-Token": sign_in(anonymous, victim.email).json()["device_token"]}
    statuses = [sign_in(anonymous, victim.email, "a wrong passphrase", **device).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert sign_in(anonymous, victim.email).status_code == 200


def test_the_device_token_of_another_account_changes_nothing(anonymous: TestClient, victim: Person) -> None:
    other = make_person(Role.STUDENT, name="attacker", password=PASSWORD)
    device = {"Device-Token": sign_in(anonymous, other.email).json()["device_token"]}
    attack(victim)
    assert sign_in(anonymous, victim.email, **device).status_code == 429


def test_many_device_tokens_of_other_accounts_do_not_raise_the_limit_of_an_address(anonymous: TestClient) -> None:
    other = make_person(Role.STUDENT, name="attacker", password=PASSWORD)
    statuses = []
    for number in range(12):
        device = jwt.encode(Kind.DEVICE, subject=other.id, lifetime_s=60, device=number, was="x")
        for n in range(10):
            response = sign_in(anonymous, f"{number}.{n}@campus.example", **{"Device-Token": device})
            statuses.append(response.status_code)
    assert statuses == [401] * 100 + [429] * 20


def test_many_device_tokens_of_the_account_share_a_limit(anonymous: TestClient, victim: Person) -> None:
    first = jwt.decode(Kind.DEVICE, sign_in(anonymous, victim.email).json()["device_token"])
    statuses = []
    for number in range(12):
        device = jwt.encode(Kind.DEVICE, subject=victim.id, lifetime_s=60, device=number, was=first["was"])
        statuses.append(sign_in(anonymous, victim.email, "a wrong passphrase", **{"Device-Token": device}).status_code)
    assert statuses == [401] * 10 + [429] * 2


def test_a_new_password_ends_the_device_tokens(anonymous: TestClient, victim: Person) -> None:
    tokens = sign_in(anonymous, victim.email).json()
    body = {"old_password": PASSWORD, "new_password": "violet tractor under seven moons"}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert anonymous.post(f"{AUTH}/password/", json=body, headers=headers).status_code == 204
    attack(victim)
    device = {"Device-Token": tokens["device_token"]}
    assert sign_in(anonymous, victim.email, body["new_password"], **device).status_code == 429


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.REFRESH, None])
def test_another_token_is_not_a_device_token(anonymous: TestClient, victim: Person, kind: Kind | None) -> None:
    token = jwt.encode(kind, subject=victim.id, lifetime_s=60, sid=1) if kind else "x"
    attack(victim)
    assert sign_in(anonymous, victim.email, **{"Device-Token": token}).status_code == 429


def test_a_device_token_does_not_sign_in(anonymous: TestClient, victim: Person) -> None:
    device = sign_in(anonymous, victim.email).json()["device_token"]
    assert anonymous.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {device}"}).status_code == 401
    assert sign_in(anonymous, victim.email, "a wrong passphrase", **{"Device-Token": device}).status_code == 401


def test_a_new_password_by_mail_lets_the_owner_sign_in_during_an_attack(
    anonymous: TestClient, victim: Person, run_jobs: Any, mails: Any
) -> None:
    attack(victim)
    anonymous.post(f"{AUTH}/password/reset/", json={"email": victim.email})
    run_jobs()
    token = mails()[-1].split("#token=")[1].split()[0]
    new = "violet tractor under seven moons"
    body = {"token": token, "new_password": new}
    assert anonymous.post(f"{AUTH}/password/reset/confirm/", json=body).status_code == 204
    assert sign_in(anonymous, victim.email, new).status_code == 200


def test_clients_are_counted_one_after_another(anonymous: TestClient) -> None:
    owner = make_person(Role.STUDENT)

    def register(number: int) -> int:
        body = {"name": f"c{number}", "redirect_uris": ["https://a.example/back"], "confidential": False}
        return anonymous.post("/api/v1/clients/", json=body, headers=owner.headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(register, range(MAX_CLIENTS + 8)))
    assert sorted(statuses) == [201] * MAX_CLIENTS + [409] * 8


def test_the_link_to_the_next_page_does_not_depend_on_the_host_header(client: TestClient) -> None:
    for number in range(2):
        client.post("/api/v1/groups/", json={"name": f"g{number}", "colour": "#000000"})
    response = client.get("/api/v1/groups/", params={"limit": 1}, headers={"Host": "evil.example"})
    assert response.headers["Link"].startswith("<http://testserver/api/v1/groups/?")


def test_errors_of_an_authorization_request_are_not_forwarded_without_a_click() -> None:
    script = Path("web/static/authorize.js").read_text()
    assert "location.replace" not in script
