"""Log in with Campus: OAuth 2 (RFC 6749) and OpenID Connect. These routes are the protocol's, so they bear no version
of ours, and clients get errors in its form; the two that the consent page asks are ours."""

import base64
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from conf.db.dependencies import DbSession, with_db_session
from conf.errors import TooLarge, Unauthenticated, Unsupported
from conf.http import media
from conf.http.access import NO_STORE, PUBLIC
from conf.http.checks import ANY_QUERY
from conf.http.limits import Policy, by_address
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.threads import threads
from conf.settings import get_settings
from iam.audit.crud import Origin
from iam.clients import helpers, id_tokens
from iam.clients.grants import AUTH_METHODS
from iam.clients.server import Answer, Server
from iam.dependencies import RequestOrigin, Viewer, bearer_token
from iam.users import crud as users
from iam.v1.oauth import schemas

router = Router("", tags=["oauth"])

TOKEN = Policy("token", address="600/minute", account="")
FORM = "application/x-www-form-urlencoded"
FORM_MAX_BYTES = 16 * 1024
HOUR = "public, max-age=3600"


def _any_site(request: Request) -> None:
    """Clients in browsers ask from their own site; there are no cookies here to steal. On errors too."""
    request.scope.setdefault("always_headers", []).append((b"access-control-allow-origin", b"*"))


ANY_SITE = Depends(_any_site)


def _form_of(*names: str, required: list[str]) -> dict[str, Any]:
    """For `openapi_extra` of a route that takes a form."""
    schema = {"type": "object", "required": required, "properties": {name: {"type": "string"} for name in names}}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


AUTHORIZATION = {
    "parameters": [
        {"name": name, "in": "query", "required": name not in ("state", "nonce"), "schema": {"type": "string"}}
        for name in (
            *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce"),
            *("code_challenge", "code_challenge_method"),
        )
    ]
}
_CLIENT = ("client_id", "client_secret")
_CODE = ["grant_type", "code", "redirect_uri", "code_verifier"]
BEARER: dict[str, Any] = {"security": [{"Bearer": []}]}
REFUSALS: dict[int | str, Any] = {status: {"model": schemas.OAuthError} for status in (400, 401)}
CODE_FORM = _form_of(*_CODE, *_CLIENT, required=_CODE)
TOKEN_FORM = _form_of("token", *_CLIENT, required=["token"])


@router.get("/.well-known/openid-configuration", dependencies=[PUBLIC, ANY_SITE])
@router.get("/.well-known/oauth-authorization-server", dependencies=[PUBLIC, ANY_SITE], include_in_schema=False)
def get_discovery(response: Response) -> dict[str, Any]:
    """OpenID Connect Discovery, and RFC 8414. Public."""
    base = get_settings().public_url
    response.headers["Cache-Control"] = HOUR
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "userinfo_endpoint": f"{base}/oauth/userinfo",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "jwks_uri": f"{base}/oauth/jwks",
        "scopes_supported": list(helpers.SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [id_tokens.ALGORITHM],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_supported": [
            *("sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"),
            *("picture", "website", "updated_at", "email", "email_verified"),
        ],
    }


@router.get("/oauth/jwks", responses={200: {"model": schemas.KeySet}}, dependencies=[PUBLIC, ANY_SITE])
async def get_keys() -> JSONResponse:
    """The keys that ID tokens are verified with (RFC 7517). Public."""
    keys = await threads().run(id_tokens.public_keys)
    return JSONResponse({"keys": keys}, headers={"Cache-Control": HOUR})


@router.get(
    "/api/v1/oauth/authorize/",
    dependencies=[PUBLIC, ANY_QUERY],
    openapi_extra=AUTHORIZATION,
    responses=error_responses(422),
)
def check_authorization(
    db: DbSession,
    request: Request,
    origin: RequestOrigin,
) -> schemas.ConsentRequest:
    """What the consent page asks about. 422 when the client or its address is not known. Public."""
    found = Server(db, origin=origin).check(request.url.query)
    if isinstance(found, str):
        return _consent_request(redirect_to=found)
    client, scopes = found
    return _consent_request(
        client_name=client.name,
        client_website=client.website,
        owner_name=users.get(db, user_id=client.owner_id).name,
        redirect_host=urlsplit(str(request.query_params["redirect_uri"])).netloc
        or urlsplit(str(request.query_params["redirect_uri"])).scheme,
        scopes=[{"name": scope, "meaning": helpers.SCOPES[scope]} for scope in scopes],
    )


