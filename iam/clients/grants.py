"""Adapters from our tables to Authlib, and the supported grants: the authorization code grant with PKCE (S256 only), and
revocation."""

import hmac
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy.orm import Session

from conf.errors import Invalid, Unauthenticated
from iam.clients import helpers
from iam.clients.models import AuthorizationCode, Client
from iam.tokens import crud as sessions
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users import crud as users

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
UNQUOTED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "grant_type",
    "token_type_hint",
    "prompt",
    "response_mode",
)
"""Parameters whose values must not contain a quotation mark or a backslash."""


class Request(OAuth2Request):
    """A request as Authlib expects it, made from parsed parameters."""

    def __init__(self, method: str, headers: dict[str, str], pairs: list[tuple[str, str]]) -> None:
        super().__init__(method, "https://campus/", headers=headers)  # Authlib requires https; here the proxy ends TLS
        self.payload = BasicOAuth2Payload(dict(pairs))
        for name, _ in pairs:
            self.payload.datalist[name] = [value for other, value in pairs if other == name]

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)

    form = args


def from_query(query: str) -> Request:
    return Request("GET", {}, pairs_of(query))


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query string or form. Raises: Invalid, if it cannot be parsed or a value has a
    character that OAuth does not allow, since Authlib repeats values in its error messages."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=50, errors="strict")
    except ValueError:
        raise Invalid("The parameters cannot be parsed.") from None
    for name, value in pairs:
        if not value.isascii() or not value.isprintable() or (name in UNQUOTED and ('"' in value or "\\" in value)):
            raise Invalid("A parameter contains a character that is not allowed.", field=name if name.isidentifier() else None)
    return pairs


class ClientAdapter:
    """A row of `clients` with the methods that Authlib calls."""

    def __init__(self, row: Client) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> None:
        """Return None: there is no default, so every request must contain `redirect_uri`."""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(name for name in helpers.SCOPES if name in (scope or "").split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.row.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        given = helpers.secret_hash(client_secret)
        return self.row.secret_hash is not None and hmac.compare_digest(given, self.row.secret_hash)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return (method == "none") == (self.row.secret_hash is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Code:
    """A row of `authorization_codes` with the methods that Authlib calls."""

    code_challenge_method = "S256"

    def __init__(self, row: AuthorizationCode) -> None:
        self.row = row
        self.code_challenge = row.code_challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return self.row.scope


class S256(CodeChallenge):
    """PKCE that is required and accepts no other method than S256."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  # as Authlib declares it

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: code_challenge with code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)


class GrantServer(Protocol):
    """The methods of `Server` that the grants call."""

    db: Session

    def save_code(self, code: str, request: Any) -> None: ...
    def find_code(self, code: str, client: "ClientAdapter") -> "Code | None": ...


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: "GrantServer"

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.save_code(code, request)

    def query_authorization_code(self, code: str, client: ClientAdapter) -> Code | None:
        return self.server.find_code(code, client)

    def authenticate_user(self, authorization_code: Code) -> Any:
        return users.get(self.server.db, user_id=authorization_code.row.user_id)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing: the code is kept and marked as used, so that a second use is detected."""


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = AUTH_METHODS
    SUPPORTED_TOKEN_TYPES = ("access_token", "refresh_token")
    server: "GrantServer"

    def query_token(self, token: str, _hint: str | None) -> "Token | None":
        try:
            claims = jwt.decode(Kind.CLIENT, token)
        except Unauthenticated:
            return None
        row = sessions.live(self.server.db, session_id=claims["sid"], user_id=claims["sub"])
        return Token(row.session_id, row.user_id, row.client_id) if row else None

    def revoke_token(self, token: "Token", _request: Any) -> None:
        sessions.revoke(self.server.db, session_id=token.session_id, user_id=token.user_id)


@dataclass(frozen=True)
class Token:
    session_id: int
    user_id: int
    client_id: int | None

    def check_client(self, client: ClientAdapter) -> bool:
        return client.row.id == self.client_id
