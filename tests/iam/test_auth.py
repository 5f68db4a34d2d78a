import concurrent.futures
import re
import statistics
import time
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from jose import jwt as jose_jwt
from sqlalchemy import text

from conf.db.session import write_engine
from conf.http.limits import counters
from conf.settings import get_settings
from iam.roles import Role
from iam.tokens import helpers, jwt
from iam.users import passwords
from tests.people import PASSWORD, Person, make_person

AUTH = "/api/v1/auth"
ADA = {"email": "ada@campus.example", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}


def register(client: TestClient, **fields: object) -> dict[str, str]:
    response = client.post(f"{AUTH}/register/", json=ADA | fields)
    assert response.status_code == 201, response.text
    return dict(response.json())


def login(client: TestClient, email: str = "ada@campus.example", password: str = PASSWORD) -> dict[str, str]:
    response = client.post(f"{AUTH}/login/", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    return dict(response.json())


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def refresh(client: TestClient, token: str) -> tuple[int, dict[str, str]]:
    response = client.post(f"{AUTH}/refresh/", json={"refresh_token": token})
    return response.status_code, response.json()


def events(client: TestClient) -> list[str]:
    with write_engine().connect() as connection:
        return list(connection.scalars(text("SELECT what FROM audit_events ORDER BY id")))


def test_registration_creates_a_student_and_signs_in(anonymous: TestClient) -> None:
    response = anonymous.post(f"{AUTH}/register/", json=ADA | {"email": " Ada@Campus.Example "})
    tokens = response.json()
    assert response.headers["Cache-Control"] == "no-store"
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)

    me = anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).json()
    assert (me["email"], me["role"], me["email_verified"]) == ("ada@campus.example", "student", False)
    assert (me["permissions"], me["points"], me["group"]) == ([], 0, None)
    assert "password" not in str(me)