def _consent_request(**told: Any) -> schemas.ConsentRequest:
    nothing = dict.fromkeys(schemas.ConsentRequest.model_fields) | {"scopes": []}
    return schemas.ConsentRequest.model_validate(nothing | told)


@router.post("/api/v1/oauth/authorize/")
def authorize(consent: schemas.Consent, db: DbSession, viewer: Viewer, origin: RequestOrigin) -> schemas.Redirect:
    """Give the client a code, or the refusal; `redirect_to` is where the browser goes on. Signed in; to refuse,
    Public."""
    if consent.allow and viewer is None:
        raise Unauthenticated("Sign in first.")
    address = Server(db, origin=origin, identity=viewer).consent(consent.query, allow=consent.allow)
    return schemas.Redirect(redirect_to=address)


@router.post(
    "/oauth/token",
    openapi_extra=CODE_FORM,
    responses={200: {"model": schemas.ClientTokens}, **REFUSALS},
    dependencies=[PUBLIC, ANY_SITE, by_address(TOKEN)],
)
async def get_token(request: Request, origin: RequestOrigin) -> JSONResponse:
    """An access token and an ID token for a code (RFC 6749, 4.1.3). Public: the client authenticates in the request."""
    await threads().run(id_tokens.ensure)
    return await _answer(request, "token", origin)


@router.post(
    "/oauth/revoke",
    openapi_extra=TOKEN_FORM,
    responses=REFUSALS,
    dependencies=[PUBLIC, ANY_SITE, by_address(TOKEN)],
)
async def revoke_token(request: Request, origin: RequestOrigin) -> JSONResponse:
    """Give a token back (RFC 7009). Public: the client authenticates in the request."""
    return await _answer(request, "revoke", origin)


async def _answer(request: Request, endpoint: str, origin: Origin) -> JSONResponse:
    body = await _form(request)
    headers = _proper(request)
    if headers is None:
        told = {"error": "invalid_client", "error_description": "The header Authorization cannot be read."}
        return JSONResponse(told, 401, {"WWW-Authenticate": "Basic", "Cache-Control": "no-store"})
    answer = await threads().run(_ask, endpoint=endpoint, body=body, headers=headers, origin=origin)
    return JSONResponse(answer.body, answer.status, answer.headers)


@with_db_session
def _ask(*, endpoint: str, body: str, headers: dict[str, str], origin: Origin, db: Session) -> Answer:
    server = Server(db, origin=origin)
    return server.token(body, headers) if endpoint == "token" else server.revoke(body, headers)


def _proper(request: Request) -> dict[str, str] | None:
    """The header that Authlib looks at, spelled as it expects; None when it is none that it could read."""
    header = request.headers.get("authorization")
    if header is None:
        return {}
    kind, _, given = header.partition(" ")
    try:
        plain = base64.b64decode(given, validate=True).decode("ascii")
    except ValueError:
        return None
    good = kind.lower() == "basic" and unquote(plain).isascii() and unquote(plain).isprintable() and ":" in plain
    return {"Authorization": f"Basic {given}"} if good else None


async def _form(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Unsupported(f"The body must be {FORM}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_MAX_BYTES:
            raise TooLarge(f"The body must have at most {FORM_MAX_BYTES} bytes.")
    return body.decode("latin-1")


@router.options("/oauth/userinfo", status_code=204, dependencies=[PUBLIC, ANY_SITE], include_in_schema=False)
def allow_userinfo(response: Response) -> None:
    """What a browser asks before it sends the token from another site."""
    response.headers["Access-Control-Allow-Headers"] = "Authorization"
    response.headers["Access-Control-Max-Age"] = "86400"


@router.post("/oauth/userinfo", dependencies=[PUBLIC, ANY_SITE, NO_STORE], include_in_schema=False)
@router.get(
    "/oauth/userinfo", dependencies=[PUBLIC, ANY_SITE, NO_STORE], openapi_extra=BEARER, responses=error_responses(401)
)
def get_userinfo(db: DbSession, request: Request) -> schemas.UserInfo:
    """What the scopes tell of the person (OpenID Connect Core, 5.3). Public: to the holder of a client's token."""
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated("Send the header Authorization: Bearer and the token.")
    user, scope = helpers.of_token(db, token=bearer_token(header))
    return schemas.UserInfo(**helpers.claims(user, scope=scope, picture=media.link(user.avatar_key)))
