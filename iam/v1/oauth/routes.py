"""Log in with Campus: OAuth 2 (RFC 6749) and OpenID Connect.

The protocols define the routes under `/oauth/` and `/.well-known/`, so these have no version of the API, and the errors
of token and revocation requests have the format of RFC 6749. The consent page uses the two routes under
`/api/v1/oauth/`.
"""

import base64
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from conf.db.dependencies import DbSession, with_db_session
from conf.errors import Unauthenticated, Unsupported
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
from iam.clients.server import OAuthResponse, Server
from iam.dependencies import RequestOrigin, Viewer, bearer_token
from iam.users import crud as users
from iam.v1.oauth import schemas
from iam.v1.oauth.reference import AUTHORIZATION, BEARER, CODE_FORM, FORM, TOKEN_FORM

router = Router("", tags=["oauth"])

TOKEN = Policy("token", address="600/minute")
CONSENT = Policy("consent", address="100/minute")
FORM_MAX_BYTES = 16 * 1024
HOUR = "public, max-age=3600"


def _any_origin(request: Request) -> None:
    """Allow cross-origin requests from any site, for clients in browsers, also in error responses.

    This is safe because the routes use no cookies.
    """
    request.scope.setdefault("always_headers", []).append((b"access-control-allow-origin", b"*"))


ANY_ORIGIN = Depends(_any_origin)
REFUSALS: dict[int | str, Any] = {status: {"model": schemas.OAuthError} for status in (400, 401)}


@router.get("/.well-known/openid-configuration", dependencies=[PUBLIC, ANY_ORIGIN])
@router.get("/.well-known/oauth-authorization-server", dependencies=[PUBLIC, ANY_ORIGIN], include_in_schema=False)
def get_discovery(response: Response) -> dict[str, Any]:
    """Return the metadata of the server: its endpoints and what it supports (OpenID Connect Discovery, and RFC 8414).
    Public."""
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


@router.get("/oauth/jwks", responses={200: {"model": schemas.KeySet}}, dependencies=[PUBLIC, ANY_ORIGIN])
async def get_keys() -> JSONResponse:
    """Return the public keys to verify ID tokens with, as a JSON Web Key Set (RFC 7517). Public."""
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
    """Check an authorization request, and return what the consent page shows: the client and the scopes it requests.

    If the request is wrong, `redirect_to` is set: send the browser to that URL, which tells the client the error.
    Returns 422 if the client or its redirect URI is unknown; then the browser must not be redirected. Public.
    """
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


def _consent_request(**fields: Any) -> schemas.ConsentRequest:
    empty = dict.fromkeys(schemas.ConsentRequest.model_fields) | {"scopes": []}
    return schemas.ConsentRequest.model_validate(empty | fields)


@router.post("/api/v1/oauth/authorize/", dependencies=[by_address(CONSENT, only_anonymous=True)])
def authorize(consent: schemas.Consent, db: DbSession, viewer: Viewer, origin: RequestOrigin) -> schemas.Redirect:
    """Allow or refuse the client what it requests, and return the URL to which the browser must go next.

    The query of that URL contains the authorization code, or the error if the request was refused or is wrong. Returns
    422 if the client or its redirect URI is unknown. Anyone may refuse. Requires: signed in, to allow.
    """
    if consent.allow and viewer is None:
        raise Unauthenticated("Sign in first.")
    address = Server(db, origin=origin, identity=viewer).consent(consent.query, allow=consent.allow)
    return schemas.Redirect(redirect_to=address)


@router.post(
    "/oauth/token",
    max_body_size=FORM_MAX_BYTES,
    openapi_extra=CODE_FORM,
    responses={200: {"model": schemas.ClientTokens}, **REFUSALS},
    dependencies=[PUBLIC, ANY_ORIGIN, by_address(TOKEN)],
)
async def get_token(request: Request, origin: RequestOrigin) -> JSONResponse:
    """Exchange an authorization code for an access token and an ID token (RFC 6749, 4.1.3).

    The code works once, within a minute. A second use is refused and revokes the access token of the first use. The
    access token is valid for 15 minutes, for `/oauth/userinfo` only; there is no refresh token. The client
    authenticates by HTTP Basic or by `client_id` and `client_secret` in the form; a public client sends `client_id`
    alone. Errors have the format of RFC 6749, 5.2, with status 400 or 401. Public.
    """
    await threads().run(id_tokens.ensure)
    return await _respond(request, "token", origin)