def test_emails_are_unique_and_case_is_ignored(anonymous: TestClient) -> None:
    register(anonymous)
    response = anonymous.post(f"{AUTH}/register/", json=ADA | {"email": "ADA@campus.example"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (409, "email")


@pytest.mark.parametrize("field", ["role", "points", "id", "group_id", "owner", "is_admin", "email_verified"])
def test_registration_refuses_fields_that_only_others_may_set(anonymous: TestClient, field: str) -> None:
    response = anonymous.post(f"{AUTH}/register/", json=ADA | {field: "admin"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)


def test_registration_can_be_switched_off(anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    off = get_settings().model_copy(update={"registration": False})
    monkeypatch.setattr("iam.tokens.helpers.get_settings", lambda: off)
    assert anonymous.post(f"{AUTH}/register/", json=ADA).status_code == 403


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password",
        "PassWord1",
        "iloveyou",
        "aaaaaaaaaaaa",
        "12345678",
        "ada@campus.example",
        "x" * 257,
        "x" * 50_000,
    ],
)
def test_bad_passwords_are_refused_with_a_reason(anonymous: TestClient, password: str) -> None:
    response = anonymous.post(f"{AUTH}/register/", json=ADA | {"password": password})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "password")


@pytest.mark.parametrize("password", ["lowercase only words", "яблоко на столе", "        spaces ", "🐘🦒🦓🦍🐫🦛🐅🐆"])
def test_passwords_need_no_classes_of_characters(anonymous: TestClient, password: str) -> None:
    register(anonymous, password=password)
    login(anonymous, password=password)
    response = anonymous.post(f"{AUTH}/login/", json={"email": ADA["email"], "password": password.strip() + "x"})
    assert response.status_code == 401


def test_spaces_around_a_password_are_significant(anonymous: TestClient) -> None:
    register(anonymous, password=f" {PASSWORD} ")
    response = anonymous.post(f"{AUTH}/login/", json={"email": ADA["email"], "password": PASSWORD})
    assert response.status_code == 401


def test_a_wrong_password_and_an_unknown_email_get_the_same_response_and_are_recorded(anonymous: TestClient) -> None:
    make_person(Role.STUDENT, password=PASSWORD)
    responses = [
        anonymous.post(f"{AUTH}/login/", json={"email": email, "password": "not the password"})
        for email in ("student@campus.example", "nobody@campus.example")
    ]
    assert [response.status_code for response in responses] == [401, 401]
    assert responses[0].json()["detail"] == responses[1].json()["detail"]
    assert responses[0].headers["WWW-Authenticate"] == "Bearer"
    assert events(anonymous) == ["sign_in_failed", "sign_in_failed"]


def test_the_time_of_a_sign_in_does_not_reveal_whether_an_account_exists(anonymous: TestClient) -> None:
    make_person(Role.STUDENT, password=PASSWORD)

    def ratio() -> float:
        times: dict[str, list[float]] = {"student@campus.example": [], "nobody@campus.example": []}
        for _ in range(40):
            for email, measured in times.items():
                counters().reset()
                start = time.perf_counter()
                response = anonymous.post(f"{AUTH}/login/", json={"email": email, "password": "not the password"})
                measured.append(time.perf_counter() - start)
                assert response.status_code == 401
        known, unknown = (statistics.median(measured) for measured in times.values())
        return max(known, unknown) / min(known, unknown)

    assert any(
        ratio() < 1.1 for _ in range(3)
    )  # three tries: a leak shows every time, other load on the machine does not


def test_an_account_without_a_password_cannot_be_signed_in_to(anonymous: TestClient) -> None:
    make_person(Role.STUDENT)
    response = anonymous.post(f"{AUTH}/login/", json={"email": "student@campus.example", "password": "x"})
    assert response.status_code == 401


def test_a_hash_with_outdated_parameters_is_replaced_at_the_next_sign_in(anonymous: TestClient) -> None:
    from pwdlib.hashers.argon2 import Argon2Hasher

    person = make_person(Role.STUDENT)
    weak = Argon2Hasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = :hash"), {"hash": weak})
    login(anonymous, person.email)
    with write_engine().connect() as connection:
        now = connection.scalar(text("SELECT password_hash FROM users"))
    assert now != weak
    assert "m=19456,t=2,p=1" in now
    login(anonymous, person.email)


def test_a_missing_token_and_an_invalid_token_get_different_challenges(anonymous: TestClient) -> None:
    none = anonymous.get(f"{AUTH}/me/")
    bad = anonymous.get(f"{AUTH}/me/", headers={"Authorization": "Bearer nonsense"})
    basic = anonymous.get(f"{AUTH}/me/", headers={"Authorization": "Basic YTpi"})
    assert [response.status_code for response in (none, bad, basic)] == [401, 401, 401]
    assert none.headers["WWW-Authenticate"] == "Bearer"
    assert bad.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_refresh_returns_new_tokens(anonymous: TestClient) -> None:
    tokens = register(anonymous)
    for _ in range(3):
        status, new = refresh(anonymous, tokens["refresh_token"])
        assert status == 200
        assert new["refresh_token"] != tokens["refresh_token"]
        assert anonymous.get(f"{AUTH}/me/", headers=bearer(new)).status_code == 200
        tokens = new


def test_reuse_of_a_refresh_token_ends_its_session_and_no_other(anonymous: TestClient) -> None:
    first, other = register(anonymous), login(anonymous)
    _, second = refresh(anonymous, first["refresh_token"])

    assert refresh(anonymous, first["refresh_token"])[0] == 401
    helpers.clear_identity_cache()

    assert refresh(anonymous, second["refresh_token"])[0] == 401
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(second)).status_code == 401
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(other)).status_code == 200
    assert "refresh_token_reused" in events(anonymous)


def test_of_concurrent_refreshes_one_succeeds_and_the_session_ends(anonymous: TestClient) -> None:
    tokens = register(anonymous)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: refresh(anonymous, tokens["refresh_token"]), range(8)))
    assert sorted(status for status, _ in responses) == [200] + [401] * 7
    (winner,) = [body for status, body in responses if status == 200]
    assert refresh(anonymous, winner["refresh_token"])[0] == 401


