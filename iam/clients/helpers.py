"""Use cases on clients: registering them, and what they learn of a person."""

import calendar
import hashlib
import secrets
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from conf.db import rows
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
    "openid": "Know that you are the same person when you come back",
    "profile": "See your name, nickname, picture and website",
    "email": "See your e-mail",
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
    """A client, and its secret, which is told this once. Invalid for an address that cannot be; Conflict past 20."""
    _check(redirect_uris)
    if crud.count(db, owner_id=owner.user_id) >= MAX_CLIENTS:
        raise Conflict(f"Nobody has more than {MAX_CLIENTS} clients.")
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


def _check(redirect_uris: list[str]) -> None:
    """https; http on this machine (RFC 8252, 7.3); or a scheme of a domain turned around (7.1). Compared as a whole."""
    for number, uri in enumerate(redirect_uris):
        field = f"redirect_uris.{number}"
        try:
            parts = urlsplit(uri)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise Invalid("This is not an address.", field=field) from None
        if not uri.isascii() or not uri.isprintable() or any(char in uri for char in ' "<>\\^`{|}*'):
            raise Invalid("There is a character in it that an address has not.", field=field)
        if "#" in uri or parts.username is not None:
            raise Invalid("It has no fragment and no user.", field=field)
        secure = parts.scheme == "https" and host
        if not (secure or (parts.scheme == "http" and host in LOOPBACK) or "." in parts.scheme):
            raise Invalid("It begins with https://, http://127.0.0.1, or a scheme like com.example.app:", field=field)


def get(db: Session, *, client_id: str, viewer: Identity) -> Client:
    """A client of the viewer's own, or anybody's for an admin. NotFound."""
    client = crud.get(db, client_id=client_id)
    if client.owner_id != viewer.user_id and not viewer.may("clients:admin"):
        raise NotFound("client", client_id)
    return client


def update(
    db: Session, *, client_id: str, editor: Identity, origin: Origin, expected: Expected, **changes: Any
) -> Client:
    """Set the named columns. NotFound; Changed; Invalid."""
    _check(changes.get("redirect_uris", []))
    client = _lock(db, client_id=client_id, editor=editor, expected=expected)
    audit.record(db, "client_changed", origin=origin, actor_id=editor.user_id, client_id=client_id, to=changes)
    return rows.save(db, client, **changes)


def _lock(db: Session, *, client_id: str, editor: Identity, expected: Expected) -> Client:
    return rows.lock(db, Client, get(db, client_id=client_id, viewer=editor).id, expected=expected)


def new_secret(db: Session, *, client_id: str, editor: Identity, origin: Origin) -> tuple[Client, str]:
    """Another secret in place of the one before. NotFound; Conflict for a public client."""
    client = get(db, client_id=client_id, viewer=editor)
    if client.secret_hash is None:
        raise Conflict("A public client has no secret.")
    secret = secrets.token_urlsafe(32)
    audit.record(db, "client_secret_changed", origin=origin, actor_id=editor.user_id, client_id=client_id)
    return rows.save(db, client, secret_hash=secret_hash(secret)), secret


def delete(db: Session, *, client_id: str, editor: Identity, origin: Origin, expected: Expected) -> None:
    """The client, and every session it was given. NotFound; Changed."""
    client = _lock(db, client_id=client_id, editor=editor, expected=expected)
    audit.record(db, "client_deleted", origin=origin, actor_id=editor.user_id, client_id=client_id)
    rows.delete(db, client)


def claims(user: User, *, scope: str, picture: str | None) -> dict[str, Any]:
    """What the scopes tell of a person, and no more (OpenID Connect Core, 5.4). `picture`: where it is."""
    scopes = scope.split()
    told: dict[str, Any] = {"sub": str(user.id)}
    if "profile" in scopes:
        told |= {
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
        told |= {"email": user.email, "email_verified": user.email_verified_at is not None}
    return {name: value for name, value in told.items() if value not in (None, "")}


def of_token(db: Session, *, token: str) -> tuple[User, str]:
    """The user that a client's access token speaks of, and its scope. Unauthenticated."""
    claimed = jwt.decode(Kind.CLIENT, token)
    row = sessions.live(db, session_id=claimed["sid"], user_id=claimed["sub"])
    if row is None or row.client_id is None:
        raise Unauthenticated("The token is not valid, or no longer.")
    return users.get(db, user_id=row.user_id), row.scope
