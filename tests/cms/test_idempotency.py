"""`Idempotency-Key`: a repeated POST takes effect once."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from conf.db.session import write_engine
from conf.http.idempotency import crud, helpers
from iam.roles import Role
from tests.people import Person, make_person
from tests.system import System

VIDEOS = "/api/v2/videos/"
PROTOBUF = {"Accept": "application/protobuf"}


def twice(client: TestClient, key: str, body: Any, path: str = VIDEOS, **headers: str) -> list[Any]:
    return [client.post(path, json=body, headers={"Idempotency-Key": key} | headers) for _ in range(2)]


def test_a_repeated_request_takes_effect_once(client: TestClient) -> None:
    first, second = twice(client, "8e03978e-40d5-43dd-bc93-6894a57f9324", {"title": "Once"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(client.get(VIDEOS).json()["items"]) == 1
    quoted = client.post(
        VIDEOS, json={"title": "Once"}, headers={"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    )
    assert quoted.json()["id"] == first.json()["id"]


def test_a_key_is_refused_for_a_different_request(client: TestClient) -> None:
    twice(client, "k1", {"title": "One"})
    other = client.post(VIDEOS, json={"title": "Other"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    as_protobuf = client.post(VIDEOS, json={"title": "One"}, headers={"Idempotency-Key": "k1"} | PROTOBUF)
    assert as_protobuf.status_code == 422
    assert len(client.get(VIDEOS).json()["items"]) == 1


def test_keys_are_separate_for_each_account_and_route(client: TestClient) -> None:
    twice(client, "k", {"title": "Mine"})
    teacher = make_person(Role.TEACHER)
    first, second = twice(client, "k", {"title": "Mine"}, **teacher.headers)
    assert first.json()["owner_id"] == second.json()["owner_id"] == teacher.id
    assert twice(client, "k", {"title": "Mine"}, "/api/v1/videos/")[0].status_code == 201
    assert len(client.get(VIDEOS).json()["items"]) == 3


def test_a_failed_request_can_be_retried_with_the_same_key(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    assert client.post("/api/v1/groups/", json={"name": ""}, headers=headers).status_code == 422
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers=headers).status_code == 201
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers={"Idempotency-Key": "k2"}).status_code == 409
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers=headers).status_code == 201


def test_a_request_is_refused_while_another_with_its_key_is_running(client: TestClient, admin: Person) -> None:
    key_hash = helpers._hash([f"{admin.id} {VIDEOS}".encode(), b"k"])
    with write_engine().begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": int.from_bytes(key_hash[:8], signed=True)})
        early = client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "k"})
        assert (early.status_code, "still being processed" in early.json()["detail"]) == (409, True)
    assert client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "k"}).status_code == 201


def test_one_of_concurrent_requests_with_the_same_key_takes_effect(api: System) -> None:

    def post(_: int) -> Any:
        return api.client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "at-once"})

    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(post, range(32)))
    assert {response.status_code for response in responses} <= {201, 409}
    assert len({response.json()["id"] for response in responses if response.status_code == 201}) == 1
    assert len(api.client.get(VIDEOS).json()["items"]) == 1


def test_a_key_expires_after_24_hours(client: TestClient) -> None:
    twice(client, "k", {"title": "x"})
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"))
    twice(client, "k", {"title": "x"})
    assert len(client.get(VIDEOS).json()["items"]) == 2
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"))
    twice(client, "other", {"title": "x"})
    with write_engine().begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 1
    assert dt.timedelta(hours=24) == crud.LIFETIME


def test_a_stored_response_is_not_readable_in_the_database(client: TestClient) -> None:
    twice(client, "k", {"title": "A private matter"})
    with write_engine().begin() as connection:
        row = connection.execute(text("SELECT body::text, fingerprint::text FROM idempotency_keys")).one()
    assert b"private matter".hex() not in row[0] + row[1]


def test_a_response_with_a_secret_is_not_stored(client: TestClient) -> None:
    body = {"name": "Club", "redirect_uris": ["https://a.example/"]}
    first, second = twice(client, "k", body, "/api/v1/clients/")
    assert first.json()["client_secret"] != second.json()["client_secret"]
    assert first.headers["Cache-Control"] == "no-store"
    with write_engine().begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 0


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b", '"', "ключ".encode().decode("latin-1")])
def test_an_invalid_key_is_refused(client: TestClient, key: str) -> None:
    response = client.post(VIDEOS, json={"title": "x"}, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert response.status_code == (422 if key else 201)


def test_a_stored_response_is_not_shown_to_who_has_lost_the_role(anonymous: TestClient) -> None:
    teacher = make_person(Role.TEACHER)
    headers = teacher.headers | {"Idempotency-Key": "k"}
    first = anonymous.post("/api/v2/videos/", json={"title": "Secret"}, headers=headers)
    assert first.status_code == 201
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE users SET role = 'admin' WHERE id = :id"), {"id": teacher.id})
    again = anonymous.post("/api/v2/videos/", json={"title": "Secret"}, headers=headers)
    assert (again.status_code, "Secret" in again.text) == (422, False)