def test_signing_out_ends_the_session(anonymous: TestClient) -> None:
    tokens = register(anonymous)
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 200
    assert anonymous.post(f"{AUTH}/logout/", headers=bearer(tokens)).status_code == 204
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 401
    assert anonymous.post(f"{AUTH}/logout/", headers=bearer(tokens)).status_code == 401
    assert refresh(anonymous, tokens["refresh_token"])[0] == 401


def test_a_revoked_session_cannot_write_at_once_and_cannot_read_after_30_seconds(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = register(anonymous)
    there = login(anonymous)
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(there)).status_code == 200
    sessions = anonymous.get(f"{AUTH}/sessions/", headers=bearer(here)).json()
    assert [session["current"] for session in sessions] == [False, True]

    path = f"{AUTH}/sessions/{sessions[0]['id']}/"
    assert anonymous.delete(path, headers=bearer(here)).status_code == 204

    assert anonymous.patch("/api/v1/users/1/", json={}, headers=bearer(there)).status_code == 401
    now = time.time()
    monkeypatch.setattr("iam.tokens.helpers.time.time", lambda: now + 31)
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(there)).status_code == 401
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(here)).status_code == 200
    assert anonymous.delete(path, headers=bearer(here)).status_code == 404


def test_a_session_of_another_user_cannot_be_revoked(anonymous: TestClient) -> None:
    mine, other = register(anonymous), register(anonymous, email="other@campus.example")
    (session,) = anonymous.get(f"{AUTH}/sessions/", headers=bearer(mine)).json()
    assert anonymous.delete(f"{AUTH}/sessions/{session['id']}/", headers=bearer(other)).status_code == 404


def test_the_tokens_of_a_deleted_user_stop_working_within_30_seconds(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = register(anonymous)
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 200
    assert anonymous.delete("/api/v1/users/1/", headers=bearer(tokens)).status_code == 204
    now = time.time()
    monkeypatch.setattr("iam.tokens.helpers.time.time", lambda: now + 31)
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 401
    assert refresh(anonymous, tokens["refresh_token"])[0] == 401


def test_a_new_role_applies_at_once_to_writes(anonymous: TestClient, admin: Person) -> None:
    teacher = make_person(Role.TEACHER)
    assert anonymous.post("/api/v1/groups/", json={"name": "A"}, headers=teacher.headers).status_code == 201
    path = f"/api/v1/users/{teacher.id}/"
    assert anonymous.patch(path, json={"role": "student"}, headers=admin.headers).status_code == 200
    assert anonymous.post("/api/v1/groups/", json={"name": "B"}, headers=teacher.headers).status_code == 403


def test_changing_the_password_ends_the_other_sessions(anonymous: TestClient) -> None:
    here = register(anonymous)
    there = login(anonymous)
    change = {"old_password": PASSWORD, "new_password": "another long passphrase"}
    wrong = anonymous.post(f"{AUTH}/password/", json=change | {"old_password": "no"}, headers=bearer(here))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (403, "old_password")
    assert anonymous.post(f"{AUTH}/password/", json=change, headers=bearer(here)).status_code == 204

    assert refresh(anonymous, there["refresh_token"])[0] == 401
    assert refresh(anonymous, here["refresh_token"])[0] == 200
    login(anonymous, password="another long passphrase")
    assert anonymous.post(f"{AUTH}/login/", json={"email": ADA["email"], "password": PASSWORD}).status_code == 401


def token_in(mail: str) -> str:
    found = re.search(r"#token=(\S+)", mail)
    assert found, mail
    return found[1]


def test_a_forgotten_password_is_reset_by_mail(
    anonymous: TestClient, run_jobs: Callable[[], object], mails: Callable[[], list[str]]
) -> None:
    person = make_person(Role.STUDENT, password=PASSWORD)
    assert anonymous.post(f"{AUTH}/password/reset/", json={"email": person.email}).status_code == 202
    run_jobs()
    (mail,) = mails()
    assert "http://testserver/account/password/#token=" in mail
    reset = {"token": token_in(mail), "new_password": "another long passphrase"}

    common = anonymous.post(f"{AUTH}/password/reset/confirm/", json=reset | {"new_password": "password"})
    assert (common.status_code, common.json()["errors"][0]["field"]) == (422, "new_password")
    assert anonymous.post(f"{AUTH}/password/reset/confirm/", json=reset).status_code == 204
    again = anonymous.post(f"{AUTH}/password/reset/confirm/", json=reset | {"new_password": "yet another passphrase"})
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "token")

    assert refresh(anonymous, person.refresh_token)[0] == 401
    tokens = login(anonymous, person.email, "another long passphrase")
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).json()["email_verified"] is True


