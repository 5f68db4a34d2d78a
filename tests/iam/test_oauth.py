"""Log in with Campus: with the client library of Authlib, and with requests of attackers."""

import concurrent.futures
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi.testclient import TestClient
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from conf.db.session import write_engine
from iam.roles import Role
from main import app
from tests.people import Person, make_person

CLIENTS = "/api/v1/clients/"
AUTHORIZE = "/api/v1/oauth/authorize/"
HOME = "https://club.example/callback"
VERIFIER = "v" * 64
PROFILE = ("name", "given_name", "family_name", "nickname", "preferred_username", "website")


@pytest.fixture
def owner(anonymous: TestClient) -> Person:
    return make_person(Role.STUDENT, name="Owner")


@pytest.fixture
def me(anonymous: TestClient) -> Person:
    return make_person(Role.STUDENT, name="Alan", nickname="turing", website="https://alan.example/", points=7)


def register(client: TestClient, owner: Person, **fields: object) -> dict[str, Any]:
    body = {"name": "Chess club", "redirect_uris": [HOME]} | fields
    response = client.post(CLIENTS, json=body, headers=owner.headers)
    assert response.status_code == 201, response.text
    return dict(response.json())


def query_for(client_id: str, **changes: str | None) -> str:
    parameters = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": HOME,
        "scope": "openid profile email",
        "state": "xyz",
        "nonce": "n-1",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    return urlencode({name: value for name, value in (parameters | changes).items() if value is not None})


def consent(client: TestClient, me: Person, query: str, *, allow: bool = True) -> dict[str, str]:
    """Decide on the consent page, and return the query of the redirect to the client."""
    response = client.post(AUTHORIZE, json={"query": query, "allow": allow}, headers=me.headers)
    assert response.status_code == 200, response.text
    address = urlsplit(response.json()["redirect_to"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == HOME
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def redeem(client: TestClient, registered: dict[str, Any], code: str, /, **changes: str | None) -> Any:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": HOME,
        "code_verifier": VERIFIER,
        "client_id": registered["client_id"],
        "client_secret": registered["client_secret"],
    } | changes
    return client.post("/oauth/token", data={name: value for name, value in form.items() if value is not None})


@pytest.fixture
def library() -> Iterator[Any]:
    """A function that makes OAuth clients of Authlib, which call the API in this process."""
    from starlette.testclient import _TestClientTransport

    with TestClient(app, raise_server_exceptions=False) as inner:
        transport = inner._transport
        assert isinstance(transport, _TestClientTransport)

        def make(registered: dict[str, Any], **options: Any) -> OAuth2Client:
            return OAuth2Client(
                registered["client_id"],
                registered["client_secret"],
                redirect_uri=HOME,
                code_challenge_method="S256",
                transport=transport,
                base_url="http://testserver",
                **options,
            )

        yield make


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_library_logs_in_from_end_to_end(
    anonymous: TestClient, owner: Person, me: Person, library: Any, method: str
) -> None:
    registered = register(anonymous, owner, confidential=method != "none")
    metadata = anonymous.get("/.well-known/openid-configuration").json()
    session = library(registered, scope="openid profile email", token_endpoint_auth_method=method)
    address, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1"
    )

    page = anonymous.get(address)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    query = urlsplit(address).query
    consent_request = anonymous.get(f"{AUTHORIZE}?{query}").json()
    assert (consent_request["client_name"], consent_request["owner_name"], consent_request["redirect_host"]) == (
        "Chess club",
        "Owner Tester",
        "club.example",
    )
    assert [scope["name"] for scope in consent_request["scopes"]] == ["openid", "profile", "email"]
    response = anonymous.post(AUTHORIZE, json={"query": query, "allow": True}, headers=me.headers)
    back = response.json()["redirect_to"]
    assert parse_qs(urlsplit(back).query)["iss"] == [metadata["issuer"]]

    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=VERIFIER
    )
    assert (token["token_type"], token["scope"]) == ("Bearer", "openid profile email")
    assert "refresh_token" not in token

    userinfo = session.get(metadata["userinfo_endpoint"]).json()
    keys = KeySet.import_key_set(anonymous.get(metadata["jwks_uri"]).json())
    claims = joserfc_jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (metadata["issuer"], registered["client_id"], "n-1")
    assert claims["exp"] > time.time() >= claims["auth_time"] - 1
    assert claims["sub"] == userinfo["sub"] == str(me.id)
    assert userinfo == {
        "sub": str(me.id),
        "name": "Alan Tester",
        "given_name": "Alan",
        "family_name": "Tester",
        "nickname": "turing",
        "preferred_username": "turing",
        "website": "https://alan.example/",
        "updated_at": userinfo["updated_at"],
        "email": me.email,
        "email_verified": False,
    }

    session.revoke_token(metadata["revocation_endpoint"], token["access_token"])
    assert session.get(metadata["userinfo_endpoint"]).status_code == 401


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", {"sub"}),
        ("openid email", {"sub", "email", "email_verified"}),
        ("openid profile", {"sub", "updated_at", *PROFILE}),
    ],
)
def test_a_client_gets_only_the_claims_of_its_scopes(
    anonymous: TestClient, owner: Person, me: Person, scope: str, claims: set[str]
) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"], scope=scope))["code"]
    token = redeem(anonymous, registered, code).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert set(anonymous.get("/oauth/userinfo", headers=bearer).json()) == claims
    for path in ("/api/v1/auth/me/", "/api/v1/users/search/?q=al", "/api/v1/jobs/", "/api/v1/groups/"):
        assert anonymous.get(path, headers=bearer).status_code == 401