@router.post(
    "/oauth/revoke",
    max_body_size=FORM_MAX_BYTES,
    openapi_extra=TOKEN_FORM,
    responses=REFUSALS,
    dependencies=[PUBLIC, ANY_ORIGIN, by_address(TOKEN)],
)
async def revoke_token(request: Request, origin: RequestOrigin) -> JSONResponse:
    """Revoke an access token (RFC 7009).

    Returns 200 also if the token is unknown or has expired, and 400 if it was issued to another client. The client
    authenticates as for `/oauth/token`. Public.
    """
    return await _respond(request, "revoke", origin)


async def _respond(request: Request, endpoint: str, origin: Origin) -> JSONResponse:
    body = await _read_form(request)
    headers = _client_credentials(request)
    if headers is None:
        error = {"error": "invalid_client", "error_description": "The header Authorization must be valid HTTP Basic."}
        return JSONResponse(error, 401, {"WWW-Authenticate": "Basic", "Cache-Control": "no-store"})
    response = await threads().run(_call_server, endpoint=endpoint, body=body, headers=headers, origin=origin)
    return JSONResponse(response.body, response.status, response.headers)


@with_db_session
def _call_server(*, endpoint: str, body: str, headers: dict[str, str], origin: Origin, db: Session) -> OAuthResponse:
    server = Server(db, origin=origin)
    return server.token(body, headers) if endpoint == "token" else server.revoke(body, headers)


def _client_credentials(request: Request) -> dict[str, str] | None:
    """Return the Authorization header as Authlib expects it, or an empty dictionary if the request has none.

    Returns None if the header is not valid HTTP Basic.
    """
    header = request.headers.get("authorization")
    if header is None:
        return {}
    scheme, _, credentials = header.partition(" ")
    try:
        plain = base64.b64decode(credentials, validate=True).decode("ascii")
    except ValueError:
        return None
    valid = scheme.lower() == "basic" and unquote(plain).isascii() and unquote(plain).isprintable() and ":" in plain
    return {"Authorization": f"Basic {credentials}"} if valid else None


async def _read_form(request: Request) -> str:
    """Return the body of a form. Raises: Unsupported; TooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Unsupported(f"The body must be {FORM}.")
    return (await request.body()).decode("latin-1")


@router.options("/oauth/userinfo", status_code=204, dependencies=[PUBLIC, ANY_ORIGIN], include_in_schema=False)
def allow_userinfo(response: Response) -> None:
    """Allow clients in browsers to send their token from another site: the response to a CORS preflight. Public."""
    response.headers["Access-Control-Allow-Headers"] = "Authorization"
    response.headers["Access-Control-Max-Age"] = "86400"


@router.post(
    "/oauth/userinfo",
    dependencies=[PUBLIC, ANY_ORIGIN, NO_STORE, by_address(TOKEN)],
    include_in_schema=False,
    max_body_size=FORM_MAX_BYTES,
)
@router.get(
    "/oauth/userinfo", dependencies=[PUBLIC, ANY_ORIGIN, NO_STORE], openapi_extra=BEARER, responses=error_responses(401)
)
def get_userinfo(db: DbSession, request: Request) -> schemas.UserInfo:
    """Return the claims about the user that the scopes of the token allow (OpenID Connect Core, 5.3).

    Send the access token from `/oauth/token`. Access tokens from `/api/v1/auth/` are refused with 401.
    Requires: an access token of a client.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated("Send the access token in the header Authorization: Bearer <token>.")
    user, scope = helpers.user_of_token(db, token=bearer_token(header))
    return schemas.UserInfo(**helpers.claims(user, scope=scope, picture=media.link(user.avatar_key)))