def test_a_reset_for_an_unknown_email_gets_the_same_response_and_sends_no_mail(
    anonymous: TestClient, run_jobs: Callable[[], object], mails: Callable[[], list[str]]
) -> None:
    assert anonymous.post(f"{AUTH}/password/reset/", json={"email": "nobody@campus.example"}).status_code == 202
    run_jobs()
    assert mails() == []


def test_a_token_from_a_mail_is_not_accepted_as_another_kind(
    anonymous: TestClient, run_jobs: Callable[[], object], mails: Callable[[], list[str]]
) -> None:
    tokens = register(anonymous)
    run_jobs()
    verify = token_in(mails()[0])
    assert anonymous.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {verify}"}).status_code == 401
    reset = {"token": verify, "new_password": "another long passphrase"}
    assert anonymous.post(f"{AUTH}/password/reset/confirm/", json=reset).status_code == 422
    for token in tokens["access_token"], tokens["refresh_token"]:
        assert anonymous.post(f"{AUTH}/email/verify/", json={"token": token}).status_code == 422
    assert refresh(anonymous, tokens["access_token"])[0] == 401

    assert anonymous.post(f"{AUTH}/email/verify/", json={"token": verify}).status_code == 204
    assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).json()["email_verified"] is True


def test_the_verification_mail_can_be_sent_again(
    anonymous: TestClient, run_jobs: Callable[[], object], mails: Callable[[], list[str]]
) -> None:
    person = make_person(Role.STUDENT)
    assert anonymous.post(f"{AUTH}/email/", headers=person.headers).status_code == 202
    run_jobs()
    assert anonymous.post(f"{AUTH}/email/verify/", json={"token": token_in(mails()[0])}).status_code == 204


def test_failed_sign_ins_to_one_account_are_limited(anonymous: TestClient) -> None:
    make_person(Role.STUDENT, password=PASSWORD)
    credentials = {"email": "student@campus.example", "password": "not the password"}
    responses = [anonymous.post(f"{AUTH}/login/", json=credentials) for _ in range(1000)]
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) == 10
    last = responses[-1]
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert '"login-address";q=100;w=60' in last.headers["RateLimit-Policy"]
    assert ";r=0;" in last.headers["RateLimit"]
    assert len(events(anonymous)) == 10


def test_failed_sign_ins_from_one_address_to_many_accounts_are_limited(anonymous: TestClient) -> None:
    statuses = [
        anonymous.post(f"{AUTH}/login/", json={"email": f"s{n}@campus.example", "password": "x"}).status_code
        for n in range(110)
    ]
    assert statuses.count(401) == 100
    assert set(statuses[100:]) == {429}


def test_registration_reset_and_refresh_are_limited(anonymous: TestClient) -> None:
    tokens = register(anonymous)
    assert 429 in [anonymous.post(f"{AUTH}/register/", json=ADA).status_code for _ in range(6)]
    for _ in range(6):
        response = anonymous.post(f"{AUTH}/password/reset/", json={"email": ADA["email"]})
    assert response.status_code == 429
    for _ in range(31):
        status, _ = refresh(anonymous, tokens["refresh_token"])
    assert status == 429