def test_a_second_use_of_a_code_is_refused_and_revokes_the_token(
    anonymous: TestClient, owner: Person, me: Person
) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    first = redeem(anonymous, registered, code)
    bearer = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert anonymous.get("/oauth/userinfo", headers=bearer).status_code == 200
    second = redeem(anonymous, registered, code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert second.headers["Cache-Control"] == "no-store"
    assert anonymous.get("/oauth/userinfo", headers=bearer).status_code == 401


def test_of_concurrent_uses_of_a_code_one_succeeds_and_its_token_is_revoked(
    anonymous: TestClient, owner: Person, me: Person
) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: redeem(anonymous, registered, code), range(4)))
    assert sorted(response.status_code for response in responses) == [200, 400, 400, 400]
    (token,) = [response.json()["access_token"] for response in responses if response.is_success]
    assert anonymous.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_code_expires_after_a_minute(anonymous: TestClient, owner: Person, me: Person) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE authorization_codes SET expires_at = expires_at - interval '61 seconds'"))
    assert redeem(anonymous, registered, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain", "code_challenge": VERIFIER},
        {"code_challenge": "short"},
        {"response_type": "token"},
        {"response_type": "code id_token"},
        {"response_type": None},
        {"scope": "openid admin"},
        {"prompt": "none"},
        {"prompt": "none login"},
        {"scope": None},
        {"scope": "email"},
        {"request": "e30."},
        {"request_uri": "https://x.example"},
        {"response_mode": "fragment"},
    ],
    ids=str,
)
def test_a_wrong_request_is_reported_to_the_client(
    anonymous: TestClient, owner: Person, me: Person, changes: dict[str, str | None]
) -> None:
    query = query_for(register(anonymous, owner)["client_id"], **changes)
    consent_request = anonymous.get(f"{AUTHORIZE}?{query}").json()
    assert consent_request["client_name"] is None
    redirect = parse_qs(urlsplit(consent_request["redirect_to"]).query)
    assert redirect["error"][0] in {
        *("invalid_request", "unsupported_response_type", "invalid_scope", "login_required"),
        *("request_not_supported", "request_uri_not_supported"),
    }
    assert (redirect["state"], redirect["iss"]) == (["xyz"], ["http://testserver"])
    if "prompt" not in changes:
        assert "code" not in consent(anonymous, me, query)


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        HOME + "/",
        HOME + "/../evil",
        HOME + "?a=b",
        HOME + "#x",
        HOME[:-1],
        "https://club.example.evil.example/callback",
        "https://club.example@evil.example/callback",
        "https://evil.example\\@club.example/callback",
        "https://CLUB.example/callback",
        "https://club.example:443/callback",
        "http://club.example/callback",
        "//club.example/callback",
        "https://club.example/callback\r\nLocation: https://evil.example",
        "https://clüb.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
    ],
)
def test_the_browser_is_never_sent_to_an_unregistered_redirect_uri(
    anonymous: TestClient, owner: Person, me: Person, uri: str | None
) -> None:
    query = query_for(register(anonymous, owner)["client_id"], redirect_uri=uri)
    for response in (
        anonymous.get(f"{AUTHORIZE}?{query}"),
        anonymous.post(AUTHORIZE, json={"query": query, "allow": True}, headers=me.headers),
        anonymous.post(AUTHORIZE, json={"query": query, "allow": False}),
    ):
        assert response.status_code == 422
        assert "redirect_to" not in response.json()


@pytest.mark.parametrize(
    "tail", ["redirect_uri=https%3A%2F%2Fevil.example", "client_id=other", "scope=email", "state=2", "%ff", "a", "&&"]
)
def test_repeated_and_broken_parameters_are_refused_or_harmless(
    anonymous: TestClient, owner: Person, me: Person, tail: str
) -> None:
    query = query_for(register(anonymous, owner)["client_id"]) + "&" + tail
    response = anonymous.post(AUTHORIZE, json={"query": query, "allow": True}, headers=me.headers)
    assert response.status_code == 422 or "error=invalid_request" in response.json()["redirect_to"]


