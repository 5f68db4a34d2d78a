"""`Idempotency-Key`: a POST that comes twice is done once."""

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


def test_a_request_that_comes_twice_is_done_once(client: TestClient) -> None:
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


def test_a_key_is_good_for_one_request(client: TestClient) -> None:
    twice(client, "k1", {"title": "One"})
    other = client.post(VIDEOS, json={"title": "Other"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    as_protobuf = client.post(VIDEOS, json={"title": "One"}, headers={"Idempotency-Key": "k1"} | PROTOBUF)
    assert as_protobuf.status_code == 422
    assert len(client.get(VIDEOS).json()["items"]) == 1


def test_keys_are_each_accounts_and_each_routes_own(client: TestClient) -> None:
    twice(client, "k", {"title": "Mine"})
    teacher = make_person(Role.TEACHER)
    first, second = twice(client, "k", {"title": "Mine"}, **teacher.headers)
    assert first.json()["owner_id"] == second.json()["owner_id"] == teacher.id
    assert twice(client, "k", {"title": "Mine"}, "/api/v1/videos/")[0].status_code == 201
    assert len(client.get(VIDEOS).json()["items"]) == 3


def test_what_failed_may_be_tried_again_with_the_same_key(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    assert client.post("/api/v1/groups/", json={"name": ""}, headers=headers).status_code == 422
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers=headers).status_code == 201
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers={"Idempotency-Key": "k2"}).status_code == 409
    assert client.post("/api/v1/groups/", json={"name": "A"}, headers=headers).status_code == 201


def test_the_second_is_told_while_the_first_is_being_answered(client: TestClient, admin: Person) -> None:
    key_hash = helpers._hash([f"{admin.id} {VIDEOS}".encode(), b"k"])
    with write_engine().begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": int.from_bytes(key_hash[:8], signed=True)})
        early = client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "k"})
        assert (early.status_code, "still being processed" in early.json()["detail"]) == (409, True)
    assert client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "k"}).status_code == 201


def test_of_many_at_once_one_is_done(api: System) -> None:

    def post(_: int) -> Any:
        return api.client.post(VIDEOS, json={"title": "x"}, headers={"Idempotency-Key": "at-once"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, range(32)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(api.client.get(VIDEOS).json()["items"]) == 1


def test_a_key_is_forgotten_after_a_day(client: TestClient) -> None:
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


def test_what_was_answered_is_not_readable_in_the_database(client: TestClient) -> None:
    twice(client, "k", {"title": "A private matter"})
    with write_engine().begin() as connection:
        row = connection.execute(text("SELECT body::text, fingerprint::text FROM idempotency_keys")).one()
    assert b"private matter".hex() not in row[0] + row[1]


def test_secrets_are_never_kept_and_so_not_told_again(client: TestClient) -> None:
    body = {"name": "Club", "redirect_uris": ["https://a.example/"]}
    first, second = twice(client, "k", body, "/api/v1/clients/")
    assert first.json()["client_secret"] != second.json()["client_secret"]
    assert first.headers["Cache-Control"] == "no-store"
    with write_engine().begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM idempotency_keys")) == 0


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b", '"', "ключ".encode().decode("latin-1")])
def test_a_bad_key_is_refused(client: TestClient, key: str) -> None:
    answer = client.post(VIDEOS, json={"title": "x"}, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == (422 if key else 201)
