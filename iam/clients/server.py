"""The authorization server: the authorization code grant of RFC 6749 with PKCE (RFC 7636), and revocation (RFC 7009).

The framework-independent core of Authlib implements the protocol. This module implements its access to the database. Each
request makes a `Server` with its own database session.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from sqlalchemy.orm import Session

from conf.errors import Invalid, NotFound
from conf.settings import get_settings
from iam.audit import crud as audit
from iam.audit.crud import Origin
from iam.clients import crud, helpers, id_tokens
from iam.clients.grants import S256, ClientAdapter, Code, CodeGrant, Request, Revocation, from_query, pairs_of
from iam.clients.models import Client
from iam.roles import Identity
from iam.tokens import crud as sessions
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users.models import User

CODE_S = 60
"""Lifetime of an authorization code."""
ACCESS_S = 15 * 60
"""Lifetime of a client's access token."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class OAuthResponse:
    """A response of the protocol, whose errors are JSON of RFC 6749, 5.2, not `application/problem+json`."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class Server(AuthorizationServer):
    """`check` and `consent` serve the consent page; `token` and `revoke` serve clients. Authlib calls the others."""

    def __init__(self, db: Session, *, origin: Origin, identity: Identity | None = None) -> None:
        super().__init__(scopes_supported=list(helpers.SCOPES))
        self.db = db
        self._origin = origin
        self._identity = identity
        self._code: Code | None = None
        self.register_grant(CodeGrant, [S256(required=True)])
        self.register_endpoint(Revocation)
        self.register_token_generator("default", self._make_token)

    def check(self, query: str) -> tuple[Client, list[str]] | str:
        """Check an authorization request. Return the client and the requested scopes; or, if the request is wrong, the
        redirect URI with the error in its query.

        Raises: Invalid, if the client or its redirect URI is unknown, so that the browser must not be redirected.
        """
        request = from_query(query)
        try:
            grant = self._valid_grant(request)
            if request.payload.data.get("prompt") == "none":
                raise _redirect_error(request, "login_required", "The user must sign in.")
        except OAuth2Error as error:
            return _error_address(error)
        return grant.request.client.row, request.scope.split()

    def consent(self, query: str, *, allow: bool) -> str:
        """Return the redirect URI with an authorization code in its query, or with the error. Raises: Invalid, as
        `check` does."""
        request = from_query(query)
        try:
            grant = self._valid_grant(request)
        except OAuth2Error as error:
            return _error_address(error)
        response = self.create_authorization_response(request, self._identity if allow else None, grant=grant)
        return _with_issuer(response.headers["Location"])

    def _valid_grant(self, request: Request) -> Any:
        """Return the grant, checked by Authlib and by the rules of OpenID Connect Core, 3.1.2.1 and 6.

        Raises: OAuth2Error.
        """
        grant = self.get_consent_grant(request, end_user=self._identity)
        data = request.payload.data
        for name in ("request", "request_uri"):
            if data.get(name):
                raise _redirect_error(request, f"{name}_not_supported", f"The parameter {name} is not supported.")
        if data.get("response_mode", "query") != "query":
            raise _redirect_error(request, "invalid_request", "The only supported response_mode is query.")
        prompts = data.get("prompt", "").split()
        if "none" in prompts and len(prompts) > 1:
            raise _redirect_error(request, "invalid_request", "prompt=none must not be combined with other values.")
        if "openid" not in request.scope.split():
            raise _redirect_error(request, "invalid_scope", "The scope openid is required.")
        return grant

    def token(self, body: str, headers: dict[str, str]) -> OAuthResponse:
        """Respond to a token request (RFC 6749, 4.1.3)."""
        return self._respond("token", body, headers)

    def revoke(self, body: str, headers: dict[str, str]) -> OAuthResponse:
        """Respond to a revocation request (RFC 7009)."""
        return self._respond("revocation", body, headers)

    def _respond(self, endpoint: str, body: str, headers: dict[str, str]) -> OAuthResponse:
        try:
            request = Request("POST", headers, pairs_of(body))
        except Invalid as error:
            return OAuthResponse(400, {"error": "invalid_request", "error_description": error.detail}, NO_STORE)
        if endpoint == "token" and not request.payload.grant_type:
            error_body = {"error": "invalid_request", "error_description": "Missing 'grant_type' in request."}
            return OAuthResponse(400, error_body, NO_STORE)
        response: OAuthResponse = (
            self.create_token_response(request)
            if endpoint == "token"
            else self.create_endpoint_response(endpoint, request)
        )
        return response

    def save_code(self, code: str, request: Any) -> None:
        assert self._identity is not None
        crud.delete_old_codes(self.db, client_id=request.client.row.id)
        crud.create_code(
            self.db,
            lifetime_s=CODE_S,
            hash=helpers.secret_hash(code),
            client_id=request.client.row.id,
            user_id=self._identity.user_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            nonce=request.payload.data.get("nonce"),
            code_challenge=request.payload.data["code_challenge"],
            signed_in_at=sessions.started_at(self.db, session_id=self._identity.session_id),
        )
        audit.record(
            self.db,
            "consented",
            origin=self._origin,
            actor_id=self._identity.user_id,
            subject_id=self._identity.user_id,
            client_id=request.client.row.client_id,
            scope=request.scope,
        )

    def find_code(self, code: str, client: ClientAdapter) -> Code | None:
        """Return the code if it is this client's and valid, else None. A second use of a code ends the session that the
        first use began (RFC 6749, 4.1.2)."""
        found = crud.lock_code(self.db, code_hash=helpers.secret_hash(code))
        if found is None or found[0].client_id != client.row.id:
            return None
        row, expired = found
        if row.used_at is not None:
            audit.record(self.db, "code_reused", origin=self._origin, subject_id=row.user_id)
            with contextlib.suppress(NotFound):
                sessions.revoke(self.db, session_id=row.session_id or 0, user_id=row.user_id)
            return None
        if expired:
            return None
        self._code = Code(row)
        return self._code

    def _make_token(self, *, client: ClientAdapter, user: User, scope: str, **_: Any) -> dict[str, Any]:
        assert self._code is not None
        session = sessions.create(
            self.db,
            user_id=user.id,
            client_id=client.row.id,
            scope=scope,
            lifetime_s=ACCESS_S,
            address=self._origin.address,
            agent=self._origin.agent,
        )
        crud.use_code(self.db, code=self._code.row, session_id=session.id)
        access = jwt.encode(Kind.CLIENT, subject=user.id, lifetime_s=ACCESS_S, sid=session.id)
        token = {"token_type": "Bearer", "access_token": access, "expires_in": ACCESS_S, "scope": scope}
        row = self._code.row
        token["id_token"] = id_tokens.encode(
            helpers.claims(user, scope=scope, picture=None),
            client_id=client.row.client_id,
            access_token=access,
            nonce=row.nonce,
            signed_in_at=int(row.signed_in_at.timestamp()),
        )
        return token

    def query_client(self, client_id: str) -> ClientAdapter | None:
        row = crud.find(self.db, client_id=client_id)
        return ClientAdapter(row) if row else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Do nothing: `_make_token` has created the session."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: signals are not used."""

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> OAuthResponse:
        return OAuthResponse(status, dict(body or {}), NO_STORE | dict(headers))


def _redirect_error(request: Request, error: str, description: str) -> OAuth2Error:
    """Return an error to redirect to the client, whose redirect URI has been checked."""
    payload = request.payload
    return OAuth2Error(description, error=error, state=payload.state, redirect_uri=payload.redirect_uri)


def _error_address(error: OAuth2Error) -> str:
    """Return the redirect URI with the error in its query. Raises: Invalid, if the error has no checked redirect URI."""
    if not error.redirect_uri:
        raise Invalid(error.description or "The authorization request is incomplete or invalid.")
    return _with_issuer(error()[2][0][1])


def _with_issuer(address: str) -> str:
    """Add `iss`, so that a client that uses several servers knows which one has responded (RFC 9207)."""
    with_issuer: str = add_params_to_uri(address, {"iss": get_settings().public_url})
    return with_issuer