def test_thirty_concurrent_sign_ins_succeed_and_do_not_block_other_requests(anonymous: TestClient) -> None:
    people = [make_person(Role.STUDENT, name=f"s{n}", password=PASSWORD) for n in range(30)]
    waits: list[float] = []

    def look() -> None:
        start = time.perf_counter()
        assert anonymous.get("/api/v1/users/leaderboard/").status_code == 200
        waits.append(time.perf_counter() - start)

    with concurrent.futures.ThreadPoolExecutor(31) as pool:
        signing_in = [pool.submit(login, anonymous, person.email) for person in people]
        looking = [pool.submit(look) for _ in range(20)]
        assert all(future.result()["access_token"] for future in signing_in)
        assert [future.result() for future in looking] == [None] * 20
    assert len(waits) == 20


@pytest.mark.parametrize("work", ["login", "change", "rehash"])
def test_a_password_reset_during_a_sign_in_makes_the_sign_in_fail(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    """Another request sets a new password while the old one is being verified, which takes long."""
    from conf.db.dependencies import with_db_session
    from iam.tokens import crud
    from iam.users import crud as users

    person = make_person(Role.STUDENT, password=PASSWORD)
    new = passwords.hash_of("another long passphrase")
    verify = passwords.verify

    def verify_slowly(password: str, hashed: str | None) -> tuple[bool, str | None]:
        right, _ = verify(password, hashed)
        with_db_session(users.set_password)(user_id=person.id, password_hash=new)
        with_db_session(crud.revoke_all)(user_id=person.id)
        return right, ("a newer hash" if work == "rehash" else None)

    monkeypatch.setattr(passwords, "verify", verify_slowly)
    if work == "change":
        change = {"old_password": PASSWORD, "new_password": "the passphrase of a thief"}
        response = anonymous.post(f"{AUTH}/password/", json=change, headers=person.headers)
    else:
        response = anonymous.post(f"{AUTH}/login/", json={"email": person.email, "password": PASSWORD})
    assert response.status_code == 401
    monkeypatch.setattr(passwords, "verify", verify)
    login(anonymous, person.email, "another long passphrase")


def test_a_slow_mail_server_does_not_block_the_account(anonymous: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from conf import mail
    from conf._celery.enqueue import task_of

    person = make_person(Role.STUDENT, password=PASSWORD)
    anonymous.post(f"{AUTH}/email/", headers=person.headers)
    seen = []

    def send_slowly(**_: object) -> None:
        login(anonymous, person.email)
        assert anonymous.patch(f"/api/v1/users/{person.id}/", json={}, headers=person.headers).status_code == 200
        seen.append(True)

    monkeypatch.setattr(mail, "send", send_slowly)
    task_of("iam.tokens.mail_welcome")(1)
    assert seen


def test_failed_sign_ins_from_another_address_do_not_lock_an_account(anonymous: TestClient) -> None:
    make_person(Role.STUDENT, password=PASSWORD)
    body = {"email": "student@campus.example", "password": "not the password"}
    assert 429 in [anonymous.post(f"{AUTH}/login/", json=body).status_code for _ in range(12)]
    with TestClient(anonymous.app, client=("192.0.2.7", 50000)) as elsewhere:
        login(elsewhere, "student@campus.example")


def test_tokens_signed_with_an_old_secret_key_are_accepted_until_it_is_removed(
    anonymous: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    from conf import keys

    tokens = register(anonymous)
    helpers.clear_identity_cache()
    old = get_settings()
    new = old.model_copy(update={"secret_key": SecretStr("b" * 40), "secret_keys_old": [old.secret_key]})
    monkeypatch.setattr(keys, "get_settings", lambda: new)
    keys.keys.cache_clear()
    try:
        assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 200
        status, renewed = refresh(anonymous, tokens["refresh_token"])
        assert status == 200
        assert jose_jwt.get_unverified_header(renewed["access_token"])["kid"] == keys.keys(jwt.PURPOSE)[0].id

        dropped = new.model_copy(update={"secret_keys_old": []})
        monkeypatch.setattr(keys, "get_settings", lambda: dropped)
        keys.keys.cache_clear()
        helpers.clear_identity_cache()
        assert anonymous.get(f"{AUTH}/me/", headers=bearer(tokens)).status_code == 401
        assert anonymous.get(f"{AUTH}/me/", headers=bearer(renewed)).status_code == 200
    finally:
        keys.keys.cache_clear()
