"""Who gets what answer from every route. A route that is not in the table fails."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from conf._celery.enqueue import enqueue
from conf.db.dependencies import with_db_session
from conf.db.session import open_session, write_engine
from conf.http.route import Route
from iam.roles import Role
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users import passwords
from main import app
from tests.clips import clip
from tests.conftest import TABLES
from tests.iam.test_files import picture
from tests.iam.test_oauth import HOME, query_for
from tests.people import PASSWORD, Person, make_person

PEOPLE = ("stranger", "student", "staff", "owner", "teacher", "admin")
"""`owner` is a teacher whose things the paths name; `teacher` is another; `stranger` came by registration."""
CALLERS = ("anonymous", *PEOPLE, "client token", "refresh token")
V1 = "/api/v1"

Expected = dict[str, int]


def everyone(status: int = 200) -> Expected:
    """Nobody looks who it is."""
    return dict.fromkeys(CALLERS, status)


def signed_in(status: int = 200, **others: int) -> Expected:
    return dict.fromkeys(CALLERS, 401) | dict.fromkeys(PEOPLE, status) | others


def anyone(status: int = 200) -> Expected:
    """Everyone, but a bad token is refused."""
    return signed_in(status, anonymous=status)


def only(*who: str, status: int = 200, others: int = 403) -> Expected:
    return signed_in(others) | dict.fromkeys(who, status)


TEACHERS = ("owner", "teacher", "admin")
OWNER = ("owner", "admin")


@dataclass(frozen=True)
class Case:
    """What to send, with `{video}` and the like filled in, and what each caller gets."""

    path: str
    expected: Expected
    json: dict[str, Any] | None = None
    files: Any = None
    data: dict[str, str] | None = None


PERSON = {"email": "new@campus.example", "first_name": "New", "last_name": "Person"}
CSV = {"file": b"email,first_name,last_name\na@campus.example,A,A\n"}
CLIENT = {"name": "Club", "redirect_uris": [HOME]}

TABLE: dict[str, Case] = {
    "list_videos": Case(f"{V1}/videos/", anyone()),
    "create_video": Case(f"{V1}/videos/", only(*TEACHERS, status=201), json={"title": "x"}),
    "get_video": Case(f"{V1}/videos/{{video}}/", anyone()),
    "update_video": Case(f"{V1}/videos/{{video}}/", only(*OWNER), json={"title": "y"}),
    "delete_video": Case(f"{V1}/videos/{{video}}/", only(*OWNER, status=204)),
    "upload_video": Case(f"{V1}/videos/{{video}}/upload/", only(*OWNER), files="clip"),
    "list_jobs": Case(f"{V1}/jobs/", signed_in()),
    "get_job": Case(f"{V1}/jobs/{{job}}/", only(*OWNER, others=404)),
    "cancel_job": Case(f"{V1}/jobs/{{job}}/cancel/", only(*OWNER, status=202, others=404)),
    "retry_job": Case(f"{V1}/jobs/{{ended_job}}/retry/", only(*OWNER, status=202, others=404)),
    "watch_job": Case(f"{V1}/jobs/{{ended_job}}/events/", only(*OWNER, others=404)),
    "register": Case(f"{V1}/auth/register/", everyone(201), json=PERSON | {"password": PASSWORD}),
    "login": Case(f"{V1}/auth/login/", everyone(), json={"email": "owner@campus.example", "password": PASSWORD}),
    "refresh": Case(f"{V1}/auth/refresh/", everyone(), json={"refresh_token": "{refresh_token}"}),
    "logout": Case(f"{V1}/auth/logout/", signed_in(204)),
    "get_me": Case(f"{V1}/auth/me/", signed_in()),
    "list_sessions": Case(f"{V1}/auth/sessions/", signed_in()),
    "revoke_session": Case(f"{V1}/auth/sessions/{{session}}/", only("owner", status=204, others=404)),
    "change_password": Case(
        f"{V1}/auth/password/",
        only("owner", status=204),
        json={"old_password": PASSWORD, "new_password": "another long passphrase"},
    ),
    "forget_password": Case(f"{V1}/auth/password/reset/", everyone(202), json={"email": "owner@campus.example"}),
    "reset_password": Case(
        f"{V1}/auth/password/reset/confirm/", everyone(422), json={"token": "x", "new_password": PASSWORD}
    ),
    "verify_email": Case(f"{V1}/auth/email/verify/", everyone(422), json={"token": "x"}),
    "send_verification": Case(f"{V1}/auth/email/", signed_in(202)),
    "list_users": Case(f"{V1}/users/", only(*TEACHERS)),
    "create_user": Case(f"{V1}/users/", only(*TEACHERS, status=201), json=PERSON),
    "search_users": Case(f"{V1}/users/search/?q=own", signed_in()),
    "get_leaderboard": Case(f"{V1}/users/leaderboard/", everyone()),
    "import_users": Case(f"{V1}/users/import/", only(*TEACHERS, status=202), files=CSV),
    "get_import": Case(f"{V1}/users/imports/{{import_}}/", only(*OWNER) | {"teacher": 404}),
    "get_user": Case(f"{V1}/users/{{owner}}/", signed_in()),
    "update_user": Case(f"{V1}/users/{{owner}}/", only(*OWNER), json={"about": "x"}),
    "delete_user": Case(f"{V1}/users/{{owner}}/", only(*OWNER, status=204)),
    "upload_avatar": Case(f"{V1}/users/{{owner}}/avatar/", only(*OWNER, status=202), files={"file": picture()}),
    "delete_avatar": Case(f"{V1}/users/{{owner}}/avatar/", only(*OWNER, status=204)),
    "list_groups": Case(f"{V1}/groups/", signed_in()),
    "create_group": Case(f"{V1}/groups/", only(*TEACHERS, status=201), json={"name": "B"}),
    "get_group": Case(f"{V1}/groups/{{group}}/", signed_in()),
    "update_group": Case(f"{V1}/groups/{{group}}/", only(*TEACHERS), json={"name": "B"}),
    "delete_group": Case(f"{V1}/groups/{{group}}/", only(*TEACHERS, status=204)),
    "list_clients": Case(f"{V1}/clients/", signed_in()),
    "register_client": Case(f"{V1}/clients/", signed_in(201), json=CLIENT),
    "get_client": Case(f"{V1}/clients/{{client}}/", only(*OWNER, others=404)),
    "update_client": Case(f"{V1}/clients/{{client}}/", only(*OWNER, others=404), json={"name": "B"}),
    "change_client_secret": Case(f"{V1}/clients/{{client}}/secret/", only(*OWNER, others=404)),
    "delete_client": Case(f"{V1}/clients/{{client}}/", only(*OWNER, status=204, others=404)),
    "list_audit_events": Case(f"{V1}/audit/", only("admin")),
    "get_discovery": Case("/.well-known/openid-configuration", everyone()),
    "get_keys": Case("/oauth/jwks", everyone()),
    "check_authorization": Case(f"{V1}/oauth/authorize/?{{query}}", everyone()),
    "authorize": Case(f"{V1}/oauth/authorize/", signed_in(), json={"query": "{query}", "allow": True}),
    "get_token": Case("/oauth/token", everyone(401) | {"anonymous": 400}, data={"grant_type": "password"}),
    "revoke_token": Case("/oauth/revoke", everyone(401), data={"token": "x"}),
    "get_userinfo": Case("/oauth/userinfo", everyone(401) | {"client token": 200}),
    "allow_userinfo": Case("/oauth/userinfo", everyone(204)),
    "get_media": Case("/media/0-nonsense/videos/1/poster.jpg", everyone(403)),
    "healthcheck": Case("/healthcheck/", everyone()),
    "live": Case("/healthcheck/live", everyone()),
    "ready": Case("/healthcheck/ready", everyone()),
    "startup": Case("/healthcheck/startup", everyone()),
    "prometheus": Case("/metrics", everyone()),
    "index": Case("/", everyone(307)),
    "watch": Case("/watch/", everyone()),
    "hls_js": Case("/watch/hls.min.js", everyone()),
    "authorize_page": Case("/oauth/authorize", everyone()),
    "authorize_form": Case("/oauth/authorize", everyone(303)),
    "password_page": Case("/account/password/", everyone()),
    "verify_page": Case("/account/verify/", everyone()),
    "account_file": Case("/account/account.js", everyone()),
}

ROUTES = [(method, route) for route in app.routes if isinstance(route, Route) for method in sorted(route.methods or ())]


@dataclass
class World:
    """Everybody, and things of the owner's."""

    people: dict[str, Person]
    headers: dict[str, dict[str, str]]
    names: dict[str, object] = field(default_factory=dict)