def test_an_unknown_client_is_refused(anonymous: TestClient, me: Person) -> None:
    for client_id in ("nobody", "", "a\0b", "x" * 5000, 'a"b', "é"):
        response = anonymous.get(AUTHORIZE, params={"client_id": client_id, "response_type": "code"})
        assert response.status_code == 422, client_id


def test_a_caller_who_is_not_signed_in_may_only_refuse(anonymous: TestClient, owner: Person, me: Person) -> None:
    query = query_for(register(anonymous, owner)["client_id"])
    assert anonymous.post(AUTHORIZE, json={"query": query, "allow": True}).status_code == 401
    refused = anonymous.post(AUTHORIZE, json={"query": query, "allow": False})
    redirect = parse_qs(urlsplit(refused.json()["redirect_to"]).query)
    assert (redirect["error"], redirect["state"]) == (["access_denied"], ["xyz"])
    assert consent(anonymous, me, query, allow=False)["error"] == "access_denied"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code_verifier": None}, 400, "invalid_request"),
        ({"code_verifier": "w" * 64}, 400, "invalid_grant"),
        ({"code_verifier": "short"}, 400, "invalid_request"),
        ({"code_verifier": create_s256_code_challenge(VERIFIER)}, 400, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_grant"),
        ({"redirect_uri": None}, 400, "invalid_grant"),
        ({"code": "nonsense"}, 400, "invalid_grant"),
        ({"code": None}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": 'a"b'}, 400, "invalid_request"),
        ({"code": "a\0b"}, 400, "invalid_request"),
        ({"code": "é"}, 400, "invalid_request"),
    ],
    ids=str,
)
def test_a_wrong_token_request_is_refused(
    anonymous: TestClient, owner: Person, me: Person, changes: dict[str, str | None], status: int, error: str
) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    response = redeem(anonymous, registered, code, **changes)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_a_code_of_another_client_is_refused(anonymous: TestClient, owner: Person, me: Person) -> None:
    mine, other = register(anonymous, owner), register(anonymous, owner, name="Other")
    public = register(anonymous, owner, name="Public", confidential=False)
    code = consent(anonymous, me, query_for(mine["client_id"]))["code"]
    for thief in (other, public):
        assert redeem(anonymous, thief, code).json()["error"] == "invalid_grant"
    assert redeem(anonymous, mine, code).status_code == 200


def test_a_client_revokes_only_its_own_tokens(anonymous: TestClient, owner: Person, me: Person) -> None:
    mine, other = register(anonymous, owner), register(anonymous, owner, name="Other")
    code = consent(anonymous, me, query_for(mine["client_id"]))["code"]
    token = redeem(anonymous, mine, code).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    def revoke(who: dict[str, Any], what: str) -> int:
        form = {"token": what, "client_id": who["client_id"], "client_secret": who["client_secret"]}
        return int(anonymous.post("/oauth/revoke", data=form).status_code)

    assert revoke(other, token) == 400
    assert anonymous.get("/oauth/userinfo", headers=bearer).status_code == 200
    assert revoke(mine, "nonsense") == 200
    assert revoke(mine, me.token) == 200
    assert anonymous.get("/api/v1/auth/me/", headers=me.headers).status_code == 200
    assert revoke(mine, token) == 200
    assert anonymous.get("/oauth/userinfo", headers=bearer).status_code == 401


def test_users_see_and_revoke_the_sessions_of_clients(anonymous: TestClient, owner: Person, me: Person) -> None:
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    token = redeem(anonymous, registered, code).json()["access_token"]
    sessions = anonymous.get("/api/v1/auth/sessions/", headers=me.headers).json()
    (given,) = [session for session in sessions if session["client"] == "Chess club"]
    assert given["scope"] == "openid profile email"
    assert anonymous.delete(f"/api/v1/auth/sessions/{given['id']}/", headers=me.headers).status_code == 204
    assert anonymous.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_body_that_is_not_a_form_is_refused(anonymous: TestClient) -> None:
    assert anonymous.post("/oauth/token", json={}).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert anonymous.post("/oauth/token", content=b"x" * 20_000, headers=form).status_code == 413
    for body in (b"", b"\xff\xfe", b"a", b"a=%zz%ff", b"=" * 1000, b"&" * 1000):
        response = anonymous.post("/oauth/token", content=body, headers=form)
        assert (response.status_code, "error" in response.json()) == (400, True)


@pytest.mark.parametrize(
    "uri",
    [
        "http://club.example/callback",
        "javascript:alert(1)",
        "data:x",
        "callback",
        "https://",
        "https://club.example/#x",
        "https://user@club.example/",
        "https://*.club.example/",
        "https://club.example/ x",
        "https://clüb.example/",
        "https://club.example:99999/",
        "https://[::1",
    ],
)
def test_an_unsafe_redirect_uri_is_refused(anonymous: TestClient, owner: Person, uri: str) -> None:
    response = anonymous.post(CLIENTS, json={"name": "x", "redirect_uris": [HOME, uri]}, headers=owner.headers)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "redirect_uris.1")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8080/cb", "http://[::1]/cb", "com.example.app:/cb", HOME])
