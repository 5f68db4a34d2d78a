"""The authorization server: RFC 6749's code grant with PKCE (RFC 7636) and revocation (RFC 7009).

Authlib's framework-free core holds the rules of the protocol; here is what it asks of the database. One server is made
for each request and has its session.
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
from iam.clients.grants import S256, ClientOfProtocol, Code, CodeGrant, Request, Revocation, from_query, pairs_of
from iam.clients.models import Client
from iam.roles import Identity
from iam.tokens import crud as sessions
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users.models import User

CODE_S = 60
ACCESS_S = 15 * 60
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class Answer:
    """Of the protocol: JSON of its own, not problem+json (RFC 6749, 5.2)."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class Server(AuthorizationServer):
    """`check` and `consent` for the page on which people consent; `token` and `revoke` for clients."""

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
        """For the page: the client and the scopes to consent to, or the address that tells the client what is wrong.
        Invalid when it must not be told there, since the client or its address is not known."""
        request = from_query(query)
        try:
            grant = self._valid_grant(request)
            if request.payload.data.get("prompt") == "none":
                raise _told_to(request, "login_required", "Somebody has to sign in.")
        except OAuth2Error as error:
            return _told(error)
        return grant.request.client.row, request.scope.split()

    def consent(self, query: str, *, allow: bool) -> str:
        """The address to go on to, with a code or with the refusal. Invalid as above."""
        request = from_query(query)
        try:
            grant = self._valid_grant(request)
        except OAuth2Error as error:
            return _told(error)
        answer = self.create_authorization_response(request, self._identity if allow else None, grant=grant)
        return _with_issuer(answer.headers["Location"])

    def _valid_grant(self, request: Request) -> Any:
        """Authlib's checks, and those of OpenID Connect Core, 3.1.2.1 and 6."""
        grant = self.get_consent_grant(request, end_user=self._identity)
        data = request.payload.data
        for name in ("request", "request_uri"):
            if data.get(name):
                raise _told_to(request, f"{name}_not_supported", f"There is no {name} here.")
        if data.get("response_mode", "query") != "query":
            raise _told_to(request, "invalid_request", "response_mode can only be query.")
        prompts = data.get("prompt", "").split()
        if "none" in prompts and len(prompts) > 1:
            raise _told_to(request, "invalid_request", "prompt=none stands alone.")
        if "openid" not in request.scope.split():
            raise _told_to(request, "invalid_scope", "The scope openid is needed.")
        return grant

    def token(self, body: str, headers: dict[str, str]) -> Answer:
        """RFC 6749, 4.1.3."""
        return self._answer("token", body, headers)

    def revoke(self, body: str, headers: dict[str, str]) -> Answer:
        """RFC 7009."""
        return self._answer("revocation", body, headers)

    def _answer(self, endpoint: str, body: str, headers: dict[str, str]) -> Answer:
        try:
            request = Request("POST", headers, pairs_of(body))
        except Invalid as error:
            return Answer(400, {"error": "invalid_request", "error_description": error.detail}, NO_STORE)
        if endpoint == "token" and not request.payload.grant_type:
            told = {"error": "invalid_request", "error_description": "Missing 'grant_type' in request."}
            return Answer(400, told, NO_STORE)
        answer: Answer = (
            self.create_token_response(request)
            if endpoint == "token"
            else self.create_endpoint_response(endpoint, request)
        )
        return answer

    def keep_code(self, code: str, request: Any) -> None:
        assert self._identity is not None
        crud.forget_old_codes(self.db, client_id=request.client.row.id)
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
            signed_in_at=sessions.begun_at(self.db, session_id=self._identity.session_id),
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

    def find_code(self, code: str, client: ClientOfProtocol) -> Code | None:
        """The code, when it is this client's and good. One that was used before takes back what it gave."""
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

    def _make_token(self, *, client: ClientOfProtocol, user: User, scope: str, **_: Any) -> dict[str, Any]:
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

    def query_client(self, client_id: str) -> ClientOfProtocol | None:
        row = crud.find(self.db, client_id=client_id)
        return ClientOfProtocol(row) if row else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Its session is there already."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        return Answer(status, dict(body or {}), NO_STORE | dict(headers))


def _told_to(request: Request, error: str, description: str) -> OAuth2Error:
    """An error for a client whose address has been checked."""
    payload = request.payload
    return OAuth2Error(description, error=error, state=payload.state, redirect_uri=payload.redirect_uri)


def _told(error: OAuth2Error) -> str:
    """The address that tells the client. Invalid when there is none that is known to be the client's."""
    if not error.redirect_uri:
        raise Invalid(error.description or "The address that brought you here is not complete, or not right.")
    return _with_issuer(error()[2][0][1])


def _with_issuer(address: str) -> str:
    """RFC 9207: so that a client with several servers knows whose answer it is."""
    told: str = add_params_to_uri(address, {"iss": get_settings().public_url})
    return told