HASH = passwords.hash_of(PASSWORD)


@with_db_session
def _jobs(*, owner_id: int, db: Any) -> tuple[int, int]:
    running = enqueue(db, "iam.tokens.mail_reset", owner_id=owner_id, email="x")
    ended = enqueue(db, "iam.tokens.mail_reset", owner_id=owner_id, email="x")
    db.execute(text("UPDATE jobs SET status = 'failed', finished_at = now() WHERE id = :id"), {"id": ended.id})
    return running.id, ended.id


def make_world(api: TestClient) -> World:
    from conf.http.limits import counters

    counters().forget()
    with write_engine().begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE"))
    roles = {"owner": Role.TEACHER, "stranger": Role.STUDENT}
    people = {
        name: make_person(
            roles.get(name) or Role(name), name=name, **({"password_hash": HASH} if name == "owner" else {})
        )
        for name in PEOPLE
    }
    make_person(Role.ADMIN, name="second")  # or nobody could delete the first
    owner = people["owner"]
    mine = owner.headers
    job, ended_job = _jobs(owner_id=owner.id)
    client = api.post(f"{V1}/clients/", json=CLIENT, headers=mine).json()["client_id"]
    query = query_for(client)
    api.post(f"{V1}/oauth/authorize/", json={"query": query, "allow": True}, headers=mine)
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
    video = api.post(f"{V1}/videos/", json={"title": "x"}, headers=mine).json()["id"]
    group = api.post(f"{V1}/groups/", json={"name": "A"}, headers=mine).json()["id"]
    import_ = api.post(f"{V1}/users/import/", files=CSV, headers=mine).json()["id"]
    (session,) = [s for s in api.get(f"{V1}/auth/sessions/", headers=mine).json() if s["current"]]
    names = {
        "owner": owner.id,
        "job": job,
        "ended_job": ended_job,
        "client": client,
        "query": query,
        "video": video,
        "group": group,
        "import_": import_,
        "session": session["id"],
        "refresh_token": owner.refresh_token,
    }
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return World(people, headers | {"anonymous": {}}, names)


