from fastapi.testclient import TestClient

from tests.iam.test_files import picture
from tests.iam.test_oauth import HOME, query_for
from tests.matrix import OWNER, TEACHERS, V1, Case, everyone, only, signed_in
from tests.people import PASSWORD, Person

PERSON = {"email": "new@campus.example", "first_name": "New", "last_name": "Person"}
CSV = {"file": b"email,first_name,last_name\na@campus.example,A,A\n"}
CLIENT = {"name": "Club", "redirect_uris": [HOME]}

ROWS = {
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
}


def make_rows(api: TestClient, owner: Person) -> dict[str, object]:
    mine = owner.headers
    client = api.post(f"{V1}/clients/", json=CLIENT, headers=mine).json()["client_id"]
    query = query_for(client)
    api.post(f"{V1}/oauth/authorize/", json={"query": query, "allow": True}, headers=mine)
    (session,) = [s for s in api.get(f"{V1}/auth/sessions/", headers=mine).json() if s["current"]]
    return {
        "client": client,
        "query": query,
        "group": api.post(f"{V1}/groups/", json={"name": "A"}, headers=mine).json()["id"],
        "import_": api.post(f"{V1}/users/import/", files=CSV, headers=mine).json()["id"],
        "session": session["id"],
        "refresh_token": owner.refresh_token,
    }