def test_redirect_uris_of_websites_and_native_apps_are_accepted(anonymous: TestClient, owner: Person, uri: str) -> None:
    assert register(anonymous, owner, redirect_uris=[uri])["redirect_uris"] == [uri]


def test_clients_are_managed_by_their_owner(anonymous: TestClient, owner: Person, me: Person, admin: Person) -> None:
    registered = register(anonymous, owner)
    path = f"{CLIENTS}{registered['client_id']}/"
    client = anonymous.get(path, headers=owner.headers).json()
    assert "client_secret" not in client
    assert anonymous.get(CLIENTS, headers=owner.headers).json()["items"] == [client]
    assert anonymous.get(CLIENTS, headers=me.headers).json()["items"] == []
    assert anonymous.get(path, headers=me.headers).status_code == 404
    assert anonymous.get(path, headers=admin.headers).status_code == 200
    assert anonymous.patch(path, json={"name": "Go club"}, headers=owner.headers).json()["name"] == "Go club"
    assert anonymous.patch(path, json={"owner_id": me.id}, headers=owner.headers).status_code == 422

    new = anonymous.post(f"{path}secret/", headers=owner.headers).json()
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    assert redeem(anonymous, registered, code).status_code == 401
    token = redeem(anonymous, new, code).json()["access_token"]
    assert anonymous.delete(path, headers=me.headers).status_code == 404
    assert anonymous.delete(path, headers=owner.headers).status_code == 204
    assert anonymous.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_account_has_at_most_twenty_clients(anonymous: TestClient, owner: Person) -> None:
    for _ in range(20):
        register(anonymous, owner)
    response = anonymous.post(CLIENTS, json={"name": "x", "redirect_uris": [HOME]}, headers=owner.headers)
    assert response.status_code == 409


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_library_understands_the_error_response(
    anonymous: TestClient, owner: Person, me: Person, library: Any
) -> None:
    session = library(register(anonymous, owner))
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.fetch_token("/oauth/token", code="nonsense", code_verifier=VERIFIER, grant_type="authorization_code")


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic \xe9",
        b"Basic YQBiOng=",
        b"Basic JTAwOng=",
        b"Basic //46eA==",
        b"Bearer x",
        b"Basic YWI=",
    ],
)
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
def test_an_invalid_authorization_header_of_a_client_is_refused(
    anonymous: TestClient, header: bytes, path: str
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": header.decode("latin-1")}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in form.items()]
    response = anonymous.post(path, content=b"grant_type=authorization_code&code=x&token=x", headers=headers)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_cross_origin_requests_are_allowed(anonymous: TestClient) -> None:
    before = anonymous.options("/oauth/userinfo", headers={"Origin": "https://club.example"})
    assert (before.status_code, before.headers["Access-Control-Allow-Headers"]) == (204, "Authorization")
    for response in (
        before,
        anonymous.get("/oauth/userinfo"),
        anonymous.get("/oauth/jwks"),
        anonymous.post("/oauth/token"),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_consent_page_also_accepts_a_form(anonymous: TestClient) -> None:
    response = anonymous.post(
        "/oauth/authorize", data={"client_id": "a b", "x": "\r\nSet-Cookie: a"}, follow_redirects=False
    )
    assert (response.status_code, response.headers["Location"]) == (
        303,
        "/oauth/authorize?client_id=a+b&x=%0D%0ASet-Cookie%3A+a",
    )


def test_auth_time_is_the_time_of_the_sign_in(anonymous: TestClient, owner: Person, me: Person) -> None:
    with write_engine().begin() as connection:
        connection.execute(text("UPDATE sessions SET created_at = created_at - interval '20 days'"))
    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    keys = KeySet.import_key_set(anonymous.get("/oauth/jwks").json())
    claims = joserfc_jwt.decode(
        redeem(anonymous, registered, code).json()["id_token"], keys, algorithms=["RS256"]
    ).claims
    assert claims["auth_time"] == pytest.approx(time.time() - 20 * 86400, abs=60)


def test_a_password_reset_deletes_unused_codes(anonymous: TestClient, owner: Person, me: Person) -> None:
    from conf.db.dependencies import with_db_session
    from iam.tokens import crud

    registered = register(anonymous, owner)
    code = consent(anonymous, me, query_for(registered["client_id"]))["code"]
    with_db_session(crud.revoke_all)(user_id=me.id)
    assert redeem(anonymous, registered, code).json()["error"] == "invalid_grant"