def ask(api: TestClient, world: World, method: str, case: Case, caller: str) -> int:
    body = {
        name: value.format(**world.names) if isinstance(value, str) else value
        for name, value in (case.json or {}).items()
    }
    files = {"file": clip().read_bytes()} if case.files == "clip" else case.files
    answer = api.request(
        method,
        case.path.format(**world.names),
        headers=world.headers[caller],
        json=body or None,
        files=files,
        data=case.data,
        follow_redirects=False,
    )
    return answer.status_code


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=[f"{method} {route.path}" for method, route in ROUTES])
def test_each_caller_gets_the_answer_of_the_table(api: TestClient, method: str, route: Route) -> None:
    assert route.name in TABLE, f"{method} {route.path} has no row in the table: say who gets which answer"
    case = TABLE[route.name]
    world, got = None, {}
    for caller in CALLERS:
        if world is None:
            world = make_world(api)
        got[caller] = ask(api, world, method, case, caller)
        if got[caller] < 300 and method not in ("GET", "HEAD"):
            world = None  # it changed something
    assert got == case.expected


def test_the_table_names_no_route_that_is_gone() -> None:
    assert {route.name for _, route in ROUTES} == set(TABLE)


def test_what_is_not_of_our_route_class_is_the_reference_alone() -> None:
    others = {getattr(route, "path", "") for route in app.routes if not isinstance(route, Route)}
    assert others == {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/static-offline-docs"}


def test_an_inactive_video_is_seen_by_its_owner_and_admins_alone(api: TestClient) -> None:
    world = make_world(api)
    path = f"{V1}/videos/{world.names['video']}/"
    api.patch(path, json={"is_active": False}, headers=world.headers["owner"])
    seen = {caller: api.get(path, headers=world.headers[caller]).status_code for caller in CALLERS}
    assert seen == only(*OWNER, others=404) | {"anonymous": 404}
    listed = {
        caller: len(api.get(f"{V1}/videos/", headers=world.headers[caller]).json()) for caller in ("anonymous", *PEOPLE)
    }
    assert listed == dict.fromkeys(("anonymous", *PEOPLE), 0) | dict.fromkeys(OWNER, 1)
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        assert api.request(method, path, json=body, headers=world.headers["teacher"]).status_code == 404


def test_jobs_are_listed_to_their_owner_and_admins(api: TestClient) -> None:
    world = make_world(api)
    listed = {
        caller: {job["name"] for job in api.get(f"{V1}/jobs/", headers=world.headers[caller]).json()["items"]}
        for caller in PEOPLE
    }
    mine = {"iam.tokens.mail_reset", "iam.users.import_file"}
    assert listed == {caller: mine if caller in OWNER else set() for caller in PEOPLE}
    with open_session() as db:
        assert db.scalar(text("SELECT count(*) FROM jobs")) == 3
