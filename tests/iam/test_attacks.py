"""Forged tokens are refused with 401, by the API and by the userinfo endpoint."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient

from conf.keys import keys
from iam.clients import id_tokens
from iam.roles import Role
from iam.tokens import jwt
from tests.people import Person, make_person

KEY = keys(jwt.PURPOSE)[0]
HEADER = {"alg": "HS256", "typ": "JWT", "kid": KEY.id}


def encoded(part: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def signed(header: object, claims: object, secret: bytes = KEY.secret, digest: str = "sha256") -> str:
    body = encoded(header) + b"." + encoded(claims)
    return (body + b"." + base64.urlsafe_b64encode(hmac.digest(secret, body, digest)).rstrip(b"=")).decode()


@pytest.fixture
def person(anonymous: TestClient) -> Person:
    return make_person(Role.ADMIN)


def claims_of(person: Person, **changes: Any) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(person.token.split(".")[1] + "=="))
    return {name: value for name, value in (claims | changes).items() if value is not None}


def assert_refused(client: TestClient, token: str) -> None:
    for method, path in (("GET", "/api/v1/auth/me/"), ("GET", "/api/v1/groups/"), ("GET", "/oauth/userinfo")):
        response = client.request(method, path, headers=[(b"Authorization", f"Bearer {token}".encode())])
        assert response.status_code == 401, (path, response.status_code, token[:100])
        assert response.headers["Content-Type"] == "application/problem+json"


def test_a_correctly_signed_token_is_accepted(anonymous: TestClient, person: Person) -> None:
    token = signed(HEADER, claims_of(person))
    assert anonymous.get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
@pytest.mark.parametrize("signature", ["", "."])
def test_a_token_without_a_signature_is_refused(
    anonymous: TestClient, person: Person, algorithm: str | None, signature: str
) -> None:
    body = encoded(HEADER | {"alg": algorithm}) + b"." + encoded(claims_of(person))
    assert_refused(anonymous, body.decode() + "." + signature.strip("."))
    assert_refused(anonymous, body.decode())


@pytest.mark.parametrize("encoding", ["PEM", "DER"])
def test_a_token_signed_with_the_public_key_as_secret_is_refused(
    anonymous: TestClient, person: Person, encoding: str
) -> None:
    """Algorithm confusion (HS256/RS256): everybody knows the public keys that verify ID tokens."""
    anonymous.get("/oauth/jwks")
    public = id_tokens._keys()[0].public_key
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = public.public_bytes(getattr(serialization.Encoding, encoding), info)
    for kid in (KEY.id, id_tokens._keys()[0].kid):
        assert_refused(anonymous, signed(HEADER | {"kid": kid}, claims_of(person), secret))
        assert_refused(anonymous, signed(HEADER | {"kid": kid, "alg": "RS256"}, claims_of(person), secret))


def test_a_token_signed_with_a_foreign_rsa_key_is_refused(anonymous: TestClient, person: Person) -> None:
    from joserfc import jwt as other
    from joserfc.jwk import RSAKey

    foreign = RSAKey.import_key(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = foreign.as_dict(private=False)
    for header in ({"alg": "RS256", "kid": KEY.id}, {"alg": "RS256", "kid": KEY.id, "jwk": public}):
        assert_refused(anonymous, other.encode(header, claims_of(person), foreign, algorithms=["RS256"]))


@pytest.mark.parametrize("secret", [b"", b"\0" * 32, b"secret", b"change-me-change-me-change-me-change-me"])
def test_a_token_signed_with_a_guessed_secret_is_refused(anonymous: TestClient, person: Person, secret: bytes) -> None:
    assert_refused(anonymous, signed(HEADER, claims_of(person), secret))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "dir"])
def test_a_token_with_another_algorithm_is_refused(anonymous: TestClient, person: Person, algorithm: str) -> None:
    digest = {"HS384": "sha384", "HS512": "sha512"}.get(algorithm, "sha256")
    assert_refused(anonymous, signed(HEADER | {"alg": algorithm}, claims_of(person), digest=digest))


@pytest.mark.parametrize("claim", ["exp", "aud", "iss", "sub", "iat", "jti", "typ", "sid"])
def test_a_token_without_a_required_claim_is_refused(anonymous: TestClient, person: Person, claim: str) -> None:
    assert_refused(anonymous, signed(HEADER, claims_of(person, **{claim: None})))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 61},
        {"exp": "tomorrow"},
        {"exp": -1},
        {"iat": "yesterday"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "https://other.example"},
        {"iss": "http://testserver.evil.example"},
        {"aud": "campus/refresh"},
        {"aud": ["campus/access"]},
        {"aud": ["campus/access", "other"]},
        {"aud": {}},
        {"typ": "refresh"},
        {"typ": "client"},
        {"typ": ["access"]},
        {"sub": 1},
        {"sub": "one"},
        {"sub": ""},
        {"sub": "99999999999999999999999999"},
        {"sub": "2"},
        {"sid": "1"},
        {"sid": 99},
        {"sid": -1},
        {"sid": 2**63},
        {"sid": True},
        {"sid": [1]},
        {"sid": 1.5},
    ],
    ids=lambda changes: str(changes if set(changes).isdisjoint(("exp", "nbf")) else list(changes)),
)
def test_a_correctly_signed_token_with_a_wrong_claim_is_refused(
    anonymous: TestClient, person: Person, changes: dict[str, Any]
) -> None:
    make_person(Role.STUDENT)
    assert_refused(anonymous, signed(HEADER, claims_of(person, **changes)))


def test_a_token_with_a_changed_payload_is_refused(anonymous: TestClient, person: Person) -> None:
    header, _, signature = person.token.split(".")
    assert_refused(anonymous, ".".join([header, encoded(claims_of(person, sub="2")).decode(), signature]))


def test_a_token_with_a_changed_signature_is_refused(anonymous: TestClient, person: Person) -> None:
    header, body, signature = person.token.split(".")
    for other in (signature[:-4], signature + "AAAA", signature[::-1], hashlib.sha256(body.encode()).hexdigest()):
        assert_refused(anonymous, f"{header}.{body}.{other}")


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"kid": None},
        HEADER | {"kid": "../../dev/null"},
        HEADER | {"kid": ["a"]},
        HEADER | {"kid": {"a": 1}},
        HEADER | {"crit": ["exp"]},
        [],
        "x",
        1,
        None,
    ],
    ids=str,
)
def test_a_token_with_an_unexpected_header_is_refused(anonymous: TestClient, person: Person, header: object) -> None:
    assert_refused(anonymous, signed(header, claims_of(person)))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "\u00ff" * 20,
        "A" * 5000,
        encoded({"alg": "HS256"}).decode() + "." + "e30" + ".",
        base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.x",
        "Bearer x",
        "null",
    ],
    ids=lambda token: token[:12] or "empty",
)
def test_text_that_is_not_a_token_is_refused(anonymous: TestClient, person: Person, token: str) -> None:
    for path in ("/api/v1/auth/me/", "/oauth/userinfo"):
        header = f"Bearer {token}".encode("latin-1")
        assert anonymous.get(path, headers=[(b"Authorization", header)]).status_code == 401


def test_a_refresh_token_is_refused_as_an_access_token(anonymous: TestClient, person: Person) -> None:
    assert_refused(anonymous, person.refresh_token)


def test_userinfo_refuses_an_access_token_of_campus_itself(anonymous: TestClient, person: Person) -> None:
    assert anonymous.get("/oauth/userinfo", headers=person.headers).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/groups/", "/api/v1/auth/login/"])
def test_headers_that_are_too_long_are_refused(anonymous: TestClient, path: str) -> None:
    response = anonymous.get(path, headers={"X-Long": "x" * 40_000})
    assert (response.status_code, response.headers["Content-Type"]) == (431, "application/problem+json")
