"""Authentication and authorization as FastAPI dependencies. Every route declares one of these, or PUBLIC
(`conf.http.access`):

    viewer: Viewer                                             anyone; None if the caller is not signed in
    me: SignedIn                                               a signed-in caller
    editor: Annotated[Identity, requires("cms:write")]         a signed-in caller who has the permission

A route that does not use the identity declares `dependencies=[SIGNED_IN]` or `dependencies=[requires("groups:write")]`.

Checks that depend on a row (its owner may change it, others may not) are made by the helpers, which take the identity.
"""

import functools
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from conf.db.dependencies import SAFE_METHODS, DbSession
from conf.errors import Forbidden, Unauthenticated
from conf.http.access import requires_sign_in
from conf.http.limits import address_of
from iam.audit.crud import Origin
from iam.roles import PERMISSIONS, Identity
from iam.tokens import helpers


class Bearer(SecurityBase):
    """Identify the caller by the header `Authorization: Bearer …` (RFC 6750).

    Returns None if there is no such header. Raises: Unauthenticated, if the token is invalid, even if the route accepts
    callers who are not signed in.
    """

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="The `access_token` from `POST /api/v1/auth/login/`.")
        self.scheme_name = "Bearer"

    def __call__(self, request: Request, db: DbSession) -> Identity | None:
        header = request.headers.get("authorization")
        if header is None:
            return None
        identity = helpers.identify(db, token=bearer_token(header), fresh=request.method not in SAFE_METHODS)
        request.scope["account"], request.scope["role"] = identity.user_id, identity.role
        return identity


def bearer_token(header: str) -> str:
    """Return the token of an `Authorization: Bearer …` header. Raises: Unauthenticated, if the scheme is another."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send the access token in the header Authorization: Bearer <token>.")
    return token.strip()


viewer = Bearer()
Viewer = Annotated[Identity | None, Depends(viewer)]


@requires_sign_in
def signed_in(viewer: Viewer) -> Identity:
    if viewer is None:
        raise Unauthenticated("Sign in first.")
    return viewer


SIGNED_IN = Depends(signed_in)
"""For the `dependencies=[…]` of a route that does not use the identity."""
SignedIn = Annotated[Identity, SIGNED_IN]


class RequirePermission:
    """A dependency that returns the caller's identity. Raises: Unauthenticated; Forbidden, if the caller does not have
    the permission."""

    def __init__(self, permission: str) -> None:
        if not any(permission in granted for granted in PERMISSIONS.values()):
            raise ValueError(f"There is no permission {permission}.")
        self.permission = permission

    def __call__(self, me: SignedIn) -> Identity:
        if not me.may(self.permission):
            raise Forbidden(f"You need the permission {self.permission}, which your role does not have.")
        return me


@functools.cache
def _require_permission(permission: str) -> RequirePermission:
    return RequirePermission(permission)


def requires(permission: str) -> Any:
    """Return the dependency that refuses callers without the permission. Raises: ValueError, if no role has it."""
    return Depends(_require_permission(permission))


def origin(request: Request) -> Origin:
    """Return the IP address and the user agent of the request, cut to the lengths of their columns."""
    agent = request.headers.get("user-agent", "").replace("\0", "")[:200]
    return Origin(address_of(request)[:45], agent)


RequestOrigin = Annotated[Origin, Depends(origin)]
"""The IP address and the user agent of the request, for sessions and the audit trail."""
