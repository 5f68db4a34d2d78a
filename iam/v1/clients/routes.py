"""OAuth clients: programs that let people log in with their Campus account."""

from typing import Any

from fastapi import Response
from sqlalchemy import Row

from conf.db.dependencies import DbSession
from conf.http.access import NO_STORE
from conf.http.conditional import IfMatch
from conf.http.pagination import Page, Paging, Slice
from conf.http.route import Router
from iam.clients import crud, helpers
from iam.clients.models import Client
from iam.dependencies import RequestOrigin, SignedIn
from iam.v1.clients import schemas

router = Router("/api/v1/clients", tags=["clients"])


@router.get("/", response_model=Page[schemas.Client])
def list_clients(db: DbSession, me: SignedIn, paging: Paging) -> Slice[Row[Any]]:
    """List your clients, oldest first. Admins see all clients. Requires: signed in."""
    owner_id = None if me.may("clients:admin") else me.user_id
    rows = crud.page(db, owner_id=owner_id, after_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post("/", status_code=201, dependencies=[NO_STORE])
def register_client(
    client: schemas.ClientCreate, db: DbSession, me: SignedIn, origin: RequestOrigin, response: Response
) -> schemas.NewClient:
    """Register a program of yours as an OAuth client, so that people can log in to it with Campus.

    No other response contains the `client_secret` again. Returns 409 if you already have 20 clients.
    Requires: signed in.
    """
    created, secret = helpers.register(db, owner=me, origin=origin, **client.model_dump())
    response.headers["Location"] = f"/api/v1/clients/{created.client_id}/"
    return _with_secret(created, secret)


def _with_secret(client: Client, secret: str | None) -> schemas.NewClient:
    fields = schemas.Client.model_validate(client).model_dump()
    return schemas.NewClient(**fields, client_secret=secret)


@router.get("/{client_id}/", response_model=schemas.Client)
def get_client(client_id: schemas.ClientId, db: DbSession, me: SignedIn) -> Row[Any]:
    """Return a client. Returns 404 if it belongs to somebody else. Requires: the owner or an admin."""
    return helpers.view(db, client_id=client_id, viewer=me)


@router.patch("/{client_id}/", response_model=schemas.Client)
def update_client(
    client_id: schemas.ClientId,
    changes: schemas.ClientUpdate,
    db: DbSession,
    me: SignedIn,
    origin: RequestOrigin,
    expected: IfMatch,
) -> Client:
    """Update a client. Fields that are not sent stay as they are.

    Returns 404 if the client belongs to somebody else. Requires: the owner or an admin.
    """
    return helpers.update(db, client_id=client_id, editor=me, origin=origin, expected=expected, **changes.given())


@router.post("/{client_id}/secret/", dependencies=[NO_STORE])
def change_client_secret(
    client_id: schemas.ClientId, db: DbSession, me: SignedIn, origin: RequestOrigin
) -> schemas.NewClient:
    """Replace the secret of a client. The old secret stops working at once.

    Returns 404 if the client belongs to somebody else, and 409 if it is a public client.
    Requires: the owner or an admin.
    """
    client, secret = helpers.new_secret(db, client_id=client_id, editor=me, origin=origin)
    return _with_secret(client, secret)


@router.delete("/{client_id}/", status_code=204)
def delete_client(
    client_id: schemas.ClientId, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch
) -> None:
    """Delete a client. The access tokens that it was given stop working.

    Returns 404 if the client belongs to somebody else. Requires: the owner or an admin.
    """
    helpers.delete(db, client_id=client_id, editor=me, origin=origin, expected=expected)
