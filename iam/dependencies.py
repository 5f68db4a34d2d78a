"""What routes ask of whoever calls them. Every route has one of these needs, or is PUBLIC:

    viewer: Viewer                                             anyone; who it is, if signed in
    me: SignedIn                                               anyone who is signed in
    editor: Annotated[Identity, requires("cms:write")]         who has the permission

or, where the route need not know who it is, `dependencies=[SIGNED_IN]`, `dependencies=[requires("groups:write")]`.

What depends on the thing itself (its owner may, others may not) is decided in the helpers, which get the identity.
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
    """The header `Authorization: Bearer …` (RFC 6750). A bad token is refused, also where none is needed."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="The `access_token` of /api/v1/auth/login/")
        self.scheme_name = "Bearer"

    def __call__(self, request: Request, db: DbSession) -> Identity | None:
        header = request.headers.get("authorization")
        if header is None:
            return None
        identity = helpers.identify(db, token=bearer_token(header), fresh=request.method not in SAFE_METHODS)
        request.scope["account"] = identity.user_id
        return identity


def bearer_token(header: str) -> str:
    """Unauthenticated when it is something else."""
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("Send the header Authorization: Bearer and the token.")
    return token.strip()


viewer = Bearer()
Viewer = Annotated[Identity | None, Depends(viewer)]


@requires_sign_in
def signed_in(viewer: Viewer) -> Identity:
    if viewer is None:
        raise Unauthenticated("Sign in first.")
    return viewer


SIGNED_IN = Depends(signed_in)
"""For `dependencies=[…]` of a route that need not know who it is."""
SignedIn = Annotated[Identity, SIGNED_IN]


class RequirePermission:
    """A dependency: the identity, if it has the permission."""

    def __init__(self, permission: str) -> None:
        if not any(permission in granted for granted in PERMISSIONS.values()):
            raise ValueError(f"there is no permission {permission}")
        self.permission = permission

    def __call__(self, me: SignedIn) -> Identity:
        if not me.may(self.permission):
            raise Forbidden(f"You need the permission {self.permission}.")
        return me


@functools.cache
def _require_permission(permission: str) -> RequirePermission:
    return RequirePermission(permission)


def requires(permission: str) -> Any:
    return Depends(_require_permission(permission))


def origin(request: Request) -> Origin:
    agent = request.headers.get("user-agent", "").replace("\0", "")[:200]
    return Origin(address_of(request)[:45], agent)


RequestOrigin = Annotated[Origin, Depends(origin)]
"""Where a request comes from, for sessions and the audit trail."""
