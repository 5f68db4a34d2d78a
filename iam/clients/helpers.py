"""Use cases on OAuth clients: managing them, and the claims about a person that they receive."""

import calendar
import hashlib
import secrets
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Row
from sqlalchemy.orm import Session

from conf.db import rows
from conf.db.session import read_on_main
from conf.errors import Conflict, Invalid, NotFound, Unauthenticated
from conf.values import Expected
from iam.audit import crud as audit
from iam.audit.crud import Origin
from iam.clients import crud
from iam.clients.models import Client
from iam.roles import Identity
from iam.tokens import crud as sessions
from iam.tokens import jwt
from iam.tokens.jwt import Kind
from iam.users import crud as users
from iam.users.models import User

SCOPES = {
    "openid": "Recognise you when you come back",
    "profile": "See your name, nickname, picture and website",
    "email": "See your e-mail address",
}
MAX_CLIENTS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def register(
    db: Session,
    *,
    owner: Identity,
    origin: Origin,
    name: str,
    website: str | None,
    redirect_uris: list[str],
    confidential: bool,
) -> tuple[Client, str | None]:
    """Create a client. Return it with its secret, which is not stored, or with None for a public client.

    Raises: Invalid, if a redirect URI is not acceptable; Conflict, if the owner already has `MAX_CLIENTS` clients.
    """
    _assert_acceptable(redirect_uris)
    users.lock(db, user_id=owner.user_id)  # requests at the same time are counted one after another
    if crud.count(db, owner_id=owner.user_id) >= MAX_CLIENTS:
        raise Conflict(f"You already have {MAX_CLIENTS} clients, which is the maximum. Delete one first.")
    secret = secrets.token_urlsafe(32) if confidential else None
    client = crud.create(
        db,
        client_id=f"campus-{secrets.token_hex(12)}",
        secret_hash=secret_hash(secret) if secret else None,
        name=name,
        website=website,
        redirect_uris=redirect_uris,
        owner_id=owner.user_id,
    )
    audit.record(db, "client_registered", origin=origin, actor_id=owner.user_id, client_id=client.client_id)
    return client, secret


def _assert_acceptable(redirect_uris: list[str]) -> None:
    """Raises: Invalid, unless every URI has the scheme https, http for the loopback interface (RFC 8252, 7.3), or a
    private-use scheme made of a reversed domain name (RFC 8252, 7.1)."""
    for number, uri in enumerate(redirect_uris):
        field = f"redirect_uris.{number}"
        try:
            parts = urlsplit(uri)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise Invalid("The redirect URI is not a valid URL.", field=field) from None
        if not uri.isascii() or not uri.isprintable() or any(char in uri for char in ' "<>\\^`{|}*'):
            raise Invalid("The redirect URI contains a character that is not allowed.", field=field)
        if "#" in uri or parts.username is not None:
            raise Invalid("The redirect URI must not contain a fragment (#) or a user name.", field=field)
        secure = parts.scheme == "https" and host
        if not (secure or (parts.scheme == "http" and host in LOOPBACK) or "." in parts.scheme):
            raise Invalid(
                "The redirect URI must begin with https:// or http://127.0.0.1, or have a scheme like com.example.app.",
                field=field,
            )


def view(db: Session, *, client_id: str, viewer: Identity) -> Row[Any]:
    """Return the client with `confidential`. Raises: NotFound, also if the viewer is neither its owner nor an admin."""
    return _assert_visible(crud.view(db, client_id=client_id), viewer)


def get(db: Session, *, client_id: str, viewer: Identity) -> Client:
    """Return the client, to change it. Raises: as `view`."""
    return _assert_visible(crud.get(db, client_id=client_id), viewer)


C = TypeVar("C", Client, Row[Any])


def _assert_visible(client: C, viewer: Identity) -> C:
    if client.owner_id != viewer.user_id and not viewer.may("clients:admin"):
        raise NotFound("client", client.client_id)
    return client


def update(
    db: Session, *, client_id: str, editor: Identity, origin: Origin, expected: Expected, **changes: Any
) -> Client:
    """Set the named columns. Raises: NotFound; VersionMismatch; Invalid, if a redirect URI is not acceptable."""
    _assert_acceptable(changes.get("redirect_uris", []))
    client = _lock(db, client_id=client_id, editor=editor, expected=expected)
    audit.record(db, "client_changed", origin=origin, actor_id=editor.user_id, client_id=client_id, to=changes)
    return rows.save(db, client, **changes)


def _lock(db: Session, *, client_id: str, editor: Identity, expected: Expected) -> Client:
    return rows.lock(db, Client, get(db, client_id=client_id, viewer=editor).id, expected=expected)


def new_secret(db: Session, *, client_id: str, editor: Identity, origin: Origin) -> tuple[Client, str]:
    """Replace the secret and return the new one. Raises: NotFound; Conflict, if it is a public client."""
    client = get(db, client_id=client_id, viewer=editor)
    if client.secret_hash is None:
        raise Conflict("A public client has no secret.")
    secret = secrets.token_urlsafe(32)
    audit.record(db, "client_secret_changed", origin=origin, actor_id=editor.user_id, client_id=client_id)
    return rows.save(db, client, secret_hash=secret_hash(secret)), secret


def delete(db: Session, *, client_id: str, editor: Identity, origin: Origin, expected: Expected) -> None:
    """Delete the client and all its sessions. Raises: NotFound; VersionMismatch."""
    client = _lock(db, client_id=client_id, editor=editor, expected=expected)
    audit.record(db, "client_deleted", origin=origin, actor_id=editor.user_id, client_id=client_id)
    rows.delete(db, client)


def claims(user: User, *, scope: str, picture: str | None) -> dict[str, Any]:
    """Return the claims about a user that the scopes allow (OpenID Connect Core, 5.4), without empty ones.

    `picture`: URL of the profile picture.
    """
    scopes = scope.split()
    values: dict[str, Any] = {"sub": str(user.id)}
    if "profile" in scopes:
        values |= {
            "name": user.name,
            "given_name": user.first_name,
            "family_name": user.last_name,
            "middle_name": user.patronymic,
            "nickname": user.nickname,
            "preferred_username": user.nickname,
            "picture": picture,
            "website": user.website,
            "updated_at": calendar.timegm(user.updated_at.utctimetuple()),
        }
    if "email" in scopes:
        values |= {"email": user.email, "email_verified": user.email_verified_at is not None}
    return {name: value for name, value in values.items() if value not in (None, "")}


def user_of_token(db: Session, *, token: str) -> tuple[User, str]:
    """Return the user and the scope of a client's access token. Raises: Unauthenticated."""
    payload = jwt.decode(Kind.CLIENT, token)
    with read_on_main(db) as latest:
        row = sessions.live(latest, session_id=payload["sid"], user_id=payload["sub"])
    if row is None or row.client_id is None:
        raise Unauthenticated("The token is invalid or has expired.")
    return users.get(db, user_id=row.user_id), row.scope
